"""Turns the payments of a day into the day's files, and says where each payment stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from recond.city.ach import Entry, EntryBatch, ach_file
from recond.city.bank import StatementLine, statement_file
from recond.city.counter import (
    CardRow,
    Close,
    Tender,
    card_fee,
    card_file,
    cashier_file,
    close_file,
    close_of,
)
from recond.city.faults import BANK_ERROR, CODES, line_of, miscounted
from recond.city.lockbox import Check, CheckBatch, lockbox_file
from recond.city.master import Account
from recond.city.payments import ACH, CARD, CASHIER, LOCKBOX, Payment
from recond.city.text import later_business_day, next_business_day, routing_number
from recond.city.truth import AUTO_OK, MUST_EXCEPT, Deposit, Planted, Truth, TruthReceipt

BOX = "0004471"
BATCH_SIZE = 150  # item numbers have three digits
ORIGINATORS = {
    "PPD": ("HOME BANKING", "1860001111"),
    "WEB": ("CITY WEB PAY", "1860002222"),
    "CCD": ("BUSINESS PAY", "1860003333"),
    "CTX": ("COMMERCIAL PAY", "1860004444"),
}
DRAWERS = (("D1", "alvarez"), ("D2", "bright"))
BANK_CODES = {LOCKBOX: "115", ACH: "142", CARD: "166", CASHIER: "174"}  # BAI2 type codes
FIRST_LINE = 4  # of a statement: records 01, 02 and 03 stand before the first record 16
CREDIT_DAYS = 3  # business days after which a deposit that is on no statement is asked about
BRANDS = ("VISA", "MASTERCARD", "AMEX", "DISCOVER")


@dataclass(frozen=True, slots=True)
class Sent:
    """A file as sent, kept one day so that it can come again."""

    name: str
    content: bytes
    payments: tuple[Payment, ...]
    batches: tuple[CheckBatch, ...] = ()
    entries: tuple[EntryBatch, ...] = ()


def payer_bank(account: Account) -> tuple[str, str]:
    """Routing number and bank account of whoever pays for this account."""
    return routing_number(f"1220999{account.routing}"), f"5{account.number[:9]}"


def plain(payment: Payment) -> bool:
    """Whether a payment of the counter is one tender that posts."""
    return payment.kind == AUTO_OK and not payment.voided and len(payment.tenders) == 1


def check_of(payment: Payment) -> Check:
    """The payment as a check with its stubs."""
    routing, account = payer_bank(payment.payer)
    number = f"{payment.serial:06d}"
    return Check(payment.cents, routing, account, number, payment.name_given, payment.stubs)


def entry_of(payment: Payment) -> Entry:
    """The payment as an ACH credit."""
    routing, account = payer_bank(payment.payer)
    return Entry(
        payment.cents, routing, account, payment.identity, payment.name_given,
        payment.serial % 10**7, payment.info,
    )  # fmt: skip


class Month:
    """Writes the files of one day after the other and keeps what spans days: running numbers,
    deposits that the bank has not yet shown, the balance."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.folder = truth.root
        self.day = date.min
        self.last = date.max  # the last day of the month: what can be known later is not planted
        self._numbers = {drawer: 0 for drawer, _ in DRAWERS}
        self._balance = 128_000_000
        self._credited: StatementLine | None = None  # a credit of the last statement
        self._credits: list[tuple[StatementLine, Deposit]] = []

    def open_day(self, day: date) -> None:
        """Start the folder of a day."""
        self.day = day
        self.folder = self.truth.root / day.isoformat()

    def write(self, inbox: str, name: str, content: bytes) -> Path:
        """Put a file into an inbox of the day's folder."""
        path = self.folder / inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def name(self, prefix: str, number: int, ending: str) -> str:
        """A file name like a bank's: LBX_20261102_01.bai."""
        return f"{prefix}_{self.day:%Y%m%d}_{number:02d}.{ending}"

    def receipt(
        self, payment: Payment, file: str, line: int, held: bool, code: str = ""
    ) -> TruthReceipt:
        """The truth of a payment that stands as one record in `line` of `file`."""
        return TruthReceipt(
            payment=payment.name,
            channel=payment.channel,
            file=file,
            line=line,
            tender={LOCKBOX: "CHECK", ACH: "ACH", CARD: "CARD"}.get(payment.channel, "CASH"),
            cents=payment.cents,
            received_date=self.day,
            true_account=payment.payer.number,
            kind=MUST_EXCEPT if held else payment.kind,
            targets=";".join(str(target) for target in payment.targets),
            expected_code=code or payment.code,
            held=int(held),
            voided=0,
            noise=payment.noise,
            answer="" if held else payment.answer,
        )

    def plant(self, case: str, scope: str, inbox: str, file: str, **facts: str | int) -> None:
        """Remember a planted file or batch: `code`, `state`, `batch`, `cents`, `found`."""
        self.truth.planted.append(
            Planted(
                case, self.day, scope, inbox, file, str(facts.get("batch", "")),
                str(facts["code"]), str(facts["state"]), int(facts.get("cents", 0)),
                int(facts.get("found", 0)), int(facts.get("line", 0)),
            )
        )  # fmt: skip

    def lockbox(
        self, number: int, time: str, payments: Sequence[Payment], held: Sequence[Payment] = ()
    ) -> Sent:
        """A lockbox file: the payments in several batches; `held` in a last batch whose declared
        total is 1.00 too high."""
        size = min(BATCH_SIZE, max(5, -(-len(payments) // 3)))
        groups = [payments[at : at + size] for at in range(0, len(payments), size)]
        batches = [
            CheckBatch(place, tuple(check_of(one) for one in group))
            for place, group in enumerate(groups, 1)
        ]
        if held:
            checks = tuple(check_of(one) for one in held)
            batches.append(CheckBatch(len(batches) + 1, checks, total_off=100))
        content, lines = lockbox_file(self.day, time, BOX, batches)
        name = self.name("LBX", number, "bai")
        self.write("lockbox", name, content)
        everything = (*payments, *held)
        for payment, line in zip(everything, lines, strict=True):
            late = payment in held
            code = "BATCH_TOTAL_WRONG" if late else ""
            self.truth.receipts.append(self.receipt(payment, name, line, late, code))
        cents = sum(payment.cents for payment in everything)
        waits = sum(payment.cents for payment in held)
        self.deposit(LOCKBOX, name, cents, self.day, f"LOCKBOX {BOX}", waits)
        return Sent(name, content, everything, batches=tuple(batches))

    def ach(
        self, number: int, payments: Sequence[Payment], held: Sequence[Payment] = (), off: int = 0
    ) -> Sent:
        """An ACH file: one batch an originator; `held` in a last batch whose declared credit is
        1.00 too low; with `off` the file's own total is wrong and all of it is held."""
        batches, order = [], []
        for sec, (company, company_id) in ORIGINATORS.items():
            group = [payment for payment in payments if payment.sec == sec]
            if group:
                order += group
                entries = tuple(entry_of(one) for one in group)
                batches.append(EntryBatch(sec, company, company_id, "UTILITY", entries))
        if held:
            order += held
            entries = tuple(entry_of(one) for one in held)
            company, company_id = ORIGINATORS["PPD"]
            batches.append(EntryBatch("PPD", company, company_id, "UTILITY", entries, -100))
        content, lines = ach_file(self.day, "0512", chr(64 + number), batches, off)
        name = self.name("ACH", number, "ach")
        self.write("ach", name, content)
        for payment, line in zip(order, lines, strict=True):
            late = payment in held
            code = "BATCH_TOTAL_WRONG" if late else "FILE_TOTAL_WRONG" if off else ""
            row = self.receipt(payment, name, line, late or bool(off), code)
            self.truth.receipts.append(row)
        cents = sum(payment.cents for payment in order)
        waits = cents if off else sum(payment.cents for payment in held)
        self.deposit(ACH, name, cents, self.day, "ACH CREDITS", waits)
        return Sent(name, content, tuple(order), entries=tuple(batches))

    def counter(self, payments: Sequence[Payment], fault: str = "") -> None:
        """The cashier receipts of the day and the close of each drawer, with a planted fault."""
        name = self.name("cashier", 1, "csv")
        rows: list[Tender] = []
        void = next((p for p in payments if plain(p)), None) if "void" in fault else None
        for place, payment in enumerate(payments):
            drawer, cashier = DRAWERS[payment.serial % len(DRAWERS)]
            if fault == "receipt_gap" and any(row.drawer == drawer for row in rows):
                fault = self._gap(drawer)
            receipt = self._next_number(drawer)
            if payment is void:
                payment.code, payment.noise = "VOID_NOT_APPROVED", "void without approver"
                self.plant("void_not_approved", "ITEM", "", payment.name, code=payment.code,
                           state="accepted", cents=payment.cents)  # fmt: skip
            time = f"{8 + place * 8 // len(payments):02d}:{payment.serial % 60:02d}"
            for tender, cents in payment.tenders:
                check = f"{payment.serial:06d}" if tender == "CHECK" else ""
                rows.append(
                    Tender(
                        receipt, drawer, cashier, time, payment.identity, payment.item, tender,
                        cents, check, payment.name_given,
                    )
                )  # fmt: skip
                row = self.receipt(payment, name, len(rows) + 1, False)
                self.truth.receipts.append(
                    replace(row, tender=tender, cents=cents, voided=int(payment.voided))
                )
            if payment.voided or payment is void:
                rows.append(
                    replace(
                        rows[-1], receipt=self._next_number(drawer), cents=-payment.cents,
                        void_of=receipt, approved_by="supervisor" if payment.voided else "",
                    )
                )  # fmt: skip
        self.write("cashier", name, cashier_file(self.day, rows))
        self._closes([row for row in rows if not row.void_of or row.approved_by], fault)

    def _gap(self, drawer: str) -> str:
        """Leave a receipt number out; no fault is left to plant."""
        self._next_number(drawer)
        self.plant("receipt_gap", "CASHIER", "cashier", self.name("close", 1, "csv"),
                   code=CODES["receipt_gap"], state="accepted")  # fmt: skip
        return ""

    def _next_number(self, drawer: str) -> str:
        self._numbers[drawer] += 1
        return f"{drawer}-{self._numbers[drawer]:06d}"

    def _closes(self, rows: Sequence[Tender], fault: str) -> None:
        """The closes; `rows` are what is in the drawers, a void that nobody approved left out."""
        later = next_business_day(self.day)
        stamp = f"{self.day:%y%m%d}"
        closes = [
            close_of(Close(drawer, cashier, 20000, 0, 0, f"BAG{stamp}{drawer}", "supervisor"), rows)
            for drawer, cashier in DRAWERS
        ]
        closes.sort(key=lambda close: -close.cash)  # the fuller drawer has the fault
        name = self.name("close", 1, "csv")
        closes[0], cents = miscounted(closes[0], fault, closes[0].cash)
        if fault == "late_deposit":
            closes[0] = replace(closes[0], deposit_date=next_business_day(later))
            cents = closes[0].deposit
        if cents:
            self.plant(fault, "CASHIER", "cashier", name, code=CODES[fault], state="accepted",
                       cents=cents)  # fmt: skip
        self.write("cashier", name, close_file(self.day, later, closes))
        for place, close in enumerate(closes):
            self._bag(name, close, close.deposit_date or later, "" if place else fault)

    def _bag(self, name: str, close: Close, bank_date: date, fault: str) -> None:
        """A drawer's money on its way to the bank, which may lose it or credit 10.00
        too little."""
        text, known = f"DEPOSIT {close.bag}", later_business_day(bank_date, CREDIT_DAYS)
        if fault == "lost_deposit" and close.deposit > 0:
            if known <= self.last:
                self._later(fault, known, name, close.deposit)
            return
        wrong = BANK_ERROR if fault.startswith("bank_amount") and close.deposit > BANK_ERROR else 0
        self.deposit(CASHIER, name, close.deposit - wrong, bank_date, text)
        if wrong and next_business_day(bank_date) <= self.last:
            self._later(fault, next_business_day(bank_date), name, -wrong)
        if fault == "bank_amount_corrected":
            self.deposit(CASHIER, name, wrong, later_business_day(bank_date, 2), text)

    def _later(self, case: str, known: date, file: str, cents: int) -> None:
        self.truth.planted.append(
            Planted(case, known, "BANK", "", file, "", CODES[case], "", cents, 0)
        )

    def card(self, payments: Sequence[Payment], *, refund: bool, fee: bool) -> None:
        """The card settlement of the day: sales of the weekend too, on some days a refund of
        25.00 or the monthly fee, which are no payments."""
        name = self.name("card", 1, "csv")
        rows = []
        monday = self.day.weekday() == 0 and len(self.truth.days) > 2  # a weekend of the month
        for payment in payments:
            back = payment.serial % 3 if monday else 0
            sold = self.day - timedelta(days=back)
            rows.append(
                CardRow(
                    f"T{payment.serial:09d}", BRANDS[payment.serial % 4], sold, payment.identity,
                    payment.cents, card_fee(payment.cents),
                )
            )  # fmt: skip
            row = self.receipt(payment, name, len(rows) + 1, False)
            self.truth.receipts.append(replace(row, received_date=sold))
        if refund and payments:
            account = payments[0].identity
            rows.append(
                CardRow(f"R{self.day:%y%m%d}", "VISA", self.day, account, -2500, 0, "REFUND")
            )
        if fee:
            rows.append(CardRow(f"F{self.day:%y%m%d}", "VISA", self.day, "", 0, 1810, "FEE"))
        if refund and payments:  # a refund that no sale of the file explains
            self.plant("card_refund", "RETURN", "card", name, code="RETURN_NOT_FOUND",
                       state="accepted", cents=2500)  # fmt: skip
        batch = f"CB{self.day:%y%m%d}"
        self.write("card", name, card_file("SAGUARO-WEB", batch, self.day, rows))
        cents = sum(row.gross - row.fee for row in rows)
        self.deposit(CARD, name, cents, self.day, f"CARD {batch}")

    def deposit(
        self, channel: str, file: str, cents: int, bank_date: date, text: str, held: int = 0
    ) -> None:
        """Money that the bank will credit on `bank_date`; nothing for an empty file. What of it is
        `held` is no deposit of recond's, so that the credit is not the one that it expects."""
        type_code = BANK_CODES[channel]
        if cents <= 0:
            return
        reference = f"{type_code}{bank_date:%y%m%d}{len(self._credits):03d}"
        line = StatementLine(type_code, cents, reference, text)
        one = Deposit(channel, file, self.day, bank_date, cents, "", held)
        self._credits.append((line, one))
        known = later_business_day(bank_date, CREDIT_DAYS)
        if 0 < held < cents and known <= self.last:
            self._later("held_money_late", known, file, cents - held)

    def statement(self, as_of: date, fault: str = "") -> None:
        """The bank's prior-day statement for `as_of`, which arrives on the open day; with a line
        that no deposit explains where there is a fault."""
        name = f"BAI2_{as_of:%Y%m%d}.bai"
        mine = [(line, one) for line, one in self._credits if one.bank_date == as_of]
        self._credits = [(line, one) for line, one in self._credits if one.bank_date != as_of]
        lines = [line for line, _ in mine]
        extra = line_of(fault, f"{as_of:%y%m%d}", self._credited)
        self._credited = next((line for line, one in mine if one.channel == LOCKBOX), None)
        for place, (_, deposit) in enumerate(mine, FIRST_LINE):
            self.truth.deposits.append(replace(deposit, statement=name, line=place))
            if deposit.held:
                self._line("held_money_at_bank", name, place, deposit.cents)
        if extra is not None:
            lines.append(extra)
            self._line(fault, name, FIRST_LINE + len(mine), extra.signed)
        content, self._balance = statement_file(as_of, self.day, self._balance, lines)
        self.write("bank", name, content)

    def _line(self, case: str, statement: str, line: int, cents: int) -> None:
        """Plant what is asked about one line of a statement."""
        code = CODES[case]
        asked_of_file = case == "sweep"
        self.plant(case, "BANK", "bank", statement, code=code, state="accepted", cents=cents,
                   line=0 if asked_of_file else line)  # fmt: skip
