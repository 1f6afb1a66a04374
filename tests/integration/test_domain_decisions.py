"""The worked examples of the domain about corrections: transfer, refund, segregation (E19, E47,
E66), and where answers come from. The cents are the page's."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import TODAY, Office, check, csv_text, lockbox_file, receivable, receivables_csv
from queueoffice import BOTH, Desk, asker, database, state

from recond.errors import RefusedError, UsageError
from recond.exceptions.decisions import requests
from recond.exports.explain import explain
from recond.pipeline.worklists import user_name

X, Y = "1000456012", "1000456020"
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-28", 8800),
    receivable(Y, "YG1", "SANITATION", "2026-03-28", 8800),
]
DAY = dt.date(2026, 3, 20)


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request))
    made.take("receivables", "open.csv", receivables_csv(ITEMS))
    yield made
    made.prove()
    made.close()


ask = asker(DAY)


def pay(office: Office, *checks: tuple[int, str]) -> str:
    made = [check(amount, (stub, None)) for amount, stub in checks]
    assert office.take("lockbox", "pay.bai", lockbox_file(made, DAY), DAY).state == "accepted"
    return str(office.rows("receipts")[0]["receipt_id"])


@BOTH
def test_e19_misapplied(office: Office) -> None:
    receipt = pay(office, (8800, X))
    assert office.applied() == {"XW1": 8800}
    before = office.journal()
    said = ask(office, "jane", "transfer", receipt, Y, "customer showed the bill")
    assert said.startswith("PENDING_APPROVAL: 88.00 transferred to account 1000456020")
    assert office.applied() == {"XW1": 8800}
    (asked,) = office.rows("exceptions")
    assert (asked["code"], asked["status"]) == ("TRANSFER_REQUESTED", "pending_approval")
    identity = str(asked["exception_id"])
    with pytest.raises(RefusedError, match="ERROR_SELF"):
        ask(office, "jane", "approve", identity, "")
    assert ask(office, "ken", "approve", identity, "").startswith("APPLIED")
    assert office.applied() == {"YG1": 8800}
    assert office.open_cents() == {"XW1": 8800}
    after = office.journal()
    moved = {key: after.get(key, 0) - before.get(key, 0) for key in {*before, *after}}
    assert {key: cents for key, cents in moved.items() if cents} == {
        ("510", "1200"): 8800, ("510", "1110"): -8800,
        ("530", "1200"): -8800, ("530", "1110"): 8800,
    }  # fmt: skip
    (row,) = office.rows("receipts")
    assert (row["received_date"], row["state"]) == (DAY, "applied")
    applied = [row for row in office.rows("applications") if row["item_number"] == "YG1"]
    assert [row["effective_date"] for row in applied] == [DAY]
    assert office.questions() == []


def test_a_denied_transfer_leaves_no_question(office: Office) -> None:
    receipt = pay(office, (8800, X))
    ask(office, "jane", "transfer", receipt, Y, "it belongs there")
    identity = str(office.rows("exceptions")[0]["exception_id"])
    with pytest.raises(RefusedError, match="needs a note"):
        ask(office, "ken", "approve", identity, "", deny=True)
    ask(office, "ken", "approve", identity, "it does not", deny=True)
    assert office.questions() == []
    assert office.applied() == {"XW1": 8800}
    with pytest.raises(RefusedError, match="no account or item 999"):
        ask(office, "jane", "transfer", receipt, "999", "x")
    with pytest.raises(RefusedError, match="nothing of it stands on another account"):
        ask(office, "jane", "transfer", receipt, X, "x")
    with pytest.raises(UsageError):
        ask(office, "jane", "transfer", "R1-1", X, "x")
    assert office.questions() == []


@BOTH
def test_a_decision_is_undone_by_a_reversing_one(office: Office, desk: Desk) -> None:
    pay(office, (8800, "NOBODY"))
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "assign", X)[0] == "APPLIED"
    with office.run().store.read() as connection:
        stats = requests.statistics(connection)
    assert [(s["decided_by"], s["decisions"], s["amount"]) for s in stats] == [("jane", 1, "88.00")]
    decision = _decision(office)
    said = ask(office, "jane", "undo", decision, "wrong account")
    assert "undone by jane: wrong account" in said
    assert office.applied() == {}
    assert state(office)["state"] == "unidentified"
    assert office.questions() == ["ACCOUNT_NOT_FOUND"]
    with pytest.raises(RefusedError, match="undone before"):
        ask(office, "jane", "undo", decision, "again")
    again = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "assign", X)[0] == "ALREADY_DONE"
    assert desk.answer(again, "assign", Y)[0] == "APPLIED"
    assert office.applied() == {"YG1": 8800}


@BOTH
def test_two_pairs_of_eyes_are_not_undone_by_one(office: Office, desk: Desk) -> None:
    pay(office, (5940, "NOBODY"))
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "refund", note="payer asked")[0] == "PENDING_APPROVAL"
    asked_for = _decision(office)
    with pytest.raises(RefusedError, match="no effect that could be undone"):
        ask(office, "jane", "undo", asked_for, "not yet approved")
    (waiting,) = desk.rows()
    assert desk.answer(waiting, "approve", person="ken")[0] == "APPLIED"
    before = office.journal()
    assert ask(office, "jane", "undo", asked_for, "paid by mistake").startswith("PENDING")
    assert state(office)["state"] == "refunded"
    with pytest.raises(RefusedError, match="it waits for approval"):
        ask(office, "ken", "undo", asked_for, "paid by mistake")
    (waiting,) = desk.rows()
    assert (waiting["reason"], waiting["amount"]) == ("UNDO_REQUESTED", "59.40 USD")
    assert desk.answer(waiting, "approve", person="jane")[0] == "ERROR_SELF"
    assert desk.answer(waiting, "deny", person="ken", note="it was right")[0] == "APPLIED"
    assert (office.questions(), office.journal()) == ([], before)
    assert ask(office, "ken", "undo", asked_for, "it was wrong").startswith("PENDING")
    (waiting,) = desk.rows()
    assert desk.answer(waiting, "approve", person="ken")[0] == "ERROR_SELF"
    assert desk.answer(waiting, "approve", person="lee")[0] == "APPLIED"
    assert state(office)["state"] == "unidentified"
    assert office.journal().get(("100", "2120"), 0) == 0
    with pytest.raises(RefusedError, match="undone before"):
        ask(office, "ken", "undo", asked_for, "again")
    again = desk.row("ACCOUNT_NOT_FOUND")
    assert "undone by ken: it was wrong" in again["reason_text"]
    assert desk.answer(again, "assign", Y)[0] == "APPLIED"


def test_an_undone_transfer_goes_back(office: Office, desk: Desk) -> None:
    receipt = pay(office, (8800, X))
    ask(office, "jane", "transfer", receipt, Y, "customer showed the bill")
    ask(office, "ken", "approve", str(office.rows("exceptions")[0]["exception_id"]), "")
    assert ask(office, "ken", "undo", _decision(office), "not his bill").startswith("PENDING")
    assert desk.answer(desk.row("UNDO_REQUESTED"), "approve", person="jane")[0] == "APPLIED"
    assert office.applied() == {"XW1": 8800}
    assert office.questions() == []


def test_a_duplicate_that_was_none_is_in_its_deposit_again(office: Office, desk: Desk) -> None:
    pay(office, (1000, X), (1000, X))
    deposits = office.rows("deposits")
    row = desk.row("SUSPECTED_DUPLICATE_PAYMENT")
    assert desk.answer(row, "duplicate")[0] == "APPLIED"
    assert office.applied() == {"XW1": 1000}
    ask(office, "jane", "undo", _decision(office), "both are real")
    assert office.applied() == {"XW1": 2000}
    assert office.rows("deposits") == deposits
    assert desk.answer(desk.row("SUSPECTED_DUPLICATE_PAYMENT"), "not_duplicate")[0] == "APPLIED"


def _decision(office: Office) -> str:
    from sqlalchemy import select

    from recond.store import schema

    with office.run().store.read() as connection:
        found = connection.scalars(
            select(schema.decision_made.c.decision_id).order_by(
                schema.decision_made.c.decision_no.desc()
            )
        )
        return str(found.first())


def test_work_on_questions(office: Office, desk: Desk) -> None:
    pay(office, (8800, "NOBODY"))
    identity = str(office.rows("exceptions")[0]["exception_id"])
    ask(office, "ken", "assign", identity, "jane")
    ask(office, "jane", "comment", identity, "called the payer")
    (row,) = office.rows("exceptions")
    assert (row["status"], row["version"]) == ("assigned", 1)
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", Y)[0] == "APPLIED"


REFUNDS = """
refund_minimum = "5.00"
refund_two_over = "600.00"
refund_wait_days = 10
"""


def limited(office: Office, text: str) -> None:
    """Other limits than a new home's."""
    path = office.home.path / "recond.toml"
    lines = path.read_text().split("\n")
    start = lines.index("[limits]")
    kept = [n for n in lines[start + 1 :] if not n.startswith(("refund_minimum", "refund_wait"))]
    path.write_text("\n".join([*lines[: start + 1], *text.strip().split("\n"), *kept]))


