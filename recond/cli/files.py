"""The verbs `recond files`."""

from __future__ import annotations

from typing import Annotated

import typer

from recond.cli.options import AsOfOption, DryRunOption, HomeOption, JsonOption, ReasonOption, day

files_app = typer.Typer(help="What arrived and what became of it.", no_args_is_help=True)


@files_app.command("list")
def files_list(
    home: HomeOption = None,
    json: JsonOption = False,
    as_of: AsOfOption = None,
    state: Annotated[str | None, typer.Option("--state", help="Only files of this state.")] = None,
) -> None:
    """Every arrival with its state and message."""
    from recond.verbs.views import files_list_verb

    files_list_verb(home, json, day(as_of), state)


@files_app.command("show")
def files_show(
    file_id: str, home: HomeOption = None, json: JsonOption = False, as_of: AsOfOption = None
) -> None:
    """One file: what it declares, what was found, its batches and problems."""
    from recond.verbs.views import files_show_verb

    files_show_verb(home, file_id, json, day(as_of))


@files_app.command("accept")
def files_accept(
    file_id: str,
    reason: ReasonOption,
    batch: Annotated[str | None, typer.Option("--batch", help="Only this held batch.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the file that it corrects out of the books.")
    ] = False,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Post a held file or batch as found."""
    from recond.verbs.work import decide

    decide(home, "accept", dry_run, day(as_of), file_id, batch, reason, replace=replace)


@files_app.command("reject")
def files_reject(
    file_id: str,
    reason: ReasonOption,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Reject what is held of a file: nothing of it will ever post."""
    from recond.verbs.work import decide

    decide(home, "reject", dry_run, day(as_of), file_id, reason)
