"""A small office for tests: a home, files written as their senders write them, and what came of
them read from the datasets, the way other programs would."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from recond.cli import main
from recond.exports.datasets import dataset
from recond.home import Home, init, open_home
from recond.pipeline import FileOutcome, process
from recond.pipeline.run import Run
from recond.session import AUTOMATIC, run_of
from recond.store.engine import Store

TODAY = dt.date(2026, 3, 16)
NOW = dt.datetime(2026, 3, 16, 18, 0, tzinfo=dt.UTC)

RECEIVABLE_COLUMNS = (
    "account_number", "customer_name", "item_number", "charge_type", "bill_number", "bill_date",
    "due_date", "original_amount", "open_amount", "service",
)  # fmt: skip


def cents(text: str | Decimal | None) -> int:
    """Cents of a decimal text such as "188.70"."""
    return int((Decimal(text or 0) * 100).to_integral_exact())


def money(value: int) -> str:
    """Decimal text of cents."""
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Rows as CSV with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or list(rows[0]), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def recond(*arguments: object) -> int:
    """The exit code of a command line that is run in this process."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


class Office:
    """A home, on SQLite or on the database that `url` names."""

    def __init__(self, folder: Path, url: str | None = None, more: str = "") -> None:
        self.home: Home = init(folder, "America/Phoenix", "tester", url, settle_seconds=0)
        if more:
            path = folder / "recond.toml"
            path.write_text(path.read_text() + more)
        self._store: Store | None = None

    @classmethod
    def of(cls, folder: Path) -> Office:
        """The office of a home that was made before."""
        made = cls.__new__(cls)
        made.home, made._store = open_home(folder), None
        return made

    def run(self, today: dt.date = TODAY, now: dt.datetime = NOW) -> Run:
        """The home opened for one verb at a fixed instant."""
        opened = run_of(open_home(self.home.path), today, AUTOMATIC, lambda: now, self._store)
        self._store = opened.store
        return opened

    def close(self) -> None:
        """Close every database connection; the next run opens the database anew."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def drop(self, inbox: str, name: str, content: str | bytes) -> None:
        """Put a file into an inbox."""
        data = content.encode() if isinstance(content, str) else content
        (self.home.inbox(inbox) / name).write_bytes(data)

    def process(self, today: dt.date = TODAY) -> list[FileOutcome]:
        """One pass over the inboxes."""
        return list(process(self.run(today), wait=False).files)

    def take(
        self, inbox: str, name: str, content: str | bytes, today: dt.date = TODAY
    ) -> FileOutcome:
        """Drop one file and process it."""
        self.drop(inbox, name, content)
        (outcome,) = self.process(today)
        return outcome

    def rows(self, name: str, today: dt.date = TODAY) -> list[dict[str, Any]]:
        """A dataset as rows."""
        with self.run(today).store.read() as connection:
            return list(dataset(connection, name, today=today).to_pylist())

    def open_cents(self) -> dict[str, int]:
        """Effective open amounts by item number, paid items left out."""
        found = {
            row["item_number"]: cents(row["open_amount"]) - cents(row["pending_amount"])
            for row in self.rows("receivables")
        }
        return {item: left for item, left in found.items() if left}

    def applied(self) -> dict[str, int]:
        """Applied cents by item number, reversals netted."""
        sums: dict[str, int] = {}
        for row in self.rows("applications"):
            item = row["item_number"]
            sums[item] = sums.get(item, 0) + cents(row["amount"])
        return {item: total for item, total in sums.items() if total}

    def questions(self) -> list[str]:
        """Codes of the open questions, in order."""
        return [row["code"] for row in self.rows("exceptions") if row["status"] != "resolved"]

    def asked(self) -> list[tuple[str, int]]:
        """Code and cents of the open questions, in order."""
        return [
            (row["code"], cents(row["amount"]))
            for row in self.rows("exceptions")
            if row["status"] != "resolved"
        ]

    def journal(self) -> dict[tuple[str, str], int]:
        """Debits less credits by fund and GL account; every entry balances inside each fund."""
        sums: dict[tuple[str, str], int] = {}
        entries: dict[tuple[str, str], int] = {}
        for row in self.rows("journal"):
            value = cents(row["debit"]) - cents(row["credit"])
            account, entry = (row["fund"], row["gl_account"]), (row["entry_id"], row["fund"])
            sums[account] = sums.get(account, 0) + value
            entries[entry] = entries.get(entry, 0) + value
        assert all(total == 0 for total in entries.values())
        return {account: total for account, total in sums.items() if total}

    def prove(self) -> None:
        """Every invariant holds."""
        from recond.check import Books, check

        opened = self.run()
        with opened.store.read() as connection:
            books = Books(connection, opened.home, opened.chart, read_archive=True)
            broken = {invariant.name: rows for invariant, rows in check(books) if rows}
        assert broken == {}, broken


def receivable(
    account: str, item: str, charge: str, due: str, amount: int, **more: str
) -> dict[str, str]:
    """One row of a receivables file; `amount` in cents is original and open."""
    return {
        "account_number": account,
        "customer_name": more.pop("name", f"CUSTOMER {account}"),
        "item_number": item,
        "charge_type": charge,
        "bill_number": more.pop("bill", f"B{item}"),
        "bill_date": "2026-02-01",
        "due_date": due,
        "original_amount": money(amount),
        "open_amount": money(int(more.pop("open_cents", str(amount)))),
        "service": more.pop("service", ""),
        **more,
    }


def receivables_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """A receivables file."""
    return csv_text(rows, RECEIVABLE_COLUMNS)


def check(
    amount: int,
    *stubs: tuple[str, int | None],
    number: str = "",
    payer: str = "",
    bank: str = "0000123456",
) -> dict[str, Any]:
    """One check of a lockbox file, of a payer's bank account, with its stubs (reference, cents or
    None)."""
    return {"amount": amount, "stubs": stubs, "number": number, "payer": payer, "bank": bank}


def lockbox_file(
    checks: Sequence[Mapping[str, Any]] | Sequence[Sequence[Mapping[str, Any]]],
    day: dt.date = TODAY,
    box: str = "0012345",
    time: str = "0900",
    totals: Mapping[int, int] | None = None,
) -> str:
    """A BAI lockbox file in the default layout; `checks` one batch or a list of batches.

    `totals`: other declared cents for batch numbers, to make a wrong batch.
    """
    batches = checks if checks and isinstance(checks[0], Sequence) else [checks]
    ymd = day.strftime("%y%m%d")
    lines = [f"100{'CITYREVENU':<10}{'0910000190':<10}{ymd}{time}".ljust(80)]
    lines.append(f"2{'CITYREVENU':<10}{'0910000190':<10}{'REF0000001':<10}400080080".ljust(80))
    count, total = 0, 0
    for number, batch in enumerate(batches, 1):
        lines.append(f"5{number:03d}000{box}{ymd}{'CITYREVENU0910000190':<20}".ljust(80))
        cents_of_batch = 0
        for item, one in enumerate(batch, 1):
            check_number = one["number"] or str(1000 * number + item)
            lines.append(
                f"6{number:03d}{item:03d}{one['amount']:010d}{'091000019':<9}{one['bank']:<10}"
                f"{check_number:>010}{day.strftime('%m%d%y')}{one['payer'] or 'A PAYER':<30}"
            )
            stubs = one["stubs"]
            for sequence, (reference, part) in enumerate(stubs, 1):
                last = "9" if sequence == len(stubs) else "0"
                amount = "" if part is None else f"{part:010d}"
                lines.append(
                    f"4{number:03d}{item:03d}6{sequence:02d}{last}{reference:<30}{amount:<10}"
                )
            cents_of_batch += one["amount"]
        declared = (totals or {}).get(number, cents_of_batch)
        lines.append(f"7{number:03d}000{box}{ymd}{len(batch):03d}{declared:010d}".ljust(80))
        count, total = count + len(batch), total + declared
    lines.append(f"8000000{box}{ymd}{count:04d}{total:010d}".ljust(80))
    lines.append(f"9{len(lines) + 1:06d}".ljust(80))
    return "\n".join(lines) + "\n"


def statement(
    opening: int,
    lines: Sequence[tuple[str, int, str]],
    day: dt.date = TODAY,
    closing: int | None = None,
    account: str = "0044012345",
    modifier: str = "2",
) -> str:
    """A BAI2 statement of one account and day; `lines` are type code, unsigned cents, text."""
    signed = sum(cents if code < "400" else -cents for code, cents, _ in lines)
    end = opening + signed if closing is None else closing
    ymd = day.strftime("%y%m%d")
    control = opening + end + sum(cents for _, cents, _ in lines)
    records = [f"03,{account},USD,010,{opening},,,015,{end},,/"]
    records += [
        f"16,{code},{cents},,REF{number:04d},,{text}"
        for number, (code, cents, text) in enumerate(lines, 1)
    ]
    records.append(f"49,{control},{len(records) + 1}/")
    inside = len(records) + 2
    return (
        "\n".join(
            [
                f"01,BANK,CITY,{ymd},0630,{account}{opening},,,2/",
                f"02,CITY,BANK,1,{ymd},,USD,{modifier}/",
                *records,
                f"98,{control},1,{inside}/",
                f"99,{control},1,{inside + 2}/",
            ]
        )
        + "\n"
    )


def luhn_digit(digits: str) -> str:
    """The Luhn digit behind a row of digits, from the definition."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str((10 - total % 10) % 10)


def scan_line(account: str, due: dt.date, amount: int) -> str:
    """The 27 digits of a stub."""
    digits = f"{account:>010}{due.strftime('%m%d%y')}{amount:010d}"
    return digits + luhn_digit(digits)
