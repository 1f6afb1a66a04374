"""Columns, balances and identities of delimited rows, held against a plain reading row by row."""

from __future__ import annotations

import hashlib
from collections import Counter
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.exceptions.codes import CODES
from recond.formats import read_format
from recond.parsers import csvscan
from recond.parsers.csvgrid import typed_column
from recond.parsers.csvscan import read_records
from recond.parsers.derived import BalanceChain, LineIds, Places
from recond.parsers.mapping import Balance
from recond.parsers.notes import KEPT, Notes
from recond.parsers.typed import Value, convert
from tests.unit.formatfiles import ROOT, read
from tests.unit.test_delimited import shop, told

WRITTEN = st.one_of(
    st.integers(-(10**7), 10**7).map(lambda c: f"{'-' * (c < 0)}{abs(c) // 100}.{c % 100:02d}"),
    st.sampled_from(
        ["", "+1.00", "-0.00", "--1.00", "$1.00", "-$2.50", "(3.00)", "(-3.00)", "1,00", "1.2", "7",
         "-1.234,50", "1,234.50", "12,34.50", "+", "-", "9" * 14 + ".00", "10000000000000.00",
         "-10000000000000.01", "1.00-", "1 000.00"]
    ),
    st.text("0123456789.,-+$() ", max_size=8),
)  # fmt: skip
VALUES = [
    Value(type="cents"),
    Value(type="cents", exact=False),
    Value(type="cents", thousands=",", currency_sign="$", parentheses=True),
    Value(type="cents", point=",", thousands="."),
    Value(type="cents", point=","),
    Value(type="cents", currency_sign="1"),
    Value(type="cents", currency_sign="-"),
    Value(type="cents", decimals=3),
    Value(type="cents", blank=False),
]


@settings(max_examples=200, deadline=None)
@given(st.lists(WRITTEN, min_size=1, max_size=12), st.sampled_from(VALUES))
def test_amounts_are_read_from_their_bytes_as_from_their_texts(
    texts: list[str], value: Value
) -> None:
    data = np.frombuffer(";".join([*texts, ""]).encode(), dtype=np.uint8)
    ends = np.flatnonzero(data == ord(";"))
    starts = np.append(0, ends[:-1] + 1)
    records = next(read_records(pa.BufferReader(data.tobytes()), ";", ""))
    stripped = [text.strip(" ") or None for text in texts]
    expected = convert(pa.array(stripped, pa.string()), value, "paid", KEPT)
    found = typed_column(records, starts, ends, value, "paid", KEPT)
    assert found[0].to_pylist() == expected[0].to_pylist()
    assert sorted(found[1], key=lambda wrong: wrong.row) == sorted(
        expected[1], key=lambda wrong: wrong.row
    )


ROWS = st.lists(
    st.tuples(st.integers(-3, 3), st.one_of(st.none(), st.integers(-2, 2)),
              st.sampled_from(["A", "B", None])),
    max_size=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), st.sampled_from(["forward", "backward"]),
       st.booleans())  # fmt: skip
def test_balances_are_chained_as_they_are_row_by_row(
    chunks: list[list[tuple[int, int | None, str | None]]], order: str, by_account: bool
) -> None:
    rule = Balance(
        column="left", amount="paid", order=order, account="account" if by_account else None
    )
    chain, found, line = BalanceChain(rule), [], 1
    for chunk in chunks:
        columns = {
            "paid": pa.array([row[0] for row in chunk], pa.int64()),
            "left": pa.array([row[1] for row in chunk], pa.int64()),
            "account": pa.array([row[2] for row in chunk], pa.string()),
        }
        lines = np.arange(line, line + len(chunk))
        line += len(chunk)
        for row in chain.controls(columns, Places(lines, lines * 100)).to_pylist():
            found.append((row["line"], row["declared"], row["found"]))
    expected, total, before = [], 0, None
    for at, (paid, left, account) in enumerate([row for chunk in chunks for row in chunk], 1):
        behind = total + paid
        if left is not None:
            figure = left + total if order == "backward" else left - behind
            chained = before is not None and (not by_account or before[1] == account)
            if chained and before is not None and figure != before[0]:
                expected.append((at, left, left - (figure - before[0])))
            before = (figure, account)
        total = behind
    assert found == expected[:KEPT]


