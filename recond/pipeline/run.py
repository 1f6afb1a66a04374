"""What one run knows: the home, its books, its rules, and who asks at which time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from recond.calendar import Calendar
from recond.exceptions.desk import Desk
from recond.formats import Formats
from recond.home import Home
from recond.ledger import Ledger
from recond.matching.policy import Rules
from recond.periods import Cutoff, cutoff
from recond.posting import Chart
from recond.sections import Merchant
from recond.store.engine import Store


class _DryRunError(Exception):
    """Ends a dry run's transaction without a commit."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that does not change while one verb works."""

    home: Home
    store: Store
    formats: Formats
    rules: Rules
    chart: Chart
    today: dt.date  # the business date
    clock: Callable[[], dt.datetime]  # UTC
    actor: str
    hash_key: str  # 16 characters: the key of payers' hashes
    calendar: Calendar  # on which days banks and the office work

    def ledger(self, connection: Connection) -> Ledger:
        """The writer of money on a connection."""
        return Ledger(connection, self.chart, self.clock(), self.today, self.actor)

    def desk(self, connection: Connection) -> Desk:
        """The desk of questions on a connection."""
        return Desk(connection, self.clock(), self.today, self.actor)

    def cutoff(self, connection: Connection) -> Cutoff:
        """In which month's pack what this run records stands."""
        return cutoff(connection, self.actor, self.today)

    @contextmanager
    def write(self, *, dry_run: bool = False) -> Iterator[Connection]:
        """One transaction that may change the books; a dry run's is rolled back at its end."""
        try:
            with self.store.write() as connection:
                yield connection
                if dry_run:
                    raise _DryRunError  # noqa: TRY301 - it is how a rollback is asked for
        except _DryRunError:
            return

    def archived(self, sha256: str) -> Path:
        """Where the archive keeps the bytes with this SHA-256."""
        return self.home.archive / sha256[:2] / sha256

    def merchant(self, merchant_id: str) -> Merchant:
        """How this card merchant settles."""
        for one in self.home.settings.merchant:
            if one.merchant_id == merchant_id:
                return one
        return Merchant(merchant_id=merchant_id)

    def chunk_receipts(self) -> int:
        """How many receipts are matched at once."""
        return self.home.settings.matching.chunk_receipts

    def since(self) -> dt.date:
        """How far back payments count when duplicates are suspected."""
        # received dates may lie before today by more than the window; twice covers a late file
        return self.today - dt.timedelta(days=60 + 2 * self.rules.duplicate_window_days)
