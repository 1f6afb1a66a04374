"""The store on both databases: nothing is changed on the way in or out, and what must be refused
is refused by the database itself."""

from __future__ import annotations

import sqlite3
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from recond.errors import (
    ConfigError,
    InvariantError,
    LockedError,
    RefusedError,
    UnavailableError,
)
from recond.store import engine as engine_module
from recond.store import filesystem, schema
from recond.store.engine import (
    Store,
    along_keys,
    fetch_arrow,
    fetch_batches,
    insert_table,
    open_store,
    stage,
    update_items,
)

INT64 = pa.int64()
HOSTILE = [
    None,
    "",
    " ",
    "'",
    '"',
    '""',
    "a\nb",
    "a\r\nb\r",
    "\n",
    "\\",
    "\\.",
    "\\N",
    "\\x41",
    "NULL",
    "null",
    "\t",
    "a,b;c|d",
    "{}",
    "%s %(x)s :x ?",
    "é ß Ω",
    "e\u0301",
    "😀👩‍👩‍👧",
    "\ufeffbom",
    "\x01\x1b[31m\x7f",
    "00123",
    "1e5",
    "-1",
    "2026-03-16",
    "x" * 100_000,
]
ACCOUNT = pa.schema(
    [
        ("account_key", INT64),
        ("customer_name", pa.string()),
        ("cash_only_until", pa.date32()),
        ("credit_balance_cents", INT64),
    ]
)


def accounts(names: list[str | None]) -> pa.Table:
    keys = list(range(len(names)))
    return pa.table(
        {
            "account_key": pa.array(keys, INT64),
            "account_number": pa.array([f"A{key:06}" for key in keys]),
            "reference_key": pa.array([str(key) for key in keys]),
            "customer_name": pa.array(names, pa.string()),
            "cash_only_until": pa.array(
                [None if key % 3 else date(2024, 2, 29) for key in keys], pa.date32()
            ),
            "credit_balance_cents": pa.array([None if key % 2 else -key for key in keys], INT64),
        }
    )


def items(count: int) -> pa.Table:
    numbers = pa.array([f"I{key}" for key in range(count)])
    return pa.table(
        {
            "item_key": pa.array(range(count), INT64),
            "account_key": pa.array(range(count), INT64),
            "item_number": numbers,
            "item_reference": numbers,
            "original_cents": pa.array([100] * count, INT64),
        }
    )


def balances(count: int) -> pa.Table:
    keys, cents = pa.array(range(count), INT64), pa.array([100] * count, INT64)
    return pa.table({"item_key": keys, "snapshot_cents": cents, "open_cents": cents})


ITEM_CONSTANTS = {"charge_type": "WATER", "fund": "510", "since_entry": 1}
PLACEMENT = {
    "receipt_no": 1,
    "version": 1,
    "line": 1,
    "bucket": 3,
    "cents": 5,
}
RECEIPT = {
    "receipt_no": 1,
    "batch_ord": 0,
    "channel": "LOCKBOX",
    "tender": "CHECK",
    "amount_cents": 5,
    "received_date": "2026-03-16",
}
ENTRY = {
    "entry_no": 1,
    "entry_id": "E1",
    "source": "file",
    "effective_date": "2026-03-16",
    "original_date": "2026-03-16",
    "period": "2026-03",
    "business_date": "2026-03-16",
    "posted_at": "2026-03-16T12:00:00Z",
    "decided_by": "recond",
    "description": "",
}
DECISION = {"receipt_no": 1, "version": 1, "entry_no": 1, "rule": "ACCOUNT", "evidence": ""}
JOURNAL = {
    "entry_no": 1,
    "line": 1,
    "fund": "100",
    "gl_account": "1080",
    "debit_cents": 5,
    "credit_cents": 0,
}
DEPOSIT = {
    "deposit_no": 1,
    "deposit_id": "D1",
    "file_no": 1,
    "batch_ord": 1,
    "kind": "lockbox",
    "channel": "LOCKBOX",
    "business_date": "2026-03-16",
    "expected_date": "2026-03-16",
    "amount_cents": 5,
    "receipts_cents": 5,
    "aside_cents": 0,
    "fee_cents": 0,
    "made_date": "2026-03-16",
}
CLEARING = {
    "clearing_no": 1,
    "clearing_id": "C1",
    "file_no": 1,
    "ordinal": 1,
    "deposit_no": 1,
    "cents": 5,
    "rule": "day",
    "evidence": "",
    "business_date": "2026-03-16",
    "cleared_at": "2026-03-16T12:00:00Z",
}
MONEY = {
    "deposit": DEPOSIT,
    "clearing": CLEARING,
    "receipt": RECEIPT,
    "entry": ENTRY,
    "decision": DECISION,
    "placement": PLACEMENT,
    "journal_line": JOURNAL,
}


