"""The city's accounts, their flat tariffs and their bills.

Flat tariffs make many equal totals on purpose: who matches by amount posts on the wrong account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from recond.city.dice import Dice
from recond.city.names import business, person
from recond.city.text import csv_bytes, dollars, luhn

TARIFFS: dict[str, tuple[int, ...]] = {
    "WATER": (3120, 3900, 4680, 6150),
    "SEWER": (2240, 3000),
    "SANITATION": (2680,),
    "STORM": (325,),
}
PENALTIES = {"WATER": 200, "SEWER": 150, "SANITATION": 150}
PENALTY_FUNDS = {"WATER": "510", "SEWER": "520", "SANITATION": "530"}
# What one bill of the other families is: prefix of the item number and flat amounts.
OTHER: dict[str, tuple[str, tuple[int, ...]]] = {
    "AIRPORT": ("AV", (32500, 41000)),
    "PERMIT": ("BP", (15000, 87550)),
    "MISC": ("MI", (5000, 12500)),
}
CYCLES = 5
CASH_ONLY = 4
ARRANGED = 2  # accounts with an arrangement
LAPPED = 7  # accounts whose money a cashier moves on: six links
AUTOPAY = "ACH_DEBIT"  # the channel of accounts that the city debits itself
CHANNELS = (
    ("LOCKBOX", 27), ("ACH_CREDIT", 17), ("CARD", 17), ("CASHIER", 9), (AUTOPAY, 30),
)  # fmt: skip
SHARED_OLD_NUMBER = "7999999"
STREETS = ("N 59TH AVE", "W GLEN DR", "E ADOBE ST", "S PALO VERDE LN", "W ORANGE RD")
RECEIVABLE_COLUMNS = (
    "account_number", "customer_name", "item_number", "charge_type", "bill_number", "bill_date",
    "due_date", "original_amount", "open_amount", "service_address", "fund", "service",
    "arrangement_number", "installment",
)  # fmt: skip
ACCOUNT_COLUMNS = (
    "account_number", "customer_name", "status", "family", "old_account_number",
    "service_address", "cash_only_until", "autopay", "budget_amount",
)  # fmt: skip


@dataclass(slots=True)
class Item:
    """One open item; `open` is what the generator knows to be open, in cents."""

    number: str
    charge_type: str
    bill: str
    bill_date: date
    due: date
    original: int
    open: int
    fund: str = ""
    service: str = ""
    arrangement: str = ""
    installment: str = ""


@dataclass(slots=True)
class Account:
    """One account. `habit` says which evidence its payer sends: `general` names the account,
    `directed` names items or bills, `several` pays two accounts at once without amounts, `cash`,
    `arranged` and `lapped` pay only as planted."""

    number: str
    name: str
    address: str
    status: str
    family: str
    old: tuple[str, ...]
    channel: str
    habit: str
    tariff: dict[str, int]
    routing: int
    listed: bool = True
    items: list[Item] = field(default_factory=list)
    late: bool = False
    credit: int = 0  # paid beyond what was open, waiting for the next bill
    cash_only: str = ""  # the last day on which only cash is taken
    sent: int = 0  # paid by evidence that cannot decide; its payer does not pay a second time
    budget: int = 0  # what a budget plan asks for each month, in cents; 0: no plan
    payments: int = 0  # how many payments were settled on it

    @property
    def open(self) -> int:
        """What is open on the account, in cents."""
        return sum(item.open for item in self.items)

    def pay(self, cents: int, chosen: list[Item] | None = None) -> list[tuple[Item, int]]:
        """Take a payment off the items (the chosen ones, else oldest first); the rest is credit.
        Returns what was paid of which item."""
        paid = []
        for item in sorted(chosen or self.items, key=lambda item: (item.due, item.number)):
            part = min(cents, item.open)
            item.open -= part
            cents -= part
            if part:
                paid.append((item, part))
        self.credit += cents
        return paid

    @property
    def due(self) -> date:
        """The due date that a stub shows: the newest bill's."""
        return max((item.due for item in self.items), default=date(2026, 1, 1))


