"""The verbs of the queue."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from recond import render
from recond.exceptions.queue import export_csv, list_questions, show, work_list
from recond.lock import locked
from recond.session import open_run


def queue_list_verb(
    home: Path | None, as_json: bool, as_of: dt.date | None, code: str | None
) -> None:
    """`recond queue list`."""
    run = open_run(home, as_of)
    with run.store.read() as connection:
        found = list_questions(connection, today=run.today, code=code)
    if as_json:
        render.json_lines(found.to_pylist())
        return
    names = ["exception_id", "code", "amount", "age_days", "status", "suggest_1", "message"]
    render.text(render.columns(found.to_pylist(), names, right=["amount", "age_days"]))


def queue_show_verb(
    home: Path | None, exception_id: str, as_json: bool, as_of: dt.date | None
) -> None:
    """`recond queue show ID`."""
    run = open_run(home, as_of)
    with run.store.read() as connection:
        told = show(connection, exception_id, today=run.today)
    if as_json:
        render.json_line(told)
        return
    for name, value in told.items():
        if not isinstance(value, list):
            render.text(f"{name:<16}{'' if value is None else render.plain(value)}")
            continue
        render.text(f"{name}:")
        for one in value:
            shown = ": ".join(str(v) for v in one.values()) if isinstance(one, dict) else one
            render.text(f"  {shown}")


def queue_export_verb(home: Path | None, dry_run: bool, as_of: dt.date | None) -> None:
    """`recond queue export`."""
    run = open_run(home, as_of)
    with locked(run.home.path, "queue export"), run.store.read() as connection:
        if dry_run:
            rows = work_list(connection, key=run.home.secret()).num_rows
            render.say(f"would write {rows} rows")
            return
        out = run.home.path / "queue" / "out"
        path = export_csv(connection, out, today=run.today, key=run.home.secret())
    if path is None:
        render.say("no question waits; nothing was written")
    else:
        render.text(str(path))