# Values that a CHECK wants, of tables that need no row of their own above.
CHECKED = {
    ("adjustment", "kind"): "write_off",
    ("agency_line", "kind"): "PLACE",
    ("period_change", "action"): "close",
    ("acknowledgement", "status"): "ACCEPTED",
    ("decision_made", "status"): "APPLIED",
    ("file_answer", "status"): "ACCEPTED",
    ("legal_hold", "file_no"): 1,
    ("register_audit", "kind"): "weekly",
    ("register_audit", "note"): "x",
}


def a_row(name: str) -> dict[str, Any]:
    """A row of a table of money: its own, or a one or an x in every column that must be filled."""
    columns = schema.metadata.tables[name].c
    filled = {
        c.name: CHECKED.get((name, c.name), "x" if c.type is schema.TEXT else 1)
        for c in columns
        if not c.nullable or (name, c.name) in CHECKED
    }
    return {**filled, **MONEY.get(name, {})}


def fill_items(connection: Connection, count: int = 3) -> None:
    insert_table(connection, schema.item, items(count), ITEM_CONSTANTS)


def fill_balances(connection: Connection, count: int = 3) -> None:
    insert_table(connection, schema.item_balance, balances(count), {"pending_cents": 0})


def amounts(connection: Connection) -> list[tuple[int, int]]:
    columns = schema.item_balance.c
    query = select(columns.open_cents, columns.pending_cents).order_by(columns.item_key)
    return [tuple(row) for row in connection.execute(query)]


# round trips


def test_hostile_text_comes_back_as_it_went_in(store: Store) -> None:
    sent = accounts(HOSTILE)
    constants = {"status": "active", "since_entry": 1}
    with store.write() as connection:
        assert insert_table(connection, schema.account, sent, constants) == len(HOSTILE)
    columns = [schema.account.c[name] for name in reversed(ACCOUNT.names)]
    query = select(*columns).order_by(schema.account.c.account_key)
    with store.read() as connection:
        found = fetch_arrow(connection, query, ACCOUNT)
    assert found.equals(sent.select(ACCOUNT.names))


def test_hostile_text_can_be_searched_for_and_staged(store: Store) -> None:
    texts = [value for value in HOSTILE if value is not None]
    one = pa.schema([("name", pa.string())])
    with store.read() as connection:
        table = stage(connection, "text", pa.table({"name": pa.array(texts)}))
        for value in texts:
            found = fetch_arrow(connection, select(table).where(table.c.name == value), one)
            assert found["name"].to_pylist() == [value]
        several = select(table).where(table.c.name.in_(texts[:5])).order_by(table.c.name)
        assert fetch_arrow(connection, several, one)["name"].to_pylist() == sorted(texts[:5])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9),
            st.none() | st.dates(),
            st.none() | st.booleans(),
        ),
        max_size=20,
    )
)
def test_any_table_comes_back_as_it_went_in(
    store: Store, rows: list[tuple[int | None, str | None, date | None, bool | None]]
) -> None:
    shape = pa.schema(
        [("n", INT64), ("i", INT64), ("t", pa.string()), ("d", pa.date32()), ("b", pa.bool_())]
    )
    sent = pa.Table.from_pylist(
        [dict(zip(shape.names, (n, *row), strict=True)) for n, row in enumerate(rows)],
        schema=shape,
    )
    with store.read() as connection:
        table = stage(connection, "any", sent, key=("n",))
        assert fetch_arrow(connection, select(table).order_by(table.c.n), shape).equals(sent)


