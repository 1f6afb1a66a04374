"""The datasets show what the books hold, on both databases, byte for byte the same."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from recond.errors import RefusedError, UsageError
from recond.exports import receipts as receipts_module
from recond.exports import writers
from recond.exports.datasets import DATASETS, dataset, stream
from recond.exports.scope import Scope
from recond.store import schema
from recond.store.engine import Store
from tests.integration.viewbooks import MONDAY, SHA, TUESDAY, write_books

CONTRACT = {
    "files": "file_id, inbox, name, sha256, size, format, arrived_at, state, declared_count,"
    " declared_amount, found_count, found_amount, message",
    "receipts": "receipt_id, file_id, line, byte_offset, byte_length, batch, sequence, channel,"
    " tender, amount, received_date, deposit_date, account_on_item, reference, check_number,"
    " trace_number, payer_name, state, applied_amount, on_account_amount, suspense_amount, rule,"
    " exception_code",
    "applications": "application_id, receipt_id, account_number, item_number, charge_type, fund,"
    " amount, rule, effective_date, posted_at, decided_by, reverses_id",
    "exceptions": "exception_id, version, code, scope, severity, amount, file_id, receipt_id,"
    " opened_at, age_days, status, suggest_1, suggest_2, suggest_3, message",
    "receivables": "account_number, item_number, charge_type, fund, bill_number, due_date,"
    " original_amount, open_amount, pending_amount",
    "journal": "entry_id, line, effective_date, period, fund, gl_account, debit, credit, source,"
    " description",
}
Rows = list[dict[str, object]]


@pytest.fixture
def books(store: Store) -> Store:
    with store.write() as connection:
        write_books(connection)
    return store


def shown(books: Store, name: str, **limits: dt.date) -> Rows:
    with books.read() as connection:
        table = dataset(connection, name, **{"today": TUESDAY, **limits})
    found: Rows = table.to_pylist()
    return found


def column(rows: Rows, name: str) -> list[object]:
    return [row[name] if row[name] is None else str(row[name]) for row in rows]


@pytest.mark.parametrize("name", CONTRACT)
def test_the_contracts_columns_come_first_and_in_order(name: str) -> None:
    wanted = CONTRACT[name].split(", ")
    assert DATASETS[name].schema.names[: len(wanted)] == wanted
    for field in DATASETS[name].schema:
        money = "amount" in field.name or field.name in {"debit", "credit"}
        assert (field.type == pa.decimal128(18, 2)) == money
        assert not pa.types.is_floating(field.type)


def test_a_receipt_has_the_first_state_that_fits(books: Store) -> None:
    rows = shown(books, "receipts")
    stem = SHA[:12]
    assert column(rows, "receipt_id") == [f"R{stem}-{n}" for n in range(1, 8)] + [
        "R333333333333-1",
        "R333333333333-2",
    ]
    assert column(rows, "state") == [
        "applied", "unidentified", "on_account", "held", "partial", "applied", "unidentified",
        "voided", "unidentified",
    ]  # fmt: skip
    assert column(rows, "applied_amount") == [
        "188.70", "0.00", "0.00", "0.00", "30.00", "88.00", "0.00", "0.00", "0.00",
    ]  # fmt: skip
    assert column(rows, "on_account_amount")[2:5] == ["242.86", "0.00", "20.00"]
    assert column(rows, "suspense_amount")[6] == "88.00"
    assert column(rows, "rule")[6:8] == ["reversed", "void"]
    assert column(rows, "rule")[3] is None
    assert column(rows, "exception_code") == [
        None, "ACCOUNT_NOT_FOUND", "ACCOUNT_CLOSED", None, None, None, "REVERSED", None,
        "NO_REFERENCE",
    ]  # fmt: skip
    # a counter receipt is deposited when its drawer's close says so
    assert column(rows, "deposit_date")[7:] == [str(TUESDAY), None]


def test_yesterday_is_shown_as_it_was(books: Store) -> None:
    rows = shown(books, "receipts", as_of=MONDAY)
    assert column(rows, "state")[6:8] == ["applied", "on_account"]
    assert column(rows, "deposit_date")[7] is None
    assert column(rows, "exception_code")[5:7] == ["SUSPECTED_DUPLICATE_PAYMENT", None]
    assert shown(books, "receipts", as_of=MONDAY - dt.timedelta(1)) == []
    questions = shown(books, "exceptions", as_of=MONDAY)
    assert column(questions, "status") == ["open"] * 5
    assert set(column(questions, "age_days")) == {"0"}
    assert column(questions, "suggest_1") == [None] * 5
    assert column(shown(books, "files", as_of=MONDAY), "file_id") == [
        f"F{SHA[:12]}", f"F{SHA[:12]}-2", "F333333333333",
    ]  # fmt: skip
    assert column(shown(books, "journal", as_of=MONDAY), "entry_id") == ["E1", "E1"]


def test_applications_are_items_only_and_reversals_name_what_they_reverse(books: Store) -> None:
    rows = shown(books, "applications")
    stem = SHA[:12]
    assert column(rows, "application_id") == [
        f"A{stem}-1-1.1", f"A{stem}-1-1.2", f"A{stem}-5-1.1", f"A{stem}-6-1.1", f"A{stem}-7-1.1",
        f"A{stem}-7-2.1",
    ]  # fmt: skip
    assert column(rows, "amount") == ["2.00", "186.70", "30.00", "88.00", "88.00", "-88.00"]
    assert column(rows, "reverses_id") == [None] * 5 + [f"A{stem}-7-1.1"]
    assert column(rows, "fund")[2] == "520"
    assert column(rows, "decided_by")[5] == "jane"
    assert len(shown(books, "applications", as_of=MONDAY)) == 5
    assert shown(books, "applications", date_from=TUESDAY) == []
    assert len(shown(books, "applications", date_from=MONDAY, date_to=MONDAY)) == 6


def test_dates_limit_receipts_by_effective_date(books: Store) -> None:
    assert len(shown(books, "receipts", date_from=MONDAY)) == 9
    assert shown(books, "receipts", date_to=MONDAY - dt.timedelta(1)) == []
    assert shown(books, "receipts", date_from=TUESDAY) == []


def test_questions_show_their_receipt_file_and_suggestions(books: Store) -> None:
    rows = shown(books, "exceptions")
    stem = SHA[:12]
    assert column(rows, "receipt_id") == [
        f"R{stem}-2", f"R{stem}-3", None, f"R{stem}-7", "R333333333333-2", f"R{stem}-6",
    ]  # fmt: skip
    assert column(rows, "file_id")[2:5] == [f"F{stem}", f"F{stem}", "F333333333333"]
    assert column(rows, "amount") == ["104.00", "242.86", None, "88.00", "77.77", "88.00"]
    assert column(rows, "age_days") == ["1", "1", "1", "0", "1", "1"]
    assert column(rows, "status")[3:] == ["on_hold", "open", "resolved"]
    assert column(rows, "suggest_1")[0] == "0000456012"
    assert "due 104.00 equals the amount" in str(rows[0]["suggest_1_why"])


def test_files_list_arrivals_duplicates_and_what_waits(books: Store) -> None:
    rows = shown(books, "files")
    assert column(rows, "state") == [
        "partly_held", "duplicate", "accepted", "accepted", "held", "waiting",
    ]  # fmt: skip
    assert rows[0]["declared_count"] == 7
    assert str(rows[0]["declared_amount"]) == "1000.00"
    assert rows[1]["declared_amount"] is None
    assert str(rows[5]["file_id"]).startswith("W")
    assert rows[5]["sha256"] == ""
    assert column(shown(books, "files", date_from=TUESDAY), "state")[:2] == ["accepted", "held"]


def test_receivables_show_billings_figure_and_what_is_pending(books: Store) -> None:
    rows = shown(books, "receivables")
    assert column(rows, "item_number")[:3] == ["1W", "2W", "PW"]
    assert column(rows, "open_amount")[:3] == ["186.70", "104.00", "2.00"]
    assert column(rows, "pending_amount")[:3] == ["186.70", "0.00", "2.00"]
    assert len(shown(books, "receivables", as_of=TUESDAY)) == 6
    with pytest.raises(UsageError, match="--from"):
        shown(books, "receivables", date_from=MONDAY)
    with pytest.raises(UsageError, match="no dataset 'x'"):
        shown(books, "x")


def test_small_windows_change_nothing(books: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shown(books, "receipts")
    monkeypatch.setattr(receipts_module, "ROWS", 2)
    assert shown(books, "receipts") == whole
    with books.read() as connection:
        scope, keys = Scope(TUESDAY), [schema.receipt_key(1, 2), schema.receipt_key(3, 1)]
        only = list(receipts_module.receipts(connection, scope, keys))
    assert pa.Table.from_batches(only).to_pylist() == [whole[1], whole[7]]


def test_empty_books_have_headers(store: Store) -> None:
    for name, kind in DATASETS.items():
        with store.read() as connection:
            out = io.BytesIO()
            rows = writers.write_csv(stream(connection, name, Scope(MONDAY)), out)
        assert rows == (3 if name == "return_rates" else 0)  # its three thresholds always stand
        assert out.getvalue().startswith((",".join(kind.schema.names) + "\n").encode())


def test_csv_reads_back_and_is_the_same_bytes(books: Store) -> None:
    for name in CONTRACT:
        _reads_back(books, name)


def _reads_back(books: Store, name: str) -> None:
    written = []
    for _ in range(2):
        with books.read() as connection:
            out = io.BytesIO()
            writers.write_csv(stream(connection, name, Scope(TUESDAY)), out)
            written.append(out.getvalue())
    assert written[0] == written[1]
    read = list(csv.DictReader(io.StringIO(written[0].decode(), newline="")))
    wanted = shown(books, name)
    assert [list(row.values()) for row in read] == [
        ["" if value is None else str(value) for value in row.values()] for row in wanted
    ]


def test_csv_is_the_same_on_both_databases(books: Store) -> None:
    with books.read() as connection:
        out = io.BytesIO()
        writers.write_csv(stream(connection, "applications", Scope(TUESDAY)), out)
    first = out.getvalue().split(b"\n")[1]
    assert first == (
        b"A0123456789ab-1-1.1,R0123456789ab-1,0000456012,PW,PENALTY,510,2.00,account_number,"
        b"2026-03-16,2026-03-16T12:00:01Z,recond,"
    )


def test_parquet_is_the_same_bytes_and_reads_back(books: Store, tmp_path: Path) -> None:
    def write(path: Path) -> None:
        with books.read() as connection:
            reader = stream(connection, "receipts", Scope(TUESDAY))
            writers.publish(path, lambda out: writers.write_parquet(reader, out))

    write(tmp_path / "a.parquet")
    write(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.schema.field("amount").type == pa.decimal128(18, 2)
    assert table.to_pylist() == shown(books, "receipts")
    with books.write() as connection:
        connection.execute(delete(schema.waiting))
    assert not list(tmp_path.glob(".*partial"))


TABLE = st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=30)


@given(TABLE, st.integers(1, 7))
def test_any_text_survives_csv_in_any_batches(texts: list[str], size: int) -> None:
    table = pa.table({"a,": pa.array(texts, pa.string()), "b": pa.array(texts, pa.string())})
    one, other = io.BytesIO(), io.BytesIO()
    writers.write_csv(table.to_reader(), one)
    writers.write_csv(table.to_reader(max_chunksize=size), other)
    assert one.getvalue() == other.getvalue()
    read = list(csv.reader(io.StringIO(one.getvalue().decode(), newline=""), strict=True))
    assert read == [["a,", "b"], *([text, text] for text in texts)]


def test_parquet_groups_do_not_depend_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "GROUP_ROWS", 5)
    table = pa.table({"a": pa.array(range(23))})
    written = set()
    for size in (1, 3, 5, 11, 23):
        out = io.BytesIO()
        assert writers.write_parquet(table.to_reader(max_chunksize=size), out) == 23
        written.add(out.getvalue())
    assert len(written) == 1
    assert pq.ParquetFile(io.BytesIO(written.pop())).num_row_groups == 5


def test_a_file_is_complete_or_absent_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"

    def broken(out: io.BufferedIOBase) -> int:
        out.write(b"half")
        raise RefusedError("stop")

    with pytest.raises(RefusedError, match="stop"):
        writers.publish(path, broken)
    assert list(tmp_path.iterdir()) == []
    assert writers.publish(path, lambda out: out.write(b"abc")) == 3
    assert writers.publish(path, lambda out: out.write(b"abc")) == 3
    for other in (b"abd", b"abcd", b""):
        with pytest.raises(RefusedError, match="other contents"):
            writers.publish(path, lambda out, data=other: out.write(data))
    assert path.read_bytes() == b"abc"
    assert list(tmp_path.iterdir()) == [path]
