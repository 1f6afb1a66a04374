"""Payments planted on purpose, each with the exception code that it must raise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from recond.city.ach import remittance, remittance_advice
from recond.city.lockbox import Stub
from recond.city.master import (
    ARRANGED,
    CASH_ONLY,
    SHARED_OLD_NUMBER,
    Account,
    known_keys,
    restore_key,
)
from recond.city.payments import (
    ACH,
    CARD,
    CASHIER,
    LAPPING,
    LOCKBOX,
    LOST_DIGIT,
    Payers,
    Payment,
    whole,
)  # fmt: skip
from recond.city.text import luhn
from recond.city.truth import AUTO_OK, MUST_EXCEPT


@dataclass(frozen=True, slots=True)
class Case:
    """A planted payment: its name, and what makes it on its day."""

    name: str
    make: Callable[[Payers], Payment | None]


def _start(payers: Payers, channel: str, account: Account, cents: int) -> Payment:
    return Payment(payers.next_serial(), channel, cents, account, (whole(account, cents),))


def _wrong(payment: Payment, code: str, noise: str) -> Payment:
    payment.kind, payment.code, payment.noise = MUST_EXCEPT, code, noise
    return payment


def _evidence(payment: Payment, text: str) -> Payment:
    """Let the payment say `text` in the plain way of its channel."""
    if payment.channel == LOCKBOX:
        payment.stubs = (Stub(text),)
    else:
        payment.identity, payment.sec = text, "PPD"
        payment.tenders = (("CASH", payment.cents),)
    return payment


def _closed(payers: Payers) -> Payment | None:
    closed = [account for account in payers.city.accounts if account.status == "closed"]
    if not closed:
        return None
    account = payers.dice.pick(closed)
    payment = _start(payers, ACH, account, 24286 + payers.serial % 97)
    payment.kind, payment.code, payment.noise = AUTO_OK, "ACCOUNT_CLOSED", "closed account"
    return _evidence(payment, account.number)


def _bankrupt(payers: Payers) -> Payment | None:
    for account in payers.city.accounts:
        if account.status == "bankruptcy":
            payment = _start(payers, LOCKBOX, account, account.open or 5000)
            payment.stubs = (Stub(payers.scan(account)),)
            return _wrong(payment, "ACCOUNT_IN_BANKRUPTCY", "bankruptcy")
    return None


def unknown_number(payers: Payers, account: Account) -> str:
    """The account's number with two digits keyed wrongly, so that nothing has it."""
    known = known_keys(payers.city.accounts)
    while True:
        body = account.number[:7] + f"{payers.dice.below(100):02d}"
        number = body + luhn(body)
        if restore_key(number) not in known:
            return number


def _unknown(channel: str) -> Callable[[Payers], Payment]:
    def make(payers: Payers) -> Payment:
        account = payers.dice.pick(payers.general)
        payment = _start(payers, channel, account, account.open or 4000)
        _evidence(payment, unknown_number(payers, account))
        return _wrong(payment, "ACCOUNT_NOT_FOUND", "unknown account")

    return make


def _check_digit(payers: Payers) -> Payment:
    account = payers.dice.pick(payers.general)
    payment = _start(payers, LOCKBOX, account, account.open or 4000)
    payment.stubs = (Stub(payers.broken(payers.scan(account))),)
    return _wrong(payment, "CHECK_DIGIT_FAILED", "scan line misread")


def _digit_lost(payers: Payers) -> Payment:
    account = payers.dice.pick(payers.general)
    payment = _start(payers, LOCKBOX, account, account.open or 4000)
    payment.stubs = (Stub(payers.scan(account)[:-1]),)
    return _wrong(payment, LOST_DIGIT, "scan line without its check digit")


def _white_mail(payers: Payers) -> Payment:
    account = payers.dice.pick(payers.general)
    payment = _start(payers, LOCKBOX, account, account.open or 4000)
    return _wrong(payment, "NO_REFERENCE", "white mail")


def _name_only(payers: Payers) -> Payment:
    account = payers.dice.pick(payers.general)
    payment = _evidence(_start(payers, ACH, account, account.open or 4000), "")
    return _wrong(payment, "NO_REFERENCE", "name only")


def _other_item(payers: Payers, account: Account) -> tuple[Account, str, int]:
    """An item of another account and an amount for it; an open one where it has any."""
    while True:
        other = payers.dice.pick(payers.general)
        if other is not account and other.items:
            item = next((item for item in other.items if item.open), other.items[0])
            return other, item.number, item.open or item.original