@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x"])), max_size=6),
                max_size=3))  # fmt: skip
def test_rows_without_a_number_are_known_by_their_values_and_how_often_they_stood(
    chunks: list[list[tuple[str, str]]],
) -> None:
    ids, seen = LineIds(["one", "two"]), Counter[str]()
    for chunk in chunks:
        columns = {
            "one": pa.array([row[0] for row in chunk], pa.string()),
            "two": pa.array([row[1] or None for row in chunk], pa.string()),
        }
        for row, name in zip(chunk, ids.of(columns).to_pylist(), strict=True):
            key = hashlib.sha256("\x1f".join(row).encode()).hexdigest()[:24]
            seen[key] += 1
            assert name == f"{key}-{seen[key]}"


def test_of_many_rows_with_one_problem_a_few_are_told_and_all_counted() -> None:
    notes = Notes()
    rows = np.ones(40, dtype=np.bool_)
    for code in ("VALUE_UNREADABLE", "AMOUNT_NOT_POSITIVE"):
        for row in notes.each(code, rows):
            notes.add(code, f"row {row}")
    assert CODES["AMOUNT_NOT_POSITIVE"].scope == "ITEM"  # each of them is a question of its own
    codes = [problem.code for problem in notes.drain()]
    assert (codes.count("VALUE_UNREADABLE"), codes.count("AMOUNT_NOT_POSITIVE")) == (KEPT, 40)
    assert [p.message[:2] for p in notes.rest()] == ["15"]


@pytest.mark.parametrize("mark", [",", "\t"])
def test_a_delimiter_more_than_the_header_has(mark: str) -> None:
    fmt = shop(f"delimiter = {mark!r}\ntrailing_delimiter = true".replace("'", '"'))
    rows = ["id,paid", "A,1.00,", "B,2.00", ",,", "C,3.00,x", "D,x,", "E\0,1.00,", "F,4.00,,"]
    data = "\n".join(rows).replace(",", mark)
    blank = [] if mark == "\t" else [("VALUE_UNREADABLE", 4, "id"), ("VALUE_UNREADABLE", 4, "paid")]
    wrong = [("VALUE_UNREADABLE", 5, None), ("VALUE_UNREADABLE", 6, "paid"), ("NUL_BYTES", 7, None),
             ("VALUE_UNREADABLE", 8, None)]  # fmt: skip
    assert sorted(told(data, fmt), key=lambda p: (p[1] or 0, p[2] or "")) == blank + wrong
    found = read(fmt, data.encode()).rows("receipts")
    assert [row["trace_number"] for row in found] == ["A", "B"]


def test_every_total_is_compared_and_every_unreadable_one_told() -> None:
    text = (ROOT / "formats" / "lockbox_csv.toml").read_text()
    head = "lockbox,deposit_date,batch,item,check_amount,reference\n"
    rows = ["1,2026-03-16,7,1,5.00,R", "TOTAL,1,,,,,,5.00", "TOTAL,x,,,,,,6.00", "TOTAL,2"]
    result = read(read_format(text, "lockbox_csv.toml"), (head + "\n".join(rows)).encode())
    controls = [(c["line"], c["code"], c["declared"], c["found"]) for c in result.rows("controls")]
    assert controls == [
        (3, "FILE_COUNT_WRONG", 1, 1), (3, "FILE_TOTAL_WRONG", 500, 500),
        (4, "FILE_TOTAL_WRONG", 600, 500), (5, "FILE_COUNT_WRONG", 2, 1),
    ]  # fmt: skip
    unread = [(p.line, p.field) for p in result.problems if p.code == "VALUE_UNREADABLE"]
    assert unread == [(4, "field 2"), (5, "field 8")]


def test_a_block_that_a_quoted_field_leaves_to_the_next_one_holds_nothing() -> None:
    note = "x\n" * 30_000
    data = f'id,paid\nA,1.00\n"{note}",2.00\n' + "B,3.00\n" * 10
    with patch.object(csvscan.read_records, "__defaults__", (4_000,)):
        found = read(shop(), data.encode()).rows("receipts")
    assert [row["amount_cents"] for row in found] == [100, 200, *[300] * 10]
