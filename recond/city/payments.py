"""Payers at work: who pays, how much, through which channel, and what they say it is for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from recond.city.ach import remittance, remittance_advice
from recond.city.dice import Dice
from recond.city.lockbox import Stub
from recond.city.master import AUTOPAY, SHARED_OLD_NUMBER, Account, City, Item
from recond.city.names import ROOM, written
from recond.city.text import luhn, scan_line
from recond.city.truth import AUTO_OK, EITHER, MUST_EXCEPT, Target

LOCKBOX, ACH, CARD, CASHIER = "LOCKBOX", "ACH_CREDIT", "CARD", "CASHIER"
WIRE = "BANK"  # money that comes as nothing but a line of a statement
PLANNED = ("cash", "arranged", "lapped")  # habits of accounts that pay only as planted
# Digits that character readers confuse (domain.md section 6, step 6).
SCAN_ACCOUNT = 10  # digits of an account number
LOST_DIGIT = "CHECK_DIGIT_FAILED|ACCOUNT_NOT_FOUND|REMITTANCE_UNREADABLE"
LAPPING = "money of another payer"
RUBBISH = (
    "UTIL PYMT THANK YOU",
    "*~*PAYMENT*~",
    "RMR*",
    "0000000000 BILLPAY",
    "NTE*ZZZ*WATER BILL",
)
CONFUSED = {"0": "8", "8": "0", "1": "7", "7": "1", "5": "6", "6": "5", "3": "8"}


@dataclass(slots=True)
class Payment:
    """One payment as it happened, and the evidence of it that the files will carry."""

    serial: int  # check number, trace number and ids of files come from it
    channel: str
    cents: int
    payer: Account
    targets: tuple[Target, ...]
    kind: str = AUTO_OK
    code: str = ""
    noise: str = ""
    stubs: tuple[Stub, ...] = ()  # lockbox
    sec: str = ""  # ACH
    identity: str = ""  # ACH individual id; at the counter and on cards the account as keyed
    info: str = ""  # ACH addenda
    item: str = ""  # counter
    tenders: tuple[tuple[str, int], ...] = ()  # counter
    voided: bool = False  # counter
    drawer: int = -1  # counter; by the serial number where it is below zero
    named: str = ""  # the payer's name as the file has it, where it is not the account's
    answer: str = ""  # the account that the evidence singles out (answers.py)
    file: str = ""  # where its (first) record stands
    line: int = 0
    paid: list[tuple[Item, int]] = field(default_factory=list)  # what it closed, once settled

    @property
    def name_given(self) -> str:
        """The payer's name as the files have room for it; card settlements carry none."""
        if self.channel == CARD:
            return ""
        room = ROOM.get("CTX" if self.sec == "CTX" else self.channel)
        return (self.named or self.payer.name)[:room].strip()

    @property
    def name(self) -> str:
        """A name for this payment, the same in truth and in nothing that recond reads."""
        return f"P{self.serial:07d}"


def whole(account: Account, cents: int) -> Target:
    """Money for an account as a whole."""
    return Target(account.number, "ACCOUNT", account.number, cents)


