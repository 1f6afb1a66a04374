"""The straight way through blocks of delimited text, held against the way record by record."""

from __future__ import annotations

import io
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.model import TABLES
from recond.money import parse_decimal
from recond.parsers import csvscan, delimited, pieces, typed
from recond.parsers.columns import Bytes
from recond.parsers.csvquotes import Runs
from recond.parsers.words import plain_cents
from tests.unit import csvoracle
from tests.unit.achfiles import Read
from tests.unit.reading import shipped

HEADER = (
    "receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,amount,"
    "payer_name,void_of,note"
)
AMOUNTS = st.one_of(
    st.integers(0, 10**7).map(lambda cents: f"{cents // 100}.{cents % 100:02d}"),
    st.integers(0, 10**16).map(lambda cents: f"{cents // 100}.{cents % 100:02d}"),
    st.sampled_from(["-5.00", "+5.00", "5", "5.5", ".50", "1,0.00", " 1.00", "1.005", "", "1e3"]),
    st.text("0123456789.-+ ", max_size=17),
)
NAMES = st.sampled_from(
    ["ANN LEE", " ANN", "ANN ", "\tANN", "", "ÅSA", "O\x1a", '"A, B"', 'A"B', '"A ""B"" é"', '"']
)
ROWS = st.tuples(
    st.sampled_from(["R1", "R22", "R1 ", ""]),
    st.sampled_from(["D1", "D2"]),
    st.sampled_from(["C1", ""]),
    st.sampled_from(["2026-03-16", "2026-03-17", "2026-02-30", "16.03.2026", ""]),
    st.sampled_from(["09:00", "é", ""]),
    st.sampled_from(["1000000001", "100000000", ""]),
    st.sampled_from(["", "W1"]),
    st.sampled_from(["CASH", "CHECK", "BARTER", ""]),
    AMOUNTS,
    NAMES,
    st.sampled_from(["", "R1"]),
    st.sampled_from(["", "note"]),
).map(",".join)
EVEN = st.tuples(
    st.sampled_from(["R1", "R2"]), st.just("D1"), st.just("C1"), st.just("2026-03-16"),
    st.just(""), st.just("1000000001"), st.just(""), st.just("CASH"),
    st.integers(100, 999).map(lambda cents: f"{cents // 100}.{cents % 100:02d}"),
    st.just("ANN LEE"), st.just(""), st.just(""),
).map(",".join)  # fmt: skip
ODD = st.sampled_from(["", "   ", "R1,D1", "x" * 20, "," * 11, "," * 12, "R1\0,D1" + "," * 10])


def read(data: bytes, block: int) -> Read:
    with patch.object(csvscan.read_records, "__defaults__", (block,)):
        chunks = list(delimited.parse(io.BytesIO(data), shipped("cashier_receipts")))
    tables = {name: pa.concat_tables([c.table(name) for c in chunks]) for name in TABLES}
    last = chunks[-1].transmission
    assert last is not None
    return Read(tables, [p for c in chunks for p in c.problems], last)


def record_by_record(view: Bytes, delimiter: str, _: Runs | None, **place: Any) -> csvscan.Records:
    return csvoracle.scanned(view, delimiter, '"', **place)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(ROWS, EVEN, EVEN, EVEN, ODD), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.sampled_from([200, 400, 1 << 20]),
    st.sampled_from(["utf-8", "latin-1"]),
)
def test_the_straight_way_says_what_the_exact_way_says(
    rows: list[str], ending: str, last: bool, block: int, encoding: str
) -> None:
    data = ending.join([HEADER, *rows, *([""] if last else [])]).encode(encoding)
    straight = read(data, block)
    with (
        patch.object(csvscan, "grid", lambda *_, **__: None),
        patch.object(csvscan, "scan", record_by_record),
        patch.object(csvscan.Fields, "readable", lambda *_: False),
        patch.object(delimited, "is_plain", lambda *_: False),
    ):
        exact = read(data, block)
    assert {n: t.to_pylist() for n, t in straight.tables.items()} == {
        n: t.to_pylist() for n, t in exact.tables.items()
    }
    assert straight.problems == exact.problems


