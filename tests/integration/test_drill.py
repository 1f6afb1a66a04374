"""From lines of the ledger to the bytes that they were read from, and back, by ids in the exports
alone (domain section 1, rows 7 and 12): after the month is made, this reads the files of the pack
and the archive, never the database.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from office import Office, cents

from recond.city import generate
from recond.closing import checklist
from recond.exports.statements import STATEMENTS
from recond.exports.statements.drill import DRILLS, Drill
from recond.pipeline.monthend import export_month_end, month_of
from recond.pipeline.process import process

Rows = list[dict[str, str]]
LINES = 100
START = dt.date(2026, 11, 2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of a generated city, with the pack that it comes to."""
    folder = tmp_path_factory.mktemp("drill")
    truth = generate(7, 200, START, 4, 30, folder / "city")
    office = Office(folder / "home")
    for day in truth.days:
        for path in sorted(day.folder.glob("*/*")):
            office.drop(path.parent.name, path.name, path.read_bytes())
        run = office.run(day.as_of)
        process(run, wait=False)
    export_month_end(office.run(dt.date(2026, 11, 30)), "2026-11")
    office.close()
    return office.home.path


@cache
def read(home: Path, name: str) -> Rows:
    with (home / "exports" / "2026-11" / f"{name}.csv").open(newline="") as source:
        return list(csv.DictReader(source))


def net(row: dict[str, str]) -> int:
    return cents(row["debit"]) - cents(row["credit"])


def test_sources_add_up_to_every_line_of_the_ledger(home: Path) -> None:
    lines: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in read(home, "journal"):
        lines[row["entry_id"], row["fund"], row["gl_account"]] += net(row)
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in read(home, "sources"):
        found[row["entry_id"], row["fund"], row["gl_account"]] += net(row)
    assert len(lines) > LINES
    assert {key: value for key, value in found.items() if value} == dict(lines)


def test_a_hundred_lines_of_the_ledger_lead_to_their_bytes_and_back(home: Path) -> None:
    journal = read(home, "journal")
    chosen = random.Random(11).sample(journal, LINES)
    files = {row["file_id"]: row for row in read(home, "files")}
    receipts = {row["receipt_id"]: row for row in read(home, "receipts")}
    bank = {row["bank_line_id"]: row for row in read(home, "bank_lines")}
    deposits = {row["deposit_id"]: row for row in read(home, "deposits")}
    sources = defaultdict(list)
    for row in read(home, "sources"):
        sources[row["entry_id"], row["fund"], row["gl_account"]].append(row)
    archive: dict[str, bytes] = {}
    kinds: dict[str, int] = defaultdict(int)
    for line in chosen:
        owners = sources[line["entry_id"], line["fund"], line["gl_account"]]
        assert sum(net(row) for row in owners) == net(line), line
        for source in owners:
            kinds[source["kind"]] += 1
            data = _bytes(home, files[source["file_id"]], archive)
            if source["byte_offset"]:
                start, length = int(source["byte_offset"]), int(source["byte_length"])
                record = data[start : start + length]
                assert len(record) == length > 0, source
                # the record's place is right: as many line breaks stand before it
                if data.count(b"\n"):
                    assert data[:start].count(b"\n") == int(source["line"]) - 1
                _names_it(source, record, receipts, bank)
            elif source["kind"] == "item":
                _, _, item = source["source_id"].partition("/")
                # what a full snapshot does not name any more was closed by billing
                assert item.encode() in data or net(source) < 0, source
            else:
                assert source["source_id"] in deposits
    assert {"receipt", "bank_line", "item"} <= set(kinds)
    # and back: every source of the chosen lines is found again from its own id
    by_source = defaultdict(set)
    for row in read(home, "sources"):
        by_source[row["source_id"]].add((row["entry_id"], row["fund"], row["gl_account"]))
    for line in chosen:
        key = (line["entry_id"], line["fund"], line["gl_account"])
        assert all(key in by_source[source["source_id"]] for source in sources[key])


# --- statements -----------------------------------------------------------------------------------


def test_every_statement_declares_the_way_to_its_rows() -> None:
    assert DRILLS.keys() == STATEMENTS.keys()
    assert all(DRILLS.values())


