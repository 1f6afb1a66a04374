"""Verbs for auditors and for whoever keeps the copies: audit verify, audit sample, backup."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from recond import periods, render
from recond.errors import RefusedError, UsageError
from recond.lock import locked
from recond.money import format_cents
from recond.session import open_run, user

if TYPE_CHECKING:
    from recond.pipeline.provided import Request

METHODS = ("attribute", "monetary")


def audit_verify_verb(home: Path | None, noted: str | None, as_json: bool) -> int:
    """`recond audit verify`: prints the head; 0, or 4 when log and books differ."""
    from recond.audit import head, verify

    run = open_run(home)
    with run.store.read() as connection:
        faults = verify(connection, noted)
        last = head(connection)
    if as_json:
        found = [{"seq": fault.seq, "says": fault.says} for fault in faults]
        render.json_line({"head": last, "holds": not faults, "faults": found})
    else:
        render.text(last)
        for fault in faults:
            place = "" if fault.seq is None else f"event {fault.seq}: "
            render.say(f"{place}{fault.says}")
        render.say("the log and the books differ" if faults else "the log holds")
    return 4 if faults else 0


def audit_sample_verb(
    home: Path | None,
    n: int,
    seed: str,
    method: str,
    month: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """`recond audit sample`: the chosen receipts on stdout, with `--out` their evidence."""
    from recond.exports import sampling
    from recond.exports.writers import publish
    from recond.intake.containers import slice_of

    if method not in METHODS:
        raise UsageError(f"--method is {' or '.join(METHODS)}")
    period = periods.parse_month(month) if month else None
    run = open_run(home)

    def read_source(sha256: str, offset: int, length: int) -> bytes:
        return slice_of(run.archived(sha256), offset, length)

    with run.store.read() as connection:
        days = (periods.first_day(period), periods.last_day(period)) if period else None
        items = sampling.population(connection, days)
        chosen = sampling.choose(items, n, seed, method)
        told = {"method": method, "n": n, "seed": seed, "month": period,
                "population": len(items),
                "population_amount": format_cents(sum(i.amount_cents for i in items))}  # fmt: skip
        if out is not None:
            data = sampling.bundle(connection, chosen, told, read_source)
            publish(out, lambda file: file.write(data))
    rows = [
        {"item": number, "receipt_id": one.receipt_id, "amount": format_cents(one.amount_cents)}
        for number, one in enumerate(chosen, 1)
    ]
    if as_json:
        render.json_lines(rows)
    else:
        render.text(render.columns(rows, ["item", "receipt_id", "amount"], right=["amount"]))
    render.say(f"{len(rows)} of {len(items)} receipts, {method}, seed {seed}")


def provide_verb(
    home: Path | None, request: Request, out: Path, as_json: bool, as_of: dt.date | None
) -> None:
    """`recond audit pbc`: the index on stdout, everything in the ZIP."""
    from recond.exports.writers import publish
    from recond.pipeline.provided import provide

    if request.method not in METHODS:
        raise UsageError(f"--method is {' or '.join(METHODS)}")
    run = open_run(home, as_of)
    rows: list[dict[str, object]] = []

    def write(target: BinaryIO) -> int:
        rows.extend(provide(run, request, target))
        return len(rows)

    publish(out, write)
    shown = ["file", "what", "state", "rows", "total"]
    if as_json:
        render.json_lines(rows)
    else:
        render.text(render.columns(rows, shown, right=["rows", "total"]))
    render.say(f"{len(rows)} files in {out}")


def register_verb(
    home: Path | None,
    kind: str,
    through: dt.date | None,
    seed: str | None,
    note: str | None,
    as_json: bool,
    dry_run: bool,
    as_of: dt.date | None,
) -> None:
    """`recond audit register KIND`: looks, prints, and writes down that it was done."""
    from recond.pipeline import registers

    run = open_run(home, as_of, user())
    yesterday = run.today - dt.timedelta(days=1)
    if (through or yesterday) > yesterday:
        raise RefusedError(f"{through} is not over; nothing was looked at")
    with run.store.read() as connection:
        audit = registers.look(connection, run, kind, through or yesterday, seed)
    for one in audit.checks:
        told = {"check": one.name, "says": one.says, "looked_at": one.looked,
                "found": list(one.found), "listed": list(one.listed)}  # fmt: skip
        if as_json:
            render.json_line(told)
            continue
        render.text(f"{'FOUND' if one.found else 'ok   '}  {one.name:<16} {one.says}: {one.looked}")
        for word, lines in (("found", one.found), ("to see", one.listed)):
            for line in lines:
                render.text(f"       {word}: {line}")
    words = f"the {kind} audit of {audit.first} to {audit.last}: {audit.found} found"
    if dry_run:
        render.say(f"dry run, nothing was recorded: {words}")
        return
    with locked(run.home.path, "audit"), run.write() as connection:
        name = registers.record(connection, run, audit, note)
    path = registers.publish(run, name, audit)
    render.say(f"{words}; recorded, its report is {path}")


def registers_verb(home: Path | None, as_json: bool, as_of: dt.date | None) -> None:
    """`recond audit register` without a kind: what was done, and what is due."""
    from recond.pipeline import registers

    run = open_run(home, as_of)
    with run.store.read() as connection:
        rows = [
            {"kind": row.kind, "from": row.first_date, "to": row.last_date, "state": "done",
             "done_on": row.business_date, "done_by": row.done_by, "found": row.found,
             "note": row.note, "sha256": row.sha256}
            for row in registers.recorded(connection)
        ]  # fmt: skip
        rows += [
            {"kind": kind, "from": first, "to": last, "state": "due"}
            for kind, first, last in registers.due(connection, run)
        ]
    if as_json:
        render.json_lines(rows)
    else:
        shown = ["kind", "from", "to", "state", "done_on", "done_by", "found", "note"]
        render.text(render.columns(rows, shown, right=["found"]))


def retention_verb(
    home: Path | None, state: str | None, as_json: bool, as_of: dt.date | None
) -> None:
    """`recond audit retention`: every file with when it may and must go."""
    from recond.pipeline import retention

    run = open_run(home, as_of)
    with run.store.read() as connection:
        found = retention.schedule(connection, run)
    rows = [
        {"file_id": one.file_id, "name": one.name, "series": one.series, "state": one.state,
         "arrived": one.arrived, "fiscal_year_end": one.fiscal_year_end,
         "disposable_from": one.disposable_from, "dispose_by": one.dispose_by,
         "cite": one.cite, "holds": "; ".join(one.holds)}
        for one in found if state in {None, one.state}
    ]  # fmt: skip
    if as_json:
        render.json_lines(rows)
    elif rows:
        render.text(render.columns(rows, list(rows[0])))


def hold_verb(
    home: Path | None,
    series: str | None,
    file_id: str | None,
    ends: int | None,
    reason: str,
    as_of: dt.date | None,
) -> None:
    """`recond audit hold`: stop the disposal of a series or a file, or end such a hold."""
    from recond.pipeline import retention

    run = open_run(home, as_of, user())
    with locked(run.home.path, "audit"), run.write() as connection:
        if ends is not None:
            retention.release(connection, run, ends, reason)
            render.say(f"hold {ends} is ended")
            return
        number = retention.place_hold(connection, run, series, file_id, reason)
    render.say(f"hold {number} is in force")


def dispose_verb(home: Path | None, reason: str, dry_run: bool, as_of: dt.date | None) -> None:
    """`recond audit dispose`: prints the certificate's path, nothing when nothing may go."""
    from recond.pipeline import retention

    run = open_run(home, as_of, user())
    with locked(run.home.path, "audit"):
        path, found = retention.dispose(run, reason, dry_run=dry_run)
    if path is None:
        render.say("nothing may be disposed of")
        return
    if dry_run:
        render.say(f"dry run, nothing was disposed of: {len(found)} files")
        return
    render.text(str(path))
    render.say(f"{len(found)} files disposed of")


def backup_verb(home: Path | None, target: Path, dry_run: bool) -> None:
    """`recond backup FILE`."""
    from recond.backups import backup

    run = open_run(home)
    if dry_run:
        render.say(f"dry run, nothing was written: {target}")
        return
    with locked(run.home.path, "backup"):
        render.say(backup(run.store, run.home, run.chart, target))
