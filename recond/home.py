"""A home: the folders of one office, and how one is made (contract section 2)."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from recond.config import Settings, load
from recond.errors import RefusedError, UsageError
from recond.matching.policy import Rules

FOLDERS = ("queue/out", "queue/in", "exports", "archive", "work", "quarantine")


@dataclass(frozen=True, slots=True)
class Home:
    """A home's folder and its settings."""

    path: Path
    settings: Settings

    def inbox(self, name: str) -> Path:
        """The folder of an inbox."""
        return self.path / "inbox" / name

    @property
    def archive(self) -> Path:
        """Where every byte that ever came is kept, under its SHA-256."""
        return self.path / "archive"

    @property
    def database_url(self) -> str:
        """The database's URL; a relative SQLite file stands in the home."""
        url = self.settings.database.url
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            return f"sqlite:///{self.path.resolve() / url.removeprefix('sqlite:///')}"
        return url

    def secret(self) -> bytes:
        """The home's key for keyed hashes of bank accounts: kept beside the database, not in it."""
        return bytes.fromhex((self.path / "secret.key").read_text(encoding="ascii").strip())


def open_home(path: Path | None) -> Home:
    """The home that a verb works in: `--home`, else RECOND_HOME, else the current folder.

    Raises UsageError when there is none, ConfigError when its recond.toml is wrong.
    """
    chosen = path or Path(os.environ.get("RECOND_HOME") or ".")
    config = chosen / "recond.toml"
    if not config.is_file():
        raise UsageError(
            f"{chosen} is no home of recond: it has no recond.toml."
            " Make one with `recond init HOME`, or name one with --home."
        )
    return Home(chosen, load(config))


def init(
    path: Path, timezone: str, actor: str, url: str | None = None, settle_seconds: int = 10
) -> Home:
    """Make a working home. Raises RefusedError when something stands there already."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RefusedError(f"{path} is not empty; nothing was written")
    text = template(timezone, actor, url, settle_seconds)
    for folder in FOLDERS:
        (path / folder).mkdir(parents=True, exist_ok=True)
    key = path / "secret.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(16) + "\n", encoding="ascii")
    # the configuration comes last: a folder without it is no home yet
    partial = path / ".recond.toml.tmp"
    partial.write_text(text, encoding="utf-8")
    home = Home(path, load(partial))
    for inbox in home.settings.inbox:
        home.inbox(inbox.name).mkdir(parents=True)
    partial.rename(path / "recond.toml")
    return home


def system_timezone() -> str:
    """The machine's time zone by name, or UTC where it has none."""
    if os.environ.get("TZ"):
        return os.environ["TZ"].lstrip(":")
    target = os.path.realpath("/etc/localtime")
    name = target.partition("/zoneinfo/")[2]
    return name or "UTC"


def template(timezone: str, actor: str, url: str | None = None, settle_seconds: int = 10) -> str:
    """The commented recond.toml of a new home: every value is the default, written out."""
    charges = "\n".join(
        f'[[charge_type]]\ncode = "{charge.code}"\nname = "{charge.name}"\n'
        f'family = "{charge.family}"\nfund = "{charge.fund}"\nkind = "{charge.kind}"\n'
        for charge in Rules().charge_types
    )
    return _TEMPLATE.format(
        timezone=timezone,
        actor=actor,
        supervisor=json.dumps(actor),
        charges=charges,
        url=url or "sqlite:///recond.db",
        settle_seconds=settle_seconds,
    )


_TEMPLATE = """\
# recond.toml: the settings of this home, made for {actor}.
# A wrong key or value is refused with its place. `recond doctor` shows what is in force.

timezone = "{timezone}"  # business dates are days of this zone
settle_seconds = {settle_seconds}      # a file younger than this is still being written
rescan_seconds = 60      # how often `recond run` lists the inboxes, whatever events say
max_file_megabytes = 4096
acknowledgements = "expected"  # of posting files; "none": the billing system never answers

[database]
url = "{url}"  # or postgresql+psycopg://user@host/name

[receivables]
manifest = "optional"        # "required": every file waits for NAME.manifest.json
manifest_wait_minutes = 60   # then it is held
accounts_fall_percent = 5    # a file with fewer accounts than that is held
open_move_percent = 30       # a file whose open total moves by more is held

[matching]
duplicate_window_days = 10   # an equal payment within so many days is posted and flagged
large_amount = "100000.00"   # a payment of so much is posted and flagged
ocr_repair = false           # true: a scan line with one wrong digit posts when one other digit
                             # leaves just one account and its due is the payment
payer_memory = false         # true: what people decided twice about a payer leads its next payment
                             # to the same account, if that owes just the payment
payer_memory_months = 24     # so long after the last such decision
chunk_receipts = 200000      # larger files are matched in pieces of so many receipts

[unclaimed]
years = 3   # credit that was received so long ago is listed as unclaimed property

# GL accounts of the pool fund and of every other fund
[gl]
pool_fund = "100"
bank = "1010"
lockbox_clearing = "1080"
ach_clearing = "1081"
card_clearing = "1082"
counter_clearing = "1083"
due_to_funds = "2080"
suspense = "2100"
customer_credit = "2110"
refunds_payable = "2120"
cash_over = "4900"
cash_short = "5900"
fees = "5910"                # of banks and card processors
convenience_fees = "4910"    # that a card processor passes on
equity_in_pool = "1110"
receivables = "1200"
billing_contra = "4000"
write_off = "1290"           # allowance for what is written off
collection_fees = "5920"     # what agencies keep of what they collect
customer_deposits = "2300"   # deposits that are held for customers

# Who answers questions and who approves. "*" is any user of the machine; nobody ever approves
# what he or she asked for. docs/queue.md says which answers need another person.
[roles]
clerk = ["*"]
approver = ["*"]
supervisor = [{supervisor}]

[limits]
approval_from = "10000.00"   # accept, assign, split and on_account need another person from here
refund_minimum = "0.00"      # a smaller refund is refused; the credit is carried
refund_wait_days = 0         # days that a check has to stand before it is refunded

[queue]
export_at = ""                   # "06:30": run writes the work list into queue/out/ every day then
due_days = 5                     # an open question is overdue after so many days,
large_from = "1000.00"           # one over so much
large_due_days = 2               # after so many
draft_refunds = false            # ask by itself for refunds of money for closed accounts

# Charge types, in the order in which they are paid where due dates are equal; penalties
# (kind = "PENALTY") come before everything. An unknown code in a receivables file holds the file.
{charges}
# Payments that the billing system posts itself are recorded and reconciled, and never written to
# a posting file:
# [[source]]
# name = "counter"
# inbox = "cashier"
# posted_by = "billing"

# A file that has to come on every bank day; a month is not closed while one is missing:
# [[expect]]
# name = "bank statement"
# inbox = "bank"
# begin = 2026-01-02
# after_days = 1
# by = 09:00:00

# Accounts that say themselves what they owe for a month; what is missing by the day is asked about:
# [[filing]]
# name = "sales tax"
# begin = "2026-01"
# charge_types = ["SALESTAX"]
# family = "SALES_TAX"
# due_day = 20

# An order of application that an ordinance prescribes is a [[policy]]; docs/operations.md has
# examples. Without one: penalties, then oldest due date, then the order above.
"""