def _cash_only(payers: Payers) -> Payment | None:
    """A check for an account that only takes cash: in the bank already, posted and asked about."""
    for account in payers.city.accounts:
        if account.cash_only and account.open > account.sent and account not in payers.warned:
            payers.warned.append(account)
            payment = _start(payers, LOCKBOX, account, account.open)
            payment.stubs = (Stub(payers.scan(account)),)
            payment.code, payment.noise = "CASH_ONLY_ACCOUNT", "check for a cash account"
            payers.settle(payment)
            return payment
    return None


def _arranged(payers: Payers) -> Payment | None:
    """A check that leaves the first installment of an arrangement 2.24 short (domain E8)."""
    for account in payers.city.accounts:
        if account.habit == "arranged" and not account.payments:
            first = next(item for item in account.items if item.arrangement)
            before = sum(item.open for item in account.items if item.due < first.due)
            payment = _start(payers, LOCKBOX, account, before + first.open - 224)
            payment.stubs = (Stub(payers.scan(account)),)
            payment.code, payment.noise = "ARRANGEMENT_AT_RISK", "installment short"
            payers.settle(payment)
            return payment
    return None


def _tenfold(payers: Payers) -> Payment | None:
    """A check over ten times what is due, as if a digit too many was keyed (domain E13)."""
    active = [a for a in payers.general if a.status == "active" and not a.payments]
    if not active:  # in a small city everybody has paid by then
        return None
    account = next((a for a in active if a.open > a.sent == 0), active[0])
    payment = _start(payers, LOCKBOX, account, 10 * (account.open or 4000))
    payment.stubs = (Stub(payers.scan(account)),)
    payment.code, payment.noise = "KEYING_SUSPECTED", "ten times what is due"
    payers.settle(payment)
    return payment


def _large(payers: Payers) -> Payment:
    account = payers.dice.pick([a for a in payers.general if a.status == "active"])
    payment = _start(payers, ACH, account, 12_345_678 + payers.serial)
    payment.code, payment.noise = "LARGE_AMOUNT", "a very large amount"
    payers.settle(payment)
    return _evidence(payment, account.number)


def _swapped(payers: Payers) -> Payment | None:
    account = payers.dice.pick(payers.general)
    number = payers.transposed(account)
    if not number or restore_key(number) in known_keys(payers.city.accounts):
        return None
    payment = _evidence(_start(payers, ACH, account, account.open or 4000), number)
    return _wrong(payment, "ACCOUNT_NOT_FOUND", "two digits swapped")


def _contradiction_counter(payers: Payers) -> Payment:
    account = payers.dice.pick(payers.general)
    _, item, cents = _other_item(payers, account)
    payment = _evidence(_start(payers, CASHIER, account, cents), account.number)
    payment.item = item
    return _wrong(payment, "REFERENCES_CONTRADICT", "item of another account")


def _contradiction_ach(payers: Payers) -> Payment:
    account = payers.dice.pick(payers.general)
    _, item, cents = _other_item(payers, account)
    payment = _evidence(_start(payers, ACH, account, cents), account.number)
    payment.sec, payment.info = "CCD", remittance(item, "IV", cents)
    return _wrong(payment, "REFERENCES_CONTRADICT", "item of another account")


def _stubs_not_summing(payers: Payers) -> Payment:
    """Domain example E15: the check is a dollar more than its stubs."""
    account = payers.dice.pick(payers.general)
    other, _, _ = _other_item(payers, account)
    first, second = account.open or 3000, other.open or 4000
    payment = _start(payers, LOCKBOX, account, first + second + 100)
    payment.stubs = (Stub(payers.scan(account), first), Stub(other.number, second))
    return _wrong(payment, "REMITTANCE_SUM_WRONG", "stubs do not add up")


def _advice_not_summing(payers: Payers) -> Payment:
    account = payers.dice.pick(payers.general)
    other, _, _ = _other_item(payers, account)
    first, second = account.open or 3000, other.open or 4000
    payment = _start(payers, ACH, account, first + second + 100)
    lines = [remittance(account.number, "AC", first), remittance(other.number, "AC", second)]
    payment.sec, payment.info = "CTX", remittance_advice(lines, payment.cents, 1)
    return _wrong(payment, "REMITTANCE_SUM_WRONG", "advice does not add up")


