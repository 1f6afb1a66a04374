"""What really happened: who paid what for what, and which files lie about it.

Truth is made before any file and never read back from one. `tests` compare recond with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path

from recond.city.text import csv_bytes

AUTO_OK, MUST_EXCEPT, EITHER = "AUTO_OK", "MUST_EXCEPT", "EITHER"


@dataclass(frozen=True, slots=True)
class Target:
    """Where money must go: `kind` ACCOUNT, ITEM or BILL, its number, and the cents for it."""

    account: str
    kind: str
    number: str
    cents: int

    def __str__(self) -> str:
        return f"{self.account}|{self.kind}|{self.number}|{self.cents}"


@dataclass(frozen=True, slots=True)
class TruthReceipt:
    """One money record of one file. Rows with the same `payment` are tenders of one payment.

    `targets` are what the evidence that survived the noise says, for the payment as a whole.
    `expected_code` is the exception code that the payment must raise (several allowed ones
    separated by `|`; empty: none is demanded). `held` rows stand in a file or batch that must not
    post. A `voided` row has an approved void in the same file. `answer` is the account that what is
    left of the evidence singles out where the payment must be asked about; empty where none is.
    `known` is the first day on which recond can take it.
    """

    payment: str
    channel: str
    file: str
    line: int
    tender: str
    cents: int
    received_date: date
    true_account: str
    kind: str  # AUTO_OK, MUST_EXCEPT, EITHER
    targets: str
    expected_code: str
    held: int
    voided: int
    noise: str
    answer: str
    known: date


@dataclass(frozen=True, slots=True)
class Planted:
    """A discrepancy put in on purpose, and what recond must say about it.

    `day` is the first on which it can be known. `scope` FILE, BATCH, ITEM or the scope of the code;
    `line` of `file` where the question is about one record (0: about the file or batch); `state`
    the file's expected state; `cents` the difference or the amount in question; `found` is what
    the named file or batch really holds.
    """

    case: str
    day: date
    scope: str
    inbox: str
    file: str
    batch: str
    expected_code: str
    state: str
    cents: int
    found: int
    line: int = 0


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money on its way to the bank (negative: money that the bank takes back), and the statement
    and its line that bring it (empty and 0 where none does, or none can be told to). `held` cents
    of it stand in a file or batch that must not post."""

    channel: str
    file: str
    business_date: date
    bank_date: date
    cents: int
    statement: str
    held: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Comeback:
    """A payment that is TAKEN back (a return, a chargeback) or BROUGHT again (a check redeposited,
    a chargeback won), all of its cents, and the record or statement line that says so."""

    day: date
    what: str
    payment: str
    channel: str
    cents: int
    reason: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Day:
    """The files that arrive on one day: `folder`/INBOX/NAME, to be processed as of `as_of`."""

    as_of: date
    folder: Path


@dataclass(slots=True)
class Truth:
    """Everything that is known about a generated month."""

    root: Path
    days: list[Day] = field(default_factory=list)
    receipts: list[TruthReceipt] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    comebacks: list[Comeback] = field(default_factory=list)
    settings: str = ""  # lines of recond.toml that the month needs

    def write(self) -> None:
        """Write `truth/*.csv` and `settings.toml` below `root`, outside every inbox."""
        folder = self.root / "truth"
        folder.mkdir(parents=True, exist_ok=True)
        days = [(day.as_of.isoformat(), day.folder.name) for day in self.days]
        (folder / "days.csv").write_bytes(csv_bytes(("as_of", "folder"), days))
        _write(folder / "receipts.csv", TruthReceipt, self.receipts)
        _write(folder / "planted.csv", Planted, self.planted)
        _write(folder / "deposits.csv", Deposit, self.deposits)
        _write(folder / "comebacks.csv", Comeback, self.comebacks)
        (self.root / "settings.toml").write_text(self.settings, encoding="utf-8")


Row = TruthReceipt | Planted | Deposit | Comeback


def _write(path: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    names = [column.name for column in fields(kind)]
    texts = ([str(getattr(row, name)) for name in names] for row in rows)
    path.write_bytes(csv_bytes(names, texts))
