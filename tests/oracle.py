"""What a month's books must say, computed by plain loops from the truth: no code of recond.

It reads the generated receivables and accounts as a clerk would, takes each payment's truth, and
applies it as contract section 4 ("Decisions of a new home") says. `tests/acceptance` compares
recond's datasets with it to the cent.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

# Contract section 4, "Charge types and accounts of a new home": in this order, with these funds.
FUNDS = {
    "WATER": "510",
    "SEWER": "520",
    "SANITATION": "530",
    "STORM": "550",
    "PENALTY": "510",
    "AIRPORT": "560",
    "HYDRANT": "510",
    "PERMIT": "110",
    "DAMAGE": "110",
    "SALESTAX": "110",
    "MISC": "110",
}
ORDER = list(FUNDS)
CLEARING = {
    "LOCKBOX": "1080", "ACH_CREDIT": "1081", "ACH_DEBIT": "1081", "CARD": "1082", "CASHIER": "1083",
}  # fmt: skip


@dataclass(slots=True)
class Item:
    """One item of the mirror: billing's figure, and what was paid since."""

    account: str
    number: str
    charge_type: str
    fund: str
    bill: str
    due: str
    billed: int
    paid: int = 0

    @property
    def open(self) -> int:
        """Effective open: never below zero."""
        return max(self.billed - self.paid, 0)


@dataclass(slots=True)
class Payment:
    """One payment of the truth, its tenders added up."""

    name: str
    file: str
    cents: int
    kind: str
    targets: list[tuple[str, str, str, int]]  # account, kind, number, cents
    held: bool
    voided: bool
    known: str  # the day on which it can be taken


@dataclass(frozen=True, slots=True)
class Comeback:
    """A payment taken back or brought again, all of it."""

    what: str
    payment: str
    cents: int


@dataclass(slots=True)
class Books:
    """The expected state after all files."""

    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    on_account: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    suspense: int = 0
    voided: int = 0
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # by file
    by_account: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    placed: dict[str, list[tuple[Item, int]]] = field(default_factory=lambda: defaultdict(list))
    returned: int = 0

    @property
    def applied(self) -> int:
        """All cents that stand on items."""
        return sum(item.paid for item in self.items.values())

    def applied_by_fund(self) -> dict[str, int]:
        """Cents on items by fund, funds without any left out."""
        return self._by_fund("paid")

    def open_by_fund(self) -> dict[str, int]:
        """Effective open cents by fund, funds without any left out."""
        return self._by_fund("open")

    def _by_fund(self, what: str) -> dict[str, int]:
        totals: dict[str, int] = defaultdict(int)
        for item in self.items.values():
            totals[item.fund] += getattr(item, what)
        return {fund: cents for fund, cents in totals.items() if cents}