@BOTH
def test_e47_refunds(office: Office, desk: Desk) -> None:
    limited(office, REFUNDS)
    pay(office, (130, "NOONE"), (5940, "NOBODY"), (68000, "WHOEVER"))
    later = DAY + dt.timedelta(days=10)
    rows = desk.rows()
    early = [r["status"] for r in desk.bring(desk.write(_refunds(rows)), today=DAY)]
    assert early == ["ERROR_ACTION"] * 3  # checks wait for their returns
    found = desk.bring(desk.write(_refunds(rows)), today=later)
    assert [r["status"] for r in found] == ["ERROR_ACTION", "PENDING_APPROVAL", "PENDING_APPROVAL"]
    assert "smallest refund, 5.00" in found[0]["message"]
    assert "another person has" in found[1]["message"]
    assert "2 other people have" in found[2]["message"]
    waiting = [{**r, "action": "approve"} for r in desk.rows(later) if "approve" in
               r["allowed_actions"]]  # fmt: skip
    itself = desk.bring(desk.write(waiting), "jane", later)
    assert [r["status"] for r in itself] == ["ERROR_SELF"] * 2
    found = desk.bring(desk.write(waiting), "ken", later)
    assert [r["status"] for r in found] == ["APPLIED", "PENDING_APPROVAL"]
    (left,) = [{**r, "action": "approve"} for r in desk.rows(later) if "approve" in
               r["allowed_actions"]]  # fmt: skip
    assert desk.bring(desk.write([left]), "ken", later)[0]["status"] == "ERROR_SELF"
    assert desk.bring(desk.write([left]), "lee", later)[0]["status"] == "APPLIED"
    assert office.journal()[("100", "2120")] == -(5940 + 68000)