def test_integers_keep_all_64_bits_with_and_without_nulls(store: Store) -> None:
    values = [-(2**63), 2**63 - 1, 0, -1, None, 2**53 + 1]
    shape = pa.schema([("n", INT64), ("value", INT64)])
    for sample in (values, [value for value in values if value is not None]):
        sent = pa.table([pa.array(range(len(sample)), INT64), pa.array(sample, INT64)], shape)
        with store.read() as connection:
            table = stage(connection, "wide", sent)
            found = fetch_arrow(connection, select(table).order_by(table.c.n), shape)
        assert found.equals(sent)


def test_a_column_of_nothing_and_a_table_of_nothing(store: Store) -> None:
    shape = pa.schema([("name", pa.string())])
    with store.read() as connection:
        table = stage(connection, "name", pa.table({"name": pa.array(["a", None, ""])}))
        found = fetch_arrow(connection, select(table), shape)
        assert sorted(found["name"].to_pylist(), key=str) == ["", None, "a"]
        nothing = fetch_arrow(connection, select(table).where(table.c.name == "zz"), shape)
        assert nothing.equals(shape.empty_table())
        assert insert_table(connection, table, shape.empty_table()) == 0
        with pytest.raises(ValueError, match="no value at all"):
            insert_table(connection, table, pa.table({"name": pa.array([None], pa.string())}))


def test_dictionaries_and_more_rows_than_a_chunk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recond.store.bulk.CHUNK_ROWS", 7)
    monkeypatch.setattr("recond.store.pgcopy.CHUNK_ROWS", 7)
    monkeypatch.setattr("recond.store.bulk.ANALYZE_ROWS", 5)
    names = pa.array([str(n % 3) for n in range(40)]).dictionary_encode()
    numbers = pa.array([None if n % 5 == 0 else n for n in range(40)], INT64)
    with store.read() as connection:
        table = stage(connection, "chunks", pa.table({"name": names, "number": numbers}))
        ints = stage(connection, "ints", pa.table({"number": numbers}))
        count = select(func.count(table.c.name), func.sum(table.c.number))
        assert tuple(connection.execute(count).one()) == (40, 640)
        assert connection.execute(select(func.sum(ints.c.number))).scalar_one() == 640
        shape = pa.schema([("number", INT64)])
        assert fetch_arrow(connection, select(ints.c.number), shape).num_rows == 40


def test_parameters_of_a_query(store: Store) -> None:
    with store.write() as connection:
        fill_items(connection)
    shape = pa.schema([("item_key", INT64)])
    query = text("SELECT item_key FROM item WHERE item_number = :number")
    with store.read() as connection:
        found = fetch_arrow(connection, query, shape, {"number": "I2"})
        assert found["item_key"].to_pylist() == [2]
        assert fetch_arrow(connection, query, shape, {"number": "'"}).num_rows == 0
        with pytest.raises(ValueError, match="the schema wants"):
            fetch_arrow(connection, select(schema.item.c.fund), shape)


def test_text_is_sorted_by_bytes_on_both(store: Store) -> None:
    texts = ["a", "B", "_", "é", "Z", "z", " 1", "1", "😀"]
    with store.write() as connection:
        constants = {"status": "active", "since_entry": 1}
        insert_table(connection, schema.account, accounts(list(texts)), constants)
        query = select(schema.account.c.customer_name).order_by(schema.account.c.customer_name)
        assert list(connection.execute(query).scalars()) == sorted(texts)


