"""What a person says of a payment or a debt: back, moved, written off, recovered, released."""

from __future__ import annotations

from typing import Annotated

import typer

from recond.cli.options import AsOfOption, DryRunOption, HomeOption, ReasonOption, day

corrections_app = typer.Typer()


@corrections_app.command()
def reverse(
    application: str,
    reason: ReasonOption,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Take one application back: the money goes to suspense, a question asks."""
    from recond.verbs.work import decide

    decide(home, "reverse", dry_run, day(as_of), application, reason)


@corrections_app.command()
def transfer(
    receipt: str,
    to: Annotated[str, typer.Option("--to", help="The account or item that it belongs to.")],
    reason: ReasonOption,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Ask for a misapplied payment to be moved; another person has to approve it."""
    from recond.verbs.queue import request

    request(home, "transfer", dry_run, day(as_of), None, receipt, to, reason)


@corrections_app.command("write-off")
def write_off(
    target: Annotated[str, typer.Argument(help="The account or item that owes.")],
    reason: ReasonOption,
    amount: Annotated[str | None, typer.Option("--amount", help="Else all that is owed.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Ask for a debt to be written off; another person has to approve it."""
    from recond.verbs.queue import cents_option, request

    request(home, "write_off", dry_run, day(as_of), None, target, cents_option(amount), reason)


@corrections_app.command()
def recover(
    receipt: str,
    to: Annotated[str, typer.Option("--to", help="The account or item that was written off.")],
    reason: ReasonOption,
    commission: Annotated[str | None, typer.Option(help="What the agency kept.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Say that a payment is of written-off debt; another person has to approve it."""
    from recond.verbs.queue import cents_option, request

    kept = cents_option(commission)
    request(home, "recover", dry_run, day(as_of), None, receipt, to, kept, reason)


@corrections_app.command()
def release(
    receipt: str,
    reason: ReasonOption,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Ask for a customer's deposit to be given back; another person has to approve it."""
    from recond.verbs.queue import request

    request(home, "release", dry_run, day(as_of), None, receipt, reason)
