"""The verbs (contract section 3): thin. Heavy imports stand inside the verbs, so that
`recond --help` answers at once."""

from __future__ import annotations

import datetime as dt
import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from recond import __version__
from recond.cli.audit import audit_app
from recond.cli.corrections import corrections_app
from recond.cli.files import files_app
from recond.cli.formats import formats_app
from recond.cli.options import AsOfOption, DryRunOption, HomeOption, JsonOption, day
from recond.cli.queue import queue_app
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
app.add_typer(corrections_app)  # its verbs stand beside the others
app.add_typer(files_app, name="files")
app.add_typer(queue_app, name="queue")
app.add_typer(formats_app, name="formats")
app.add_typer(audit_app, name="audit")


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
def status(
    home: HomeOption = None,
    proof: Annotated[
        bool, typer.Option("--proof", help="The day's proof of cash, one page a bank account.")
    ] = False,
    json: JsonOption = False,
    as_of: AsOfOption = None,
) -> None:
    """What arrived, what waits, the last posting and today's tie-out."""
    from recond.verbs.views import proof_verb, status_verb

    raise typer.Exit((proof_verb if proof else status_verb)(home, json, day(as_of)))


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
    clearings returns charges adjustments return_rates drawers proof_of_cash
    proof_by_channel proof_items journal sources), what is new for the billing system (postings),
    for accounts payable (refunds), for owners of unclaimed credit (letters), for the agency that
    collects (collections) or for the ERP
    (journal --by), the pack of a month (month-end MONTH), or closed months for DuckDB and others
    (history)."""
    if dataset == "month-end":
        from recond.verbs.handover import export_month_end_verb

        export_month_end_verb(home, month, json, dry_run, day(as_of))
        return
    if month is not None:
        raise UsageError("only export month-end takes a month; use --from and --to")
    if dataset in {"postings", "refunds", "letters", "collections", "history"}:
        from recond.verbs.handover import HANDED_ON

        HANDED_ON[dataset](home, json, dry_run, day(as_of))
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


@cache
def _command() -> Any:
    """The verbs as a parser of command lines: made once a process, which may run many."""
    return typer.main.get_command(app)


def main(arguments: list[str] | None = None) -> Any:
    """The command `recond`: refusals become a sentence on stderr and an exit code."""
    try:
        return _command()(args=arguments, prog_name="recond")
    except RecondError as error:
        sys.stderr.write(f"recond: {error}\n")
        sys.exit(error.exit_code)
    finally:
        # not imported here: a verb that opened nothing has no need of the database's libraries
        if session := sys.modules.get("recond.session"):
            session.close_stores()