class City:
    """All accounts, and the running numbers of bills."""

    def __init__(self, dice: Dice, accounts: int, start: date) -> None:
        self._dice = dice
        self._bills = 0
        self.numbers: set[str] = set()
        self.accounts = [self._account(index) for index in range(accounts)]
        for index, account in enumerate(self.accounts):
            if account.status != "closed":
                self._open_bills(index, account, start)
        payers = [a for a in self.accounts if _cash_only(a)]
        for account in payers[:CASH_ONLY]:
            account.cash_only = (start + timedelta(days=180)).isoformat()
            account.channel, account.habit = "CASHIER", "cash"
        for number, account in enumerate(payers[CASH_ONLY : CASH_ONLY + ARRANGED], 1):
            self._arrange(account, f"AR26-{number:04d}", start)
        named = Counter(account.name for account in self.accounts)
        others = [a for a in payers[CASH_ONLY + ARRANGED :] if a.open and named[a.name] == 1]
        for account in others[:LAPPED]:
            account.channel, account.habit = "CASHIER", "lapped"
        for account in others[LAPPED::50]:
            account.budget = max(account.open * 8 // 10, 1)

    def _arrange(self, account: Account, name: str, start: date) -> None:
        """An old debt of 84.70 in three installments (domain example E8), one of them due soon."""
        account.channel, account.habit = "LOCKBOX", "arranged"
        for place, cents in enumerate((2824, 2823, 2823), 1):
            due = start + timedelta(days=10 + 30 * (place - 1))
            account.items.append(
                Item(f"{name}-{place}", "MISC", name, start - timedelta(days=60), due, cents, cents,
                     arrangement=name, installment=str(place))
            )  # fmt: skip

    def _number(self) -> str:
        while True:
            lost = self._dice.weighted(((0, 88), (1, 6), (2, 6)))
            first = str(self._dice.between(1, 9))
            rest = "".join(str(self._dice.below(10)) for _ in range(8 - lost))
            body = "0" * lost + first + rest
            number = body + luhn(body)
            if number not in self.numbers:
                self.numbers.add(number)
                return number

    def _account(self, index: int) -> Account:
        dice = self._dice
        family = "UTILITY" if index % 25 != 17 else list(OTHER)[index // 25 % len(OTHER)]
        name = person(dice)
        if family != "UTILITY" or dice.chance(500):
            name = business(dice)
        old: tuple[str, ...] = ()
        if dice.chance(3000):
            old = (f"7{index:06d}",)
        if dice.chance(300):
            old = (*old, f"6{index:06d}")
        if index in (1, 2):
            old = (*old, SHARED_OLD_NUMBER)
        habit = _habit(index, family)
        channel = dice.weighted(CHANNELS)
        if channel == AUTOPAY and (habit != "general" or _status(index) != "active"):
            channel = "LOCKBOX"
        tariff = {} if family != "UTILITY" else _tariff(dice)
        listed = index % 200 != 13
        return Account(
            number=self._number(),
            name=name,
            address=f"{dice.between(100, 9999)} {dice.pick(STREETS)}",
            status=_status(index),
            family=family,
            old=old if listed else (),  # the accounts file tells old numbers
            channel=channel,
            habit=habit,
            tariff=tariff,
            routing=dice.below(8),
            listed=listed,
            late=dice.chance(1500),
        )

    def _bill(self, account: Account, billed: date, due: date) -> str:
        self._bills += 1
        bill = f"B{billed:%y%m}-{self._bills:06d}"
        for service, cents in account.tariff.items():
            number = f"{service[:2]}{billed:%y%m}{self._bills:06d}"
            account.items.append(Item(number, service, bill, billed, due, cents, cents))
        return bill

    def _open_bills(self, index: int, account: Account, start: date) -> None:
        if account.family != "UTILITY":
            self._other_bill(account, start)
            return
        due = start + timedelta(days=4 + 5 * (index % CYCLES))
        if account.late:
            past = due - timedelta(days=30)
            bill = self._bill(account, past - timedelta(days=25), past)
            for service, cents in PENALTIES.items():
                if service in account.tariff:
                    number = f"PN{past:%y%m}{service[:2]}{self._bills:06d}"
                    fund = PENALTY_FUNDS[service] if index % 2 else ""
                    late = past + timedelta(days=1)
                    account.items.append(
                        Item(number, "PENALTY", bill, late, late, cents, cents, fund, service)
                    )
        self._bill(account, due - timedelta(days=25), due)

    def _other_bill(self, account: Account, start: date) -> None:
        prefix, amounts = OTHER[account.family]
        for _ in range(self._dice.between(1, 2)):
            self._bills += 1
            cents = self._dice.pick(amounts)
            number = f"{prefix}26-{self._bills:06d}"
            billed = start - timedelta(days=self._dice.between(5, 40))
            due = billed + timedelta(days=30)
            account.items.append(
                Item(number, account.family, f"V26-{self._bills:06d}", billed, due, cents, cents)
            )

    def bill_cycle(self, cycle: int, day: date) -> list[Account]:
        """Bill one cycle of the utility accounts that are not closed; the accounts billed."""
        billed = []
        for index, account in enumerate(self.accounts):
            if index % CYCLES == cycle and account.tariff and account.status != "closed":
                self._bill(account, day, day + timedelta(days=25))
                credit, account.credit = account.credit, 0
                account.pay(credit)
                billed.append(account)
        return billed

    def receivables(self) -> bytes:
        """A full snapshot as billing knows it: payments of the month are not yet in it."""
        return csv_bytes(
            RECEIVABLE_COLUMNS,
            (
                (
                    account.number, account.name, item.number, item.charge_type, item.bill,
                    item.bill_date.isoformat(), item.due.isoformat(), dollars(item.original),
                    dollars(item.original), account.address, item.fund, item.service,
                    item.arrangement, item.installment,
                )
                for account in self.accounts
                for item in account.items
            ),
        )  # fmt: skip

    def account_list(self) -> bytes:
        """The accounts file; a few accounts stand only in the receivables."""
        return csv_bytes(
            ACCOUNT_COLUMNS,
            (
                (
                    account.number, account.name, account.status, account.family,
                    ";".join(account.old), account.address, account.cash_only,
                    "yes" if account.channel == AUTOPAY else "",
                    dollars(account.budget) if account.budget else "",
                )
                for account in self.accounts
                if account.listed
            ),
        )  # fmt: skip


def _cash_only(account: Account) -> bool:
    """Whether the account can be one whose checks have come back too often."""
    return account.listed and account.status == "active" and account.habit == "general"


def _tariff(dice: Dice) -> dict[str, int]:
    services = ["WATER", "SEWER", "SANITATION", "STORM"]
    if dice.chance(1500):
        services = ["SANITATION", "STORM"]
    elif dice.chance(1000):
        services.remove("SEWER")
    return {service: dice.pick(TARIFFS[service]) for service in services}


def _status(index: int) -> str:
    """3 % closed, 1 % bankruptcy or collections, 1 % final, by place so that any size has some."""
    place = index % 100
    if place in (7, 39, 71):
        return "closed"
    if place == 55:
        return ("bankruptcy", "collections")[index // 100 % 2]
    return "final" if place == 20 else "active"


def _habit(index: int, family: str) -> str:
    if _status(index) != "active":
        return "general"
    if family != "UTILITY" or index % 16 == 5:
        return "directed"
    return "several" if index % 50 == 31 else "general"


def restore_key(number: str) -> str:
    """What is left of a number without blanks, dashes and leading zeros."""
    return number.replace(" ", "").replace("-", "").lstrip("0")


def known_keys(accounts: Iterable[Account]) -> set[str]:
    """Every number that names an account, as `restore_key` leaves it."""
    return {restore_key(text) for account in accounts for text in (account.number, *account.old)}
