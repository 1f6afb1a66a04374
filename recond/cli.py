"""The verbs (contract section 3): thin. Heavy imports stand inside the verbs, so that
`recond --help` answers at once."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from recond import __version__
from recond.errors import RecondError, UsageError

app = typer.Typer(
    name="recond",
    help="Watch drop folders for payment files, match the money to receivables, post in double"
    " entry, and ask people about the rest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
files_app = typer.Typer(help="What arrived and what became of it.", no_args_is_help=True)
queue_app = typer.Typer(help="The questions that wait for a person.", no_args_is_help=True)
formats_app = typer.Typer(help="The declared formats.", no_args_is_help=True)
app.add_typer(files_app, name="files")
app.add_typer(queue_app, name="queue")
app.add_typer(formats_app, name="formats")
audit_app = typer.Typer(help="The tamper-evident log, and samples.", no_args_is_help=True)
app.add_typer(audit_app, name="audit")

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


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("--dir", help="The new folder that everything is written to.")
    ] = Path("recond-demo"),
) -> None:
    """Run the whole job on bundled files and print the tie-out."""
    from recond.demo import run_demo

    raise typer.Exit(run_demo(folder))


@app.command()
def init(
    home: Annotated[Path, typer.Argument(help="The folder to be made a home.")],
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Of business dates; else the machine's.")
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="A database URL instead of SQLite.")
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Make a working home; an existing one is never overwritten."""
    from recond.home import init as make
    from recond.home import system_timezone
    from recond.render import say
    from recond.session import run_of, user

    if dry_run:
        say(f"would make a home in {home}")
        return
    made = make(home, timezone or system_timezone(), user(), database)
    run_of(made, None, user()).store.close()
    say(f"{home} is a home now; its time zone is {made.settings.timezone}. Drop files into"
        f" {home}/inbox/ and run: recond process --home {home}")  # fmt: skip


@app.command()
def process(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files to copy in and process at once.")
    ] = None,
    home: HomeOption = None,
    inbox: Annotated[str | None, typer.Option("--inbox", help="The inbox for FILE.")] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Process everything in the inboxes once, then exit (1 when something waits for a person)."""
    from recond.verbs.work import process_verb

    raise typer.Exit(process_verb(home, files or [], inbox, json, dry_run, day(as_of)))


@app.command()
def run(home: HomeOption = None, as_of: AsOfOption = None) -> None:
    """The daemon: watch the inboxes until told to stop."""
    from recond.verbs.work import run_verb

    raise typer.Exit(run_verb(home, day(as_of)))


@app.command()
def status(home: HomeOption = None, json: JsonOption = False, as_of: AsOfOption = None) -> None:
    """What arrived, what waits, the last posting and today's tie-out."""
    from recond.verbs.views import status_verb

    raise typer.Exit(status_verb(home, json, day(as_of)))


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


