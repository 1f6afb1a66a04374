"""The verbs `recond queue`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recond.cli.options import AsOfOption, DryRunOption, HomeOption, JsonOption, ReasonOption, day

queue_app = typer.Typer(help="The questions that wait for a person.", no_args_is_help=True)


@queue_app.command("list")
def queue_list(
    home: HomeOption = None,
    json: JsonOption = False,
    as_of: AsOfOption = None,
    code: Annotated[str | None, typer.Option("--code", help="Only questions of this code.")] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only what should have been answered by now.")
    ] = False,
) -> None:
    """The open questions."""
    from recond.verbs.queue import queue_list_verb

    queue_list_verb(home, json, day(as_of), code, overdue)


@queue_app.command("show")
def queue_show(
    exception_id: str, home: HomeOption = None, json: JsonOption = False, as_of: AsOfOption = None
) -> None:
    """One question with everything that answering it needs."""
    from recond.verbs.queue import queue_show_verb

    queue_show_verb(home, exception_id, json, day(as_of))


@queue_app.command("export")
def queue_export(
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
    code: Annotated[str | None, typer.Option("--code", help="Only questions of this code.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only those of this person.")] = None,
    min_age: Annotated[
        int | None, typer.Option("--min-age", help="Only those open for so many days.")
    ] = None,
    min_amount: Annotated[
        str | None, typer.Option("--min-amount", help="Only from this amount on.")
    ] = None,
    approvals: Annotated[
        bool | None,
        typer.Option("--approvals/--no-approvals", help="Only what waits for approval, or not."),
    ] = None,
) -> None:
    """Write the work list for clerks into queue/out/, as CSV and xlsx, and print the paths."""
    from recond.exceptions.queue import Filters
    from recond.verbs.queue import cents_option, queue_export_verb

    filters = Filters(code, owner, min_age, cents_option(min_amount), approvals)
    queue_export_verb(home, dry_run, day(as_of), filters)


AsUserOption = Annotated[
    str | None,
    typer.Option("--as", help="The person who answers, where [roles] acts_for allows it."),
]


@queue_app.command("import")
def queue_import(
    file: Path,
    home: HomeOption = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
    acting_as: AsUserOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write the result file; decide nothing.")
    ] = False,
    all_or_nothing: Annotated[
        bool, typer.Option("--all-or-nothing", help="Decide every row, or none of them.")
    ] = False,
) -> None:
    """Carry out the answers of a work list (1 when something waits for a person)."""
    from recond.verbs.queue import queue_import_verb

    raise typer.Exit(
        queue_import_verb(home, file, json, dry_run, day(as_of), acting_as, check, all_or_nothing)
    )


@queue_app.command("answer")
def queue_answer(
    code: Annotated[str, typer.Argument(help="The reason of the questions.")],
    action: Annotated[str, typer.Argument(help="The answer that all of them get.")],
    to: Annotated[str, typer.Option("--to", help="The account or item.")] = "",
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    total: Annotated[
        str | None,
        typer.Option("--total", help="What they are about, as shown without it: then it is done."),
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only those of this person.")] = None,
    min_age: Annotated[
        int | None, typer.Option("--min-age", help="Only those open for so many days.")
    ] = None,
    min_amount: Annotated[
        str | None, typer.Option("--min-amount", help="Only from this amount on.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
    acting_as: AsUserOption = None,
) -> None:
    """One answer to all questions of one reason: shown with their total, done with --total."""
    from recond.exceptions.bulk import answer_of
    from recond.exceptions.queue import Filters
    from recond.verbs.queue import cents_option, queue_answer_verb

    filters = Filters(code, owner, min_age, cents_option(min_amount))
    said, cents = answer_of(action, to, note), cents_option(total)
    queue_answer_verb(home, filters, said, cents, json, dry_run, day(as_of), acting_as)


@queue_app.command("results")
def queue_results(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As the list was named.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Write the result file of a work list that came back again, from the books."""
    from recond.verbs.queue import queue_results_verb

    queue_results_verb(home, name, dry_run)


@queue_app.command("approve")
def queue_approve(
    identity: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; needed to deny.")] = "",
    deny: Annotated[bool, typer.Option("--deny", help="Deny it.")] = False,
    acting_as: AsUserOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """What waits for another person; with ID (of the question or decision) approve it."""
    from recond.verbs.queue import queue_pending_verb, request

    if identity is None:
        queue_pending_verb(home, json)
        return
    request(home, "approve", dry_run, day(as_of), acting_as, identity, reason, deny=deny)


@queue_app.command("undo")
def queue_undo(
    decision: str,
    reason: ReasonOption,
    acting_as: AsUserOption = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Undo a decision by a reversing one; its question is asked again."""
    from recond.verbs.queue import request

    request(home, "undo", dry_run, day(as_of), acting_as, decision, reason)


@queue_app.command("assign")
def queue_assign(
    exception_id: str,
    to: Annotated[str | None, typer.Option("--to", help="Whose it is; nobody's without.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Say who works on a question."""
    from recond.verbs.queue import request

    request(home, "assign", dry_run, day(as_of), None, exception_id, to)


@queue_app.command("comment")
def queue_comment(
    exception_id: str,
    words: str,
    acting_as: AsUserOption = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Write a comment beside a question."""
    from recond.verbs.queue import request

    request(home, "comment", dry_run, day(as_of), acting_as, exception_id, words)


@queue_app.command("stats")
def queue_stats(home: HomeOption = None, json: JsonOption = False) -> None:
    """Decisions by person, code and action."""
    from recond.verbs.queue import queue_stats_verb

    queue_stats_verb(home, json)
