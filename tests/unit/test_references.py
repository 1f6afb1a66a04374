"""References as they are compared, check digits and scan lines."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recond.matching.policy import Rules, ScanLine
from recond.matching.references import (
    as_numbers,
    check_digits,
    in_order,
    keys,
    lookups,
    read,
    variants,
)
from recond.model import REMITTANCES


def luhn_of(text: str) -> int:
    """The Luhn digit of a text, digit by digit."""
    total = 0
    for place, digit in enumerate(reversed(text)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


def scan(account: str, due: str = "032826", amount: int = 10400) -> str:
    base = f"{account:>010}{due}{amount:010d}"
    return base + str(luhn_of(base))


def remit(rows: list[tuple[str, str | None]]) -> pa.Table:
    columns = {field.name: pa.nulls(len(rows), field.type) for field in REMITTANCES}
    columns["ordinal"] = pa.array(range(1, len(rows) + 1), pa.int64())
    columns["sequence"] = pa.array([1] * len(rows), pa.int32())
    columns["kind"] = pa.array([row[0] for row in rows], pa.string())
    columns["reference"] = pa.array([row[1] for row in rows], pa.string())
    return pa.table(columns, schema=REMITTANCES)


@pytest.mark.parametrize(
    ("text", "normal", "key"),
    [
        ("1000456012", "1000456012", "1000456012"),
        (" 10-0045 6012 ", "1000456012", "1000456012"),
        ("0000456012", "0000456012", "456012"),
        ("bp26–01877", "BP2601877", "BP2601877"),
        ("10\u00a000", "1000", "1000"),
        ("\t12\u22123\u2011 4\u202f", "1234", "1234"),
        ("000", "000", "0"),
        ("0-0", "00", "0"),
        ("", "", ""),
        (" - ", "", ""),
        (None, None, None),
        ("00A0", "00A0", "A0"),
    ],
)
def test_keys(text: str | None, normal: str | None, key: str | None) -> None:
    made = keys(pa.chunked_array([[text], ["7"]], pa.string()))
    assert [array[0].as_py() for array in made] == [normal, key]
    assert [array[1].as_py() for array in made] == ["7", "7"]


@given(st.lists(st.one_of(st.none(), st.text(max_size=12))))
def test_keys_of_keys_are_the_same(texts: list[str | None]) -> None:
    try:
        array = pa.array(texts, pa.string())
    except UnicodeEncodeError:  # lone surrogates are no text
        return
    _, key = keys(array)
    assert keys(key)[1].to_pylist() == key.to_pylist()


def test_e17_check_digits() -> None:
    base = pa.array(["1000456012"])
    assert check_digits(base, "luhn").tolist() == [3]
    assert check_digits(base, "731").tolist() == [9]


@given(st.lists(st.text("0123456789", min_size=9, max_size=9), min_size=1))
def test_luhn_equals_digit_by_digit(texts: list[str]) -> None:
    assert check_digits(pa.array(texts), "luhn").tolist() == [luhn_of(text) for text in texts]


def test_e17_a_check_digit_alone_cannot_repair() -> None:
    misread = "10004660123"
    assert luhn_of(misread[:-1]) != int(misread[-1])
    swaps = {misread[:n] + misread[n + 1] + misread[n] + misread[n + 2 :] for n in range(10)}
    candidates = [v for v in variants(misread) if luhn_of(v[:-1]) == int(v[-1])]
    substituted = [v for v in candidates if v not in swaps]
    assert len(substituted) == 11
    assert "10004560123" in substituted


def test_variants_of_letters_and_short_texts() -> None:
    assert variants("") == []
    assert variants("A") == []
    assert variants("AB") == ["BA"]
    assert len(variants("7")) == 9
    assert len(variants("12")) == 9 + 9 + 1


def test_scan_lines_are_read_by_length_digits_and_check_digit() -> None:
    good = scan("1000456012")
    bad = good[:-1] + str((int(good[-1]) + 1) % 10)
    table = remit(
        [
            ("REFERENCE", good),
            ("REFERENCE", bad),
            ("REFERENCE", good[:-1]),  # another length: a reference like any other
            ("REFERENCE", good[:-1] + "X"),
            ("REFERENCE", good[:-1] + "٣"),  # an Arabic digit is no digit
            ("ACCOUNT", bad),
            ("HINT", f" {good[:10]}-{good[10:]}"),
            ("REFERENCE", None),
            ("REFERENCE", " "),
        ]
    )
    reading = read(table, Rules())
    assert reading.scanned.tolist() == [True, *[False] * 5, True, False, False]
    assert reading.failed.tolist() == [False, True, *[False] * 7]
    assert reading.blank.tolist() == [False] * 7 + [True] * 2
    assert reading.key[0].as_py() == reading.normal[6].as_py() == "1000456012"


def test_lookups() -> None:
    good, other = scan("0000456012"), scan("77")
    failing = other[:-1] + str((int(other[-1]) + 5) % 10)
    table = remit(
        [
            ("REFERENCE", good),
            ("ACCOUNT", "00-456012"),
            ("REFERENCE", failing),
            ("ITEM", "2W"),
            ("REFERENCE", "B-1"),
            ("REFERENCE", None),
            ("REFERENCE", ""),
            ("ACCOUNT", "B1"),
        ]
    )
    assert lookups(table, Rules()).to_pylist() == [
        {"reference_key": "2W", "accounts": False, "items": True},
        {"reference_key": "456012", "accounts": True, "items": False},
        {"reference_key": "B1", "accounts": True, "items": True},
    ]
    assert len(lookups(table.slice(0, 0), Rules())) == 0


NUMBERS = st.from_regex(r"[1-9][0-9]{2,19}", fullmatch=True)
TEXTS = st.one_of(
    st.lists(NUMBERS, max_size=6),
    st.lists(st.from_regex(r"[1-9][0-9]{3}", fullmatch=True), max_size=6),
    st.lists(st.from_regex(r"[0-9]{1,2}|1[A\u0663]|", fullmatch=True), max_size=6),
)


@given(TEXTS)
def test_texts_in_the_order_of_their_bytes(texts: list[str]) -> None:
    order = in_order(pa.array(texts, pa.string()))
    assert order.tolist() == sorted(range(len(texts)), key=lambda row: texts[row].encode())


@given(TEXTS)
def test_numbers_are_equal_only_where_the_texts_are(texts: list[str]) -> None:
    numbers = as_numbers(pa.array([*texts, None], pa.string()))
    plain = all(
        text.isascii() and text.isdecimal() and text[0] != "0" and len(text) <= 18 for text in texts
    )
    assert (numbers is not None) == plain
    if numbers is not None:
        assert numbers.to_pylist() == [*(int(text) for text in texts), None]


def test_a_scan_line_of_another_bank() -> None:
    line = ScanLine(
        name="731", length=11, account=(1, 10), due_date=None, amount_due=None,
        check="731", covered=(1, 10), check_digit=11,
    )  # fmt: skip
    rules = Rules(scan_lines=(ScanLine(), line))
    reading = read(remit([("REFERENCE", "10004560129"), ("REFERENCE", "10004560123")]), rules)
    assert reading.key.to_pylist() == ["1000456012", "10004560123"]
    assert reading.failed.tolist() == [False, True]
