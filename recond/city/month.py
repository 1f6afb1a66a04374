"""Writes the files of a day, and says where each payment stands in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from recond.city.ach import Entry, EntryBatch, ach_file
from recond.city.bank import StatementLine, statement_file
from recond.city.faults import CODES, OF_STATEMENT, PATIENCE, line_of
from recond.city.lockbox import Check, CheckBatch, lockbox_file
from recond.city.master import AUTOPAY, Account
from recond.city.payments import ACH, CARD, CASHIER, LOCKBOX, WIRE, Payment
from recond.city.text import later_business_day, routing_number
from recond.city.truth import MUST_EXCEPT, Comeback, Deposit, Planted, Truth, TruthReceipt

BOX, BOX_2 = "0004471", "0004472"
BATCH_SIZE = 150  # item numbers have three digits
ORIGINATORS = {
    "PPD": ("HOME BANKING", "1860001111"),
    "WEB": ("CITY WEB PAY", "1860002222"),
    "CCD": ("BUSINESS PAY", "1860003333"),
    "CTX": ("COMMERCIAL PAY", "1860004444"),
}
BANK_CODES = {LOCKBOX: "115", ACH: "142", AUTOPAY: "142", CARD: "166", CASHIER: "174"}  # BAI2
TENDERS = {LOCKBOX: "CHECK", CARD: "CARD", CASHIER: "CASH", WIRE: "WIRE"}
FIRST_LINE = 4  # of a statement: records 01, 02 and 03 stand before the first record 16
ASTRAY = ("wrong_box", "tie")  # lines that can be told to no deposit
CREDIT_DAYS = 3  # business days after which a deposit that is on no statement is asked about


@dataclass(frozen=True, slots=True)
class Sent:
    """A file as sent, kept one day so that it can come again."""

    name: str
    content: bytes
    payments: tuple[Payment, ...]
    batches: tuple[CheckBatch, ...] = ()
    entries: tuple[EntryBatch, ...] = ()


@dataclass(frozen=True, slots=True)
class AtBank:
    """A line that will stand on the statement of `bank_date`: what it brings or takes, what is
    asked about it, and the payment that it is, takes back or brings again."""

    line: StatementLine
    bank_date: date
    deposit: Deposit | None = None
    case: str = ""
    comeback: Comeback | None = None
    payment: Payment | None = None  # that it is, with nothing else about it in any file


def payer_bank(account: Account) -> tuple[str, str]:
    """Routing number and bank account of whoever pays for this account."""
    return routing_number(f"1220999{account.routing}"), f"5{account.number[:9]}"


def check_of(payment: Payment) -> Check:
    """The payment as a check with its stubs."""
    routing, account = payer_bank(payment.payer)
    number = f"{payment.serial:06d}"
    return Check(payment.cents, routing, account, number, payment.name_given, payment.stubs)


def entry_of(payment: Payment, code: str = "22") -> Entry:
    """The payment as an ACH entry."""
    routing, account = payer_bank(payment.payer)
    return Entry(
        payment.cents, routing, account, payment.identity, payment.name_given,
        payment.serial % 10**7, payment.info, code,
    )  # fmt: skip


def _tied(lines: Sequence[AtBank]) -> list[AtBank]:
    """The lines, with those marked that nothing can tell apart: no file says which is which."""
    alike = Counter((one.line.type_code, one.line.cents, one.line.text) for one in lines)
    return [
        replace(one, case="tie")
        if one.deposit is not None
        and one.comeback is None
        and alike[one.line.type_code, one.line.cents, one.line.text] > 1
        else one
        for one in lines
    ]


class Month:
    """Writes the files of one day after the other and keeps what spans days: the lines that the
    bank has not yet shown, the balance."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.day = date.min
        self.last = date.max  # the last day of the month: what can be known later is not planted
        self._balance = 128_000_000
        self._credited: StatementLine | None = None  # a credit of the last statement
        self._coming: list[AtBank] = []
        self._lines = 0  # so far, so that each has a reference of its own

    def open_day(self, day: date) -> Path:
        """Start the folder of a day."""
        self.day = day
        return self.truth.root / day.isoformat()

    def write(self, inbox: str, name: str, content: bytes, arrives: date | None = None) -> None:
        """Put a file into an inbox of the folder of the day, or of the day on which it arrives."""
        path = self.truth.root / (arrives or self.day).isoformat() / inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def name(self, prefix: str, number: int, ending: str) -> str:
        """A file name like a bank's: LBX_20261102_01.bai."""
        return f"{prefix}_{self.day:%Y%m%d}_{number:02d}.{ending}"

    def receipt(
        self, payment: Payment, file: str, line: int, held: bool, code: str = "",
        known: date | None = None, received: date | None = None,
    ) -> TruthReceipt:  # fmt: skip
        """The truth of a payment that stands as one record in `line` of `file`."""
        if not held and not payment.file:
            payment.file, payment.line = file, line
        return TruthReceipt(
            payment=payment.name,
            channel=payment.channel,
            file=file,
            line=line,
            tender=TENDERS.get(payment.channel, "ACH"),
            cents=payment.cents,
            received_date=received or self.day,
            true_account=payment.payer.number,
            kind=MUST_EXCEPT if held else payment.kind,
            targets=";".join(str(target) for target in payment.targets),
            expected_code=code or payment.code,
            held=int(held),
            voided=0,
            noise=payment.noise,
            answer="" if held else payment.answer,
            known=known or self.day,
        )

    def plant(self, case: str, scope: str, inbox: str, file: str, **facts: str | int) -> None:
        """Remember a planted file or batch: `code`, `state`, `batch`, `cents`, `found`."""
        self.truth.planted.append(
            Planted(
                case, self.day, scope, inbox, file, str(facts.get("batch", "")),
                str(facts.get("code", CODES.get(case, ""))), str(facts.get("state", "accepted")),
                int(facts.get("cents", 0)), int(facts.get("found", 0)), int(facts.get("line", 0)),
            )
        )  # fmt: skip

    def plant_later(
        self, case: str, known: date, file: str, cents: int, scope: str = "BANK"
    ) -> None:
        """Remember what can be known on a later day, if the month has that day."""
        if known <= self.last:
            self.truth.planted.append(
                Planted(case, known, scope, "", file, "", CODES[case], "", cents, 0)
            )

    # --- files of payments ------------------------------------------------------------------------

    def lockbox(
        self, payments: Sequence[Payment], held: Sequence[Payment] = (), *, box: str = BOX,
        arrives: date | None = None, case: str = "",
    ) -> Sent:  # fmt: skip
        """The lockbox file of a box: the payments in several batches; `held` in a last batch whose
        declared total is 1.00 too high. With `arrives` it comes as late as that; `case` is what is
        asked about its credit at the bank."""
        size = min(BATCH_SIZE, max(5, -(-len(payments) // 3)))
        groups = [payments[at : at + size] for at in range(0, len(payments), size)]
        batches = [
            CheckBatch(place, tuple(check_of(one) for one in group))
            for place, group in enumerate(groups, 1)
        ]
        if held:
            checks = tuple(check_of(one) for one in held)
            batches.append(CheckBatch(len(batches) + 1, checks, total_off=100))
        time = "0430" if box == BOX else "0440"  # a transmission is known by when it was made
        content, lines = lockbox_file(self.day, time, box, batches)
        name = self.name("LBX" if box == BOX else "LB2", 1, "bai")
        self.write("lockbox", name, content, arrives)
        everything = (*payments, *held)
        for payment, line in zip(everything, lines, strict=True):
            late = payment in held
            code = "BATCH_TOTAL_WRONG" if late else ""
            self.truth.receipts.append(self.receipt(payment, name, line, late, code, arrives))
        cents = sum(payment.cents for payment in everything)
        waits = sum(payment.cents for payment in held)
        said = BOX_2 if case == "wrong_box" else box
        self.deposit(LOCKBOX, name, cents, self.day, f"LOCKBOX {said}", waits, case)
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

    # --- the bank ---------------------------------------------------------------------------------

    def deposit(
        self, channel: str, file: str, cents: int, bank_date: date, text: str, held: int = 0,
        case: str = "",
    ) -> None:  # fmt: skip
        """Money that the bank will credit on `bank_date`; nothing for an empty file. What of it is
        `held` is no deposit of recond's, so that the credit is not the one that it expects. A
        credit that names a wrong box is told to no deposit."""
        if cents <= 0:
            return
        line = self.line(BANK_CODES[channel], cents, bank_date, text)
        one = Deposit(channel, file, self.day, bank_date, cents, "", held)
        case = case or ("held_money_at_bank" if held else "")
        self._coming.append(AtBank(line, bank_date, one, case))
        known = later_business_day(bank_date, CREDIT_DAYS)
        if 0 < held < cents:
            self.plant_later("held_money_late", known, file, cents - held)
        if case == "wrong_box":
            self.plant_later("wrong_box_late", known, file, cents)

    def line(self, type_code: str, cents: int, bank_date: date, text: str) -> StatementLine:
        """A statement line with a reference of its own."""
        self._lines += 1
        reference = f"{type_code}{bank_date:%y%m%d}{self._lines % 1000:03d}"
        return StatementLine(type_code, cents, reference, text)

    def wire(self, payment: Payment) -> None:
        """A wire of today."""
        text = f"WIRE FROM {payment.name_given} ACCT {payment.payer.number}"
        line = self.line("195", payment.cents, self.day, text)
        self.expect(AtBank(line, self.day, payment=payment))

    def expect(self, one: AtBank) -> None:
        """Let a line come on the statement of its date."""
        self._coming.append(one)

    def statement(self, as_of: date, fault: str = "") -> None:
        """The bank's prior-day statement for `as_of`, which arrives on the open day; with a line
        that no deposit explains where there is a fault."""
        name = f"BAI2_{as_of:%Y%m%d}.bai"
        mine = [one for one in self._coming if one.bank_date == as_of]
        self._coming = [one for one in self._coming if one.bank_date != as_of]
        extra = line_of(fault, f"{as_of:%y%m%d}", self._credited)
        if extra is not None:
            mine.append(AtBank(extra, as_of, case=fault))
        lockboxes = [one.line for one in mine if one.deposit and one.deposit.channel == LOCKBOX]
        self._credited = lockboxes[0] if lockboxes else None
        for place, one in enumerate(_tied(mine), FIRST_LINE):
            self._told(one, name, place)
        lines = [one.line for one in mine]
        content, self._balance = statement_file(as_of, self.day, self._balance, lines)
        self.write("bank", name, content)

    def _told(self, one: AtBank, statement: str, line: int) -> None:
        """Remember in the truth what a line of a statement is."""
        if one.comeback is not None:
            made = replace(one.comeback, day=self.day, file=statement, line=line)
            self.truth.comebacks.append(made)
        if one.payment is not None:
            row = self.receipt(one.payment, statement, line, False, received=one.bank_date)
            self.truth.receipts.append(row)
        if one.deposit is not None:
            deposit = replace(one.deposit, file=one.deposit.file or statement)
            if one.case not in ASTRAY:
                deposit = replace(deposit, statement=statement, line=line)
            self.truth.deposits.append(deposit)
        if one.case:
            self._ask(one, statement, line)

    def _ask(self, one: AtBank, statement: str, line: int) -> None:
        code, cents = CODES[one.case], one.line.signed
        if days := PATIENCE.get(one.case, 0):
            self.plant_later(one.case, later_business_day(one.bank_date, days), statement, cents)
            return
        place = 0 if one.case in OF_STATEMENT else line
        self.plant(one.case, "BANK", "bank", statement, code=code, cents=cents, line=place)
