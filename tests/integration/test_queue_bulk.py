"""One answer to all questions of one reason, and the filters of lists."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from office import TODAY, Office, check, lockbox_file, receivable, receivables_csv
from queueoffice import Desk
from test_domain_decisions import limited

from recond.errors import RefusedError, UsageError
from recond.exceptions import bulk
from recond.exceptions.decisions import requests
from recond.exceptions.queue import Filters
from recond.verbs.queue import queue_answer_verb

X = "1000456012"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    items = [receivable(X, "XW1", "WATER", "2026-03-28", 8800)]
    made.take("receivables", "open.csv", receivables_csv(items))
    checks = [check(amount, (f"NO{amount}", None)) for amount in (3000, 5000, 1_000_000)]
    made.take("lockbox", "pay.bai", lockbox_file([*checks, check(700, (X, None))]))
    yield made
    made.prove()
    made.close()


def test_all_of_one_reason_with_the_total_shown(
    office: Office, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def say(total: int | None, filters: Filters, action: str = "assign") -> list[dict[str, str]]:
        capsysbinary.readouterr()
        answer = bulk.answer_of(action, X, "their old number")
        queue_answer_verb(office.home.path, filters, answer, total, True, False, TODAY, None)
        return [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]

    every = Filters("ACCOUNT_NOT_FOUND")
    shown = say(None, every)
    assert [row["amount"] for row in shown] == ["30.00 USD", "50.00 USD", "10,000.00 USD"]
    assert office.applied() == {"XW1": 700}, "nothing was decided"
    with pytest.raises(RefusedError, match=r"3 questions are about 10,?080\.00, not 80\.00"):
        say(8000, every)
    assert office.applied() == {"XW1": 700}
    done = say(1_008_000, every)
    assert [row["status"] for row in done] == ["APPLIED", "APPLIED", "PENDING_APPROVAL"]
    assert office.applied() == {"XW1": 8700}
    assert say(None, every) == [], "what waits for approval is another person's"
    for action in ("split", "link", "approve", ""):
        with pytest.raises(UsageError, match="one by one"):
            bulk.answer_of(action, "A=1.00", "")


def test_lists_by_code_owner_age_and_amount(office: Office) -> None:
    identity = str(office.rows("exceptions")[0]["exception_id"])
    run = replace(office.run(), actor="ken")
    with run.write() as connection:
        requests.assign(connection, run, identity, "jane")

    def amounts(filters: Filters, days: int = 0) -> list[int]:
        day = TODAY + dt.timedelta(days=days)
        with office.run(day).store.read() as connection:
            found = bulk.chosen(connection, b"key", replace(filters, code=code), day)
        return [asked.question.amount_cents or 0 for asked in found]

    code = "ACCOUNT_NOT_FOUND"
    assert amounts(Filters()) == [3000, 5000, 1_000_000]
    assert amounts(Filters(owner="jane")) == [3000]
    assert amounts(Filters(owner="ken")) == []
    assert amounts(Filters(min_cents=5000)) == [5000, 1_000_000]
    assert amounts(Filters(min_cents=5001)) == [1_000_000]
    assert amounts(Filters(min_age=2), 1) == []
    assert len(amounts(Filters(min_age=2), 2)) == 3
    code = "NO_REFERENCE"
    assert amounts(Filters()) == []


def test_a_month_has_its_most(office: Office, tmp_path: Path) -> None:
    limited(office, 'clerk_month = "60.00"')
    desk = Desk(office, tmp_path / "clerk")
    small, large, _ = desk.rows()
    assert desk.answer(large, "refund", note="x")[0] == "PENDING_APPROVAL"
    status, message = desk.answer(small, "refund", note="x")
    assert (status, "80.00 in a month, more than 60.00" in message) == ("ERROR_ACTION", True)
    made = [{**small, "action": "refund", "note": "x"}]
    (april,) = desk.bring(desk.write(made), "jane", dt.date(2026, 4, 1), check=True)
    assert april["status"] == "PENDING_APPROVAL", "another month"
    (waiting,) = [row for row in desk.rows() if "approve" in row["allowed_actions"]]
    assert desk.answer(waiting, "deny", person="ken", note="no")[0] == "APPLIED"
    assert desk.answer(small, "refund", note="x")[0] == "PENDING_APPROVAL", "denied counts no more"
