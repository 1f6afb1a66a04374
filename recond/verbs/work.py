"""Verbs that do the work: process, run, match, and the decisions of people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select

from recond import render
from recond.exceptions.decisions.smallbalances import write_off_small
from recond.lock import locked
from recond.pipeline import corrections
from recond.pipeline.clear import clear
from recond.pipeline.process import FileOutcome, process, try_out
from recond.pipeline.rematch import rematch
from recond.pipeline.run import Run
from recond.session import AUTOMATIC, open_run, somebody_waits, user
from recond.store import schema
from recond.verbs.common import problems_of, progress_bar, whole


def process_verb(
    home: Path | None,
    files: list[Path],
    inbox: str | None,
    as_json: bool,
    dry_run: bool,
    as_of: dt.date | None,
) -> int:
    """`recond process`: 0, or 1 when something waits for a person."""
    run = open_run(home, as_of, AUTOMATIC)
    with locked(run.home.path, "process"):
        if dry_run:
            outcomes = try_out(run, files, inbox)
            _print_outcomes(outcomes)
            render.say("dry run: nothing was written")
            return 0
        with progress_bar() as progress:
            done = process(run, files, inbox, progress=progress)
        if as_json:
            _print_files(run, [one.file_no for one in done.files])
        else:
            _print_outcomes(list(done.files))
        return 1 if somebody_waits(run) else 0


def _print_outcomes(outcomes: list[FileOutcome]) -> None:
    rows: list[Mapping[str, Any]] = [
        {"state": o.state, "inbox": o.inbox, "name": o.name, "message": o.message} for o in outcomes
    ]
    if rows:
        render.text(render.columns(rows, ["state", "inbox", "name", "message"]))
    render.say(f"{len(outcomes)} files")


def _print_files(run: Run, file_nos: list[int]) -> None:
    """One JSON object a file: the columns of dataset `files`, and its problems."""
    with run.store.read() as connection:
        rows = {row["file_id"]: row for row in whole(connection, run, "files").to_pylist()}
        file = schema.file.c
        ids = {row[0]: row[1] for row in connection.execute(select(file.file_no, file.file_id))}
        for number in file_nos:
            problems = problems_of(connection, number)
            render.json_line({**rows[ids[number]], "problems": problems})


def run_verb(home: Path | None, as_of: dt.date | None) -> int:
    """`recond run`: until SIGTERM."""
    from recond.service import serve

    return serve(home, as_of)


def match_verb(home: Path | None, as_json: bool, dry_run: bool, as_of: dt.date | None) -> int:
    """`recond match`: 0, or 1 when something waits for a person."""
    run = open_run(home, as_of, AUTOMATIC)
    with locked(run.home.path, "match"), run.write(dry_run=dry_run) as connection:
        done = rematch(connection, run)
        write_off_small(connection, run)
    told = {"due": done.due, "identified": done.identified, "credits": done.credits}
    if as_json:
        render.json_line(told)
    else:
        render.say(", ".join(f"{count} {name}" for name, count in told.items()))
    return 1 if somebody_waits(run) else 0


def clear_verb(home: Path | None, as_json: bool, dry_run: bool, as_of: dt.date | None) -> int:
    """`recond clear`: 0, or 1 when something waits for a person."""
    run = open_run(home, as_of, AUTOMATIC)
    with locked(run.home.path, "clear"), run.write(dry_run=dry_run) as connection:
        done = clear(connection, run)
    told = asdict(done)
    if as_json:
        render.json_line(told)
    else:
        render.say(", ".join(f"{count} {name}" for name, count in told.items()))
    return 1 if somebody_waits(run) else 0


def decide(
    home: Path | None,
    verb: str,
    dry_run: bool,
    as_of: dt.date | None,
    *arguments: Any,
    **options: Any,
) -> None:
    """A person's decision about a file or an application: one transaction, one sentence."""
    run = open_run(home, as_of, user())
    functions: dict[str, Callable[..., str]] = {
        "accept": corrections.accept,
        "reject": corrections.reject,
        "reverse": corrections.reverse,
    }
    with locked(run.home.path, verb), run.write(dry_run=dry_run) as connection:
        sentence = functions[verb](connection, run, *arguments, **options)
    render.say(f"dry run, nothing was written: {sentence}" if dry_run else sentence)
