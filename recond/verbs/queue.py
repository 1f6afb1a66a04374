"""The verbs of the queue."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from recond import render
from recond.errors import RefusedError, UsageError
from recond.exceptions import bulk
from recond.exceptions.answers import Answer
from recond.exceptions.decisions import requests
from recond.exceptions.decisions.case import STATUSES
from recond.exceptions.imports import Row
from recond.exceptions.queue import Filters, export, list_questions, show, work_list
from recond.exceptions.results import AGAIN as REFUSED
from recond.lock import locked
from recond.money import format_cents, parse_decimal
from recond.pipeline.run import Run
from recond.session import open_run, somebody_waits, user


def queue_list_verb(
    home: Path | None,
    as_json: bool,
    as_of: dt.date | None,
    code: str | None,
    overdue: bool = False,
) -> None:
    """`recond queue list`: what waits, `overdue` by `[queue]`; what is on hold is never."""
    run = open_run(home, as_of)
    with run.store.read() as connection:
        found = list_questions(connection, today=run.today, code=code).to_pylist()
    for row in found:
        cents = None if row["amount"] is None else int(row["amount"] * 100)
        late = run.home.settings.queue.overdue(row["age_days"], cents)
        row["overdue"] = late and row["status"] != "on_hold"
    if overdue:
        found = [row for row in found if row["overdue"]]
    if as_json:
        render.json_lines(found)
        return
    names = ["exception_id", "code", "amount", "age_days", "", "status", "suggest_1", "message"]
    shown = [{**row, "": "overdue" if row["overdue"] else ""} for row in found]
    render.text(render.columns(shown, names, right=["amount", "age_days"]))


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


def queue_export_verb(
    home: Path | None, dry_run: bool, as_of: dt.date | None, filters: Filters
) -> None:
    """`recond queue export`."""
    run = open_run(home, as_of)
    key = run.home.secret()
    with locked(run.home.path, "queue export"), run.store.read() as connection:
        if dry_run:
            rows = work_list(connection, key=key, filters=filters, today=run.today).num_rows
            render.say(f"would write {rows} rows")
            return
        out = run.home.path / "queue" / "out"
        paths = export(connection, out, today=run.today, key=key, filters=filters)
    if not paths:
        render.say("no question waits; nothing was written")
    for path in paths:
        render.text(str(path))


def cents_option(text: str | None) -> int | None:
    """Cents of an amount given as an option. Raises UsageError."""
    if text is None:
        return None
    try:
        return parse_decimal(text, exact=False)
    except ValueError as error:
        raise UsageError(str(error)) from error


def person(run: Run, acting_as: str | None) -> str:
    """Who answers: the operating-system user, or with `--as` a name that this user may give.

    Raises RefusedError where `[roles] acts_for` does not allow it.
    """
    me = user()
    if acting_as is None or acting_as == me:
        return me
    if acting_as not in run.home.settings.roles.acts_for.get(me, ()):
        raise RefusedError(f"{me} may not act as {acting_as}; [roles] acts_for says who may")
    return acting_as


def queue_import_verb(
    home: Path | None,
    file: Path,
    as_json: bool,
    dry_run: bool,
    as_of: dt.date | None,
    acting_as: str | None,
    check: bool,
    all_or_nothing: bool,
) -> int:
    """`recond queue import FILE`: 0, 1 when something in the home still waits for a person, 3
    when the file was refused or nothing of an all-or-nothing file was done."""
    from recond.pipeline.worklists import import_file, try_out

    run = open_run(home, as_of, user())
    who = person(run, acting_as)
    with locked(run.home.path, "queue import"):
        if dry_run:
            done = try_out(run, file, who)
        else:
            done = import_file(run, file, who, check=check, all_or_nothing=all_or_nothing)
    rows = [_told(row) for row in done.rows]
    if as_json:
        render.json_lines(rows)
    elif rows:
        render.text(render.columns(rows, ["row", "row_key", "action", "status", "message"]))
    counts = Counter(row["status"] for row in rows)
    render.say(", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status]))
    if dry_run or check:
        render.say("nothing was decided")
    if done.result is not None:
        render.say(f"result: {done.result}")
    if all_or_nothing and any(counts[status] for status in REFUSED):
        return RefusedError.exit_code
    return 1 if somebody_waits(run) else 0


def queue_answer_verb(
    home: Path | None,
    filters: Filters,
    answer: Answer,
    total: int | None,
    as_json: bool,
    dry_run: bool,
    as_of: dt.date | None,
    acting_as: str | None,
) -> None:
    """`recond queue answer CODE ACTION`: without a total the rows and what they are about."""
    run = open_run(home, as_of, user())
    run = replace(run, actor=person(run, acting_as))
    with locked(run.home.path, "queue answer"):
        with run.store.read() as connection:
            rows = bulk.chosen(connection, run.home.secret(), filters, run.today)
        words = f"{len(rows)} questions about {format_cents(bulk.total_cents(rows))}"
        if total is None or dry_run:
            _list(
                [{"exception_id": asked.question.exception_id, "amount": asked.cells["amount"],
                  "payer": asked.cells["payer"]} for asked in rows], as_json,
            )  # fmt: skip
            render.say(f"{words}; nothing was decided, --total decides")
            return
        done = bulk.answer_all(run, rows, answer, total)
    told = [
        {"exception_id": asked.question.exception_id, "amount": asked.cells["amount"],
         "status": verdict.status, "message": verdict.message}
        for asked, verdict in done
    ]  # fmt: skip
    _list(told, as_json)
    counts = Counter(verdict.status for _, verdict in done)
    shown = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
    render.say(f"{words}: {shown}" if shown else words)


def _list(rows: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        render.json_lines(rows)
    elif rows:
        render.text(render.columns(rows, list(rows[0]), right=["amount"]))


def _told(row: Row) -> dict[str, Any]:
    verdict = row.verdict
    return {
        "row": row.number,
        "row_key": row.cells.get("row_key", ""),
        "exception_id": row.asked.question.exception_id if row.asked else None,
        "action": row.cells.get("action", ""),
        "status": verdict.status if verdict else "",
        "message": verdict.message if verdict else "",
        "decision_id": verdict.decision_id if verdict else None,
    }


def request(
    home: Path | None,
    verb: str,
    dry_run: bool,
    as_of: dt.date | None,
    acting_as: str | None,
    *arguments: Any,
    **options: Any,
) -> None:
    """What a person asks for or answers by a verb: one transaction, one sentence."""
    run = open_run(home, as_of, user())
    run = replace(run, actor=person(run, acting_as))
    functions: dict[str, Callable[..., str]] = {
        "transfer": requests.transfer,
        "write_off": requests.write_off,
        "recover": requests.recover,
        "release": requests.release,
        "approve": requests.approve,
        "undo": requests.undo,
        "assign": requests.assign,
        "comment": requests.comment,
    }
    with locked(run.home.path, verb), run.write(dry_run=dry_run) as connection:
        sentence = functions[verb](connection, run, *arguments, **options)
    render.text(f"dry run, nothing was written: {sentence}" if dry_run else sentence)


def queue_results_verb(home: Path | None, name: str, dry_run: bool) -> None:
    """`recond queue results NAME`: the result file of the last work list of that name, again."""
    from recond.pipeline.worklists import write_again

    run = open_run(home)
    with locked(run.home.path, "queue results"):
        path = write_again(run, name, dry_run=dry_run)
    render.say("would be written:" if dry_run else "written again:")
    render.text(str(path))


def queue_pending_verb(home: Path | None, as_json: bool) -> None:
    """`recond queue approve` without an id: what waits for another person."""
    run = open_run(home)
    with run.store.read() as connection:
        _print(requests.pending(connection), as_json)


def queue_stats_verb(home: Path | None, as_json: bool) -> None:
    """`recond queue stats`."""
    run = open_run(home)
    with run.store.read() as connection:
        _print(requests.statistics(connection), as_json)


def _print(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        render.json_lines(rows)
    elif rows:
        render.text(render.columns(rows, list(rows[0]), right=["amount", "decisions"]))
    else:
        render.say("nothing to show")
