"""The verbs of the generated city: make a month, and score a home against its truth."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from recond import render
from recond.city import generate
from recond.city.text import business_day
from recond.errors import RefusedError, UsageError
from recond.money import format_cents
from recond.session import AUTOMATIC, open_run

SHOWN = 20  # wrong posts that are printed; --json has them all
PER_DAY = 20  # accounts for each payment of a business day (domain.md section 5)
LEAST = 20


def generate_verb(
    seed: int, accounts: int, month: str, days: int | None, per_day: int | None, folder: Path
) -> None:
    """`recond generate`: the files of a month by day, and their truth."""
    start, available = _month(month)
    if folder.exists() and any(folder.iterdir()):
        raise RefusedError(f"{folder} is not empty; nothing was written")
    per_day = per_day or max(accounts // PER_DAY, LEAST)
    try:
        truth = generate(seed, accounts, start, days or available, per_day, folder)
    except ValueError as error:
        raise UsageError(str(error)) from error
    render.say(
        f"{len(truth.receipts)} payment records of {len(truth.days) - 1} days in {folder};"
        f" what is true of them: {folder / 'truth'}"
    )
    render.text(str(folder))


def works(day: dt.date) -> bool:
    """Whether banks work on that day."""
    return business_day(day) == day


def _month(text: str) -> tuple[dt.date, int]:
    """The first day of YYYY-MM and how many business days it has."""
    try:
        first = dt.datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a date has no zone
    except ValueError as error:
        raise UsageError(f"--month {text!r}: a month is written as 2026-11") from error
    last = calendar.monthrange(first.year, first.month)[1]
    return first, sum(map(works, (first.replace(day=n + 1) for n in range(last))))


def score_verb(home: Path, truth: Path, as_json: bool) -> None:
    """`recond score HOME TRUTH`."""
    from recond.score import score
    from recond.score_inputs import Truth, books

    true = Truth.read(truth)
    run = open_run(home)
    with run.store.read() as connection:
        found = books(connection, AUTOMATIC)
    result = score(true, found)
    if as_json:
        told = ("channels", "rules", "codes", "suggested", "wrong")
        tables = {name: _rows(getattr(result, name)) for name in told}
        render.json_line({"summary": _amounts(result.summary), **tables})
        return
    for name, value in _amounts(result.summary).items():
        render.text(f"{name.replace('_', ' '):<20}{value:>16}")
    for title, frame in (
        ("by channel", result.channels), ("by rule", result.rules),
        ("codes", result.codes), ("suggestions by what happened to the evidence", result.suggested),
        (f"posted wrongly (at most {SHOWN})", result.wrong.head(SHOWN)),
    ):  # fmt: skip
        rows = _rows(frame)
        if rows:
            names = list(rows[0])
            render.text(f"\n{title}\n" + render.columns(rows, names, right=names[1:]))


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [_amounts(row) for row in frame.to_dict(orient="records")]


def _amounts(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Cents as decimal dollars, under names that end in `amount`."""
    return {
        str(name).removesuffix("cents") + "amount" if str(name).endswith("cents") else str(name): (
            format_cents(int(value)) if str(name).endswith("cents") else value
        )
        for name, value in row.items()
    }
