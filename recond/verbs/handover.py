"""Verbs that hand on: `export postings`, `refunds`, `journal --by`, `month-end`, `history`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from recond import periods, render
from recond.errors import UsageError
from recond.exports import journals
from recond.exports.outbox import Written
from recond.lock import locked
from recond.money import format_cents
from recond.pipeline.handover import (
    export_collections,
    export_journals,
    export_letters,
    export_postings,
    export_refunds,
)
from recond.pipeline.run import Run
from recond.session import open_run, user


def export_postings_verb(
    home: Path | None, as_json: bool, dry_run: bool, as_of: dt.date | None
) -> None:
    """`recond export postings`: prints the path of the new file, nothing when nothing is new."""
    _hand_on(home, "postings", export_postings, as_json, dry_run, as_of)


def export_refunds_verb(
    home: Path | None, as_json: bool, dry_run: bool, as_of: dt.date | None
) -> None:
    """`recond export refunds`: what accounts payable was not asked for yet."""
    _hand_on(home, "refunds", export_refunds, as_json, dry_run, as_of)


def export_letters_verb(
    home: Path | None, as_json: bool, dry_run: bool, as_of: dt.date | None
) -> None:
    """`recond export letters`: to owners of credit that becomes unclaimed property."""
    _hand_on(home, "letters", export_letters, as_json, dry_run, as_of)


def export_collections_verb(
    home: Path | None, as_json: bool, dry_run: bool, as_of: dt.date | None
) -> None:
    """`recond export collections`: what the agency that collects was not told of yet."""
    _hand_on(home, "lines", export_collections, as_json, dry_run, as_of)


def export_journals_verb(
    home: Path | None,
    by: str,
    detailed: bool,
    as_json: bool,
    dry_run: bool,
    as_of: dt.date | None,
) -> None:
    """`recond export journal --by entry|day|month`: what no journal file holds yet."""
    if by not in journals.BY:
        raise UsageError(f"--by is {', '.join(journals.BY)}")
    layout = f"{by} {journals.DETAILED}" if detailed else by

    def hand_on(run: Run, day: dt.date | None, *, dry_run: bool) -> Written | None:
        return export_journals(run, layout, day, dry_run=dry_run)

    _hand_on(home, "lines", hand_on, as_json, dry_run, as_of)


class _HandOn(Protocol):
    def __call__(self, run: Run, as_of: dt.date | None, /, *, dry_run: bool) -> Written | None: ...


def _hand_on(
    home: Path | None,
    what: str,
    write: _HandOn,
    as_json: bool,
    dry_run: bool,
    as_of: dt.date | None,
) -> None:
    run = open_run(home, as_of, user())
    with locked(run.home.path, "export"):
        written = write(run, as_of, dry_run=dry_run)
    if written is None:
        render.say(f"no new {what}; nothing was written")
        return
    words = f"{written.rows} {what}, {format_cents(written.total_cents)}"
    if dry_run:
        render.say(f"dry run, nothing was written: {written.path}, {words}")
        return
    if as_json:
        told = {"file_id": written.file_id, "path": str(written.path), "rows": written.rows}
        render.json_line({**told, "total": format_cents(written.total_cents)})
    else:
        render.text(str(written.path))
    render.say(words)


def export_month_end_verb(
    home: Path | None, month: str | None, as_json: bool, dry_run: bool, as_of: dt.date | None
) -> None:
    """`recond export month-end MONTH`: prints the folder of the pack."""
    from recond.pipeline.monthend import export_month_end

    if month is None:
        raise UsageError("export month-end needs a month, such as 2026-03")
    month = periods.parse_month(month)
    run = open_run(home, as_of, user())
    if dry_run:
        render.say(f"dry run, nothing was written: {run.home.path / 'exports' / month}")
        return
    with locked(run.home.path, "export"):
        folder, closed = export_month_end(run, month, as_of)
    if as_json:
        render.json_line({"month": month, "path": str(folder), "closed": closed})
    else:
        render.text(str(folder))
    words = "as it was closed" if closed else "as the books stand; the month is open"
    render.say(f"the pack of {month} {words}")


def export_history_verb(
    home: Path | None, as_json: bool, dry_run: bool, as_of: dt.date | None
) -> None:
    """`recond export history`: prints the folder of the closed months' partitions."""
    from recond.pipeline.partitions import write_history

    run = open_run(home, as_of, user())
    with locked(run.home.path, "export"):
        folder, fresh, there = write_history(run, dry_run=dry_run)
    if as_json:
        render.json_line({"path": str(folder), "written": fresh, "kept": there})
    else:
        render.text(str(folder))
    words = f"{', '.join(fresh) or 'no month'} written, {len(there)} there before"
    render.say(f"dry run, nothing was written: {words}" if dry_run else words)


# `recond export NAME` that writes what is new, by name.
HANDED_ON: Mapping[str, Callable[[Path | None, bool, bool, dt.date | None], None]] = {
    "postings": export_postings_verb,
    "refunds": export_refunds_verb,
    "letters": export_letters_verb,
    "collections": export_collections_verb,
    "history": export_history_verb,
}