def _refunds(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{**row, "action": "refund", "note": "payer asked"} for row in rows]


def test_e14_money_for_a_closed_account_is_drafted_as_a_refund(office: Office, desk: Desk) -> None:
    closed = f"account_number,customer_name,status\n{X},Somebody,closed\n"
    office.take("receivables", "accounts.csv", closed)
    pay(office, (24286, X))
    office.process()
    assert [row["status"] for row in office.rows("exceptions")] == ["open"], "off in a new home"
    limited(office, 'refund_minimum = "250.00"')
    path = office.home.path / "recond.toml"
    path.write_text(path.read_text().replace("draft_refunds = false", "draft_refunds = true"))
    office.process()
    assert [row["status"] for row in office.rows("exceptions")] == ["open"], "below the minimum"
    path.write_text(path.read_text().replace('minimum = "250.00"', 'minimum = "5.00"'))
    before = office.journal()
    office.process()
    office.process()
    (row,) = desk.rows()
    assert (row["reason"], row["allowed_actions"]) == ("ACCOUNT_CLOSED", "approve deny")
    with office.run().store.read() as connection:
        told = explain(connection, row["exception_id"], lambda *_: b"")
    assert told["question"]["answers"] == ["approve", "deny"], "explain says the same"
    assert "recond asks for refund: 242.86 to be refunded" in row["reason_text"]
    assert office.journal() == before
    assert desk.answer(row, "deny", person="ken", note="pays his new account")[0] == "APPLIED"
    office.process()
    (row,) = desk.rows()
    assert "refund" in row["allowed_actions"], "denied once, not drafted again"
    assert desk.answer(row, "refund", note="moved away")[0] == "PENDING_APPROVAL"
    assert desk.answer(desk.rows()[0], "approve", person="ken")[0] == "APPLIED"
    assert office.journal()[("100", "2120")] == -24286


def test_split_refunds_are_one_large_refund(office: Office, desk: Desk) -> None:
    limited(office, 'refund_two_over = "100.00"\nclerk_day = "150.00"')
    pay(office, (6000, "NOONE"), (6000, "NOBODY"), (6000, "WHOEVER"))
    found = desk.bring(desk.write(_refunds(desk.rows())))
    assert [r["status"] for r in found] == ["PENDING_APPROVAL"] * 2 + ["ERROR_ACTION"]
    assert "another person has" in found[0]["message"]
    assert "2 other people have" in found[1]["message"]
    assert "180.00 in a day, more than 150.00" in found[2]["message"]