# what is refused on the way in


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (pa.table({"nmae": ["x"]}), "no column nmae"),
        (pa.table({"amount_cents": pa.array([1.5])}), "is double"),
        (pa.table([pa.array([1]), pa.array([2])], ["line", "line"]), "given twice"),
        (pa.table({"channel": ["x"]}), "given twice"),
    ],
)
def test_tables_that_do_not_fit_are_refused(store: Store, rows: pa.Table, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence), store.write() as connection:
        insert_table(connection, schema.receipt, rows, {"channel": "ACH"})


def test_nul_is_refused_on_both(store: Store) -> None:
    with pytest.raises(RefusedError, match="NUL byte"), store.write() as connection:
        insert_table(connection, schema.meta, {"name": "a", "value": "a\0b"})


@pytest.mark.parametrize(
    "change",
    [
        {"amount_cents": schema.MAX_CENTS + 1},
        {"amount_cents": -schema.MAX_CENTS - 1},
        {"channel": None},
    ],
)
def test_checks_of_a_receipt(store: Store, change: dict[str, int | None]) -> None:
    with pytest.raises(IntegrityError), store.write() as connection:
        insert_table(connection, schema.receipt, RECEIPT | change)
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.receipt)).scalar() == 0


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("placement", PLACEMENT | {"bucket": 7}),
        ("placement", PLACEMENT | {"bucket": 1}),
        ("placement", PLACEMENT | {"item_key": 1}),
        ("journal_line", JOURNAL | {"credit_cents": 5}),
        ("journal_line", JOURNAL | {"debit_cents": 0}),
        ("journal_line", JOURNAL | {"debit_cents": -5}),
        ("problem", {"file_no": 9, "problem_no": 1, "code": "EMPTY_FILE", "severity": "error",
                     "scope": "FILE", "message": ""}),
    ],
)  # fmt: skip
def test_checks_of_postings(store: Store, table: str, row: dict[str, int | str]) -> None:
    with pytest.raises(IntegrityError), store.write() as connection:
        insert_table(connection, schema.metadata.tables[table], row)


def test_the_same_key_twice_is_refused_and_nothing_stays(store: Store) -> None:
    with store.write() as connection:
        insert_table(connection, schema.receipt, RECEIPT)
    rows = pa.Table.from_pylist([RECEIPT | {"receipt_no": 2}, RECEIPT])
    with pytest.raises(IntegrityError), store.write() as connection:
        insert_table(connection, schema.receipt, rows)
    with store.read() as connection:
        assert list(connection.execute(select(schema.receipt.c.receipt_no)).scalars()) == [1]


def test_errors_do_not_show_what_payers_wrote(store: Store) -> None:
    with store.write() as connection:
        insert_table(connection, schema.meta, {"name": "k", "value": "secret-1"})
    with pytest.raises(IntegrityError) as caught, store.write() as connection:
        insert_table(connection, schema.meta, {"name": "k", "value": "secret-2"})
    assert "secret" not in str(caught.value)


# open items


def test_open_items_are_paid_and_given_back(store: Store) -> None:
    with store.write() as connection:
        fill_balances(connection)
        assert update_items(connection, pa.array([0, 2]), pa.array([100, 30])) == 2
        assert amounts(connection) == [(0, 100), (100, 0), (70, 30)]
        assert update_items(connection, pa.array([0]), pa.array([-40])) == 1
        assert amounts(connection) == [(40, 60), (100, 0), (70, 30)]


def test_giving_back_what_a_snapshot_has_overtaken(store: Store) -> None:
    """Posted 100, then billing shows 40: open is 0; giving 100 back leaves 40, not 100."""
    with store.write() as connection:
        fill_balances(connection, 1)
        update_items(connection, pa.array([0]), pa.array([100]))
        connection.execute(update(schema.item_balance).values(snapshot_cents=40, open_cents=0))
        update_items(connection, pa.array([0]), pa.array([-100]))
        assert amounts(connection) == [(40, 0)]


def test_the_database_refuses_over_application(store: Store) -> None:
    with store.write() as connection:
        fill_balances(connection)
    with pytest.raises(IntegrityError), store.write() as connection:
        update_items(connection, pa.array([0, 1]), pa.array([10, 101]))
    with store.read() as connection:
        assert amounts(connection) == [(100, 0)] * 3