def test_every_statement_ties_to_something_else(home: Path) -> None:
    """Nothing in the pack is a dump: each has figures that have to be equal, and are."""
    office = Office.of(home)
    run = office.run(dt.date(2026, 11, 30))
    with run.store.read() as connection:
        asked = month_of(connection, run, "2026-11", checklist(connection, run, "2026-11"))
        made = {name: make(asked) for name, make in STATEMENTS.items()}
    office.close()
    assert [name for name, one in made.items() if not one.ties] == []
    wrong = {name: [tie.says for tie in one.ties if tie.difference_cents]
             for name, one in made.items()}  # fmt: skip
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_line_of_a_statement_leads_to_rows(home: Path, name: str) -> None:
    lines = read(home, name)
    lost = []
    for line in lines:
        asked = [drill for drill in DRILLS[name] if any(_keys(line, drill.by))]
        if asked and not any(_found(home, name, line, drill) for drill in asked):
            lost.append(line)
    assert lost == []


@pytest.mark.parametrize(
    ("name", "drill"),
    [(name, drill) for name, ways in DRILLS.items() for drill in ways if drill.adds],
    ids=lambda one: one if isinstance(one, str) else one.file,
)
def test_the_rows_add_up_to_the_statement(home: Path, name: str, drill: Drill) -> None:
    lines = read(home, name)
    without = drill.without.items()
    there = [
        row
        for row in read(home, drill.file)
        if not any(row[column] in values for column, values in without)
    ]
    for column, parts in drill.adds.items():
        told: dict[tuple[str, ...], int] = defaultdict(int)
        found: dict[tuple[str, ...], int] = defaultdict(int)
        for line in lines:
            told[_keys(line, drill.by)] += cents(line[column])
        for row in there:
            found[_keys(row, dict.fromkeys(drill.by.values(), ""))] += _part(row, parts)
        assert {key: value for key, value in found.items() if value} == {
            key: value for key, value in told.items() if value
        }, column
        assert lines, "a month without such lines shows nothing"


def _keys(row: dict[str, str], names: Iterable[str]) -> tuple[str, ...]:
    return tuple(row[name] for name in names)


def _part(row: dict[str, str], parts: tuple[str, ...]) -> int:
    """What a row adds; where something is taken off, never below zero."""
    whole = sum(cents(row[p]) if p[0] != "-" else -cents(row[p[1:]]) for p in parts)
    return max(whole, 0) if len(parts) > 1 else whole


def _found(home: Path, name: str, line: dict[str, str], drill: Drill) -> bool:
    if drill.file.startswith("exports"):
        return any((home / drill.file).rglob(f"{line['file_id']}.csv"))
    there = read(home, drill.file)
    if name == "close_checklist":  # its text names them
        (column,) = drill.by.values()
        known = {row[column] for row in there}
        named = set(re.findall(r"\b[XF][0-9A-Za-z]{12}\b", line["found"]))
        return not named or bool(named & known)
    wanted = _keys(line, drill.by)
    return any(_keys(row, drill.by.values()) == wanted for row in there)


def _bytes(home: Path, file: dict[str, str], known: dict[str, bytes]) -> bytes:
    """The archived file, proved by its hash."""
    digest = file["sha256"]
    if digest not in known:
        known[digest] = (home / "archive" / digest[:2] / digest).read_bytes()
        assert sha256(known[digest]).hexdigest() == digest
    return known[digest]


def _names_it(
    source: dict[str, str], record: bytes, receipts: dict[str, dict[str, str]],
    bank: dict[str, dict[str, str]],
) -> None:  # fmt: skip
    """The bytes hold the amount that the exports say was read there."""
    if source["kind"] == "receipt" and source["source_id"] in receipts:
        amount = cents(receipts[source["source_id"]]["amount"])
        if receipts[source["source_id"]]["channel"] == "BANK":
            amount = abs(amount)
    elif source["kind"] == "bank_line":
        amount = abs(cents(bank[source["source_id"]]["amount"]))
    else:
        return
    digits = str(abs(amount))
    plain = record.replace(b".", b"").replace(b",", b"")
    assert digits.encode() in plain, (source, record)
