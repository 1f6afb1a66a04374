"""Verbs that hand files on: `export postings`, `export month-end`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from recond import periods, render
from recond.errors import UsageError
from recond.lock import locked
from recond.money import format_cents
from recond.pipeline.handover import export_postings
from recond.session import open_run, user


def export_postings_verb(
    home: Path | None, as_json: bool, dry_run: bool, as_of: dt.date | None
) -> None:
    """`recond export postings`: prints the path of the new file, nothing when nothing is new."""
    run = open_run(home, as_of, user())
    with locked(run.home.path, "export"):
        written = export_postings(run, as_of, dry_run=dry_run)
    if written is None:
        render.say("no new postings; nothing was written")
        return
    words = f"{written.rows} postings, {format_cents(written.total_cents)}"
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
        folder, closed = export_month_end(run, month)
    if as_json:
        render.json_line({"month": month, "path": str(folder), "closed": closed})
    else:
        render.text(str(folder))
    words = "as it was closed" if closed else "as the books stand; the month is open"
    render.say(f"the pack of {month} {words}")