def test_items_that_are_not_there_or_named_twice(store: Store) -> None:
    with store.write() as connection:
        fill_balances(connection)
    with pytest.raises(InvariantError, match="2 open items"), store.write() as connection:
        update_items(connection, pa.array([0, 9]), pa.array([10, 10]))
    for keys in ([1, 1], [2, 1]):
        with pytest.raises(ValueError, match="must ascend"), store.write() as connection:
            update_items(connection, pa.array(keys), pa.array([10, 10]))
    with pytest.raises(ValueError, match="no key or no cents"), store.write() as connection:
        update_items(connection, pa.array([1, 2]), pa.array([10, None]))
    with store.read() as connection:
        assert amounts(connection) == [(100, 0)] * 3


# rows of money


@pytest.mark.parametrize("name", [table.name for table in schema.IMMUTABLE])
def test_money_is_only_added_to(store: Store, name: str) -> None:
    table = schema.metadata.tables[name]
    with store.write() as connection:
        insert_table(connection, table, a_row(name))
    column = next(c.name for c in table.primary_key)
    attempts = [f"UPDATE {name} SET {column} = {column}", f"DELETE FROM {name}"]
    if store.dialect == "postgresql":
        attempts.append(f"TRUNCATE {name}")
    for attempt in attempts:
        with pytest.raises(DBAPIError, match="only ever added to"), store.write() as connection:
            connection.execute(text(attempt))
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar() == 1


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_replace_does_not_slip_past_the_triggers(store: Store) -> None:
    with store.write() as connection:
        insert_table(connection, schema.placement, PLACEMENT)
    with pytest.raises(IntegrityError, match="only ever added to"), store.write() as connection:
        connection.execute(
            text("INSERT OR REPLACE INTO placement (receipt_no, version, line, bucket, cents)"
                 " VALUES (1, 1, 1, 3, 6)")
        )  # fmt: skip


# transactions


def test_writers_that_read_first_lose_nothing(store: Store) -> None:
    with store.write() as connection:
        insert_table(connection, schema.meta, {"name": "n", "value": "0"})
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(50):
                with store.write() as connection:
                    value = connection.execute(select(schema.meta.c.value)).scalar_one()
                    new = update(schema.meta).values(value=str(int(value) + 1))
                    connection.execute(new)
        except BaseException as error:  # handed to the test, which fails on it
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with store.read() as connection:
        assert connection.execute(select(schema.meta.c.value)).scalar_one() == "200"


def test_a_read_sees_one_moment(store: Store) -> None:
    count = select(func.count()).select_from(schema.meta)
    with store.read() as reader:
        assert reader.execute(count).scalar() == 0
        with store.write() as writer:
            insert_table(writer, schema.meta, {"name": "a", "value": "b"})
        assert reader.execute(count).scalar() == 0
    with store.read() as reader:
        assert reader.execute(count).scalar() == 1


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        insert_table(connection, schema.meta, {"name": "a", "value": "b"})
        stage(connection, "gone", pa.table({"n": [1]}))
        raise ZeroDivisionError
    with store.read() as connection:
        insert_table(connection, schema.meta, {"name": "c", "value": "d"})
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.meta)).scalar() == 0


def test_staged_tables_end_with_their_transaction(store: Store) -> None:
    for number in (1, 2):
        with store.write() as connection:
            table = stage(connection, "once", pa.table({"n": [number]}))
            table = stage(connection, "once", pa.table({"n": [number, number]}))
            assert list(connection.execute(select(table.c.n)).scalars()) == [number, number]
    with pytest.raises(DBAPIError), store.write() as connection:
        connection.execute(text("SELECT n FROM stage_once"))


def test_a_second_writer_gives_up_after_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_SECONDS", 1)
    other = open_store(store.engine.url.render_as_string(hide_password=False))
    with store.write(), pytest.raises(LockedError, match="Another writer"), other.write():
        pass
    with other.write() as connection:
        insert_table(connection, schema.meta, {"name": "a", "value": "b"})
    other.close()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("after", [False, True])
