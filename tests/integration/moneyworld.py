"""Money that goes round: payments come, are credited, come back, come again, are moved, reversed
and refunded in any order; every cent is counted here from the files that were written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from office import (
    NOW,
    TODAY,
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    money,
    receivable,
    receivables_csv,
    statement,
)
from sqlalchemy import Connection, func, select

from recond.errors import RefusedError
from recond.exceptions.answers import Answer
from recond.exceptions.decisions import requests
from recond.exceptions.decisions.deciding import decide
from recond.model import REFUNDED
from recond.pipeline import corrections
from recond.pipeline.run import Run
from recond.store import schema
from tests.unit.achfiles import Batch, Entry, build, returned

FIRST = dt.date(2026, 3, 2)
X, Y, NOBODY = "1000456012", "1000456020", "9999999999"
ACCOUNTS = (X, Y, NOBODY)
COMPANY = "1866000111"
MORE = f'\n[ach]\ncompany_ids = ["{COMPANY}"]\n'
ITEMS = [
    receivable(X, "XP", "PENALTY", "2026-02-10", 500, service="WATER"),
    receivable(X, "XW", "WATER", "2026-02-10", 8_000),
    receivable(X, "XS", "SEWER", "2026-03-28", 12_000),
    receivable(Y, "YG", "SANITATION", "2026-03-28", 9_000),
    receivable(Y, "YW", "WATER", "2026-03-28", 30_000),
]
CARD = (
    "merchant_id", "batch_number", "settlement_date", "brand", "transaction_id", "sale_date",
    "account_number", "gross_amount", "fee_amount", "net_amount", "type",
)  # fmt: skip
GL_BANK, GL_OWED = ("100", "1010"), "1200"
GL_SUSPENSE, GL_CREDIT, GL_REFUNDS = ("100", "2100"), ("100", "2110"), ("100", "2120")
GL_CLEARING = {
    "LOCKBOX": ("100", "1080"), "ACH_DEBIT": ("100", "1081"), "CARD": ("100", "1082"),
}  # fmt: skip
AGAIN = {"LOCKBOX": "CHECK", "ACH_DEBIT": "R68", "CARD": "CHARGEBACK_REVERSAL"}
BACK = {"LOCKBOX": "CHECK", "ACH_DEBIT": "R01", "CARD": "CHARGEBACK"}
STEPS = ("lockbox", "autopay", "card", "wire", "credit", "short", "together", "bounce", "again",
         "transfer", "refund", "reverse")  # fmt: skip


class _Office(Office):
    """An office whose home is opened once: nobody changes its settings here."""

    @cached_property
    def _opened(self) -> Run:
        return super().run()

    def run(self, today: dt.date = TODAY, now: dt.datetime = NOW) -> Run:
        return replace(self._opened, today=today)


@dataclass(frozen=True)
class Expected:
    """What the bank shall bring (or take, below zero), and what is left of it."""

    channel: str
    reference: str
    amount: int
    left: int
    day: dt.date


@dataclass
class Step:
    """One thing that was done: how it is undone, and what the city was owed before."""

    undo: Callable[[], bool]  # False: it could not be undone exactly
    before: dict[str, int]


class World:
    """An office and what was dropped into it."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.office: Office = _Office(folder, url, MORE)
        self.day = FIRST
        self.count = 0  # of everything made: numbers, amounts and boxes are unlike each other
        self.came = 0  # cents of the payments in the files
        self.at_bank = 0  # the balance of the bank's account
        self.wires = 0
        self.strays = 0  # what was credited short of a deposit, and at first not known as its
        self.done: list[Step] = []
        self.stood: dict[str, list[dict[str, int]]] = {}  # where what came back stood, each time
        self._take("receivables", "open.csv", receivables_csv(ITEMS))
        self.opening, self.books = self.office.open_cents(), self.office.journal()

    # --- steps ------------------------------------------------------------------------------------

    def step(self, kind: str, which: int, account: str, amount: int) -> None:
        """Do one thing, where there is something to do it to, and count every cent."""
        self.day += dt.timedelta(days=1)
        self.count += 1
        before = self.office.open_cents()
        undo = getattr(self, f"_{kind}")(which, account, amount + self.count)
        self.conserved()
        if undo is not None:
            self.done.append(Step(undo, before))

    def _lockbox(self, which: int, account: str, amount: int) -> Callable[[], bool]:
        content = lockbox_file(
            [check(amount, (account, None), number=str(4000 + self.count))],
            self.day, box=f"{9000 + self.count:07d}",
        )  # fmt: skip
        return self._payment("lockbox", content, amount)

    def _autopay(self, which: int, account: str, amount: int) -> Callable[[], bool]:
        entry = Entry("27", amount, account, "PAT PAYER", trace=self.count)
        return self._payment("ach", self._nacha(entry), amount)

    def _card(self, which: int, account: str, amount: int) -> Callable[[], bool]:
        return self._payment("card", self._batch(account, amount, "SALE"), amount)

    def _payment(self, inbox: str, content: str | bytes, amount: int) -> Callable[[], bool]:
        self.came += amount
        known = {row["receipt_id"] for row in self.receipts()}
        self._take(inbox, f"{self.count:03d}-{inbox}", content)
        (made,) = [r["receipt_id"] for r in self.receipts() if r["receipt_id"] not in known]
        return lambda: self._take_back(made)

    def _wire(self, which: int, account: str, amount: int) -> Callable[[], bool]:
        self.came += amount
        self.wires += amount
        self._bank(("195", amount, f"WIRE FROM ACME ACCT {account}"))
        made = self.receipts()[-1]["receipt_id"]
        return lambda: self._unplace(made)

    def _credit(self, which: int, account: str, amount: int) -> None:
        some = self._open()
        self._settle(some[which % len(some) :][:1] if some else [])

    def _short(self, which: int, account: str, amount: int) -> None:
        """The bank brings less than it shall, by an amount unlike all others."""
        whole = [one for one in self._open() if one.left == one.amount > 0]
        if whole:
            one = whole[which % len(whole)]
            less = replace(one, left=one.left - 100 - self.count)
            self._settle([replace(less, amount=less.left)])
            self.strays += less.left if one in self._open() else 0

    def _together(self, which: int, account: str, amount: int) -> None:
        self._settle(self._open())

    def _bounce(self, which: int, account: str, amount: int) -> Callable[[], bool] | None:
        found = [r for r in self.receipts() if r["channel"] in BACK and r["state"] != "returned"]
        if not found:
            return None
        one = found[which % len(found)]["receipt_id"]
        assert self._take_back(one)
        return lambda: self._bring_again(one)

    def _again(self, which: int, account: str, amount: int) -> Callable[[], bool] | None:
        found = [r for r in self.receipts() if r["state"] == "returned"]
        if not found:
            return None
        one = found[which % len(found)]["receipt_id"]
        same = self._bring_again(one)  # else its items were paid by another in the meantime
        return lambda: self._take_back(one) and same

    def _transfer(self, which: int, account: str, amount: int) -> Callable[[], bool] | None:
        found = [r["receipt_id"] for r in self.receipts() if r["state"] != "held"]
        target = Y if account == Y else X
        return self._asked(
            found and found[which % len(found)],
            lambda connection, run, one: requests.transfer(connection, run, one, target, "told"),
        )

    def _refund(self, which: int, account: str, amount: int) -> Callable[[], bool] | None:
        asked = [r for r in self.office.rows("exceptions", self.day)
                 if r["status"] == "open" and r["receipt_id"]]  # fmt: skip

        def ask(connection: Connection, run: Run, identity: str) -> None:
            question = requests.find_question(connection, identity)
            said = decide(connection, run, question, Answer("refund", note="payer asked"))
            if said.status != "PENDING_APPROVAL":
                raise RefusedError(said.message)

        return self._asked(asked and asked[which % len(asked)]["exception_id"], ask)

    def _asked(self, one: Any, ask: Callable[[Connection, Run, Any], object]) -> Any:
        """What jane asks for and ken approves; undone by jane with ken's word."""
        if not one:
            return None
        try:
            with self._run("jane").write() as connection:
                ask(connection, self._run("jane"), one)
        except RefusedError:
            return None
        with self._run("ken").write() as connection:
            (waiting,) = requests.pending(connection)
            requests.approve(connection, self._run("ken"), str(waiting["exception_id"]), "")
        return lambda: self._undo(str(waiting["decision_id"]))

    def _reverse(self, which: int, account: str, amount: int) -> Callable[[], bool] | None:
        rows = self.applied()
        if not rows:
            return None
        self._reversed(rows[which % len(rows)]["application_id"])
        return lambda: False

    # --- and back ---------------------------------------------------------------------------------

    def undo_all(self) -> None:
        """Undo everything in reverse order; as long as each undoing is exact, the city is owed
        what it was owed before that step."""
        exact = True
        while self.done:
            step = self.done.pop()
            self.day += dt.timedelta(days=1)
            self.count += 1
            exact = step.undo() and exact
            self.conserved()
            if exact:
                assert self.office.open_cents() == step.before

    def reverse_all(self) -> None:
        """Reverse every application that stands, the last first: everything is owed again."""
        for row in reversed(self.applied()):
            self._reversed(row["application_id"])
        self.conserved()
        assert self.office.open_cents() == self.opening
        assert self.office.applied() == {}

    def empty(self) -> None:
        """Everything that is left comes back, and the bank brings and takes what it has to: the
        opening balances, and nothing in the books but wires."""
        for row in self.receipts():
            if row["channel"] == "BANK":
                self._unplace(row["receipt_id"])
            else:
                self._take_back(row["receipt_id"])
        for _ in range(3):  # what is settled may explain what was in suspense
            self._settle(self._open())
        self.conserved()
        assert self._open() == []
        assert self.office.open_cents() == self.opening
        journal = self.office.journal()
        own = sum(cents(r["amount"]) for r in self.receipts() if r["channel"] == "BANK")
        assert 0 <= own - self.wires <= self.strays
        assert journal.pop(GL_BANK, 0) == own
        kept = [journal.pop(account, 0) for account in (GL_SUSPENSE, GL_CREDIT, GL_REFUNDS)]
        assert sum(kept) == -own
        assert journal == self.books
        self.office.prove()

    def _undo(self, decision: str) -> bool:
        try:
            with self._run("jane").write() as connection:
                requests.undo(connection, self._run("jane"), decision, "it was wrong")
        except RefusedError as refusal:
            if "moved since" not in str(refusal):
                raise
            return False
        with self._run("ken").write() as connection:
            (waiting,) = requests.pending(connection)
            requests.approve(connection, self._run("ken"), str(waiting["exception_id"]), "")
        return True

    def _take_back(self, receipt_id: str) -> bool:
        """The bank, the network or the processor takes a payment back."""
        one = self._receipt(receipt_id)
        if one["state"] != "returned":
            self.stood.setdefault(receipt_id, []).append(self._items_of(receipt_id))
            self._item(one, BACK[one["channel"]], -1)
            assert self._receipt(receipt_id)["state"] == "returned"
        return True

    def _bring_again(self, receipt_id: str) -> bool:
        """The money comes again; whether it stands on the items on which it stood before."""
        one = self._receipt(receipt_id)
        if one["state"] != "returned":
            return True
        self._item(one, AGAIN[one["channel"]], 1)
        assert self._receipt(receipt_id)["state"] != "returned"
        return self.stood[receipt_id].pop() == self._items_of(receipt_id)

    def _items_of(self, receipt_id: str) -> dict[str, int]:
        sums: dict[str, int] = {}
        for row in self.applied():
            if row["receipt_id"] == receipt_id:
                item = row["item_number"]
                sums[item] = sums.get(item, 0) + cents(row["amount"])
        return sums

    def _item(self, one: dict[str, Any], code: str, sign: int) -> None:
        self.day += dt.timedelta(days=1)
        self.count += 1
        amount = cents(one["amount"])
        if one["channel"] == "LOCKBOX":
            text = f"{'REDEPOSITED' if sign > 0 else 'RETURNED'} CHECK {one['check_number']}"
            self._bank(("301" if sign > 0 else "555", amount, text))
        elif one["channel"] == "CARD":
            content = self._batch(one["account_on_item"], sign * amount, code)
            self._take("card", f"{self.count:03d}-card", content)
        else:
            entry = Entry(
                "26", amount, trace=self.count, addenda=returned(code, one["trace_number"])
            )
            self._take("ach", f"{self.count:03d}-ach", self._nacha(entry))

    def _unplace(self, receipt_id: str) -> bool:
        for row in self.applied():
            if row["receipt_id"] == receipt_id:
                self._reversed(row["application_id"])
        return True

    def _reversed(self, application_id: str) -> None:
        with self._run("jane").write() as connection:
            corrections.reverse(connection, self._run("jane"), application_id, "told")

    # --- the bank ---------------------------------------------------------------------------------

    def _settle(self, some: Sequence[Expected]) -> None:
        """The bank brings or takes what is expected, each on its day."""
        for one in some:
            self.day = max(self.day, one.day)
            self._statement(one.day, (self._code(one), abs(one.left), self._text(one)))
        assert {done.state for done in self.office.process(self.day)} <= {"accepted"}

    def _open(self) -> list[Expected]:
        """What no line has brought yet of what the bank shall bring or take."""
        table, clearing = schema.deposit.c, schema.clearing.c
        with self.office.run(self.day).store.read() as connection:
            rows = connection.execute(select(schema.deposit).order_by(table.deposit_no)).all()
            found = connection.execute(select(clearing.deposit_no, clearing.cents)).all()
        return [
            Expected(row.channel, row.reference, row.amount_cents, left,
                     dt.date.fromisoformat(row.expected_date))
            for row in rows
            if (left := row.amount_cents - sum(c for no, c in found if no == row.deposit_no))
        ]  # fmt: skip

    def _code(self, one: Expected) -> str:
        if one.left < 0:
            return "557" if one.channel.startswith("ACH") else "555"
        if one.left != one.amount:
            return "399"
        return {"LOCKBOX": "115", "ACH_DEBIT": "142", "CARD": "165"}[one.channel]

    def _text(self, one: Expected) -> str:
        return f"SETTLEMENT {one.reference} {COMPANY if one.channel == 'ACH_DEBIT' else ''}"

    def _bank(self, *lines: tuple[str, int, str]) -> None:
        self.day += dt.timedelta(days=1)
        self._statement(self.day, *lines)
        assert [done.state for done in self.office.process(self.day)] == ["accepted"]

    def _statement(self, day: dt.date, *lines: tuple[str, int, str]) -> None:
        self.count += 1
        content = statement(self.at_bank, lines, day)
        content = content.replace(f"0630,0044012345{self.at_bank}", f"0630,{self.count}", 1)
        self.at_bank += sum(c if code < "400" else -c for code, c, _ in lines)
        self.office.drop("bank", f"{self.count:03d}.bai2", content)

    # --- files ------------------------------------------------------------------------------------

    def _nacha(self, entry: Entry) -> bytes:
        batch = Batch([entry], company_id=COMPANY, effective=self.day.strftime("%y%m%d"))
        return build([batch], date=self.day.strftime("%y%m%d"))

    def _batch(self, account: str, amount: int, kind: str) -> str:
        values = ("WEB", f"CB{self.count:04d}", self.day, "VISA", f"T{self.count}", self.day,
                  account, money(amount), "0.00", money(amount), kind)  # fmt: skip
        return csv_text([dict(zip(CARD, map(str, values), strict=True))], CARD)

    def _take(self, inbox: str, name: str, content: str | bytes) -> None:
        outcome = self.office.take(inbox, name, content, self.day)
        assert outcome.state == "accepted", outcome.message

    # --- what is there ----------------------------------------------------------------------------

    def _run(self, actor: str) -> Run:
        return replace(self.office.run(self.day), actor=actor)

    def receipts(self) -> list[dict[str, Any]]:
        """Every payment that counts."""
        rows = self.office.rows("receipts", self.day)
        return [row for row in rows if row["state"] != "voided"]

    def _receipt(self, receipt_id: str) -> dict[str, Any]:
        (found,) = [row for row in self.receipts() if row["receipt_id"] == receipt_id]
        return found

    def applied(self) -> list[dict[str, Any]]:
        """Applications that stand, in order."""
        rows = self.office.rows("applications", self.day)
        gone = {row["reverses_id"] for row in rows}
        return [row for row in rows
                if not row["reverses_id"] and row["application_id"] not in gone]  # fmt: skip

    def _refunded(self) -> int:
        placement = schema.placement.c
        found = select(func.sum(placement.cents)).where(placement.bucket == REFUNDED)
        with self.office.run(self.day).store.read() as connection:
            return connection.scalar(found) or 0

    def conserved(self) -> None:
        """Every cent that the files brought is in one place, and the journal says the same."""
        receipts, journal = self.receipts(), self.office.journal()
        sums = {
            name: sum(cents(row[f"{name}_amount"]) for row in receipts)
            for name in ("applied", "on_account", "suspense")
        }
        items = self.office.rows("returns", self.day)
        back = sum(cents(row["reversed_amount"]) for row in items)
        refunded = self._refunded()
        # credits that no deposit explains are money too, until one does
        extra = sum(cents(r["amount"]) for r in receipts if r["channel"] == "BANK") - self.wires
        assert sum(sums.values()) + back + refunded == self.came + extra
        owed = sum(net for (_, account), net in journal.items() if account == GL_OWED)
        assert owed == sum(self.office.open_cents().values())
        assert owed == sum(self.opening.values()) - sums["applied"]
        assert sums["suspense"] == -journal.get(GL_SUSPENSE, 0)
        assert sums["on_account"] == -journal.get(GL_CREDIT, 0)
        assert refunded == -journal.get(GL_REFUNDS, 0)
        unknown = sum(cents(row["amount"]) for row in self.office.rows("bank_lines", self.day)
                      if row["state"] == "open")  # fmt: skip
        assert journal.get(GL_BANK, 0) == self.at_bank - unknown
        left = dict.fromkeys(GL_CLEARING, 0)
        for one in self._open():
            left[one.channel] += one.left
        assert left == {c: journal.get(gl, 0) for c, gl in GL_CLEARING.items()}