def cents(text: str) -> int:
    """Decimal dollars with two places as cents."""
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("-").partition(".")
    assert len(part) == 2, text
    return sign * (int(whole) * 100 + int(part))


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV file as dictionaries."""
    with path.open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def payments(root: Path) -> list[Payment]:
    """The payments of the truth, in the order of their first record."""
    found: dict[str, Payment] = {}
    for row in rows(root / "truth" / "receipts.csv"):
        name = row["payment"]
        if name not in found:
            targets = [part.split("|") for part in row["targets"].split(";") if part]
            found[name] = Payment(
                name,
                row["file"],
                0,
                row["kind"],
                [(a, kind, number, int(amount)) for a, kind, number, amount in targets],
                row["held"] == "1",
                row["voided"] == "1",
                row["known"],
            )
        assert found[name].file == row["file"], name
        found[name].cents += int(row["cents"])
    return list(found.values())


def comebacks(root: Path) -> dict[str, list[Comeback]]:
    """What is taken back or brought again, by day."""
    found: dict[str, list[Comeback]] = defaultdict(list)
    for row in rows(root / "truth" / "comebacks.csv"):
        found[row["day"]].append(Comeback(row["what"], row["payment"], int(row["cents"])))
    return found


def expected(root: Path, suspended: Collection[str] = ()) -> Books:
    """The books after every day of the month below `root`.

    `suspended` names the payments of class EITHER that were not posted: for these the evidence
    allows both, so they follow what was decided. All others follow the truth alone.
    """
    books = Books()
    by_file: dict[tuple[str, str], list[Payment]] = defaultdict(list)
    for payment in payments(root):
        by_file[payment.known, payment.file].append(payment)
    back = comebacks(root)
    for day in rows(root / "truth" / "days.csv"):
        folder = root / day["folder"]
        for path in sorted(folder.glob("receivables/accounts_*.csv")):
            _take_accounts(books, path)
        for path in sorted(folder.glob("receivables/receivables_*.csv")):
            _take_snapshot(books, path)
        for key in sorted(key for key in by_file if key[0] == day["as_of"]):
            for payment in by_file.pop(key):
                _take(books, payment, suspended)
        for one in back.pop(day["as_of"], ()):
            _come_back(books, one)
        _apply_credits(books)
    assert not back
    assert not by_file, f"truth names files that never came: {sorted(by_file)}"
    return books


def clearing(root: Path, day: date) -> dict[str, int]:
    """The clearing accounts at the end of a day: what was taken and did not come back, less card
    fees, with what drawers are over or short, less what the bank settled of it by then."""
    truth, until = root / "truth", day.isoformat()
    arrived = {
        path.name: folder["as_of"]
        for folder in rows(truth / "days.csv")
        for path in (root / folder["folder"]).glob("*/*")
    }
    left = dict.fromkeys(CLEARING.values(), 0)
    for row in rows(truth / "receipts.csv"):
        live = row["channel"] in CLEARING and (row["held"], row["voided"]) == ("0", "0")
        if row["known"] <= until and live:  # a wire is in the bank as it comes
            left[CLEARING[row["channel"]]] += int(row["cents"])
    for row in rows(truth / "comebacks.csv"):
        if row["day"] <= until:
            sign = -1 if row["what"] == "TAKEN" else 1
            left[CLEARING[row["channel"]]] += sign * int(row["cents"])
    for row in rows(truth / "planted.csv"):
        if row["case"] in {"drawer_short", "drawer_over"} and row["day"] <= until:
            sign = -1 if row["case"] == "drawer_short" else 1
            left[CLEARING["CASHIER"]] += sign * int(row["cents"])
    for name, came in arrived.items():
        if name.startswith("card_") and came <= until:
            (path,) = root.glob(f"*/card/{name}")
            left[CLEARING["CARD"]] -= sum(cents(row["fee_amount"]) for row in rows(path))
    for row in rows(truth / "deposits.csv"):
        settled = row["statement"] and row["held"] == "0"
        if settled and max(arrived[row["statement"]], arrived[row["file"]]) <= until:
            left[_settled(row)] -= int(row["cents"])
    return left


def _settled(row: dict[str, str]) -> str:
    """The clearing account that a statement line settles; of what the bank took back or brought
    again, that of the payment."""
    if row["channel"] != "RETURN":
        return CLEARING[row["channel"]]
    return CLEARING["ACH_DEBIT" if row["file"].startswith("RET") else "LOCKBOX"]


def _take_accounts(books: Books, path: Path) -> None:
    for row in rows(path):
        books.status[row["account_number"]] = row["status"]


def _fund(row: dict[str, str]) -> str:
    """A row's own fund wins, then that of the service a penalty belongs to, then its type's."""
    return row["fund"] or FUNDS.get(row["service"]) or FUNDS[row["charge_type"]]


def _take_snapshot(books: Books, path: Path) -> None:
    """A full snapshot: items that are missing from it are closed by billing."""
    missing = set(books.items)
    for row in rows(path):
        key = (row["account_number"], row["item_number"])
        missing.discard(key)
        if key not in books.items:
            item = Item(
                *key, row["charge_type"], _fund(row), row["bill_number"], row["due_date"], 0
            )
            books.items[key] = item
            books.by_account[key[0]].append(item)
            books.status.setdefault(key[0], "active")
        books.items[key].billed = cents(row["open_amount"])
    for key in missing:
        books.items[key].billed = 0


def _rank(item: Item) -> tuple[bool, str, int, str]:
    """PENALTY, then oldest due date, then the order of charge types, then item number."""
    late_fee = item.charge_type == "PENALTY"
    return (not late_fee, item.due, ORDER.index(item.charge_type), item.number)


def _pay(items: list[Item], amount: int, placed: list[tuple[Item, int]] | None = None) -> int:
    """Pay items in order, remember what went where; what is left over."""
    for item in sorted(items, key=_rank):
        part = min(amount, item.open)
        item.paid += part
        amount -= part
        if part and placed is not None:
            placed.append((item, part))
    return amount


def _take(books: Books, payment: Payment, suspended: Collection[str]) -> None:
    if payment.held:
        books.held[payment.file] += payment.cents
    elif payment.voided:
        books.voided += payment.cents
    elif payment.kind == "MUST_EXCEPT" or payment.name in suspended:
        books.suspense += payment.cents
    else:
        assert sum(amount for *_, amount in payment.targets) == payment.cents, payment
        for account, kind, number, amount in payment.targets:
            _credit(books, payment.name, account, kind, number, amount)


def _come_back(books: Books, one: Comeback) -> None:
    """Take a payment off the items that it paid, or put it on them again. Only payments that paid
    nothing but items come back, each the only one on its account."""
    placed = books.placed[one.payment]
    assert sum(amount for _, amount in placed) == one.cents, one
    sign = -1 if one.what == "TAKEN" else 1
    books.returned -= sign * one.cents
    for item, amount in placed:
        item.paid += sign * amount


def _credit(books: Books, payment: str, account: str, kind: str, number: str, amount: int) -> None:
    if books.status[account] == "closed":
        books.on_account[account] += amount
        return
    items = books.by_account[account]
    if kind == "ITEM":
        items = [item for item in items if item.number == number]
    elif kind == "BILL":
        items = [item for item in items if item.bill == number]
    books.on_account[account] += _pay(items, amount, books.placed[payment])


def _apply_credits(books: Books) -> None:
    """Credits are used as soon as something is open (domain example E12), not on closed ones."""
    for account, amount in list(books.on_account.items()):
        if amount and books.status[account] != "closed":
            books.on_account[account] = _pay(books.by_account[account], amount)