def test_a_commit_that_raises_is_unknown_on_sqlite(
    store: Store, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    opened: list[object] = []
    event.listen(store.engine, "connect", lambda connection, _record: opened.append(connection))

    def broken(connection: sqlite3.Connection) -> None:
        if after:
            connection.commit()
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(UnavailableError, match="outcome is unknown"), store.write() as connection:
        insert_table(connection, schema.meta, {"name": "a", "value": "b"})
        monkeypatch.setattr(store.engine.dialect, "do_commit", broken)
    monkeypatch.undo()
    with store.read() as connection:
        assert len(opened) == 1  # the connection whose COMMIT raised is not used again
        found = connection.execute(select(func.count()).select_from(schema.meta)).scalar()
    assert found == (1 if after else 0)
    with store.write() as connection:
        insert_table(connection, schema.meta, {"name": "z", "value": "b"})


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_commit_on_a_dead_backend_is_unknown(store: Store) -> None:
    with pytest.raises(UnavailableError, match="outcome is unknown"), store.write() as connection:
        insert_table(connection, schema.meta, {"name": "a", "value": "b"})
        kill_backend(store, connection)
    with store.write() as connection:
        assert connection.execute(select(func.count()).select_from(schema.meta)).scalar() == 0
        insert_table(connection, schema.meta, {"name": "a", "value": "b"})


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_backend_that_dies_earlier_has_written_nothing(store: Store) -> None:
    with (
        pytest.raises(UnavailableError, match="nothing was written"),
        store.write() as connection,
    ):
        insert_table(connection, schema.meta, {"name": "a", "value": "b"})
        kill_backend(store, connection)
        insert_table(connection, schema.meta, {"name": "b", "value": "b"})
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.meta)).scalar() == 0


def kill_backend(store: Store, connection: Connection) -> None:
    pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with store.read() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


_NUMBERS = pa.schema([("n", INT64)])
_MANY = "SELECT n FROM generate_series(1, 200000) AS n ORDER BY n"


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_reader_that_stops_early_leaves_a_usable_connection(store: Store) -> None:
    with store.read() as connection:
        batches = fetch_batches(connection, text(_MANY), _NUMBERS, rows=1_000)
        assert next(batches).num_rows == 1_000
        batches.close()  # type: ignore[attr-defined]
    with store.read() as connection:
        rows = fetch_arrow(connection, text(_MANY), _NUMBERS)
        assert rows["n"].to_pylist() == list(range(1, 200_001))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_batches_have_as_many_rows_as_asked_for(store: Store, rows: int) -> None:
    with store.read() as connection:
        table = stage(connection, "few", pa.table({"n": [1, 2, 3, 4]}), key=("n",))
        query = select(table.c.n).order_by(table.c.n)
        batches = list(fetch_batches(connection, query, _NUMBERS, rows=rows))
    assert [n for batch in batches for n in batch["n"].to_pylist()] == [1, 2, 3, 4]
    assert [batch.num_rows for batch in batches[:-1]] == [rows] * (len(batches) - 1)
    assert all(0 < batch.num_rows <= rows for batch in batches)


@pytest.mark.parametrize("names", [("n",), ("n", "m")])
def test_a_staged_key_is_held(store: Store, names: tuple[str, ...]) -> None:
    rows = pa.table({"n": [1, 1], "m": ["a", "b"]})
    with store.read() as connection:
        if len(names) == 2:
            stage(connection, "keyed", rows, key=names)
            rows = rows.set_column(1, "m", pa.array(["a", "a"]))
        with pytest.raises(IntegrityError):
            stage(connection, "keyed", rows, key=names)