class Payers:
    """Makes payments and keeps what they leave open."""

    def __init__(self, dice: Dice, city: City) -> None:
        self.dice = dice
        self.city = city
        self._by_number = {account.number: account for account in city.accounts}
        self.serial = 0
        able = [a for a in city.accounts if a.status not in ("closed", "bankruptcy")]
        self.general = [a for a in able if a.habit == "general"]
        self.warned: list[Account] = []  # cash accounts that a check was sent for
        self.several = [a for a in able if a.habit == "several"]
        self._able = [a for a in able if a.habit not in PLANNED]
        self.debits = True  # whether the city can still debit accounts this month
        self._queue: deque[Account] = deque()
        self._dry = False

    def billed(self, accounts: list[Account]) -> None:
        """New bills: their payers come again."""
        able = [a for a in accounts if a.status != "bankruptcy" and a.habit not in PLANNED]
        self._queue.extend(self.dice.shuffled(able))
        self._dry = False

    def next_serial(self) -> int:
        """The next running number of a payment."""
        self.serial += 1
        return self.serial

    def _payer(self) -> Account | None:
        while True:
            while self._queue:
                account = self._queue.popleft()
                if account.open > account.sent:
                    return account
            if self._dry:
                return None
            unpaid = [a for a in self._able if a.open > a.sent]
            self._queue.extend(self.dice.shuffled(unpaid))
            self._dry = not self._queue

    def regular(self, *, channel: str = "", posts: bool = True) -> Payment:
        """One ordinary payment. With `posts` false it will stand in a file or batch that is held,
        so it leaves everything open."""
        account = self._payer()
        if not posts and account is not None and account.habit != "general":
            account = None  # what is held names an account as a whole
        if account is None or account.habit == "general":
            payment = self.plain(account or self.dice.pick(self.general), channel)
        elif account.habit == "directed":
            payment = self._directed(account, channel)
        else:
            payment = self._without_amounts(account)
        if self.dice.chance(3000):
            payment.named = written(self.dice, payment.payer.name)
        if posts and payment.kind == MUST_EXCEPT:
            payment.payer.sent += payment.cents
        elif posts and not payment.voided:
            self.settle(payment)
        return payment

    def settle(self, payment: Payment) -> None:
        """Take the payment off what is open, target by target."""
        by_number = {account.number: account for account in self._touched(payment)}
        for target in payment.targets:
            account = by_number[target.account]
            chosen = [i for i in account.items if target.number in (i.number, i.bill)]
            payment.paid += account.pay(target.cents, chosen)
            account.payments += 1

    def _touched(self, payment: Payment) -> list[Account]:
        numbers = dict.fromkeys(target.account for target in payment.targets)
        return [self._by_number[number] for number in numbers]

    def amount(self, account: Account) -> int:
        """Exact 92, part 4, over 3, rounded up to the dollar 1 of 100; nothing open: in advance."""
        due = account.open - account.sent
        if due <= 0:
            return 100 * self.dice.between(20, 90)
        if account.budget:
            return account.budget
        how = self.dice.weighted((("exact", 92), ("part", 4), ("over", 3), ("round", 1)))
        if how == "part":
            return max(1, due * self.dice.between(2, 8) // 10)
        if how == "over":
            return due + 100 * self.dice.between(1, 40)
        return -(-due // 100) * 100 if how == "round" else due

    def spelled(self, account: Account, odds: int) -> tuple[str, str]:
        """The account's number as its payer writes it, and the noise; `odds` of 10,000 are not
        written as printed: dashes, blanks, lost leading zeros, an old number."""
        number = account.number
        if not self.dice.chance(odds):
            return number, ""
        ways = [("dashes", f"{number[:3]}-{number[3:7]}-{number[7:]}")]
        ways.append(("blanks", f"{number[:4]} {number[4:7]} {number[7:]}"))
        if number.startswith("0"):
            ways.append(("zeros lost", number.lstrip("0")))
        ways += [("old number", old) for old in account.old if old != SHARED_OLD_NUMBER]
        noise, text = self.dice.pick(ways)
        return text, noise

    def plain(self, account: Account, channel: str = "") -> Payment:
        """A payment for an account as a whole, with the evidence of its channel."""
        owed = account.open - account.sent
        if not channel and account.channel == AUTOPAY and self.debits and owed > 0:
            return self._debited(account, owed)
        if not channel:
            sticky = self.dice.chance(9200) and account.channel != AUTOPAY
            channel = account.channel if sticky else self.dice.pick((LOCKBOX, ACH, CARD, CASHIER))
        cents = self.amount(account)
        payment = Payment(self.next_serial(), channel, cents, account, (whole(account, cents),))
        if channel == LOCKBOX:
            self._lockbox_evidence(payment)
        elif channel == ACH:
            self._ach_evidence(payment)
        else:
            payment.identity = account.number
            if channel == CASHIER:
                self._tenders(payment)
        return payment

    def _debited(self, account: Account, cents: int) -> Payment:
        """A debit of the city's own: always of what is due, and always by the account's number."""
        payment = Payment(self.next_serial(), AUTOPAY, cents, account, (whole(account, cents),))
        payment.identity = account.number
        return payment

    def wired(self) -> Payment:
        """A wire for what an account owes, whose text has the account's number."""
        owing = [a for a in self.general if a.status == "active" and a.open > a.sent]
        account = self.dice.pick(owing or self.general)
        cents = max(account.open - account.sent, 0) or 5000
        payment = Payment(self.next_serial(), WIRE, cents, account, (whole(account, cents),))
        payment.noise = "wire"
        self.settle(payment)
        return payment

    def scan(self, account: Account) -> str:
        """The scan line of the account's stub; its amount is what is due, not what is paid."""
        return scan_line(account.number, account.due, account.open)

    def broken(self, line: str) -> str:
        """A scan line with one digit read as another: its check digit always fails."""
        places = [at for at, digit in enumerate(line[:26]) if digit in CONFUSED]
        at = self.dice.pick(places)
        return line[:at] + CONFUSED[line[at]] + line[at + 1 :]

    def transposed(self, account: Account) -> str:
        """The account's number with two neighbours swapped so that its check digit fails; empty
        where there are none."""
        number = account.number
        places = [
            at
            for at in range(3, len(number) - 1)
            if number[at] != number[at + 1]
            and luhn((swapped := swap(number, at))[:9]) != swapped[9]
        ]
        return swap(number, self.dice.pick(places)) if places else ""

    def _lockbox_evidence(self, payment: Payment) -> None:
        account = payment.payer
        roll = self.dice.below(10_000)
        if roll < 30:
            payment.stubs = (Stub(self.broken(self.scan(account))),)
            payment.kind, payment.code = MUST_EXCEPT, "CHECK_DIGIT_FAILED"
            payment.noise = "scan line misread"
        elif roll < 180:
            payment.kind, payment.code, payment.noise = MUST_EXCEPT, "NO_REFERENCE", "white mail"
        elif roll < 190:
            payment.stubs = (Stub(self.scan(account)[:-1]),)
            payment.kind, payment.code = MUST_EXCEPT, LOST_DIGIT
            payment.noise = "scan line without its check digit"
        elif roll < 380:
            self._stubs_with_amounts(payment)
        elif roll < 1500:
            text, payment.noise = self.spelled(account, 4000)
            payment.stubs = (Stub(text),)
        else:
            payment.stubs = (Stub(self.scan(account)),)

    def _others(self, payment: Payment, count: int) -> list[Account]:
        others: list[Account] = []
        while len(others) < count:
            other = self.dice.pick(self.general)
            if other is not payment.payer and other not in others:
                others.append(other)
        return others

    def _share(self, payment: Payment) -> None:
        """Let the payment pay one or two more accounts, each its own amount."""
        shares = [whole(payment.payer, payment.cents)]
        for other in self._others(payment, self.dice.between(1, 2)):
            shares.append(whole(other, other.open or 2500))
        payment.targets = tuple(shares)
        payment.cents = sum(share.cents for share in shares)

    def _stubs_with_amounts(self, payment: Payment) -> None:
        self._share(payment)
        known = {account.number: account for account in self._touched(payment)}
        stubs = []
        for place, target in enumerate(payment.targets):
            account = known[target.account]
            text = account.number if place % 2 else self.scan(account)
            stubs.append(Stub(text, target.cents))
        payment.stubs = tuple(stubs)
        payment.noise = "several stubs"

    def _ach_evidence(self, payment: Payment) -> None:
        account = payment.payer
        payment.sec = self.dice.weighted((("PPD", 50), ("WEB", 30), ("CCD", 20)))
        roll = self.dice.below(10_000)
        if roll < 100:
            payment.kind, payment.code, payment.noise = MUST_EXCEPT, "NO_REFERENCE", "name only"
        elif roll < 150:
            payment.identity = f"ACCT {account.number}"
            payment.kind, payment.noise = EITHER, "text around the number"
        elif roll < 180:
            payment.identity, payment.info = account.number, self.dice.pick(RUBBISH)
            payment.kind, payment.noise = EITHER, "rubbish in the addenda"
        elif roll < 210 and len(keyed := self.transposed(account)) == SCAN_ACCOUNT:
            payment.identity, payment.kind = keyed, MUST_EXCEPT
            payment.code, payment.noise = "ACCOUNT_NOT_FOUND", "two digits swapped"
        elif roll < 400:
            self._share(payment)
            payment.sec, payment.identity = "CTX", f"VN{account.number[-6:]}"
            lines = [remittance(t.number, "AC", t.cents) for t in payment.targets]
            payment.info = remittance_advice(lines, payment.cents, 1)
        else:
            payment.identity, payment.noise = self.spelled(account, 550)

    def _tenders(self, payment: Payment) -> None:
        cents = payment.cents
        how = self.dice.weighted(
            (("CASH", 45), ("CHECK", 30), ("MONEY_ORDER", 10), ("split", 8), ("change", 7))
        )
        if how == "split" and cents > 1000:
            payment.tenders = (("CASH", 1000), ("CHECK", cents - 1000))
        elif how == "change":
            given = -(-cents // 2000) * 2000 + 2000
            payment.tenders = (("CHECK", given), ("CASH", cents - given))
        else:
            payment.tenders = ((how if how in ("CHECK", "MONEY_ORDER") else "CASH", cents),)
            payment.voided = self.dice.chance(150)

    def _directed(self, account: Account, channel: str) -> Payment:
        chosen = [item for item in account.items if item.open]
        roll = self.dice.below(10_000)
        bill = [item for item in account.items if item.bill == chosen[0].bill]
        if roll < 2000 and all(item.open == item.original for item in bill):
            cents = sum(item.open for item in bill)
            targets = [Target(account.number, "BILL", bill[0].bill, cents)]
        elif roll < 4000 and len(chosen) > 1:
            targets = [_named(account, item, item.open) for item in chosen[:2]]
        elif roll < 5500 and chosen[0].open > 1000:
            targets = [_named(account, chosen[0], chosen[0].open // 2)]
        else:
            targets = [_named(account, chosen[0], chosen[0].open)]
        channel = channel or (LOCKBOX if account.channel == CARD else account.channel)
        if channel == CASHIER and (len(targets) > 1 or targets[0].kind == "BILL"):
            channel = LOCKBOX
        cents = sum(target.cents for target in targets)
        payment = Payment(self.next_serial(), channel, cents, account, tuple(targets))
        payment.noise = "named"
        self._name_items(payment)
        return payment

    def _name_items(self, payment: Payment) -> None:
        targets = payment.targets
        if payment.channel == CASHIER:
            payment.identity, payment.item = payment.payer.number, targets[0].number
            payment.tenders = (("CHECK", payment.cents),)
        elif payment.channel == ACH:
            payment.sec = "CTX" if len(targets) > 1 else "CCD"
            payment.identity = f"VN{payment.payer.number[-6:]}"
            lines = [remittance(t.number, "IV", t.cents) for t in targets]
            payment.info = (
                remittance_advice(lines, payment.cents, 1) if len(targets) > 1 else lines[0]
            )
        else:
            amounts = self.dice.chance(5000)
            drop = self.dice.chance(1000)
            payment.stubs = tuple(
                Stub(t.number.replace("-", "") if drop else t.number, t.cents if amounts else None)
                for t in targets
            )

    def _without_amounts(self, account: Account) -> Payment:
        """One check for two accounts, no amounts: it pays exactly what both have open."""
        both = [account]
        for other in self.several:
            if other.open and other is not account:
                both.append(other)
                break
        targets = tuple(whole(one, one.open) for one in both)
        cents = sum(target.cents for target in targets)
        payment = Payment(self.next_serial(), LOCKBOX, cents, account, targets)
        payment.stubs = tuple(Stub(self.scan(one)) for one in both)
        payment.noise = "several stubs without amounts"
        return payment


def swap(text: str, at: int) -> str:
    """The text with the characters at `at` and after it swapped."""
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _named(account: Account, item: Item, cents: int) -> Target:
    return Target(account.number, "ITEM", item.number, cents)
