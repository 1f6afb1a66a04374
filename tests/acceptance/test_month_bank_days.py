"""Every day of a generated month: clearing accounts are what is not reconciled, the balances of the
bank chain, and the proof of cash has no difference and an item behind every sum."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

import pytest
from citymonth import Month, Row, begin, drop
from oracle import CLEARING, cents

from recond.city import generate

OPEN = ("in_transit", "missing", "bank_error", "not_deposited")
BALANCES = re.compile(r"^03,(\d+),USD,010,(-?\d+),,,015,(-?\d+),", re.MULTILINE)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    folder = tmp_path_factory.mktemp("days")
    truth = generate(44, 200, date(2026, 11, 2), 6, 30, folder / "files")
    made = begin(truth, folder / "home")
    for day in truth.days:
        drop(made, day)
    return made


def balances(month: Month) -> dict[date, list[tuple[str, int, int]]]:
    """Account, opening and closing of the statements of each day, as the bank wrote them."""
    found: dict[date, list[tuple[str, int, int]]] = {}
    for day in month.truth.days:
        for path in sorted(day.folder.glob("bank/*")):
            text = path.read_text(encoding="latin-1")
            told = [(one[1], int(one[2]), int(one[3])) for one in BALANCES.finditer(text)]
            found.setdefault(day.as_of, []).extend(told)
    return found


def test_the_books_and_the_bank_agree_on_every_day(month: Month) -> None:
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    written = balances(month)
    assert sum(map(len, written.values())) >= 4
    for day in [one.as_of for one in month.truth.days[1:]]:
        for account, opening, closing in written.get(day, []):
            assert last.get(account, opening) == opening, "the bank's own chain"
            first.setdefault(account, opening)
            last[account] = closing
        lines = month.export("bank_lines", day)
        in_bank = sum(cents(row["amount"]) for row in lines)
        assert in_bank == sum(last.values()) - sum(first.values()), day
        gl: Counter[str] = Counter()
        for row in month.export("journal", day):
            gl[row["gl_account"]] += cents(row["debit"] or "0") - cents(row["credit"] or "0")
        proofs = month.export("proof_by_channel", day)
        assert {row["difference"] for row in proofs} == {"0.00"}, day
        assert sum(cents(row["bank"]) for row in proofs) == in_bank, day
        unknown = sum(cents(r["bank"]) for r in proofs if r["channel"] == "UNEXPLAINED")
        assert gl["1010"] == in_bank - unknown, day
        own = [row for row in proofs if row["channel"] != "UNEXPLAINED"]
        opened = sum(cents(row[name]) for row in own for name in OPEN)
        # what a processor kept of a batch leaves the clearing account with its sale
        back = sum(cents(row[name]) for row in own for name in ("withheld", "taken_back"))
        kept = -back - sum(cents(row["returned"]) for row in own)
        assert kept == not_found(month, day), day
        assert opened + kept == sum(gl[account] for account in set(CLEARING.values())), day


def test_every_sum_of_the_proof_has_its_items(month: Month) -> None:
    sums: Counter[tuple[str, ...]] = Counter()
    for item in month.export("proof_items"):
        assert item["deposit_id"] or item["bank_line_id"] or item["file_id"]
        sums[where(item, item["type"])] += cents(item["amount"])
    names = {key[-1] for key in sums}
    assert {"in_transit", "missing", "fees", "taken_back", "over_short"} <= names
    rows = month.export("proof_by_channel")
    for row in rows:
        for name in (*OPEN, "over_short", "fees", "withheld", "taken_back", "elsewhere"):
            assert cents(row[name]) == sums.pop(where(row, name), 0), (row, name)
    assert not sums
    whole = month.export("proof_of_cash")
    assert len(whole) < len(rows)
    assert {row["bank_account"] for row in whole} == accounts(month)


def not_found(month: Month, day: date) -> int:
    """Cents that card processors kept for payments that nobody has found yet."""
    return sum(
        cents(row["amount"])
        for row in month.export("exceptions", day)
        if row["code"] == "RETURN_NOT_FOUND" and re.search(": (refund|charge)", row["message"])
    )


def where(row: Row, name: str) -> tuple[str, ...]:
    return row["date"], row["bank_account"], row["channel"], name


def accounts(month: Month) -> set[str]:
    return {account for told in balances(month).values() for account, _, _ in told}
