"""Faults of decisions and fraud, as the design numbers them (84-100): which test shows that each is
met. What no other room's test shows is tested here.

| # | fault | test |
|---|---|---|
| 84 | a decision file, or a row, comes twice | `test_answers.py::test_twice_is_once`, `test_the_same_row_twice_in_one_file`, `test_answers_property.py` |
| 85 | stale decision; two clerks on one row | `test_queue_statuses.py::test_every_status`, here `test_two_clerks_on_one_row` |
| 86 | edited evidence; a spreadsheet ate zeros, exponents, dates | `test_answers.py::test_keys_that_are_wrong`, `test_queue.py::test_cells_a_spreadsheet_would_change`, `test_sheets.py::test_libreoffice_round_trip` |
| 86 | filled-down keys, columns sorted apart | here `test_keys_filled_down`, `test_columns_sorted_apart` |
| 87 | unknown action, blank, reordered, missing rows, header deleted | `test_queue_statuses.py::test_every_status`, here `test_columns_in_another_order_and_rows_deleted`, `test_sheets.py::test_what_is_no_work_list` |
| 88 | half-written file; still open in a spreadsheet | here `test_a_file_cut_anywhere_says_nothing_else`, `test_domain_decisions.py::test_dropped_files_answer_as_their_owner` |
| 89 | approving one's own request, one's own account | `test_domain_decisions.py::test_e47_refunds`, `test_e66_who_took_the_payment_approves_nothing_of_it`, here `test_ones_own_account_needs_another_person` |
| 90 | identity in a cell is a claim | `test_domain_decisions.py::test_dropped_files_answer_as_their_owner`, `test_a_folder_that_somebody_else_made_speaks_for_nobody` |
| 91 | a refund split below the limit | `test_domain_decisions.py::test_split_refunds_are_one_large_refund`, `test_queue_bulk.py::test_a_month_has_its_most` |
| 92 | a write-off after a payment | `test_screens.py::test_debt_forgiven_after_cash_is_found`, `test_a_round_adjustment_before_the_cut_off_is_found`, here `test_who_wrote_off_what_stands_beside_the_payments` |
| 93 | payers credited elsewhere again and again | `test_screens.py::test_a_chain_of_borrowed_payments_is_found_link_by_link`, `test_owners.py::test_payers_are_suggested_and_shown_masked_and_accounts_are_spared` |
| 94 | voids without approver, missing receipt numbers | `test_domain_bank.py::test_e30_a_missing_number`, `test_pipeline.py` |
| 95 | a question grows old | `test_queue_work.py::test_large_questions_are_overdue_sooner_and_held_ones_never`, statement `exception_ageing` |
| 96 | posting in a closed month | `test_queue_statuses.py::test_a_closed_month_refuses_what_would_post_and_nothing_else`, `test_periods.py` |
| 97 | the month's pack, then a late entry | `test_monthend.py::test_a_closed_months_pack_is_the_same_bytes_for_ever` |
| 98 | somebody edits a row of the database | `test_store.py::test_money_is_only_added_to`, `test_audit.py::test_whoever_changes_a_row_is_found` |
| 99 | the tail of the log is cut | `test_audit.py::test_verify_prints_the_head_and_finds_a_cut` |
| 100 | the approver leaves; the role file is edited | here `test_without_a_second_person_nothing_is_approved`, `test_audit.py::test_the_log_holds_and_grows_with_every_change` |
"""  # noqa: E501

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, check, lockbox_file, receivable, receivables_csv
from queueoffice import Desk
from test_monthend import statements

from recond.exceptions.answers import Answer
from recond.exceptions.decisions import requests
from recond.exceptions.decisions.deciding import decide
from recond.exceptions.sheet import COLUMNS
from recond.exceptions.sheet_read import SheetError, read_sheet

