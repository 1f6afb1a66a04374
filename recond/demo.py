"""`recond demo`: the whole job on bundled files, in a folder of its own (contract section 1)."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from sqlalchemy import select

from recond import log
from recond.check import Books, check
from recond.home import init
from recond.money import format_cents
from recond.pipeline.process import process
from recond.pipeline.run import Run
from recond.render import columns, say, text
from recond.session import AUTOMATIC, run_of
from recond.status import TieOut, tie_out
from recond.store import schema

DAYS = (("day1", dt.date(2026, 11, 2)), ("day2", dt.date(2026, 11, 3)))
TIMEZONE = "America/Phoenix"
BROKEN = 4


def run_demo(folder: Path) -> int:
    """Make a home in `folder`, process two days of the bundled city, print the tie-out.

    Returns 0 when it balances, else 4. Raises RefusedError when the folder holds something.
    """
    log.configure(level=logging.WARNING)
    home = init(folder, TIMEZONE, "demo", settle_seconds=0)
    with as_file(files("recond") / "_bundled" / "demo") as bundled:
        for name, day in DAYS:
            run = run_of(home, day, AUTOMATIC)
            text(f"\n{day:%A %d %B %Y}")
            _drop(bundled / name, home.path / "inbox")
            _show(run, process(run, wait=False).files)
            run.store.close()
    balanced = _tie(run, folder)
    run.store.close()
    return balanced


def _drop(day: Path, inbox: Path) -> None:
    for path in sorted(day.rglob("*")):
        if path.is_file():
            shutil.copyfile(path, inbox / path.relative_to(day))


def _show(run: Run, outcomes: Any) -> None:
    rows: list[Mapping[str, Any]] = [
        {"state": o.state, "file": o.name, "what became of it": _short(o.message)} for o in outcomes
    ]
    text(columns(rows, ["state", "file", "what became of it"]))


def _short(message: str, width: int = 92) -> str:
    return message if len(message) <= width else message[: width - 1] + "…"


def _tie(run: Run, folder: Path) -> int:
    with run.store.read() as connection:
        sums = tie_out(connection)
        broken = [i.name for i, rows in check(Books(connection, run.home, run.chart)) if rows]
        asked = connection.execute(
            select(schema.exception.c.code, schema.exception.c.amount_cents)
            .where(schema.exception.c.status != "resolved")
            .order_by(schema.exception.c.exception_no)
        ).all()
        receipt = connection.execute(
            select(schema.file.c.file_id, schema.exception.c.receipt_no)
            .join(schema.file, schema.file.c.file_no == schema.exception.c.file_no)
            .where(schema.exception.c.receipt_no.is_not(None))
            .order_by(schema.exception.c.exception_no)
            .limit(1)
        ).one()
    text(f"\n{len(asked)} questions wait for a person")
    rows: list[Mapping[str, Any]] = [
        {
            "code": row.code,
            "amount": "" if row.amount_cents is None else format_cents(row.amount_cents),
        }
        for row in asked
    ]
    text(columns(rows, ["code", "amount"], right=["amount"]))
    _print_tie_out(sums)
    ordinal = receipt.receipt_no & ((1 << schema.ORDINAL_BITS) - 1)
    text("\nnext")
    text(f"  recond queue list --home {folder}")
    text(f"  recond explain R{receipt.file_id[1:]}-{ordinal} --home {folder}")
    text(f"  recond export journal --home {folder}")
    if broken:
        say(f"broken: {', '.join(broken)}")
    return 0 if sums.balanced and not broken else BROKEN


def _print_tie_out(sums: TieOut) -> None:
    text("\ntie-out")
    lines = [
        (f"{sums.receipts} receipts posted", sums.received_cents),
        ("  applied to items", sums.applied_cents),
        ("  on account", sums.on_account_cents),
        ("  in suspense", sums.suspense_cents),
        ("difference", sums.difference_cents),
        (f"{sums.held_receipts} receipts held", sums.held_cents),
        ("journal debits", sums.debit_cents),
        ("journal credits", sums.credit_cents),
    ]
    for words, cents in lines:
        text(f"{words:<24}{format_cents(cents):>14}")