def test_e66_who_took_the_payment_approves_nothing_of_it(office: Office, desk: Desk) -> None:
    counter = {
        "receipt_number": "1", "drawer": "D1", "cashier": "ken", "business_date": "2026-03-16",
        "time": "09:00", "account_number": "77", "item_number": "", "tender": "CASH",
        "amount": "50.00",
    }  # fmt: skip
    assert office.take("cashier", "c.csv", csv_text([counter])).state == "accepted"
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "refund", person="ken", note="x")[0] == "ERROR_SELF"
    assert desk.answer(row, "refund", person="jane", note="x")[0] == "PENDING_APPROVAL"
    (waiting,) = desk.rows()
    assert desk.answer(waiting, "approve", person="ken")[0] == "ERROR_SELF"
    assert desk.answer(waiting, "approve", person="lee")[0] == "APPLIED"


def test_roles_and_delegation(office: Office, desk: Desk) -> None:
    path = office.home.path / "recond.toml"
    text = path.read_text().replace('clerk = ["*"]', 'clerk = ["jane"]')
    text = text.replace('approver = ["*"]', 'approver = ["ken"]\nauditor = ["ann"]')
    path.write_text(
        text + '\n[[delegation]]\ngiver = "ken"\ntaker = "lee"\nrole = "approver"\n'
        "begin = 2026-03-16\nend = 2026-03-17\n"
    )
    pay(office, (5000, "NOBODY"), (6000, "NOONE"))
    one, two = desk.rows()
    for person in ("mallory", "ann"):
        assert desk.answer(one, "assign", X, person=person)[0] == "ERROR_ACTION"
    for row in (one, two):
        assert desk.answer(row, "refund", note="x")[0] == "PENDING_APPROVAL"
    one, two = desk.rows()
    assert desk.answer(one, "approve", person="mallory")[0] == "ERROR_ACTION"
    assert desk.answer(one, "approve", person="lee")[0] == "APPLIED"
    approve = {**two, "action": "approve"}
    late = desk.bring(desk.write([approve]), "lee", TODAY + dt.timedelta(days=2))
    assert late[0]["status"] == "ERROR_ACTION"


def drop(office: Office, source: Path, name: str, folder: str = "") -> Path:
    place = office.home.path / "queue" / "in" / folder
    place.mkdir(exist_ok=True)
    target = place / name
    target.write_bytes(source.read_bytes())
    return target


def results(office: Office) -> list[str]:
    out = office.home.path / "queue" / "out"
    return sorted(p.name for p in out.iterdir() if not p.name.startswith("recond-queue"))


def test_dropped_files_answer_as_their_owner(office: Office, desk: Desk) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files to others")
    pay(office, (5000, "NOBODY"), (6000, "NOONE"))
    rows = [{**row, "action": "assign", "to_account": X} for row in desk.rows()]
    mine = drop(office, desk.write(rows[:1]), "one.csv")
    os.chown(mine, 65534, 65534)
    drop(office, desk.write(rows[1:]), "two.csv", "jane")
    drop(office, desk.write([]), "~$three.csv")
    drop(office, desk.write([]), "three.csv")
    drop(office, desk.folder / "answers-1.csv", "notes.txt")
    (office.home.path / "queue" / "in" / "notes.txt").write_text("nothing of the kind")
    office.process()
    people = {row["decided_by"] for row in office.rows("applications")}
    assert people == {user_name(65534), "jane"}
    assert results(office) == ["notes.txt.refused.txt", "one.csv.result.csv", "two.csv.result.csv"]
    left = office.home.path / "queue" / "in"
    assert sorted(p.name for p in left.iterdir()) == ["jane", "three.csv", "~$three.csv"]
    (left / "~$three.csv").unlink()
    office.process()
    assert "three.csv.result.csv" in results(office)
    assert [row["name"] for row in office.rows("files")] == ["open.csv", "pay.bai"]


def test_a_folder_that_somebody_else_made_speaks_for_nobody(office: Office, desk: Desk) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files to others")
    pay(office, (5000, "NOBODY"))
    row = desk.row("ACCOUNT_NOT_FOUND")
    file = drop(office, desk.write([{**row, "action": "assign", "to_account": X}]), "a.csv", "ken")
    os.chown(file, 65534, 65534)
    os.chown(file.parent, 65534, 65534)
    office.process()
    assert {r["decided_by"] for r in office.rows("applications")} == {user_name(65534)}


