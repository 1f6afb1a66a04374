"""A month of a city's revenue office from one seed: truth first, then the files that tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from recond.city.ach import ach_file
from recond.city.answers import Clerk
from recond.city.cards import settlement
from recond.city.cases import (
    LAPPING_EVERY,
    double_payment,
    double_payment_day,
    file_plan,
    item_cases,
    lapping,
    quiet_day,
)
from recond.city.comebacks import COMPANY_ID, Comebacks
from recond.city.dice import Dice
from recond.city.faults import BANK, COUNTER, of_day
from recond.city.lockbox import CheckBatch, lockbox_file
from recond.city.master import AUTOPAY, CYCLES, City
from recond.city.month import BOX, BOX_2, Month, Sent, check_of
from recond.city.payments import ACH, CARD, CASHIER, LOCKBOX, Payers, Payment
from recond.city.text import business_days
from recond.city.tills import Tills
from recond.city.truth import MUST_EXCEPT, Day, Planted, Truth

SMALLEST = 100
HELD_PAYMENTS = 4
SECOND_BOX = 6  # one check of so many goes to the second lockbox
WIRES = 5  # a wire every so many days
LATE_CLOSE, WRONG_BOX, FEE_KEPT = 1, 3, 5  # days, by index
SETTINGS = """
[ach]
company_ids = ["{company}"]

