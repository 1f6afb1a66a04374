"""Ten typical payments explained in prose, as a clerk reads them who has no other screen.

The golden files are the text that people have read and found good: change them only after
reading them again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import TODAY, Office, check, lockbox_file, receivable, receivables_csv, scan_line
from queueoffice import Desk
from test_domain_application import ACCOUNT, AGE_FIRST, ITEMS

from recond.exports.explain import Rulebook, explain, render
from recond.intake.containers import slice_of

GOLDEN = Path(__file__).parent / "golden"
DUE = dt.date(2026, 3, 28)
CLOSED, NEAR, PAID, OTHER, LAST = (
    "1000777001", "1000456021", "1000888001", "1000990001", "1000990019",
)  # fmt: skip

ACCOUNTS = f"""account_number,customer_name,status,family,old_account_number
{ACCOUNT},"SAMPLE, JANE",active,UTILITY,
{CLOSED},Gone Away,closed,UTILITY,
{NEAR},Ocotillo Trading LLC,active,UTILITY,44-7781
{PAID},Twice Paid,active,UTILITY,
{OTHER},"Reyes, Ana Maria",active,UTILITY,
{LAST},Mesa View LLC,active,UTILITY,
"""

OPEN = [
    *[{**item, "customer_name": "SAMPLE, JANE"} for item in ITEMS],
    receivable(NEAR, "3W", "WATER", "2026-03-28", 10400, name="Ocotillo Trading LLC"),
    receivable(PAID, "4W", "WATER", "2026-03-28", 8800, name="Twice Paid"),
    receivable(OTHER, "5W", "WATER", "2026-03-28", 7400, name="Reyes, Ana Maria"),
    receivable(LAST, "6W", "WATER", "2026-03-28", 9100, name="Mesa View LLC"),
]


def broken(line: str) -> str:
    """A scan line with one digit misread."""
    return line[:5] + str((int(line[5]) + 1) % 10) + line[6:]


# A check a case: what the payer sent, in the order in which it came.
CHECKS: dict[str, dict[str, Any]] = {
    "scan_line": check(10000, (scan_line(ACCOUNT, DUE, 18870), None), payer="J SAMPLE"),
    "unknown_account": check(10400, ("1000456022", None), payer="OCOTILLO TRADING"),
    "check_digit": check(9100, (broken(scan_line(LAST, DUE, 9100)), None), payer="MESA VIEW LLC"),
    "old_number": check(2000, ("44 7781", None), payer="OCOTILLO TRADING"),
    "several_stubs": check(5000, (OTHER, 3000), (LAST, 2000), payer="A LANDLORD"),
    "stubs_do_not_add_up": check(5000, (OTHER, 3000), (LAST, 1000), payer="A LANDLORD"),
    "closed_account": check(24286, (CLOSED, None), payer="GONE AWAY"),
    "paid_twice": check(8800, (PAID, None), payer="TWICE PAID"),
    "white_mail": check(8800, payer="PAID TWICE"),
    "decided_by_a_clerk": check(4400, payer="REYES ANA M"),
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("explained")
    made = Office(folder / "home", more=AGE_FIRST)
    made.take("receivables", "1-accounts.csv", ACCOUNTS)
    made.take("receivables", "2-open.csv", receivables_csv(OPEN))
    # What came before: a payment that the ninth check repeats, and one that a clerk knew.
    before = [
        check(8800, (PAID, None), payer="TWICE PAID", number="1", bank="0000000008"),
        check(4000, payer="REYES ANA M", number="2", bank="0000000010"),
    ]
    made.take("lockbox", "lb-0315.bai", lockbox_file(before, time="0800"))
    desk = Desk(made, folder / "clerk")
    assert desk.answer(desk.row("NO_REFERENCE"), "assign", OTHER)[0] == "APPLIED"
    sent = [{**one, "bank": f"{n:010d}"} for n, one in enumerate(CHECKS.values(), 1)]
    made.take("lockbox", "lb-0316.bai", lockbox_file(sent))
    (row,) = [row for row in desk.rows() if row["payer"].startswith("REYES")]
    assert desk.answer(row, "assign", OTHER, note="she called")[0] == "APPLIED"
    yield made
    made.prove()
    made.close()


def told(office: Office, case: str) -> dict[str, Any]:
    """The explanation of the case's receipt."""
    item = f"{list(CHECKS).index(case) + 1:03d}"
    (row,) = [
        row
        for row in office.rows("receipts")
        if row["sequence"] == item and row["check_number"] > "0000001000"
    ]
    run = office.run(TODAY)

    def read_source(sha256: str, offset: int, length: int) -> bytes:
        return slice_of(run.archived(sha256), offset, length)

    with run.store.read() as connection:
        return explain(connection, row["receipt_id"], read_source, Rulebook(run.rules, TODAY))


@pytest.mark.parametrize("case", CHECKS)
def test_a_clerk_needs_no_other_screen(office: Office, case: str) -> None:
    story = told(office, case)
    json.dumps(story)
    golden = GOLDEN / f"explain_{case}.txt"
    assert render(story) == golden.read_text(encoding="utf-8")