def _shared_old_number(payers: Payers) -> Payment:
    account = payers.city.accounts[1]
    payment = _start(payers, LOCKBOX, account, account.open or 4000)
    payment.stubs = (Stub(SHARED_OLD_NUMBER),)
    return _wrong(payment, "AMBIGUOUS_REFERENCE", "old number of two accounts")


def lapping(payers: Payers, link: int) -> Payment | None:
    """One link of a chain at one cashier, who has kept the first payer's cash: each next payer's
    check goes to the account before (domain section 2.9, fraud patterns)."""
    lapped = [account for account in payers.city.accounts if account.habit == "lapped"]
    if not 0 < link < len(lapped):
        return None
    payer, account = lapped[link], lapped[link - 1]
    payment = _start(payers, CASHIER, account, payer.open)
    payment.identity, payment.named = account.number, payer.name
    payment.tenders, payment.drawer = (("CHECK", payment.cents),), 1
    payment.noise = LAPPING
    payers.settle(payment)
    return payment


def double_payment(payers: Payers) -> tuple[Payment, Payment]:
    """A customer who pays the same amount twice, by check and by card (domain example E56)."""
    active = [account for account in payers.general if account.status == "active"]
    account = next((account for account in active if account.open), active[0])
    first = _start(payers, LOCKBOX, account, account.open or 4000)
    first.stubs = (Stub(payers.scan(account)),)
    payers.settle(first)
    second = _start(payers, CARD, account, first.cents)
    second.identity, second.noise = account.number, "paid twice"
    second.code = "SUSPECTED_DUPLICATE_PAYMENT"
    return first, second


def item_cases(total: int) -> list[Case]:
    """All planted payments of a month of `total` payments; closed accounts 0.3 % (domain.md
    section 5, rates for the generator)."""
    cases = [Case("closed_account", _closed)] * max(1, total * 3 // 1000)
    cases += [Case("bankruptcy", _bankrupt), Case("shared_old_number", _shared_old_number)]
    cases += [
        Case(f"unknown_account_{channel.lower()}", _unknown(channel))
        for channel in (LOCKBOX, ACH, CARD, CASHIER)
    ]
    cases += [
        Case("check_digit", _check_digit),
        Case("check_digit_lost", _digit_lost),
        Case("white_mail", _white_mail),
        Case("name_only", _name_only),
        *[Case("cash_only", _cash_only)] * CASH_ONLY,
        *[Case("arrangement_at_risk", _arranged)] * ARRANGED,
        Case("keyed_tenfold", _tenfold),
        Case("large_amount", _large),
        Case("digits_swapped", _swapped),
        Case("contradiction_counter", _contradiction_counter),
        Case("contradiction_ach", _contradiction_ach),
        Case("stubs_not_summing", _stubs_not_summing),
        Case("advice_not_summing", _advice_not_summing),
    ]
    return cases


def double_payment_day(days: Sequence[date]) -> int:
    """The index of a day whose next business day is the next day, else the first."""
    for index, (day, after) in enumerate(pairwise(days)):
        if after - day == timedelta(days=1):
            return index
    return 0


LAPPING_EVERY = 2  # business days between two links
FILE_CASES_ANY_DAY = (
    "lockbox_batch_total_wrong",
    "ach_batch_total_wrong",
    "ach_file_total_wrong",
    "lockbox_truncated",
)
FILE_CASES_LATER = (
    "lockbox_same_bytes",
    "ach_same_bytes",
    "lockbox_changed_header",
    "ach_same_header",
    "lockbox_repeated_batch",
)


def file_plan(days: int) -> dict[int, list[str]]:
    """Which planted files arrive on which day (by index), spread over the month."""
    plan: dict[int, list[str]] = {index: [] for index in range(days)}
    for place, name in enumerate(FILE_CASES_ANY_DAY):
        plan[place * 3 % days].append(name)
    if days > 1:
        for place, name in enumerate(FILE_CASES_LATER):
            plan[1 + place * 3 % (days - 1)].append(name)
    return plan


def quiet_day(days: int) -> int:
    """The index of a day whose lockbox file can come two days late: no other case of lockbox files
    is planned for that day or the next; -1 in a month too short for it."""
    plan = file_plan(days)
    for index in range(2, days - 2):
        if not any(name.startswith("lockbox") for at in (index, index + 1) for name in plan[at]):
            return index
    return -1