def test_rows_to_be_answered_again_come_ready_to_be_edited(office: Office, desk: Desk) -> None:
    from recond.exceptions.sheet_read import read_sheet

    pay(office, (5000, "NOBODY"), (6000, "NOONE"))
    first, second = desk.rows()
    rows = [
        {**first, "action": "assign", "to_account": X},
        {**second, "action": "assign", "to_account": "99", "note": "=see letter"},
    ]
    desk.bring(desk.write(rows))
    fix = next((office.home.path / "queue" / "out").glob("*.fix.xlsx"))
    (again,) = read_sheet(fix.read_bytes())
    assert again.cells["row_key"] == second["row_key"]
    assert again.cells["to_account"] == "99"
    assert again.cells["note"] == "'=see letter"
    assert again.cells["reason_text"].startswith("ERROR_ACTION: there is no account or item 99")
    again.cells["to_account"] = Y
    assert desk.bring(desk.write([again.cells]))[0]["status"] == "APPLIED"


DEBT = [
    receivable(X, "XW1", "WATER", "2025-08-28", 12000),
    receivable(X, "XG1", "SANITATION", "2025-08-28", 9370),
    receivable(Y, "YG1", "SANITATION", "2026-03-28", 8800),
]


@pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
def test_e45_write_off(tmp_path: Path, request: pytest.FixtureRequest, url: str) -> None:
    office = Office(tmp_path / "home", None if url == "sqlite" else request.getfixturevalue(url))
    try:
        office.take("receivables", "open.csv", receivables_csv(DEBT))
        limited(office, 'write_off_two_over = "200.00"')
        before = office.journal()
        with pytest.raises(RefusedError, match=r"300\.00 is more than the 213\.70"):
            ask(office, "jane", "write_off", X, 30000, "moved away")
        said = ask(office, "jane", "write_off", X, None, "final for more than 180 days")
        assert "213.70 of account 1000456012 written off; 2 other people have" in said
        (asked,) = office.rows("exceptions")
        assert (asked["code"], asked["status"]) == ("WRITE_OFF_REQUESTED", "pending_approval")
        identity = str(asked["exception_id"])
        assert ask(office, "ken", "approve", identity, "").startswith("PENDING_APPROVAL")
        assert office.open_cents() == {"XW1": 12000, "XG1": 9370, "YG1": 8800}
        with pytest.raises(RefusedError, match="ERROR_SELF"):
            ask(office, "ken", "approve", identity, "")
        assert ask(office, "lee", "approve", identity, "").startswith("APPLIED")
        assert office.open_cents() == {"YG1": 8800}
        after = office.journal()
        moved = {key: after.get(key, 0) - before.get(key, 0) for key in {*before, *after}}
        assert {key: cents for key, cents in moved.items() if cents} == {
            ("510", "1290"): 12000, ("510", "1200"): -12000,
            ("530", "1290"): 9370, ("530", "1200"): -9370,
        }  # fmt: skip
        office.prove()
        # billing wrote it off too: nothing changes; it stays in the mirror as paid
        office.take("receivables", "next.csv", receivables_csv(
            [{**row, "open_amount": "0.00"} if row["account_number"] == X else row for row in DEBT]
        ))  # fmt: skip
        held = [row for row in office.rows("files") if row["state"] == "held"]
        with office.run(DAY).write() as connection:
            from recond.pipeline import corrections

            for row in held:
                corrections.accept(connection, office.run(DAY), str(row["file_id"]), None, "yes")
        assert office.open_cents() == {"YG1": 8800}
        assert office.journal() == after
        office.prove()
        said = ask(office, "jane", "undo", _decision(office), "he came back")
        ask(office, "ken", "approve", said.rsplit("(", 1)[1].rstrip(")"), "")
        assert office.open_cents() == {"XW1": 12000, "XG1": 9370, "YG1": 8800}
        assert office.journal() == before
    finally:
        office.close()


def test_part_of_one_item_is_written_off(office: Office) -> None:
    ask(office, "jane", "write_off", "XW1", 70, "small balance")
    identity = str(office.rows("exceptions")[0]["exception_id"])
    ask(office, "ken", "approve", identity, "")
    assert office.open_cents() == {"XW1": 8730, "YG1": 8800}
