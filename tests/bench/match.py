"""Matching beside the bare indexed join of the same data, in the same database, in one process.

    python -m tests.bench.match --payments 1000000 --items 1000000 10000000
    python -m tests.bench.match --payments 1000000 --database postgresql
    python -m tests.bench.match --combinations

A mirror of N open items, one an account; payments that name their account and owe what it has
open. Matching is everything from the receipts to the decisions: keys, look-ups, the items of the
accounts found, placements, evidence, questions. The bare join stages account number and cents and
joins them with account, item and balance into a table. Processor time of the process, and of the
server's where there is one, in pieces of `chunk_receipts`. Combinations are searches as a clerk's
list asks for them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, select, text

from recond.matching.cascade import match
from recond.matching.combine import combine
from recond.matching.policy import Rules
from recond.model import RECEIPTS, REMITTANCES
from recond.receivables.book import fetch_book
from recond.store import schema
from recond.store.engine import insert_table, open_store, stage
from tests.bench.job import place_of, postgres_server

DAY = dt.date(2026, 3, 16)
CHUNK = 200_000
STEP = 500_000
FILL_KIB = 6_000_000
account, item, balance = schema.account, schema.item, schema.item_balance


def _cents(keys: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    return pa.array(2000 + keys * 7919 % 90_001, pa.int64())


def fill(connection: Connection, size: int) -> None:
    """The mirror: numbers as billing systems give them, ten digits, in no order of their keys.

    Their indexes grow in no order either, so they are kept in memory meanwhile: on SQLite 1e7
    would otherwise read and write each page of them hundreds of times.
    """
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA cache_size = -{FILL_KIB}"))
    for low in range(0, size, STEP):
        keys = np.arange(low + 1, min(low + STEP, size) + 1)
        numbers = pa.array(1_000_000_000 + keys * 7_368_787 % 2_000_000_011).cast(pa.string())
        count = len(keys)
        owner = pa.array(keys)
        insert_table(
            connection, account,
            pa.table({"account_key": owner, "account_number": numbers, "reference_key": numbers}),
            {"status": "active", "family": "UTILITY", "since_entry": 1, "customer_name": "A PAYER"},
        )  # fmt: skip
        told = pa.table({"item_key": owner, "account_key": owner, "item_number": numbers,
                         "item_reference": numbers, "original_cents": _cents(keys)})  # fmt: skip
        insert_table(connection, item, told, {
            "charge_type": "WATER", "fund": "510", "due_date": "2026-03-28", "since_entry": 1,
        })  # fmt: skip
        nothing = pa.array(np.zeros(count, np.int64))
        insert_table(connection, balance, pa.table({
            "item_key": owner, "snapshot_cents": _cents(keys), "pending_cents": nothing,
            "open_cents": _cents(keys)}))  # fmt: skip


def chunks(payments: int, size: int) -> list[tuple[pa.Table, pa.Table]]:
    """RECEIPTS and REMITTANCES, each of an account of its own as far as there are so many."""
    dice = np.random.default_rng(1)
    owner = dice.permutation(size)[:payments] + 1
    if len(owner) < payments:
        owner = np.concatenate([owner, dice.integers(1, size + 1, payments - len(owner))])
    answer = []
    for low in range(0, payments, CHUNK):
        keys = owner[low : low + CHUNK]
        count = len(keys)
        numbers = pa.array(1_000_000_000 + keys * 7_368_787 % 2_000_000_011).cast(pa.string())
        given = {
            "ordinal": pa.array(np.arange(low + 1, low + count + 1)),
            "amount_cents": _cents(keys),
            "received_date": pa.repeat(pa.scalar(DAY), count),
            "tender": pa.repeat("ACH", count),
            "kind": pa.repeat("ACCOUNT", count),
            "reference": numbers,
            "sequence": pa.array(np.ones(count, np.int32)),
        }
        receipts = [given[f.name] if f.name in given and f.name != "reference"
                    else pa.nulls(count, f.type) for f in RECEIPTS]  # fmt: skip
        told = [given[f.name] if f.name in given and f.name != "amount_cents"
                else pa.nulls(count, f.type) for f in REMITTANCES]  # fmt: skip
        answer.append((pa.table(receipts, schema=RECEIPTS), pa.table(told, schema=REMITTANCES)))
    return answer


def recond(connection: Connection, work: list[tuple[pa.Table, pa.Table]]) -> int:
    rules, posted = Rules(), 0
    for receipts, remittances in work:
        book = fetch_book(connection, receipts, remittances, rules, DAY, DAY)
        matched = match(receipts, remittances, book, rules, DAY)
        posted += (
            matched.placements["item_key"].length() - matched.placements["item_key"].null_count
        )
    return posted


def bare(connection: Connection, work: list[tuple[pa.Table, pa.Table]]) -> int:
    found = 0
    for receipts, remittances in work:
        rows = pa.table({"ordinal": receipts["ordinal"], "number": remittances["reference"],
                         "cents": receipts["amount_cents"]})  # fmt: skip
        staged = stage(connection, "bare", rows).c
        joined = (
            select(staged.ordinal, item.c.item_key, staged.cents)
            .join(account, account.c.account_number == staged.number)
            .join(item, item.c.account_key == account.c.account_key)
            .join(balance, balance.c.item_key == item.c.item_key)
            .where(balance.c.open_cents == staged.cents)
        )
        connection.execute(text("DROP TABLE IF EXISTS bare_found"))
        compiled = joined.compile(connection.engine, compile_kwargs={"literal_binds": True})
        connection.execute(text(f"CREATE TEMP TABLE bare_found AS {compiled}"))
        found += connection.scalar(text("SELECT count(*) FROM bare_found")) or 0
    return found


def combinations(dice: random.Random) -> None:
    """Time of single searches, by processor: at most four of a hundred, and eight of forty."""
    for size, parts in ((100, 4), (40, 8)):
        times = []
        for _ in range(200):
            amounts = [dice.randrange(2000, 30000) for _ in range(size)]
            target = sum(dice.sample(amounts, parts)) + dice.choice((0, 0, 1))
            begun = time.process_time_ns()
            combine(target, amounts, most_parts=parts)
            times.append(time.process_time_ns() - begun)
        times.sort()
        p99, slowest = (round(t / 1e6, 1) for t in (times[-3], times[-1]))
        print(f"combinations of at most {parts} of {size}: p99 {p99} ms, slowest {slowest} ms")


def server_seconds(connection: Connection) -> float:
    """Processor time of the server's process behind a connection; 0 where there is none."""
    if connection.dialect.name == "sqlite":
        return 0.0
    pid = connection.scalar(text("SELECT pg_backend_pid()"))
    spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