def test_joins_along_keys_do_not_hash(store: Store) -> None:
    with store.write() as connection:
        table = stage(connection, "many", pa.table({"n": list(range(5_000))}), key=("n",))
        other = stage(connection, "other", pa.table({"n": list(range(0, 5_000, 2))}), key=("n",))
        query = select(func.sum(table.c.n)).join(other, other.c.n == table.c.n)
        explained = text(f"EXPLAIN {query}")
        with along_keys(connection):
            assert connection.scalar(query) == 2_500 * 2_499
            inside = connection.execute(explained).scalars().all()
        after = connection.execute(explained).scalars().all()
    if store.dialect == "postgresql":
        assert not any("Hash Join" in str(line) for line in inside)
        assert any("Hash Join" in str(line) for line in after)


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_query_that_fails_after_its_first_rows_raises(store: Store) -> None:
    failing = text("SELECT 10 / (150000 - n) AS n FROM generate_series(1, 200000) AS n")
    with pytest.raises(DBAPIError, match="division by zero"), store.read() as connection:
        fetch_arrow(connection, failing, _NUMBERS)
    with store.read() as connection:
        assert fetch_arrow(connection, text("SELECT 1 AS n"), _NUMBERS)["n"].to_pylist() == [1]


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_backend_that_dies_while_rows_come_is_away(store: Store) -> None:
    with pytest.raises(UnavailableError), store.read() as connection:
        own = connection.scalar(text("SELECT pg_backend_pid()"))
        batches = fetch_batches(connection, text(_MANY), _NUMBERS, rows=10)
        next(batches)
        with store.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})
        for _batch in batches:
            pass


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_settings_of_postgresql(store: Store) -> None:
    with store.read() as connection:
        for name, value in engine_module._POSTGRESQL_SETTINGS.items():
            assert connection.scalar(text(f"SHOW {name}")) == value


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_statistics_of_staged_rows_without_a_key_are_made(store: Store) -> None:
    rows = pa.table({"n": list(range(2_000))})
    known = text("SELECT reltuples FROM pg_class WHERE relname = 'stage_numbers'")
    with store.write() as connection:
        stage(connection, "numbers", rows)
        assert connection.scalar(known) == 2_000
        stage(connection, "numbers", rows.slice(0, 10))
        assert connection.scalar(known) == -1  # PostgreSQL's word for never


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_full_disk_is_a_service_that_is_down(store: Store) -> None:
    @event.listens_for(store.engine, "begin")
    def few_pages(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(UnavailableError, match="nothing was written"), store.write() as connection:
        insert_table(connection, schema.meta, {"name": "a", "value": "b" * 1_000_000})


# opening


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_settings_of_sqlite(store: Store) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}
    with store.read() as connection:
        for name, value in wanted.items():
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() >= 10_000
    store.checkpoint()
    assert store.path is not None
    assert store.path.with_name("recond.db-wal").stat().st_size == 0


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://host/name", "begins with 'mysql'"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_addresses_that_are_refused(url: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        open_store(url)


def test_databases_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        open_store(f"sqlite:///{tmp_path}/none/recond.db")
    with pytest.raises(UnavailableError):
        open_store(f"postgresql://nobody@/none?host={tmp_path}")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "recond.db").write_bytes(b"not a database\n" * 1000)
    with pytest.raises(InvariantError, match="damaged"):
        open_store(f"sqlite:///{tmp_path}/recond.db")


def test_sqlite_on_a_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a share"
    folder.mkdir()
    mounts = tmp_path / "mountinfo"
    escaped = str(folder).replace(" ", "\\040")
    mounts.write_text(
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        f"28 27 0:50 / {escaped} rw,relatime shared:1 - nfs4 host:/x rw\n"
    )
    assert filesystem.filesystem_type(folder / "not" / "yet", mounts) == "nfs4"
    assert filesystem.filesystem_type(tmp_path, mounts) == "ext4"
    assert filesystem.filesystem_type(tmp_path, tmp_path / "none") is None
    monkeypatch.setattr(engine_module, "is_network", lambda path: path == folder)
    with pytest.raises(RefusedError, match="network file system"):
        open_store(f"sqlite:///{folder}/recond.db")
