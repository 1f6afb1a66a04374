"""Verbs that only read: status, files list and show, explain, trace, export, check."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import select

from recond import render
from recond.errors import UsageError
from recond.exports.datasets import DATASETS, dataset, stream
from recond.exports.proof.page import pages
from recond.exports.scope import Scope
from recond.exports.writers import publish, write_csv, write_parquet
from recond.money import format_cents
from recond.pipeline import corrections, expected
from recond.session import open_run, somebody_waits
from recond.status import as_dict, status
from recond.store import schema
from recond.verbs.common import print_table, problems_of, whole


def status_verb(home: Path | None, as_json: bool, as_of: dt.date | None) -> int:
    """`recond status`: 0, or 1 when something waits for a person."""
    run = open_run(home, as_of)
    with run.store.read() as connection:
        told = as_dict(status(connection, run.today))
        told["expected_files"] = _expected_files(expected.days(connection, run), run.today)
    if as_json:
        render.json_line(told)
    else:
        sums = told.pop("tie_out")
        due = told.pop("expected_files")
        for name, value in told.items():
            render.text(f"{name.replace('_', ' '):<18}{render.plain(value)}")
        for name, listed in due.items():
            render.text(f"{name + ' files':<18}{', '.join(listed) or 'none'}")
        render.text("tie-out of the day")
        for name, value in sums.items():
            render.text(f"  {name.replace('_', ' '):<16}{value:>18}")
    return 1 if somebody_waits(run) else 0


def proof_verb(home: Path | None, as_json: bool, as_of: dt.date | None) -> int:
    """`recond status --proof`: the pages of the day's proof of cash, or its rows and items."""
    run = open_run(home, as_of)
    with run.store.read() as connection:
        if as_json:
            days: dict[str, Any] = {"date_from": run.today, "date_to": run.today}
            for name in ("proof_of_cash", "proof_by_channel", "proof_items"):
                found = dataset(connection, name, today=run.today, **days)
                render.json_line({"dataset": name, "rows": found.to_pylist()})
        else:
            render.text("\n\n".join(pages(connection, Scope(run.today))))
    return 1 if somebody_waits(run) else 0


def _expected_files(found: list[expected.Day], today: dt.date) -> dict[str, list[str]]:
    """Names and days by state; of those that came or were waived, today's only."""
    states = (expected.EXPECTED, expected.RECEIVED, expected.LATE, expected.MISSING)
    done = {expected.RECEIVED, expected.WAIVED}
    return {
        state: [one.subject for one in found
                if one.state == state and (state not in done or today in (one.day, one.due))]
        for state in states
    }  # fmt: skip


def files_list_verb(
    home: Path | None, as_json: bool, as_of: dt.date | None, state: str | None
) -> None:
    """`recond files list`."""
    run = open_run(home, as_of)
    with run.store.read() as connection:
        rows = whole(connection, run, "files").to_pylist()
    rows = [row for row in rows if state in {None, row["state"]}]
    if as_json:
        render.json_lines(rows)
        return
    names = ["file_id", "state", "inbox", "name", "found_count", "found_amount", "message"]
    render.text(render.columns(rows, names, right=["found_count", "found_amount"]))


def files_show_verb(home: Path | None, file_id: str, as_json: bool, as_of: dt.date | None) -> None:
    """`recond files show ID`."""
    run = open_run(home, as_of)
    with run.store.read() as connection:
        row = corrections.find_file(connection, file_id)
        table = whole(connection, run, "files").to_pylist()
        told = next(one for one in table if one["file_id"] == file_id)
        told["problems"] = problems_of(connection, row.file_no)
        batch = schema.batch
        found = connection.execute(
            select(
                batch.c.batch, batch.c.line, batch.c.declared_count, batch.c.declared_cents,
                batch.c.found_count, batch.c.found_cents, batch.c.state,
            )
            .where(batch.c.file_no == row.file_no)
            .order_by(batch.c.batch_ord)
        )  # fmt: skip
        told["batches"] = [_amounts(dict(one)) for one in found.mappings()]
        fmt = run.formats.get(row.format or "")
        told["waived_controls"] = sorted(fmt.waives) if fmt else []
    if as_json:
        render.json_line(told)
        return
    for name, value in told.items():
        if name not in {"problems", "batches"}:
            render.text(f"{name:<16}{'' if value is None else render.plain(value)}")
    if told["batches"]:
        render.text("\n" + render.columns(told["batches"], list(told["batches"][0])))
    if told["problems"]:
        names = ["severity", "code", "line", "field", "message"]
        render.text("\n" + render.columns(told["problems"], names))


def _amounts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        (name.removesuffix("_cents") + "_amount" if name.endswith("_cents") else name): (
            format_cents(value) if name.endswith("_cents") and value is not None else value
        )
        for name, value in row.items()
    }


def explain_verb(home: Path | None, identity: str, as_json: bool) -> None:
    """`recond explain ID`."""
    from recond.exports.explain import Rulebook, explain
    from recond.exports.explain import render as prose
    from recond.intake.containers import slice_of

    run = open_run(home)

    def read_source(sha256: str, offset: int, length: int) -> bytes:
        return slice_of(run.archived(sha256), offset, length)

    with run.store.read() as connection:
        told = explain(connection, identity, read_source, Rulebook(run.rules, run.today))
    if as_json:
        render.json_line(told)
    else:
        render.text(prose(told))


def trace_verb(home: Path | None, text: str, as_json: bool) -> None:
    """`recond trace TEXT`."""
    from recond.exports.trace import trace

    run = open_run(home)
    with run.store.read() as connection:
        found = trace(connection, text)
    print_table(found, as_json, right=["amount"])


def export_verb(
    home: Path | None,
    name: str,
    kind: str,
    out: Path | None,
    date_from: dt.date | None,
    date_to: dt.date | None,
    as_of: dt.date | None,
    as_json: bool,
) -> None:
    """`recond export DATASET`."""
    from recond.exports.sheets import write_xlsx

    writers = {"csv": write_csv, "parquet": write_parquet, "xlsx": write_xlsx}
    if name not in DATASETS:
        raise UsageError(f"there is no dataset {name!r}; there are {', '.join(DATASETS)}")
    if kind not in writers:
        raise UsageError(f"there is no format {kind!r}; there are {', '.join(writers)}")
    if kind != "csv" and out is None and not as_json:
        raise UsageError(f"{kind} needs --out")
    run = open_run(home, as_of)
    scope = Scope(
        run.today, as_of, date_from, date_to, run.rules.payer_memory_months, chart=run.chart
    )
    with run.store.read() as connection:
        batches = stream(connection, name, scope)
        if as_json:
            for batch in batches:
                render.json_lines(batch.to_pylist())
        elif out is None:
            write_csv(batches, sys.stdout.buffer)
            sys.stdout.flush()
        else:
            rows = publish(out, lambda file: writers[kind](batches, file))
            render.say(f"{rows} rows in {out}")


def check_verb(home: Path | None, as_json: bool, read_archive: bool) -> int:
    """`recond check`: 0, or 4 when an invariant is broken."""
    from recond.check import Books, check

    run = open_run(home)
    broken = 0
    with run.store.read() as connection:
        books = Books(connection, run.home, run.chart, read_archive)
        for invariant, rows in check(books):
            broken += bool(rows)
            if as_json:
                told = {"invariant": invariant.name, "holds": not rows, "rows": rows}
                render.json_line({**told, "says": invariant.says})
            else:
                mark = "broken" if rows else "holds "
                render.text(f"{mark}  {invariant.name:<16} {invariant.says}")
                for row in rows:
                    render.text(f"        {row}")
    return 4 if broken else 0
