"""Fixed width files by declaration, with an invented bank, in ASCII and EBCDIC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.errors import ConfigError
from recond.parsers import fixed, fixed_values
from recond.parsers.typed import Value
from tests.unit.formatfiles import bank, read

HEAD = f"{'HSAGUARO':<40}"
ONE = f"D1000456021110226000010400{'IRIS IBARRA':<14}"
TWO = f"D1000412207110226000008365{'JAMES JONES':<14}"
TAIL = f"{'T0000020000018765':<40}"
LINES = [HEAD, ONE, TWO, TAIL]


def text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def kept(data: bytes, encoding: str = "ascii") -> list[tuple[object, ...]]:
    rows = read(bank(encoding), data).rows("receipts")
    names = ("account_on_item", "received_date", "amount_cents", "payer_name", "line")
    return [tuple(row[name] for name in names) for row in rows]


WHOLE = [
    ("1000456021", dt.date(2026, 11, 2), 10400, "IRIS IBARRA", 2),
    ("1000412207", dt.date(2026, 11, 2), 8365, "JAMES JONES", 3),
]


def test_a_sound_file() -> None:
    result = read(bank(), text(LINES))
    assert result.problems == []
    assert kept(text(LINES)) == WHOLE
    sent = result.transmission
    assert (sent.declared_count, sent.found_count) == (2, 2)
    assert (sent.declared_cents, sent.found_cents) == (18765, 18765)
    assert [row["reference"] for row in result.rows("remittances")] == ["1000456021", "1000412207"]
    first = result.rows("receipts")[0]
    assert (first["byte_offset"], first["byte_length"]) == (41, 40)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n\n"])
def test_line_ends_make_no_difference_to_the_money(end: str) -> None:
    assert [row[:4] for row in kept(end.join(LINES).encode())] == [row[:4] for row in WHOLE]


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n"])
def test_ebcdic_is_cut_by_record_length(tail: bytes) -> None:
    data = "".join(LINES).encode("cp037") + tail
    assert kept(data, "cp037") == WHOLE
    assert read(bank("cp037"), data).problems == []


def test_a_signed_amount_is_read_from_its_punch() -> None:
    lines = [HEAD, ONE.replace("000010400", "00001040}"), TWO, TAIL]
    assert kept("".join(lines).encode("cp037"), "cp037")[0][2] == -10400


def test_a_trimmed_record_is_padded_and_told_once() -> None:
    result = read(bank(), text([line.rstrip() for line in LINES]))
    assert [problem.code for problem in result.problems] == ["RECORD_PADDED"]
    assert result.told("RECORD_PADDED").line == 1
    assert kept(text([line.rstrip() for line in LINES])) == WHOLE


def test_an_overlong_record_is_left_out_and_holds_the_file() -> None:
    result = read(bank(), text([HEAD, ONE, TWO + "X", TAIL]))
    assert result.told("RECORD_LENGTH").line == 3
    assert [row["amount_cents"] for row in result.rows("receipts")] == [10400]


def test_a_missing_trailer_is_a_truncated_file() -> None:
    assert read(bank(), text(LINES[:3])).codes("error") == ["FILE_TRUNCATED"]


@pytest.mark.parametrize(
    ("tail", "code", "field"),
    [
        ("T0000030000018765", "FILE_COUNT_WRONG", "2-7"),
        ("T0000020000018764", "FILE_TOTAL_WRONG", "8-17"),
    ],
)
def test_a_trailer_that_differs(tail: str, code: str, field: str) -> None:
    result = read(bank(), text([*LINES[:3], f"{tail:<40}"]))
    assert result.codes() == [code]
    assert (result.told(code).field, result.told(code).line) == (field, 4)


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        (ONE.replace("000010400", "00001O400"), "VALUE_UNREADABLE", "18-26"),
        (ONE.replace("110226", "130226"), "VALUE_UNREADABLE", "12-17"),
        (ONE.replace("1000456021", " " * 10), "VALUE_UNREADABLE", "2-11"),
        ("X" + ONE[1:], "RECORD_UNREADABLE", None),
        (ONE.replace("IRIS", "IR\0S"), "NUL_BYTES", None),
    ],
)
def test_a_bad_record_is_told_and_never_posted(line: str, code: str, field: str | None) -> None:
    result = read(bank(), text([HEAD, line, TWO, TAIL]))
    assert (result.told(code).line, result.told(code).field) == (2, field)
    assert [row["amount_cents"] for row in result.rows("receipts")] == [8365]


def test_a_constant_must_stand() -> None:
    result = read(bank(), text([HEAD.replace("SAGUARO", "SONORA "), *LINES[1:]]))
    assert result.told("RECORD_UNREADABLE").field == "2-9"


def test_an_empty_file() -> None:
    assert read(bank(), b"").codes() == ["EMPTY_FILE"]


def test_records_by_position() -> None:
    fmt = bank(old='tag = "H"', new='position = "first"')
    assert read(fmt, text(["X" + HEAD[1:], *LINES[1:]])).problems == []


def test_many_blocks_are_one_file() -> None:
    count = 60_000
    tail = f"T{count:06d}{count * 10400:010d}"
    result = read(bank(), text([HEAD, *[ONE] * count, f"{tail:<40}"]))
    assert result.problems == []
    assert result.rows("receipts")[-1]["ordinal"] == count
    assert result.rows("receipts")[-1]["byte_offset"] == 41 * count


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"18-26"', '"26-18"', "the first comes before the last"),
        ('"27-40"', '"27-41"', "behind the width 40"),
        ('record = "payment"', 'record = "payments"', "did you mean 'payment'"),
        ('of = ["payment"]', 'of = ["paymnt"]', "did you mean 'payment'"),
        ('tag = "T"', 'tag = "D"', "is that of payment"),
    ],
)
def test_a_wrong_layout_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"bank\.toml.*layout") as told:
        bank("ascii", old, new)
    assert said in str(told.value)


def test_a_trailer_that_says_nothing_proves_nothing() -> None:
    result = read(bank(), text([HEAD, ONE, TWO, f"{'T':<40}"]))
    assert result.codes() == ["FILE_COUNT_WRONG", "FILE_TOTAL_WRONG"]
    assert "declares nothing, holds 187.65" in result.problems[1].message


def test_a_second_trailer_is_told_with_the_first_ones_line() -> None:
    result = read(bank(), text([HEAD, ONE, TWO, TAIL, TAIL]))
    (told,) = result.problems
    assert (told.code, told.line) == ("FILE_STRUCTURE", 5)
    assert "stands already in line 4" in told.message


AMOUNTS = st.one_of(
    st.integers(0, 10**9 - 1).map("{:09d}".format),
    st.sampled_from(["     1040", "1040     ", "00001040-", "-00001040", "00001040}", "1 4", ""]),
)
DAYS = st.sampled_from(["110226", "110326", "022926", "13022x", "      "])
DETAILS = st.lists(
    st.tuples(
        st.sampled_from(["1000456021", "  22      ", ""]), DAYS, AMOUNTS,
        st.sampled_from(["IRIS IBARRA", " J  JONES", "ANA PE\xd1A", "A\tB", "\x01", ""]),
    ),
    max_size=6,
)  # fmt: skip


def details(rows: Iterable[tuple[str, str, str, str]]) -> list[str]:
    return [f"D{who:<10}{day}{cents:<9}{name:<14}" for who, day, cents, name in rows]


@settings(max_examples=60, deadline=None)
@given(DETAILS, st.sampled_from(["ascii", "latin-1", "cp1252", "cp037"]))
def test_plain_fields_are_read_from_their_bytes_as_over_their_texts(
    rows: list[tuple[str, str, str, str]], encoding: str
) -> None:
    lines = [HEAD, *details(rows), f"{f'T{len(rows):06d}0000000000':<40}"]
    breaks = "" if encoding == "cp037" else "\n"
    data = breaks.join(lines).encode("latin-1" if encoding == "ascii" else encoding)
    straight = read(bank(encoding), data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed, "is_plain", lambda *_: False)
        patch.setattr(fixed, "latin_table", lambda _: None)
        patch.setattr(fixed_values, "text_column", None)
        over_texts = read(bank(encoding), data)
    for name in ("receipts", "remittances", "controls"):
        assert straight.rows(name) == over_texts.rows(name)
    assert straight.problems == over_texts.problems
    assert straight.transmission == over_texts.transmission


def test_only_code_pages_whose_every_byte_is_of_latin_1_are_read_as_it() -> None:
    for encoding in ("cp037", "cp500"):
        table = fixed_values.latin_table(encoding)
        assert table is not None
        every = bytes(range(256))
        assert every.translate(table).decode("latin-1") == every.decode(encoding)
    for encoding in ("ascii", "utf-8", "cp1252", "cp1140", "cp437", "utf-16"):
        assert fixed_values.latin_table(encoding) is None


@pytest.mark.parametrize(
    ("rows", "value", "found"),
    [
        (["0012", "1234"], Value(type="implied"), [12, 1234]),
        (["0012", "12 4"], Value(type="implied"), None),
        (["0012", "123-"], Value(type="implied"), None),
        (["0012", "0034"], Value(type="implied", decimals=0), None),
        (["0" * 18, f"{10**15:018d}"], Value(type="implied"), [0, 10**15]),
        (["0" * 18, f"{10**15 + 1:018d}"], Value(type="implied"), None),
        (["9" * 18, "1" * 18], Value(type="integer"), [int("9" * 18), int("1" * 18)]),
        (["0" * 19, "0" * 19], Value(type="integer"), None),
        (["  ", "  "], Value(type="integer"), [None, None]),
        (["  ", "12"], Value(type="integer"), None),
        (["  ", "  "], Value(type="integer", blank=False), None),
        (["20260301", "20240229"], Value(type="date", format="YYYYMMDD"),
         [dt.date(2026, 3, 1), dt.date(2024, 2, 29)]),
        (["20260301", "20260229"], Value(type="date", format="YYYYMMDD"), None),
        (["3/1/26", " 3/2/26"[1:]], Value(type="date", format="M/D/YY"),
         [dt.date(2026, 3, 1), dt.date(2026, 3, 2)]),
        (["2026-03-01"] * 2, Value(type="date"), None),
        (["AB", "CD"], Value(), None),
    ],
)  # fmt: skip
def test_fields_that_are_not_plain_are_left_to_their_texts(
    rows: list[str], value: Value, found: list[object] | None
) -> None:
    view = np.frombuffer("".join(rows).encode(), dtype=np.uint8).reshape(len(rows), -1)
    column = fixed_values.plain_column(view, value)
    assert (None if column is None else column.to_pylist()) == found
    assert column is None or column.type == value.arrow
