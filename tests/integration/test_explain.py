"""Explanations go down to the bytes, and a payment is found by what a caller can say of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recond.errors import RefusedError, UsageError
from recond.exceptions.questions import exception_id
from recond.exports import trace as trace_module
from recond.exports.explain import explain, render
from recond.exports.trace import TRACE, trace
from recond.store.engine import Store
from tests.integration.viewbooks import LOCKBOX, SHA, write_books

GOLDEN = Path(__file__).parents[1] / "unit" / "golden"
STEM = SHA[:12]


@pytest.fixture
def books(store: Store) -> Store:
    with store.write() as connection:
        write_books(connection)
    return store


def read_source(sha256: str, offset: int, length: int) -> bytes:
    if sha256 != SHA:
        raise FileNotFoundError(2, "No such file or directory")
    return LOCKBOX[offset : offset + length]


PROSE = [
    (f"R{STEM}-1", "explain-applied.txt"),
    (f"R{STEM}-2", "explain-suspense.txt"),
    (f"R{STEM}-4", "explain-held.txt"),
    (f"A{STEM}-7-1.1", "explain-reversed.txt"),
    (f"A{STEM}-7-2.1", "explain-reversal.txt"),
    ("R333333333333-1", "explain-voided.txt"),
    (exception_id("BATCH_TOTAL_WRONG", "3"), "explain-batch.txt"),
    (exception_id("SUSPECTED_DUPLICATE_PAYMENT", "6"), "explain-answered.txt"),
]


def test_prose_that_a_clerk_understands(books: Store) -> None:
    for identity, golden in PROSE:
        with books.read() as connection:
            told = explain(connection, identity, read_source)
        json.dumps(told)
        assert render(told) == (GOLDEN / golden).read_text(encoding="utf-8"), golden


def test_every_cent_of_a_first_decision_is_placed(books: Store) -> None:
    for ordinal in (1, 2, 3, 5, 6, 7):
        with books.read() as connection:
            told = explain(connection, f"R{STEM}-{ordinal}", read_source)
        assert told["decisions"][0]["placements"][-1]["left"] == "0.00"
        for later in told["decisions"][1:]:
            assert {place["left"] for place in later["placements"]} == {None}


def test_hostile_text_stays_on_its_line(books: Store) -> None:
    with books.read() as connection:
        prose = render(explain(connection, f"R{STEM}-4", lambda *_: b"\x1b[31m\xff\x00held\r\n"))
    assert "  payer: held / over" in prose
    assert "  | \\x1b[31m\\xff\\x00held\n" in prose


REFUSED: list[tuple[str, type[Exception], str]] = [
    ("F0123456789ab", UsageError, "no id of a receipt"),
    ("", UsageError, "no id of a receipt"),
    (f"R{STEM}-99", UsageError, "Nothing has the id"),
    ("Rx", UsageError, "Nothing has the id"),
    (f"A{STEM}-1-9.9", UsageError, "Nothing has the id"),
    (f"A{STEM}-2-1.1", RefusedError, "not money on an item"),
    ("XNONE", UsageError, "no question XNONE"),
]


def test_what_is_not_there_is_refused(books: Store) -> None:
    for identity, error, said in REFUSED:
        with books.read() as connection, pytest.raises(error, match=said):
            explain(connection, identity, read_source)


def found(books: Store, text: str) -> list[tuple[str, str]]:
    with books.read() as connection:
        table = trace(connection, text)
    assert table.schema == TRACE
    return [(row["receipt_id"], row["found_by"]) for row in table.to_pylist()]


SAID = [
    ("0000456012", [1], "account, account on item"),
    ("456 012", [1], "account"),
    ("4711", [1], "check number"),
    ("0000004711", [1], "check number"),
    ("188.70", [1], "amount"),
    ("$242.86", [3], "amount"),
    ("j sample", [1], "payer name"),
    ("Jane Sample", [1], "customer name"),
    ("091000010000001", [5], "trace number"),
    ("0000456013", [2], "account on item, reference"),
    ("88.00", [6, 7], "amount"),
    (f"R{STEM}-4", [4], "id"),
    ("=HYPERLINK", [3], "payer name"),
]


def test_a_payment_is_found(books: Store) -> None:
    for text, ordinals, by in SAID:
        assert found(books, text) == [(f"R{STEM}-{n}", by) for n in ordinals], text


def test_what_nobody_paid_finds_nothing(books: Store) -> None:
    for text in ["", "  ", "%", "_", "1.2.3", "٤٧١١", "\udcff", "a\0b", "'; --"]:
        assert found(books, text) == [], text


def test_counter_receipts_are_found_by_their_number(books: Store) -> None:
    assert found(books, "000187") == [("R333333333333-1", "receipt number")]


def test_a_text_that_finds_everything_is_cut(books: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "LIMIT", 1)
    assert len(found(books, "88.00")) == 1
