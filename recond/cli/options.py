"""Options that many verbs have."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The home; else RECOND_HOME, else the current folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")
]
AsOfOption = Annotated[
    dt.datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="The business date instead of today."),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it stays in the books.")]


def day(value: dt.datetime | None) -> dt.date | None:
    """The date of an --as-of, --from or --to."""
    return value.date() if value else None