X, Y = "1000456012", "100045601"  # one number is the beginning of the other
TESTS = Path(__file__).parents[1]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    items = [
        receivable(X, "XW1", "WATER", "2026-03-28", 8800),
        receivable(Y, "YG1", "SANITATION", "2026-03-28", 5000),
    ]
    made.take("receivables", "open.csv", receivables_csv(items))
    checks = [check(amount, (f"NO{amount}", None)) for amount in (3000, 5000, 700)]
    made.take("lockbox", "pay.bai", lockbox_file(checks))
    yield made
    made.prove()
    made.close()


def test_every_fault_has_a_test_that_is_there() -> None:
    assert __doc__ is not None
    found = {path.name: path.read_text() for path in TESTS.rglob("test_*.py")}
    numbers = set()
    for line in __doc__.splitlines():
        if not re.match(r"\| \d", line):
            continue
        _, number, _, shown, _ = line.split("|")
        numbers.add(int(number))
        name = Path(__file__).name
        for word in re.findall(r"`([\w.:]+)`", shown):
            file, _, test = word.rpartition("::")
            name = file or name
            if word.endswith(".py"):
                assert word in found
            elif word.startswith("test_") or file:
                where = name if file or "here" not in shown else Path(__file__).name
                texts = [found[where], found[Path(__file__).name], found[name]]
                assert any(f"def {test}(" in text for text in texts), word
    assert numbers == set(range(84, 101))


def test_two_clerks_on_one_row(office: Office, desk: Desk) -> None:
    row = desk.rows()[0]
    assert desk.answer(row, "assign", X, person="jane")[0] == "APPLIED"
    status, message = desk.answer(row, "assign", Y, person="ken")
    assert (status, "answered meanwhile by jane" in message) == ("STALE", True)
    assert desk.answer(row, "assign", X, person="ken")[0] == "ALREADY_DONE"
    assert office.applied() == {"XW1": 3000}


def test_what_was_read_before_somebody_answered_is_stale(office: Office, desk: Desk) -> None:
    """Beside the list's own comparison: the decision looks again, inside its transaction."""
    row = desk.rows()[0]
    with office.run().store.read() as connection:
        seen = requests.find_question(connection, row["exception_id"])
    assert desk.answer(row, "assign", X, amount_to_apply="10.00")[0] == "APPLIED"
    with office.run().write() as connection:
        verdict = decide(connection, office.run(), seen, Answer("assign", Y))
    assert (verdict.status, "it changed meanwhile" in verdict.message) == ("STALE", True)
    assert office.applied() == {"XW1": 1000}


def test_keys_filled_down(office: Office, desk: Desk) -> None:
    first, *rest = desk.rows()
    rows = [{**row, "row_key": first["row_key"], "action": "assign", "to_account": X}
            for row in (first, *rest)]  # fmt: skip
    found = [row["status"] for row in desk.bring(desk.write(rows))]
    assert found == ["APPLIED", "ERROR_EDITED", "ERROR_EDITED"]
    both = [{**row, "check": rows[0]["check"]} for row in rows[1:]]
    found = [row["status"] for row in desk.bring(desk.write(both))]
    assert found == ["ERROR_EDITED"] * 2, "the evidence beside it is another row's"
    assert office.applied() == {"XW1": 3000}


def test_columns_sorted_apart(office: Office, desk: Desk) -> None:
    rows = desk.rows()
    moved = [*rows[1:], rows[0]]
    apart = [
        {**other, "row_key": row["row_key"], "check": row["check"], "action": "assign",
         "to_account": X}
        for row, other in zip(rows, moved, strict=True)
    ]  # fmt: skip
    assert {row["status"] for row in desk.bring(desk.write(apart))} == {"ERROR_EDITED"}
    assert office.applied() == {}


