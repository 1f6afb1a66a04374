"""The verbs `recond formats`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recond.cli.options import HomeOption, JsonOption
from recond.errors import UsageError

formats_app = typer.Typer(help="The declared formats.", no_args_is_help=True)


@formats_app.command("list")
def formats_list(home: HomeOption = None, json: JsonOption = False) -> None:
    """Every format with the inboxes where it may arrive and a sample line."""
    from recond.verbs.formats import formats_list_verb

    formats_list_verb(home, json)


@formats_app.command("check")
def formats_check(file: Path, json: JsonOption = False) -> None:
    """Read a format file and say what is wrong with it (5), or nothing."""
    from recond.verbs.formats import formats_check_verb

    formats_check_verb(file, json)


@formats_app.command("sniff")
def formats_sniff(
    file: Path,
    home: HomeOption = None,
    inbox: Annotated[str | None, typer.Option("--inbox")] = None,
    json: JsonOption = False,
) -> None:
    """Which formats could claim a file, and why the others do not."""
    from recond.verbs.formats import formats_sniff_verb

    formats_sniff_verb(home, file, inbox, json)


@formats_app.command("test")
def formats_test(
    names: Annotated[list[str], typer.Argument(metavar="[NAME] FILE")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Read a file without processing it: tables, totals and problems."""
    from recond.verbs.formats import formats_test_verb

    if len(names) > 2:
        raise UsageError("formats test takes a format's name and a file, or a file alone")
    formats_test_verb(home, names[0] if len(names) == 2 else None, Path(names[-1]), json)
