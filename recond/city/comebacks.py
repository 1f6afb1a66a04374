"""The city's own debits, and what comes back: returns, notices of change, checks that bounce and
are redeposited, chargebacks and those that are won.

Only payments come back of which nothing else is known than that they paid items of one account:
then the truth about what is open again needs no rule of anybody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from recond.city.ach import Entry, EntryBatch, ach_file, changed, returned, trace_number
from recond.city.bank import StatementLine
from recond.city.dice import Dice
from recond.city.master import AUTOPAY
from recond.city.month import AtBank, Month, entry_of, payer_bank
from recond.city.payments import CARD, LOCKBOX, Payment
from recond.city.text import routing_number
from recond.city.truth import AUTO_OK, Comeback, Deposit

COMPANY, COMPANY_ID = "CITY OF SAGUARO", "1866000111"
REASONS = ("R01", "R01", "R01", "R03", "R08", "R02")
UNAUTHORISED = "R10"
# Of 10,000 (domain section 5, rates for the generator); chargebacks are four a month.
DEBITS_RETURNED, CHECKS_RETURNED = 80, 25
AFTER = 3  # business days until a return or a bounced check is known, a chargeback at the least
LATE, LATE_MOST = 9, 3  # unauthorised debits come back as late as this, and so many
CHARGEBACKS = (3, 6, 9, 12)  # days, by index
WON = 6  # day of the first chargeback that is won
REDEPOSIT = 2  # days after the first check came back
NOTICES = (3, 8, 13)
UNKNOWN_DAY, UNKNOWN_CENTS, UNKNOWN_TRACE = 5, 4321, 9_999_999
UNKNOWN_CHECK_DAY = 4


class Comebacks:
    """What was paid and can come back, by the day on which it was paid."""

    def __init__(self, month: Month, dice: Dice, days: Sequence[date]) -> None:
        self.month = month
        self.dice = dice
        self.days = days
        self._paid: list[list[Payment]] = []
        self._gone: list[Payment] = []
        self._due = {AUTOPAY: 10_000, LOCKBOX: 10_000}  # one of each at least
        self._late = 0
        self._bounced: tuple[int, Payment] | None = None
        self._charged: Payment | None = None
        self._returned: tuple[int, Payment] | None = None
        self._traces = 8_000_000

    def remember(self, payments: Sequence[Payment]) -> None:
        """The payments of a day that stand in no held batch."""
        self._paid.append([one for one in payments if one.kind == AUTO_OK and not one.code])

    def _able(self, channel: str, first: int, last: int) -> list[Payment]:
        """Payments of days (by index) that can come back: the only one on its account, which paid
        nothing but items."""
        return [
            one
            for day in self._paid[max(first, 0) : max(last + 1, 0)]
            for one in day
            if one.channel == channel and self._lone(one) and one not in self._gone
        ]

    def _lone(self, one: Payment) -> bool:
        payer = one.payer
        plain = payer.status == "active" and payer.habit == "general" and not one.voided
        return (
            plain
            and len(one.targets) == 1
            and payer.payments == 1
            and sum(cents for _, cents in one.paid) == one.cents
        )

    def _take(self, one: Payment) -> None:
        self._gone.append(one)
        for item, cents in one.paid:
            item.open += cents

    def _bring(self, one: Payment) -> None:
        for item, cents in one.paid:
            item.open -= cents

    def _share(self, channel: str, rate: int, index: int) -> list[Payment]:
        """So many of the channel's payments of three days ago as the rate says."""
        able = self._able(channel, index - AFTER, index - AFTER)
        if index >= AFTER:
            count = sum(one.channel == channel for one in self._paid[index - AFTER])
            self._due[channel] += rate * count
        chosen = able[: self._due[channel] // 10_000]
        self._due[channel] -= 10_000 * len(chosen)
        return chosen

    # --- the city's own debits --------------------------------------------------------------------

    def debits(self, payments: Sequence[Payment], effective: date) -> None:
        """The file of debits that the city sent today, for the next business day."""
        if not payments:
            return
        month = self.month
        entries = tuple(entry_of(one, "27") for one in payments)
        batch = EntryBatch("PPD", COMPANY, COMPANY_ID, "UTILITY", entries, effective=effective)
        content, lines = ach_file(month.day, "1630", "A", [batch])
        name = month.name("DEB", 1, "ach")
        month.write("ach", name, content)
        for payment, line in zip(payments, lines, strict=True):
            row = month.receipt(payment, name, line, False, known=effective, received=effective)
            month.truth.receipts.append(row)
        cents = sum(one.cents for one in payments)
        month.deposit(AUTOPAY, name, cents, effective, f"ACH SETTLEMENT {COMPANY_ID}")

    def returns(self, index: int) -> None:
        """The day's file of returns and notices from the bank, and the bank's debits for them."""
        month = self.month
        back = [
            (one, self.dice.pick(REASONS)) for one in self._share(AUTOPAY, DEBITS_RETURNED, index)
        ]
        if index >= LATE and self._late < LATE_MOST:
            late = self._able(AUTOPAY, 0, index - LATE)[:1]
            back += [(one, UNAUTHORISED) for one in late]
            self._late += len(late)
        entries = [self._entry(one, reason) for one, reason in back]
        name = month.name("RET", 1, "ach")
        lost = index == min(UNKNOWN_DAY, len(self.days) - 2) and index >= AFTER
        if lost:
            entries.append(self._lost_return(index, name))
        if self._returned is not None and index == self._returned[0] + 2 < len(self.days) - 1:
            entries.append(self._entry(self._returned[1], "R01"))
            month.plant_later("return_again", self.days[index + 1], name, self._returned[1].cents,
                              scope="RETURN")  # fmt: skip
        if back and self._returned is None:
            self._returned = (index, back[0][0])
        notices = self._notices(index, name)
        if not entries and not notices:
            return
        batches = []
        if entries:
            batches.append(EntryBatch("PPD", COMPANY, COMPANY_ID, "RETURNS", tuple(entries)))
        if notices:
            batches.append(EntryBatch("COR", COMPANY, COMPANY_ID, "NOTICES", tuple(notices)))
        content, lines = ach_file(month.day, "0430", "R", batches)
        month.write("ach", name, content)
        for (one, reason), line in zip(back, lines, strict=False):
            self._take(one)
            made = Comeback(month.day, "TAKEN", one.name, AUTOPAY, one.cents, reason, name, line)
            month.truth.comebacks.append(made)
        self._debited(name, [one.cents for one, _ in back], lump=index % 2 == 1)

    def _entry(self, one: Payment, reason: str) -> Entry:
        """A return of a debit, under a trace number of the bank's."""
        self._traces += 1
        routing, account = payer_bank(one.payer)
        back = returned(reason, trace_number(one.serial), routing)
        return Entry(one.cents, routing, account, one.identity, one.name_given, self._traces,
                     code="26", comes_back=back)  # fmt: skip

    def _lost_return(self, index: int, name: str) -> Entry:
        """A return of a debit that nobody sent, and the bank's debit for it."""
        month = self.month
        self._traces += 1
        routing = routing_number("12209993")
        back = returned("R04", trace_number(UNKNOWN_TRACE), routing)
        month.plant_later("return_unknown", self.days[index + 1], name, UNKNOWN_CENTS,
                          scope="RETURN")  # fmt: skip
        line = month.line("557", UNKNOWN_CENTS, month.day, "ACH RETURN")
        month.expect(AtBank(line, month.day, case="debit_unknown"))
        return Entry(UNKNOWN_CENTS, routing, "5000000000", "NOBODY", "NO BODY", self._traces,
                     code="26", comes_back=back)  # fmt: skip

    def _notices(self, index: int, name: str) -> list[Entry]:
        """A notice that a payer's bank account has another number now."""
        known = [
            one for day in self._paid[: max(index - 1, 0)] for one in day if one.channel == AUTOPAY
        ]
        if index not in NOTICES or not known:
            return []
        self._traces += 1
        one = known[index % len(known)]
        routing, account = payer_bank(one.payer)
        told = changed("C01", trace_number(one.serial), routing, f"7{account[1:]}")
        self.month.plant("notice_of_change", "RETURN", "ach", name)
        return [Entry(0, routing, account, one.identity, one.name_given, self._traces,
                      code="26", comes_back=told)]  # fmt: skip

    def _debited(self, file: str, amounts: Sequence[int], *, lump: bool) -> None:
        """The bank takes the returns of a file, one by one or in one sum."""
        month = self.month
        for cents in [sum(amounts)] if lump and amounts else amounts:
            line = month.line("557", cents, month.day, "ACH RETURN")
            gone = Deposit("RETURN", file, month.day, month.day, -cents, "")
            month.expect(AtBank(line, month.day, gone))

    # --- checks -----------------------------------------------------------------------------------

    def checks(self, index: int) -> None:
        """Checks that the bank takes back or brings again, on yesterday's statement."""
        if not index:
            return
        before = self.days[index - 1]
        for one in self._share(LOCKBOX, CHECKS_RETURNED, index):
            self._take(one)
            text = f"DEPOSITED ITEM RETURNED NSF CHECK {one.serial:06d}"
            self._line("TAKEN", one, self.month.line("555", one.cents, before, text), before)
            if self._bounced is None:
                self._bounced = (index, one)
        if self._bounced is not None and index == self._bounced[0] + REDEPOSIT:
            one = self._bounced[1]
            if one.payer.payments == 1:
                self._bring(one)
                text = f"REDEPOSITED ITEM CHECK {one.serial:06d}"
                self._line("BROUGHT", one, self.month.line("301", one.cents, before, text), before)
        if index == UNKNOWN_CHECK_DAY:
            line = self.month.line("555", 8765, before, "DEPOSITED ITEM RETURNED NSF CHECK 999999")
            self.month.expect(AtBank(line, before, case="debit_unknown"))

    def _line(self, what: str, one: Payment, line: StatementLine, day: date) -> None:
        made = Comeback(day, what, one.name, LOCKBOX, one.cents, line.text, "", 0)
        self.month.expect(
            AtBank(line, day, Deposit("RETURN", "", day, day, line.signed, ""), "", made)
        )

    # --- cards ------------------------------------------------------------------------------------

    def cards(self, index: int) -> list[tuple[str, Payment]]:
        """Sales that are charged back today, and those that are won again."""
        back = []
        if index in CHARGEBACKS:
            for one in self._able(CARD, 0, index - 2)[:1]:
                self._take(one)
                back.append(("TAKEN", one))
                self._charged = self._charged or one
        if index == WON and self._charged is not None and self._charged.payer.payments == 1:
            self._bring(self._charged)
            back.append(("BROUGHT", self._charged))
            self._charged = None
        return back