@app.command()
def explain(
    identity: Annotated[str, typer.Argument(metavar="ID")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Why a receipt, application or exception is what it is, down to the source bytes."""
    from recond.verbs.views import explain_verb

    explain_verb(home, identity, json)


@app.command()
def trace(
    text: Annotated[str, typer.Argument(help="Account, name, number, amount or reference.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Find payments."""
    from recond.verbs.views import trace_verb

    trace_verb(home, text, json)


@app.command()
def match(
    home: HomeOption = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Look again at everything that is not applied."""
    from recond.verbs.work import match_verb

    raise typer.Exit(match_verb(home, json, dry_run, day(as_of)))


@app.command()
def clear(
    home: HomeOption = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Match deposits to the lines of bank statements."""
    from recond.verbs.work import clear_verb

    raise typer.Exit(clear_verb(home, json, dry_run, day(as_of)))


@app.command()
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


@app.command()
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


@app.command("write-off")
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


@app.command()
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


@app.command()
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


@app.command()
def export(
    dataset: str,
    month: Annotated[str | None, typer.Argument(help="Of month-end, such as 2026-03.")] = None,
    home: HomeOption = None,
    kind: Annotated[str, typer.Option("--format", help="csv, parquet or xlsx.")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", help="The file to write.")] = None,
    date_from: Annotated[dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"])] = None,
    date_to: Annotated[dt.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Of journal: hand it on to the ERP by entry, day or month."),
    ] = None,
    detailed: Annotated[
        bool, typer.Option("--detailed", help="With --by: every journal line, not their sums.")
    ] = False,
    as_of: AsOfOption = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Write a dataset (files receipts applications exceptions receivables deposits bank_lines
    clearings returns charges adjustments return_rates drawers proof_of_cash journal sources),
    what is new for the billing system (postings), for accounts payable (refunds) or for the ERP
    (journal --by), or the pack of a month (month-end MONTH)."""
    if dataset == "month-end":
        from recond.verbs.handover import export_month_end_verb

        export_month_end_verb(home, month, json, dry_run, day(as_of))
        return
    if month is not None:
        raise UsageError("only export month-end takes a month; use --from and --to")
    if dataset == "postings":
        from recond.verbs.handover import export_postings_verb

        export_postings_verb(home, json, dry_run, day(as_of))
        return
    if dataset == "refunds":
        from recond.verbs.handover import export_refunds_verb

        export_refunds_verb(home, json, dry_run, day(as_of))
        return
    if by is not None or detailed:
        if dataset != "journal" or by is None or date_from or date_to or out:
            raise UsageError("--by (and --detailed with it) is for export journal alone, which"
                             " then writes what no journal file holds yet")  # fmt: skip
        from recond.verbs.handover import export_journals_verb

        export_journals_verb(home, by, detailed, json, dry_run, day(as_of))
        return
    from recond.verbs.views import export_verb

    export_verb(home, dataset, kind, out, day(date_from), day(date_to), day(as_of), json)


@app.command()
def close(
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-03.")],
    home: HomeOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only print the checklist (1 when something blocks).")
    ] = False,
    reopen: Annotated[
        bool, typer.Option("--reopen", help="Reopen the last closed month; two persons.")
    ] = False,
    soft: Annotated[
        bool, typer.Option("--soft", help="Only let files and rules date nothing into it.")
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; needed to reopen.")] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
) -> None:
    """The close checklist, then the lock (3 when something blocks)."""
    from recond.verbs.close import close_verb, reopen_verb, soft_close_verb

    if soft:
        if check or reopen:
            raise UsageError("--soft goes with neither --check nor --reopen")
        raise typer.Exit(soft_close_verb(home, month, dry_run, day(as_of)))
    if reopen:
        raise typer.Exit(reopen_verb(home, month, reason, dry_run, day(as_of)))
    raise typer.Exit(close_verb(home, month, check, json, dry_run, day(as_of)))


@app.command()
def check(
    home: HomeOption = None,
    json: JsonOption = False,
    read_archive: Annotated[
        bool, typer.Option("--read-archive", help="Read every archived byte again.")
    ] = False,
) -> None:
    """Prove every invariant from the database and the archive (4 when one is broken)."""
    from recond.verbs.views import check_verb

    raise typer.Exit(check_verb(home, json, read_archive))


@app.command()
def backtest(
    rules: Annotated[
        Path, typer.Argument(help="A TOML file with matching rules: the tables of recond.toml.")
    ],
    home: HomeOption = None,
    date_from: Annotated[dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"])] = None,
    date_to: Annotated[dt.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
    json: JsonOption = False,
) -> None:
    """Replay history under other rules and compare; the books are only read."""
    from recond.verbs.backtest import backtest_verb

    backtest_verb(home, rules, day(date_from), day(date_to), json)


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


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The new file.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Copy the database into a new file and prove the copy."""
    from recond.verbs.audit import backup_verb

    backup_verb(home, file, dry_run)


@app.command()
def generate(
    folder: Annotated[Path, typer.Option("--dir", help="A new or empty folder.")],
    month: Annotated[str, typer.Option("--month", help="The month, as 2026-11.")],
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 1,
    accounts: Annotated[int, typer.Option("--accounts", min=100)] = 5000,
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="Business days; else the whole month.")
    ] = None,
    per_day: Annotated[
        int | None, typer.Option("--payments-per-day", min=20, help="Else one of 20 accounts.")
    ] = None,
) -> None:
    """Make a month of files of an invented city, with the truth about every payment."""
    from recond.verbs.city import generate_verb

    generate_verb(seed, accounts, month, days, per_day, folder)


@app.command()
def score(
    home: Annotated[Path, typer.Argument(help="A home that has processed a generated month.")],
    truth: Annotated[Path, typer.Argument(help="The folder that `generate` wrote.")],
    json: JsonOption = False,
) -> None:
    """Compare what a home decided by itself with the truth of a generated month."""
    from recond.verbs.city import score_verb

    score_verb(home, truth, json)


@app.command()
def doctor(home: HomeOption = None, json: JsonOption = False) -> None:
    """The machine's limits and versions."""
    from recond.doctor import doctor_verb

    doctor_verb(home, json)


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


def _show_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"recond {__version__}\n")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Watch drop folders for payment files, match the money to receivables, post in double
    entry, and ask people about the rest."""


def main(arguments: list[str] | None = None) -> Any:
    """The command `recond`: refusals become a sentence on stderr and an exit code."""
    try:
        return app(args=arguments, prog_name="recond")
    except RecondError as error:
        sys.stderr.write(f"recond: {error}\n")
        sys.exit(error.exit_code)
    finally:
        # not imported here: a verb that opened nothing has no need of the database's libraries
        if session := sys.modules.get("recond.session"):
            session.close_stores()