def test_columns_in_another_order_and_rows_deleted(office: Office, desk: Desk) -> None:
    row = {**desk.rows()[1], "action": "Assign", "to_account": X}
    path = desk.folder / "other.csv"
    desk.folder.mkdir(exist_ok=True)
    names = ["to_account", "extra", *reversed([n for n in COLUMNS if n != "to_account"])]
    cells = [row.get(name, "7") for name in names]
    path.write_text("\n".join(",".join(f'"{c}"' for c in line) for line in (names, cells)) + "\n")
    assert [found["status"] for found in desk.bring(path)] == ["APPLIED"]
    assert len(desk.rows()) == 2, "rows that were deleted stay open"


def test_a_file_cut_anywhere_says_nothing_else(desk: Desk) -> None:
    rows = [{**row, "action": "assign", "to_account": X, "amount_to_apply": "12.00"}
            for row in desk.rows()]  # fmt: skip
    _cut(desk.write(rows).read_bytes())
    # half an amount in the last column is another amount
    names = [*(name for name in COLUMNS if name != "amount_to_apply"), "amount_to_apply"]
    out = io.StringIO()
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(rows)
    _cut(out.getvalue().encode())


def _cut(data: bytes) -> None:
    whole = {row.number: row.cells for row in read_sheet(data)}
    answers = ("row_key", "check", "action", "to_account", "amount_to_apply")
    last_row = data.rindex(b"\n", 0, len(data) - 2)
    for end in (*range(last_row - 40, len(data)), len(data) // 2, len(data) // 3):
        try:
            found = read_sheet(data[:end])
        except SheetError:
            continue
        for row in found:
            for name in answers:
                assert row.cells[name] == whole[row.number][name], (end, name)


def test_ones_own_account_needs_another_person(office: Office, desk: Desk) -> None:
    path = office.home.path / "recond.toml"
    text = path.read_text().replace(
        "[roles]\n", f'[roles]\nown_accounts = {{ jane = ["{X}"], ken = ["{X}", "7"] }}\n'
    )
    path.write_text(text)
    one, two, _ = desk.rows()
    assert desk.answer(two, "assign", Y, person="jane")[0] == "APPLIED"
    status, message = desk.answer(one, "assign", X, person="jane")
    assert (status, "another person has to approve" in message) == ("PENDING_APPROVAL", True)
    (waiting,) = [row for row in desk.rows() if "approve" in row["allowed_actions"]]
    status, message = desk.answer(waiting, "approve", person="ken")
    assert (status, "about an account of ken" in message) == ("ERROR_SELF", True)
    assert office.applied() == {"YG1": 5000}
    assert desk.answer(waiting, "approve", person="lee")[0] == "APPLIED"
    assert office.applied() == {"XW1": 3000, "YG1": 5000}


def test_who_wrote_off_what_stands_beside_the_payments(office: Office, desk: Desk) -> None:
    """The register names who asked, who approved, the account and why: what an auditor compares
    with the payments that were taken."""
    from test_undoing import approve, ask

    approve(office, ask(office, "jane", "write_off", X, 800, "he paid the rest in cash"))
    (row,) = statements(office, "2026-03")["write_offs"].table.to_pylist()
    assert (row["decided_by"], row["account_number"]) == ("jane", X)
    assert "he paid the rest in cash" in str(row["note"])


def test_without_a_second_person_nothing_is_approved(office: Office, desk: Desk) -> None:
    path = office.home.path / "recond.toml"
    text = path.read_text().replace('approver = ["*"]', 'approver = ["jane"]')
    path.write_text(text)  # ken has left; jane is the only approver now
    assert desk.answer(desk.rows()[0], "refund", note="x")[0] == "PENDING_APPROVAL"
    (waiting,) = [row for row in desk.rows() if "approve" in row["allowed_actions"]]
    assert desk.answer(waiting, "approve", person="jane")[0] == "ERROR_SELF"
    assert desk.answer(waiting, "approve", person="ken")[0] == "ERROR_ACTION"
    office.process()
    assert "pending_approval" in {row["status"] for row in office.rows("exceptions")}
    assert office.journal().get(("100", "2120"), 0) == 0