[[expect]]
name = "lockbox"
inbox = "lockbox"
files = "LBX_*"
begin = {begin}
by = 23:59:59.999999
"""


def generate(
    seed: int, accounts: int, start: date, days: int, payments_per_day: int, out: Path
) -> Truth:
    """Write a month of files below `out` and return its truth (domain.md section 6, first part).

    `out`/DATE/INBOX/NAME are the files of each day, the opening accounts and receivables in the
    day before the first; `out`/truth/*.csv says what happened, and `out`/settings.toml has the
    lines of recond.toml that the city needs. The same arguments give the same bytes anywhere.
    `days` are business days from `start` on. Raises ValueError for fewer than
    100 accounts, no day, or fewer than 20 payments a day: the planted cases would not fit.
    """
    if accounts < SMALLEST or days < 1 or payments_per_day < 20:
        raise ValueError("a city needs 100 accounts, one day and 20 payments a day at least")
    dice = Dice(seed)
    city = City(dice, accounts, start)
    run = _Run(dice, city, Truth(out), business_days(start, days), payments_per_day)
    run.opening(start - timedelta(days=1))
    for index in range(days):
        run.one_day(index)
    run.truth.write()
    return run.truth


class _Run:
    """The month while it is made."""

    def __init__(
        self, dice: Dice, city: City, truth: Truth, days: Sequence[date], per_day: int
    ) -> None:
        self.dice = dice
        self.city = city
        self.truth = truth
        self.days = days
        self.per_day = per_day
        self.month = Month(truth)
        self.month.last = days[-1]
        self.tills = Tills(self.month)
        self.back = Comebacks(self.month, dice, days)
        self.missing = quiet_day(len(days))
        truth.settings = SETTINGS.format(company=COMPANY_ID, begin=days[0].isoformat())
        self.payers = Payers(dice, city)
        self.clerk = Clerk(city.accounts)
        self.files = file_plan(len(days))
        self.cases = item_cases(len(days) * per_day)
        self.billing = {len(days) // 3: 0, 2 * len(days) // 3: 1} if len(days) > 2 else {}
        self.twice = double_payment_day(days)
        self.second: Payment | None = None
        self.lockbox: Sent | None = None
        self.ach: Sent | None = None

    def _open(self, day: date) -> None:
        self.truth.days.append(Day(day, self.month.open_day(day)))

    def opening(self, day: date) -> None:
        """The accounts and the receivables that the month starts with."""
        self._open(day)
        self.month.write("receivables", f"accounts_{day:%Y%m%d}.csv", self.city.account_list())
        self._snapshot(day)

    def _snapshot(self, day: date) -> None:
        self.month.write("receivables", f"receivables_{day:%Y%m%d}.csv", self.city.receivables())

    def one_day(self, index: int) -> None:
        """All files of one business day."""
        day = self.days[index]
        self._open(day)
        if index in self.billing:
            billed = self.city.bill_cycle(self.billing[index] % CYCLES, day)
            self.payers.billed(billed)
            self._snapshot(day)
        planted = self.files[index]
        last = index == len(self.days) - 1
        self.payers.debits = not last
        today = self._planted_payments(index)
        while len(today) < self.per_day:
            today.append(self.payers.regular())
        for payment in today:
            if payment.kind == MUST_EXCEPT:
                payment.answer = self.clerk.answer(payment)
        self.back.remember(today)
        mine = {
            channel: [payment for payment in today if payment.channel == channel]
            for channel in (LOCKBOX, ACH, CARD, CASHIER, AUTOPAY)
        }
        before = (self.lockbox, self.ach)
        self._lockboxes(index, mine[LOCKBOX], "lockbox_batch_total_wrong" in planted)
        self.ach = self._ach(mine[ACH], "ach_batch_total_wrong" in planted)
        if not last:
            self.back.debits(mine[AUTOPAY], self.days[index + 1])
        self.back.returns(index)
        late = index == LATE_CLOSE and index + 2 < len(self.days)
        self.tills.counter(mine[CASHIER], of_day(COUNTER, index, 1), late=late)
        back = self.back.cards(index)
        settlement(
            self.month, mine[CARD], back, refund=index % 4 == 1, fee=last, kept=index == FEE_KEPT
        )
        if index % WIRES == 2 and not last:
            self.month.wire(self.payers.wired())
        self._planted_files(planted, *before)
        self.back.checks(index)
        if index:
            self.month.statement(self.days[index - 1], of_day(BANK, index, 2))

    def _lockboxes(self, index: int, payments: list[Payment], wrong: bool) -> None:
        """The files of both boxes; one day the first box's comes two days late, and one day the
        bank says that its money is the second box's."""
        second = [payment for payment in payments if payment.serial % SECOND_BOX == 0]
        first = [payment for payment in payments if payment.serial % SECOND_BOX]
        if second:
            self.month.lockbox(second, box=BOX_2)
        if index == self.missing:
            self.lockbox = None
            arrives = self.days[index + 2]
            late = self.month.lockbox(first, arrives=arrives, case="late_file_credit")
            cents = sum(payment.cents for payment in late.payments)
            self.month.plant_later("missing_file", self.days[index + 1], "", cents, scope="DAY")
            return
        astray = index == WRONG_BOX and second and not wrong
        self.lockbox = self._lockbox(first, wrong, "wrong_box" if astray else "")

    def _planted_payments(self, index: int) -> list[Payment]:
        today: list[Payment] = []
        for place, case in enumerate(self.cases):
            if (place * 3 + 1) % len(self.days) != index:
                continue
            payment = case.make(self.payers)
            if payment is not None:
                self._plant_item(case.name, payment)
                if payment.kind == MUST_EXCEPT:
                    payment.payer.sent += payment.cents
                today.append(payment)
        link, rest = divmod(index + 1, LAPPING_EVERY)
        moved = None if rest else lapping(self.payers, link)
        if moved is not None:
            self._plant_item("lapping", moved)
            today.append(moved)
        if index == self.twice:
            first, self.second = double_payment(self.payers)
            today.append(first)
        due = min(self.twice + 1, len(self.days) - 1)
        if index == due and self.second is not None:
            self.payers.settle(self.second)
            self._plant_item("double_payment", self.second)
            today.append(self.second)
        return today

    def _plant_item(self, case: str, payment: Payment) -> None:
        self.truth.planted.append(
            Planted(
                case, self.month.day, "ITEM", "", payment.name, "", payment.code, "accepted",
                payment.cents, payment.cents,
            )
        )  # fmt: skip

    def _held(self, channel: str) -> list[Payment]:
        held: list[Payment] = []
        while len(held) < HELD_PAYMENTS:
            payment = self.payers.regular(channel=channel, posts=False)
            if channel == ACH:
                payment.sec, payment.info = "PPD", ""
            held.append(payment)
        return held

    def _lockbox(self, payments: list[Payment], wrong: bool, case: str) -> Sent:
        held = self._held(LOCKBOX) if wrong else []
        sent = self.month.lockbox(payments, held, case=case)
        if held:
            self.month.plant(
                "lockbox_batch_total_wrong", "BATCH", "lockbox", sent.name,
                code="BATCH_TOTAL_WRONG", state="partly_held", cents=100,
                batch=f"{len(sent.batches):03d}", found=sum(one.cents for one in held),
            )  # fmt: skip
        return sent

    def _ach(self, payments: list[Payment], wrong: bool) -> Sent:
        held = self._held(ACH) if wrong else []
        sent = self.month.ach(1, payments, held)
        if held:
            self.month.plant(
                "ach_batch_total_wrong", "BATCH", "ach", sent.name,
                code="BATCH_TOTAL_WRONG", state="partly_held", cents=-100,
                batch=f"{len(sent.entries):07d}", found=sum(one.cents for one in held),
            )  # fmt: skip
        return sent

    def _planted_files(
        self, planted: Sequence[str], lockbox: Sent | None, ach: Sent | None
    ) -> None:
        if "ach_file_total_wrong" in planted:
            self._file_total_wrong()
        if "lockbox_truncated" in planted:
            self._truncated()
        # An empty file of a small city repeats nothing.
        if lockbox is not None and lockbox.payments:
            if "lockbox_same_bytes" in planted:
                self._same_bytes("lockbox", lockbox, "LBX")
            if "lockbox_changed_header" in planted:
                self._changed_header(lockbox)
            if "lockbox_repeated_batch" in planted and len(lockbox.batches[0].checks) > 1:
                self._repeated_batch(lockbox)
        if ach is not None and ach.payments:
            if "ach_same_bytes" in planted:
                self._same_bytes("ach", ach, "ACH")
            if "ach_same_header" in planted:
                self._same_header(ach)

    def _file_total_wrong(self) -> None:
        held = self._held(ACH)
        sent = self.month.ach(2, held, off=5)
        self.month.plant(
            "ach_file_total_wrong", "FILE", "ach", sent.name, code="FILE_TOTAL_WRONG",
            state="held", cents=5, found=sum(one.cents for one in held),
        )  # fmt: skip

    def _truncated(self) -> None:
        """A file cut off inside its second check: nothing in it may count."""
        checks = tuple(check_of(one) for one in self._held(LOCKBOX))
        content, lines = lockbox_file(self.month.day, "0455", BOX, [CheckBatch(1, checks)])
        kept = b"\n".join(content.split(b"\n")[: lines[1]]) + b"\n"
        name = self.month.name("LBX", 9, "bai")
        self.month.write("lockbox", name, kept)
        self.month.plant(
            "lockbox_truncated", "FILE", "lockbox", name, code="FILE_TRUNCATED", state="held"
        )

    def _same_bytes(self, inbox: str, sent: Sent, prefix: str) -> None:
        ending = sent.name.rpartition(".")[2]
        name = f"{prefix}_{self.month.day:%Y%m%d}_RESENT.{ending}"
        self.month.write(inbox, name, sent.content)
        self.month.plant(
            f"{inbox}_same_bytes", "FILE", inbox, name, code="", state="duplicate",
            found=sum(one.cents for one in sent.payments),
        )  # fmt: skip

    def _yesterday(self) -> date:
        return self.days[self.days.index(self.month.day) - 1]

    def _again(
        self,
        sent: Sent,
        name: str,
        lines: list[int],
        code: str,
        more: int = 0,
        day: date | None = None,
    ) -> None:
        """Truth of records that stand in a file of yesterday's payments, of `day` when its header
        says so; `more` cents in the first of them."""
        for place, (payment, line) in enumerate(zip(sent.payments, lines, strict=False)):
            cents = payment.cents + (0 if place else more)
            row = self.month.receipt(payment, name, line, held=True, code=code)
            row = replace(row, payment=f"{payment.name}R{line}", cents=cents)
            self.truth.receipts.append(replace(row, received_date=day or self._yesterday()))

    def _changed_header(self, sent: Sent) -> None:
        content, lines = lockbox_file(self._yesterday(), "0615", BOX, sent.batches)
        name = self.month.name("LBX", 5, "bai")
        self.month.write("lockbox", name, content)
        self._again(sent, name, lines, "SUSPECTED_RESEND")
        self.month.plant(
            "lockbox_changed_header", "FILE", "lockbox", name, code="SUSPECTED_RESEND",
            state="held", found=sum(one.cents for one in sent.payments),
        )  # fmt: skip

    def _same_header(self, sent: Sent) -> None:
        first = sent.entries[0]
        entries = (replace(first.entries[0], cents=first.entries[0].cents + 100),)
        batches = [replace(first, entries=entries + first.entries[1:]), *sent.entries[1:]]
        content, lines = ach_file(self._yesterday(), "0512", "A", batches)
        name = self.month.name("ACH", 5, "ach")
        self.month.write("ach", name, content)
        self._again(sent, name, lines, "TRANSMISSION_CONFLICT", more=100)
        self.month.plant(
            "ach_same_header", "FILE", "ach", name, code="TRANSMISSION_CONFLICT",
            state="held", cents=100, found=sum(one.cents for one in sent.payments) + 100,
        )  # fmt: skip

    def _repeated_batch(self, sent: Sent) -> None:
        """Yesterday's first batch in a file of today, after a batch of its own."""
        fresh = [self.payers.regular(channel=LOCKBOX) for _ in range(2)]
        repeated = replace(sent.batches[0], number=2)
        batches = [CheckBatch(1, tuple(check_of(one) for one in fresh)), repeated]
        content, lines = lockbox_file(self.month.day, "0530", BOX, batches)
        name = self.month.name("LBX", 2, "bai")
        self.month.write("lockbox", name, content)
        for payment, line in zip(fresh, lines, strict=False):
            self.truth.receipts.append(self.month.receipt(payment, name, line, held=False))
        again = replace(sent, payments=sent.payments[: len(repeated.checks)])
        self._again(again, name, lines[len(fresh) :], "DUPLICATE_BATCH", day=self.month.day)
        self.month.deposit(
            LOCKBOX, name, sum(one.cents for one in fresh), self.month.day, f"LOCKBOX {BOX}"
        )
        self.month.plant(
            "lockbox_repeated_batch", "BATCH", "lockbox", name, code="DUPLICATE_BATCH",
            state="partly_held", batch="002", found=sum(one.cents for one in repeated.checks),
        )  # fmt: skip
