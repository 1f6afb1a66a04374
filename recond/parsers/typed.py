"""Text of a column as its declared type: the value types of the declarative grammars.

A value that cannot be read is never an exception: it becomes null, with a fault that says what
stands there and how it should be written.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from recond.arrays import Ints, bools
from recond.exceptions.codes import CODES
from recond.money import MAX_CENTS, cents_from_text
from recond.parsers.implied import implied_cents
from recond.tomlcheck import Strict, nearest

PIVOT = 70  # two-digit years below it are 20xx, the others 19xx
SHOWN = 40  # characters of a wrong value that a message shows

_TOKENS = {
    "YYYY": "(?P<Y>[0-9]{4})",
    "YY": "(?P<y>[0-9]{2})",
    "MM": "(?P<m>[0-9]{2})",
    "DD": "(?P<d>[0-9]{2})",
    "M": "(?P<m>[0-9]{1,2})",
    "D": "(?P<d>[0-9]{1,2})",
    "hh": "[0-9]{2}",
    "mm": "[0-9]{2}",
    "ss": "[0-9]{2}",  # a time of day is not kept
}
_LARGE = r"^[+-]?[0-9]{14,30}(\.[0-9]{2})?$"  # what may be an amount beyond MAX_CENTS
_TOKEN = re.compile("YYYY|YY|MM|DD|M|D|hh|mm|ss")
_ARROW = {"cents": pa.int64(), "implied": pa.int64(), "integer": pa.int64(), "date": pa.date32()}


class Value(Strict):
    """How a value is written.

    `text` as it stands, blanks around it taken off; `name` the same, and bytes that are not of
    the encoding are replaced with a warning; `cents` a decimal amount; `implied` digits with an
    implied point and the sign anywhere; `date` as `format` says; `integer` digits.
    """

    type: Literal["text", "name", "cents", "implied", "date", "integer"] = "text"
    blank: bool = True  # may be blank
    values: list[str] = Field(default_factory=list)  # the only ones that are allowed
    code: str = "VALUE_UNREADABLE"  # the problem when the value is not one of `values`
    format: str = "YYYY-MM-DD"  # of a date; never guessed
    decimals: int = Field(default=2, ge=0, le=4)
    exact: bool = True  # all decimals must be written
    point: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    currency_sign: str = Field(default="", max_length=4)
    parentheses: bool = False  # (5.00) is -5.00

    @model_validator(mode="after")
    def _right(self) -> Self:
        if self.type == "date":
            date_pattern(self.format)
        if self.code not in CODES:
            raise ValueError(f"there is no code '{self.code}'{nearest(self.code, sorted(CODES))}")
        if self.thousands == self.point:
            raise ValueError("thousands and point are the same character")
        if self.type == "cents" and self.decimals != 2 and not self.exact:
            raise ValueError("exact = false is for two decimals")
        return self

    @property
    def plain(self) -> bool:
        """Whether digits, the point and two digits are that amount, however others are written."""
        first = self.currency_sign[:1]
        return self.decimals == 2 and not first.isdigit() and first not in {"+", "-"}

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of the column."""
        return _ARROW.get(self.type, pa.string())


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that cannot be taken: its row, a problem code and a sentence."""

    row: int
    code: str
    message: str


def convert(
    texts: pa.Array, value: Value, name: str, kept: int | None = None
) -> tuple[pa.Array, list[Wrong], dict[str, Ints]]:
    """A text column (blank is null) as its type, and what is wrong, by row.

    `name` is how messages call the column. Only wrong values are looked at one by one, and with
    `kept` only so many: of the others the rows come by their code, without a sentence.
    """
    values, bad = _typed(texts, value)
    rows = pc.indices_nonzero(bad).to_numpy().astype(np.int64)
    shown, more = (rows, {}) if kept is None else _few(texts, rows, value, kept)
    wrong = [Wrong(row, *_why(texts[row].as_py(), value, name)) for row in shown.tolist()]
    if not value.blank and texts.null_count:
        missing = np.flatnonzero(texts.is_null().to_numpy(zero_copy_only=False))
        blank = f"{name} is blank; it must be given"
        told = missing if kept is None else missing[:kept]
        wrong += [Wrong(row, "VALUE_UNREADABLE", blank) for row in told.tolist()]
        if len(told) < len(missing):
            rest = [more.get("VALUE_UNREADABLE", rows[:0]), missing[len(told) :]]
            more["VALUE_UNREADABLE"] = np.concatenate(rest)
    return values, wrong, more


def _few(texts: pa.Array, rows: Ints, value: Value, kept: int) -> tuple[Ints, dict[str, Ints]]:
    """The wrong rows that get a sentence, and the others by their code."""
    if len(rows) <= kept or CODES[value.code].scope == "ITEM":
        return rows, {}
    large = rows[:0]
    if value.type in ("cents", "implied"):  # so many digits may have a code of their own
        given = texts.take(pa.array(rows))
        large = rows[bools(pc.fill_null(pc.match_substring_regex(given, _LARGE), False))]
    others = np.setdiff1d(rows, large)
    shown = np.sort(np.concatenate([others[:kept], large]))
    return shown, {value.code: others[kept:]} if len(others) > kept else {}


def _typed(texts: pa.Array, value: Value) -> tuple[pa.Array, pa.Array]:
    if value.type in ("text", "name"):
        if not value.values:
            return texts, pa.array([], pa.bool_())
        known = pc.is_in(texts, value_set=pa.array(value.values, pa.string()))
        return texts, pc.and_(pc.is_valid(texts), pc.invert(known))
    if value.type == "cents":
        plain = _plain_decimals(texts, value)
        if value.decimals == 2:
            return cents_from_text(plain, exact=value.exact)
        point = "." if value.decimals else ""
        right = pc.match_substring_regex(plain, rf"^[+-]?[0-9]+{_places(value.decimals)}$")
        digits = pc.replace_substring(plain, point, "") if point else plain
        digits = pc.if_else(right, digits, pa.scalar(None, pa.string()))
        cents, bad = implied_cents(digits, value.decimals)
        return cents, pc.or_(bad, pc.and_(pc.is_valid(texts), pc.is_null(cents)))
    if value.type == "implied":
        return implied_cents(texts, value.decimals)
    if value.type == "date":
        return _dates(texts, value.format)
    right = pc.match_substring_regex(texts, "^[0-9]{1,18}$")
    numbers = pc.cast(pc.if_else(right, texts, pa.scalar(None, pa.string())), pa.int64())
    return numbers, pc.and_(pc.is_valid(texts), pc.is_null(numbers))


def _places(decimals: int) -> str:
    return rf"\.[0-9]{{{decimals}}}" if decimals else ""


def _plain_decimals(texts: pa.Array, value: Value) -> pa.Array:
    """Amounts written with currency signs, groups, commas or parentheses as plain decimals.

    What is not written exactly so stays as it is, and is refused by the strict reader.
    """
    plain = texts
    if value.parentheses:
        plain = pc.replace_substring_regex(plain, r"^\(([^()+-]*)\)$", r"-\1")
    if value.currency_sign:
        sign = re.escape(value.currency_sign)
        plain = pc.replace_substring_regex(plain, rf"^([+-]?) ?{sign} ?", r"\1")
    if value.thousands:
        mark, tail = re.escape(value.thousands), rf"({re.escape(value.point)}[0-9]*)?"
        grouped = pc.match_substring_regex(plain, rf"^[+-]?[0-9]{{1,3}}({mark}[0-9]{{3}})+{tail}$")
        joined = pc.replace_substring(plain, value.thousands, "")
        plain = pc.if_else(grouped, joined, plain)
    if value.point == ",":
        # A point that stands there already is no decimal point of this format.
        pointed = pc.match_substring(plain, ".")
        swapped = pc.replace_substring(plain, ",", ".")
        plain = pc.if_else(pointed, pc.binary_join_element_wise(plain, "?", ""), swapped)
    return plain


@lru_cache(64)
def date_pattern(format_: str) -> re.Pattern[str]:
    """The regular expression of a date format such as YYYY-MM-DD, MM/DD/YYYY, MMDDYY or M/D/YYYY.

    Raises ValueError for a format that does not name year, month and day once each.
    """
    tokens = _TOKEN.findall(format_)
    if sorted(token[0] for token in tokens if token.isupper()) != ["D", "M", "Y"]:
        raise ValueError(f"'{format_}' must hold YYYY or YY, MM or M, and DD or D, once each")
    parts = _TOKEN.split(format_)
    pattern = re.escape(parts[0])
    for token, text in zip(tokens, parts[1:], strict=True):
        pattern += _TOKENS[token] + re.escape(text)
    return re.compile(pattern)


def _dates(texts: pa.Array, format_: str) -> tuple[pa.Array, pa.Array]:
    # A file has few different dates: each is read once, strictly, and handed out by index.
    coded = texts.dictionary_encode()
    read = [date_of(text, format_) for text in coded.dictionary.to_pylist()]
    dates = pa.array(read, pa.date32()).take(coded.indices)
    return dates, pc.and_(pc.is_valid(texts), pc.is_null(dates))


@lru_cache(1024)
def date_of(text: str, format_: str) -> dt.date | None:
    """The date that a text says in that format, None where it says none."""
    found = date_pattern(format_).fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    year = int(parts["Y"]) if "Y" in parts else _windowed(int(parts["y"]))
    try:
        return dt.date(year, int(parts["m"]), int(parts["d"]))
    except ValueError:
        return None


def _windowed(year: int) -> int:
    return (2000 if year < PIVOT else 1900) + year


def _why(text: str, value: Value, name: str) -> tuple[str, str]:
    shown = repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
    if value.type in ("text", "name"):
        hint = nearest(text, value.values) or f"; it is one of {', '.join(value.values)}"
        return value.code, f"{name} {shown} is not known{hint}"
    if value.type == "date":
        return value.code, f"{name} {shown} is no date of the calendar written {value.format}"
    if value.type == "integer":
        return value.code, f"{name} {shown} is no whole number; write digits only"
    digits = re.sub("[^0-9]", "", text) if text.isascii() else ""
    if re.fullmatch(r"[+-]?[0-9]{1,30}(\.[0-9]{2})?", text) and int(digits) > MAX_CENTS:
        return "AMOUNT_OUT_OF_RANGE", f"{name} {shown} is more than any payment may be"
    if value.type == "implied":
        return value.code, f"{name} {shown} is no amount; write digits, the point is implied"
    example = "188.70".replace(".", value.point) if value.decimals == 2 else "an exact amount"
    return value.code, f"{name} {shown} is no amount; write it as {example}, nothing is rounded"