def measured(url: str, payments: int, size: int) -> tuple[float, float]:
    """Seconds of matching and of the bare join, the second round of two."""
    store = open_store(url)
    with store.write() as connection:
        schema.metadata.create_all(connection)
        fill(connection, size)
    if store.dialect == "postgresql":  # as each snapshot does; SQLite plans without
        with store.write() as connection:
            connection.execute(text("ANALYZE"))
    store.close()  # and with it the cache that filling had
    store, work, seconds = open_store(url), chunks(payments, size), []
    with store.write() as connection:
        for way in (bare, recond, bare, recond):  # the first round warms the cache
            cpu = -time.process_time() - server_seconds(connection)
            found = way(connection, work)
            seconds.append(cpu + time.process_time() + server_seconds(connection))
            if found != payments:
                raise SystemExit(f"{way.__name__} found {found} of {payments}")
    store.close()
    return seconds[3], seconds[2]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--combinations", action="store_true")
    asked = parser.parse_args()
    if asked.combinations:
        combinations(random.Random(1))
        return
    print("| open items | matching, s | bare join, s | ratio |\n|---|---|---|---|")
    with postgres_server(asked.database == "postgresql") as server:
        for size in asked.items:
            with (
                tempfile.TemporaryDirectory(prefix="recond-match-") as folder,
                place_of(asked.database, Path(folder), server, f"match_{os.getpid()}") as place,
            ):
                url = f"sqlite:///{place}" if asked.database == "sqlite" else place
                matching, join = measured(url, asked.payments, size)
            print(f"| {size} | {matching:.2f} | {join:.2f} | {matching / join:.2f} |", flush=True)


if __name__ == "__main__":
    main()
