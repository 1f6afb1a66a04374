"""The verbs `recond audit`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from recond.cli.options import AsOfOption, DryRunOption, HomeOption, JsonOption, ReasonOption, day
from recond.errors import UsageError

audit_app = typer.Typer(help="The tamper-evident log, and samples.", no_args_is_help=True)


@audit_app.command("verify")
def audit_verify(
    home: HomeOption = None,
    head: Annotated[
        str | None, typer.Option("--head", help="A head noted earlier: it must be in the log.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Follow the chain of the log and compare every object with it (4 when they differ)."""
    from recond.verbs.audit import audit_verify_verb

    raise typer.Exit(audit_verify_verb(home, head, json))


@audit_app.command("sample")
def audit_sample(
    n: Annotated[int, typer.Option("--n", min=1, help="How many items.")],
    seed: Annotated[str, typer.Option("--seed", help="The same seed, the same sample.")],
    method: Annotated[
        str, typer.Option("--method", help="attribute, or monetary (by units of money).")
    ] = "attribute",
    month: Annotated[str | None, typer.Option("--month", help="Only receipts of it.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A ZIP with the evidence of each item.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Posted receipts for an auditor, chosen the same on any machine."""
    from recond.verbs.audit import audit_sample_verb

    audit_sample_verb(home, n, seed, method, month, out, json)


@audit_app.command("pbc")
def audit_pbc(
    date_from: Annotated[dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    date_to: Annotated[dt.datetime, typer.Option("--to", formats=["%Y-%m-%d"])],
    out: Annotated[Path, typer.Option("--out", help="The ZIP to write.")],
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="A dataset or statement; again for more. Else all of them."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=0, help="Items of a sample with evidence.")] = 0,
    seed: Annotated[str, typer.Option("--seed", help="The same seed, the same sample.")] = "",
    method: Annotated[
        str, typer.Option("--method", help="attribute, or monetary (by units of money).")
    ] = "attribute",
    home: HomeOption = None,
    json: JsonOption = False,
    as_of: AsOfOption = None,
) -> None:
    """What an auditor's request list asks for ("provided by client"), with an index."""
    from recond.pipeline.provided import Request
    from recond.verbs.audit import provide_verb

    if n and not seed:
        raise UsageError("--n needs --seed")
    request = Request(date_from.date(), date_to.date(), tuple(only or ()), n, seed, method)
    provide_verb(home, request, out, json, day(as_of))


@audit_app.command("register")
def audit_register(
    kind: Annotated[
        str | None, typer.Argument(help="weekly, monthly or yearly; without: done and due.")
    ] = None,
    through: Annotated[
        dt.datetime | None,
        typer.Option("--through", formats=["%Y-%m-%d"], help="The last whole one by that day."),
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="What was made of what it found.")
    ] = None,
    seed: Annotated[str | None, typer.Option("--seed", help="Of its sample.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Audit the registers of a week, a month or a year, and record that it was done."""
    from recond.verbs.audit import register_verb, registers_verb

    if kind is None:
        registers_verb(home, json, day(as_of))
    else:
        register_verb(home, kind, day(through), seed, note, json, dry_run, day(as_of))


@audit_app.command("retention")
def audit_retention(
    home: HomeOption = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help="Only kept, disposable, overdue, on hold or disposed."),
    ] = None,
    json: JsonOption = False,
    as_of: AsOfOption = None,
) -> None:
    """How long the bytes of each file are kept."""
    from recond.verbs.audit import retention_verb

    retention_verb(home, state, json, day(as_of))


@audit_app.command("hold")
def audit_hold(
    reason: ReasonOption,
    series: Annotated[str | None, typer.Option("--series", help="Of [[retention]].")] = None,
    file: Annotated[str | None, typer.Option("--file", help="One file's id.")] = None,
    end: Annotated[int | None, typer.Option("--end", help="End the hold of this number.")] = None,
    home: HomeOption = None,
    as_of: AsOfOption = None,
) -> None:
    """Stop the disposal of a series or a file, whatever the schedule says."""
    from recond.verbs.audit import hold_verb

    hold_verb(home, series, file, end, reason, day(as_of))


@audit_app.command("dispose")
def audit_dispose(
    reason: ReasonOption,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Take the bytes that may go out of the archive, with a certificate."""
    from recond.verbs.audit import dispose_verb

    dispose_verb(home, reason, dry_run, day(as_of))
