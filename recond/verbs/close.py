"""Verbs about months: close, its checklist, reopen."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from recond import periods, render
from recond.closing import Gate, checklist
from recond.errors import RefusedError, UsageError
from recond.exports.monthend import publish
from recond.lock import locked
from recond.pipeline.monthend import close_month
from recond.pipeline.run import Run
from recond.session import open_run, user


def close_verb(
    home: Path | None,
    month: str,
    only_check: bool,
    as_json: bool,
    dry_run: bool,
    as_of: dt.date | None,
) -> int:
    """`recond close MONTH`: 0 locked; with `--check` 0, or 1 when something blocks.

    Raises RefusedError when something blocks or the month is closed or future.
    """
    month = periods.parse_month(month)
    run = open_run(home, as_of, user())
    dry_run = dry_run or only_check
    with locked(run.home.path, "close"), run.write(dry_run=dry_run) as connection:
        gates = checklist(connection, run, month)
        _print(gates, as_json)
        render.say(f"{month} is {periods.state(connection, month, run.today)}")
        blocking = [gate.name for gate in gates if gate.blocks]
        if only_check:
            return 1 if blocking else 0
        if blocking:
            raise RefusedError(f"{month} cannot be closed: {', '.join(blocking)}")
        pack = close_month(connection, run, month, gates, _who(run, None))
    if not dry_run:
        publish(pack.files, run.home.path / "exports" / month)
        render.say(f"the pack stands in exports/{month}, its hash is {pack.digest}")
    if month == run.today.isoformat()[:7]:
        render.say(f"{month} is not over: nothing can be posted until {month} is")
    render.say(f"dry run: {month} would be closed" if dry_run else f"{month} is closed")
    return 0


def soft_close_verb(home: Path | None, month: str, dry_run: bool, as_of: dt.date | None) -> int:
    """`recond close MONTH --soft`: files and rules date nothing into it any more."""
    month = periods.parse_month(month)
    run = open_run(home, as_of, user())
    with locked(run.home.path, "close"), run.write(dry_run=dry_run) as connection:
        periods.soft_close(connection, month, _who(run, None))
    words = f"{month} is soft-closed: only people date entries into it"
    render.say(f"dry run: {words}" if dry_run else words)
    return 0


def reopen_verb(
    home: Path | None, month: str, reason: str | None, dry_run: bool, as_of: dt.date | None
) -> int:
    """`recond close MONTH --reopen --reason R`: the first person asks, another one agrees."""
    month = periods.parse_month(month)
    if not reason:
        raise UsageError("--reopen needs --reason")
    run = open_run(home, as_of, user())
    with locked(run.home.path, "close"), run.write(dry_run=dry_run) as connection:
        opened = periods.reopen(connection, month, _who(run, reason))
    if opened:
        render.say(f"{month} is open again")
    else:
        render.say(f"{run.actor} asks to reopen {month}; another person must give the same command")
    return 0


def _who(run: Run, reason: str | None) -> periods.Who:
    return periods.Who(run.actor, run.clock(), run.today, reason)


def _print(gates: list[Gate], as_json: bool) -> None:
    for gate in gates:
        if as_json:
            told = {"gate": gate.name, "blocks": gate.blocks, "says": gate.says}
            render.json_line({**told, "found": list(gate.found), "clears": gate.clears})
            continue
        render.text(f"{'BLOCKS' if gate.blocks else 'ok    '}  {gate.name:<17} {gate.says}")
        for line in gate.found:
            render.text(f"        {line}")
        if gate.blocks:
            render.text(f"        cleared by {gate.clears}")