@settings(deadline=None)
@given(st.lists(EVEN, min_size=2, max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_even_rows_go_the_straight_way(rows: list[str], ending: str) -> None:
    data = "".join(f"{row}{ending}" for row in [HEADER, *rows]).encode()
    with patch.object(csvscan, "scan", side_effect=AssertionError):
        found = read(data, 1 << 20).tables["receipts"]
    assert found["line"].to_pylist() == list(range(2, len(rows) + 2))
    for row in found.to_pylist():
        stands = data[row["byte_offset"] : row["byte_offset"] + row["byte_length"]]
        assert stands.decode() == rows[row["line"] - 2]


@given(st.lists(AMOUNTS, min_size=1), st.text("0123456789.,", max_size=9))
def test_plain_cents_are_those_of_the_strict_reader(texts: list[str], before: str) -> None:
    ends = len(before) + np.cumsum([len(text) for text in texts], dtype=np.int64)
    starts = ends - np.array([len(text) for text in texts])
    data = np.frombuffer((before + "".join(texts)).encode(), dtype=np.uint8)
    cents, plain = plain_cents(data, starts, ends)
    for text, value, known in zip(texts, cents.tolist(), plain.tolist(), strict=True):
        assert value == (parse_decimal(text) if known else 0)
    written = "".join(texts[:1]) + "12.34"
    one = np.frombuffer(f"........{written}".encode(), dtype=np.uint8)
    assert plain_cents(one, np.array([len(one) - 5]), np.array([len(one)]))[0].tolist() == [1234]


@given(
    st.lists(st.lists(st.sampled_from(["ab", "cd", "a", "", None]), min_size=2, max_size=2)),
    st.sampled_from(["", " ", "--"]),
)
def test_joined_rows_are_what_arrow_joins(rows: list[list[str | None]], between: str) -> None:
    texts = [pa.array([row[place] for row in rows], pa.string()) for place in range(2)]
    found = pieces.joined_rows(texts, between)
    if found is not None:
        assert found.equals(pc.binary_join_element_wise(*texts, between))


def test_texts_of_one_length_are_joined_at_once() -> None:
    texts = [pa.array(["x", "ab", "cd"]).slice(1), pa.array(["1", "2"])]
    found = pieces.joined_rows(texts, " ")
    assert found is not None
    assert found.to_pylist() == ["ab 1", "cd 2"]


def test_of_many_wrong_values_a_few_get_a_sentence_and_all_are_counted() -> None:
    value = typed.Value(type="cents", blank=False)
    texts = pa.array(["x"] * 40 + [None] * 40 + ["99999999999999999.00", "1.00"], pa.string())
    _, wrong, more = typed.convert(texts, value, "amount", 25)
    _, every, none = typed.convert(texts, value, "amount")
    assert none == {}
    assert [w for w in wrong if w.code == "AMOUNT_OUT_OF_RANGE"] == [
        w for w in every if w.code == "AMOUNT_OUT_OF_RANGE"
    ]
    rows = sorted([w.row for w in wrong] + [int(r) for part in more.values() for r in part])
    assert rows == sorted(w.row for w in every) == list(range(81))
    assert wrong[:25] == every[:25]


def test_rows_of_another_length_are_counted_when_a_few_were_told() -> None:
    lines = [HEADER, *["R1,D1"] * 40, "", ","]
    problems = read("\n".join(lines).encode(), 1 << 20).problems
    told = [p for p in problems if p.code == "VALUE_UNREADABLE"]
    assert [p.line for p in told[:25]] == list(range(2, 27))
    assert "16 more problems" in told[-1].message


def test_records_with_a_quote_that_nothing_closes_are_counted_when_a_few_were_told() -> None:
    data = "\n".join([HEADER, *['R1,"D"1,C1'] * 40, "R1,D1", "x" * (2 << 20)])
    problems = read(data.encode(), 1 << 20).problems
    told = [p for p in problems if p.code == "VALUE_UNREADABLE"]
    assert [(p.line, p.field) for p in told[:25]] == [(n, "drawer") for n in range(2, 27)]
    assert told[0].byte_offset == len(HEADER) + 4
    assert "16 more problems" in told[-1].message
    assert [p.line for p in problems if p.code == "RECORD_TOO_LONG"] == [43]
