"""The counter's files of a day: receipts, closes of drawers, and the bags' way to the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from recond.city.counter import Close, Tender, cashier_file, close_file, close_of
from recond.city.faults import BANK_ERROR, CODES, miscounted
from recond.city.month import CREDIT_DAYS, Month
from recond.city.payments import CASHIER, LAPPING, Payment
from recond.city.text import later_business_day, next_business_day
from recond.city.truth import AUTO_OK

DRAWERS = (("D1", "alvarez"), ("D2", "bright"))


def plain(payment: Payment) -> bool:
    """Whether a payment of the counter is one tender that posts."""
    good = payment.kind == AUTO_OK and not payment.voided and payment.noise != LAPPING
    return good and len(payment.tenders) == 1


class Tills:
    """The drawers of the month and their running numbers."""

    def __init__(self, month: Month) -> None:
        self.month = month
        self._numbers = {drawer: 0 for drawer, _ in DRAWERS}

    def counter(self, payments: Sequence[Payment], fault: str = "", *, late: bool) -> None:
        """The cashier receipts of the day and the close of each drawer, with a planted fault; with
        `late` the close of the emptier drawer comes two days late."""
        month = self.month
        name = month.name("cashier", 1, "csv")
        rows: list[Tender] = []
        void = next((p for p in payments if plain(p)), None) if "void" in fault else None
        for place, payment in enumerate(payments):
            number = payment.serial if payment.drawer < 0 else payment.drawer
            drawer, cashier = DRAWERS[number % len(DRAWERS)]
            if fault == "receipt_gap" and any(row.drawer == drawer for row in rows):
                fault = self._gap(drawer)
            receipt = self._next_number(drawer)
            if payment is void:
                payment.code, payment.noise = "VOID_NOT_APPROVED", "void without approver"
                month.plant("void_not_approved", "ITEM", "", payment.name, code=payment.code,
                            cents=payment.cents)  # fmt: skip
            time = f"{8 + place * 8 // len(payments):02d}:{payment.serial % 60:02d}"
            for tender, cents in payment.tenders:
                check = f"{payment.serial:06d}" if tender == "CHECK" else ""
                rows.append(
                    Tender(
                        receipt, drawer, cashier, time, payment.identity, payment.item, tender,
                        cents, check, payment.name_given,
                    )
                )  # fmt: skip
                row = month.receipt(payment, name, len(rows) + 1, False)
                month.truth.receipts.append(
                    replace(row, tender=tender, cents=cents, voided=int(payment.voided))
                )
            if payment.voided or payment is void:
                rows.append(
                    replace(
                        rows[-1], receipt=self._next_number(drawer), cents=-payment.cents,
                        void_of=receipt, approved_by="supervisor" if payment.voided else "",
                    )
                )  # fmt: skip
        month.write("cashier", name, cashier_file(month.day, rows))
        self._closes([row for row in rows if not row.void_of or row.approved_by], fault, late)

    def _gap(self, drawer: str) -> str:
        """Leave a receipt number out; no fault is left to plant."""
        self._next_number(drawer)
        name = self.month.name("close", 1, "csv")
        self.month.plant("receipt_gap", "CASHIER", "cashier", name)
        return ""

    def _next_number(self, drawer: str) -> str:
        self._numbers[drawer] += 1
        return f"{drawer}-{self._numbers[drawer]:06d}"

    def _closes(self, rows: Sequence[Tender], fault: str, late: bool) -> None:
        """The closes; `rows` are what is in the drawers, a void that nobody approved left out."""
        month = self.month
        later = next_business_day(month.day)
        stamp = f"{month.day:%y%m%d}"
        closes = [
            close_of(Close(drawer, cashier, 20000, 0, 0, f"BAG{stamp}{drawer}", "supervisor"), rows)
            for drawer, cashier in DRAWERS
        ]
        closes.sort(key=lambda close: -close.cash)  # the fuller drawer has the fault
        name = month.name("close", 1, "csv")
        closes[0], cents = miscounted(closes[0], fault, closes[0].cash)
        if fault == "late_deposit":
            closes[0] = replace(closes[0], deposit_date=next_business_day(later))
            cents = closes[0].deposit
        if cents:
            month.plant(fault, "CASHIER", "cashier", name, code=CODES[fault], cents=cents)
        names = [name, name]
        if late and closes[1].deposit > 0:
            names[1] = month.name("close", 2, "csv")
            self._closed_late(names[1], closes[1], later)
            month.write("cashier", name, close_file(month.day, later, closes[:1]))
        else:
            month.write("cashier", name, close_file(month.day, later, closes))
        for place, (file, close) in enumerate(zip(names, closes, strict=True)):
            self._bag(file, close, close.deposit_date or later, "" if place else fault)

    def _closed_late(self, name: str, close: Close, later: date) -> None:
        """The close of a drawer whose bag went to the bank in time and whose paper is two days
        late."""
        day = self.month.day
        arrives = later_business_day(day, 2)
        self.month.write("cashier", name, close_file(day, later, [close]), arrives)
        self.month.plant_later("late_close", later, "", close.deposit, scope="DAY")

    def _bag(self, name: str, close: Close, bank_date: date, fault: str) -> None:
        """A drawer's money on its way to the bank, which may lose it or credit 10.00
        too little."""
        month = self.month
        text, known = f"DEPOSIT {close.bag}", later_business_day(bank_date, CREDIT_DAYS)
        if fault == "lost_deposit" and close.deposit > 0:
            month.plant_later(fault, known, name, close.deposit)
            return
        wrong = BANK_ERROR if fault.startswith("bank_amount") and close.deposit > BANK_ERROR else 0
        month.deposit(CASHIER, name, close.deposit - wrong, bank_date, text)
        if wrong:
            month.plant_later(fault, next_business_day(bank_date), name, -wrong)
        if fault == "bank_amount_corrected":
            month.deposit(CASHIER, name, wrong, later_business_day(bank_date, 2), text)
