"""A file through all rooms: what posts, what waits, what is refused, and what stays the same."""

from __future__ import annotations

import datetime as dt
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import TODAY, Office, check, csv_text, lockbox_file, receivable, receivables_csv

from recond.errors import RefusedError, UsageError
from recond.exports.datasets import stream
from recond.exports.scope import Scope
from recond.exports.writers import write_csv
from recond.pipeline import corrections, handover, process
from recond.pipeline.process import try_out

TOMORROW = TODAY + dt.timedelta(days=1)
A, B, C = "1000000001", "1000000002", "1000000003"
NAMES = ("files", "receipts", "applications", "exceptions", "receivables", "journal")


def open_items(*accounts: str, cents: int = 5000) -> str:
    rows = [receivable(a, f"W{a[-2:]}", "WATER", "2026-03-28", cents) for a in accounts]
    return receivables_csv(rows)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    made.take("receivables", "open.csv", open_items(A, B, C))
    yield made
    made.close()


def datasets(office: Office) -> dict[str, bytes]:
    told = {}
    with office.run().store.read() as connection:
        for name in NAMES:
            out = io.BytesIO()
            write_csv(stream(connection, name, Scope(TODAY)), out)
            told[name] = out.getvalue()
    return told


# --- batches, files, decisions about them ---------------------------------------------------------


def wrong_batch(office: Office) -> str:
    batches = [[check(5000, (A, None))], [check(5000, (B, None)), check(100, (C, None))]]
    outcome = office.take("lockbox", "day.bai", lockbox_file(batches, totals={2: 5200}))
    assert outcome.state == "partly_held"
    return outcome.file_id


def test_a_wrong_batch_is_held_alone(office: Office) -> None:
    wrong_batch(office)
    assert office.applied() == {"W01": 5000}
    assert [r["state"] for r in office.rows("receipts")] == ["applied", "held", "held"]
    assert office.questions() == ["BATCH_TOTAL_WRONG"]
    assert office.journal()[("100", "1080")] == 5000
    office.prove()


def test_an_accepted_batch_posts_as_found_and_its_difference_stays_a_question(
    office: Office,
) -> None:
    file_id = wrong_batch(office)
    run = office.run()
    with run.store.write() as connection:
        corrections.accept(connection, run, file_id, "002", "the bank says so")
    assert office.applied() == {"W01": 5000, "W02": 5000, "W03": 100}
    assert [f["state"] for f in office.rows("files")] == ["accepted", "accepted"]
    (question,) = [e for e in office.rows("exceptions") if e["status"] != "resolved"]
    assert (question["code"], str(question["amount"])) == ("BATCH_TOTAL_WRONG", "1.00")
    office.prove()


def test_a_rejected_batch_never_posts_and_stays_listed(office: Office) -> None:
    file_id = wrong_batch(office)
    run = office.run()
    with run.store.write() as connection:
        corrections.reject(connection, run, file_id, "the bank sends another")
    assert office.applied() == {"W01": 5000}
    assert office.rows("files")[1]["state"] == "accepted"
    assert [r["state"] for r in office.rows("receipts")] == ["applied", "held", "held"]
    assert office.questions() == []
    office.prove()
    with pytest.raises(RefusedError), run.store.write() as connection:
        corrections.accept(connection, run, file_id, None, "too late")


def test_what_cannot_be_read_can_only_be_rejected(office: Office) -> None:
    outcome = office.take("lockbox", "noise.bai", os.urandom(400))
    assert outcome.state == "held"
    run = office.run()
    with pytest.raises(RefusedError, match="only be rejected"), run.store.write() as connection:
        corrections.accept(connection, run, outcome.file_id, None, "please")
    with run.store.write() as connection:
        corrections.reject(connection, run, outcome.file_id, "noise")
    assert office.rows("files")[1]["state"] == "rejected"
    with pytest.raises(UsageError), run.store.write() as connection:
        corrections.reject(connection, run, "F000000000000", "nothing there")


def test_a_changed_resend_replaces_the_earlier_file(office: Office) -> None:
    office.take("lockbox", "one.bai", lockbox_file([check(4000, (A, None))]))
    again = office.take("lockbox", "two.bai", lockbox_file([check(5000, (A, None))]))
    assert (again.state, office.questions()) == ("held", ["TRANSMISSION_CONFLICT"])
    run = office.run()
    with run.store.write() as connection:
        corrections.accept(connection, run, again.file_id, None, "corrected", replace=True)
    assert office.applied() == {"W01": 5000}
    assert [r["state"] for r in office.rows("receipts")] == ["voided", "applied"]
    assert office.journal()[("100", "1080")] == 5000
    assert office.questions() == []
    office.prove()


def test_two_lockboxes_in_one_file_have_each_their_total(office: Office) -> None:
    one = lockbox_file([check(5000, (A, None))]).splitlines()
    two = lockbox_file([check(4000, (B, None))], box="0099999").splitlines()
    body = [*one[:-1], *two[2:-1]]
    text = "\n".join([*body, f"9{len(body) + 1:06d}"]) + "\n"
    assert office.take("lockbox", "boxes.bai", text).state == "accepted"
    assert office.applied() == {"W01": 5000, "W02": 4000}
    office.prove()


# --- corrections ----------------------------------------------------------------------------------


def test_a_reversed_application_reopens_its_item_and_asks(office: Office) -> None:
    office.take("lockbox", "day.bai", lockbox_file([check(5000, (A, None))]))
    (application,) = office.rows("applications")
    run = office.run()
    with run.store.write() as connection:
        corrections.reverse(connection, run, application["application_id"], "wrong account")
    first, second = office.rows("applications")
    assert str(second["amount"]) == "-50.00"
    assert second["reverses_id"] == first["application_id"]
    assert office.open_cents()["W01"] == 5000
    assert office.questions() == ["REVERSED"]
    (receipt,) = office.rows("receipts")
    assert receipt["state"] == "unidentified"
    office.prove()
    process(run, wait=False)
    assert office.questions() == ["REVERSED"], "a person's decision is not undone by matching"
    with pytest.raises(RefusedError), run.store.write() as connection:
        corrections.reverse(connection, run, application["application_id"], "again")


def test_later_data_answers_a_question(office: Office) -> None:
    office.take("lockbox", "day.bai", lockbox_file([check(700, ("4444444444", None))]))
    assert office.questions() == ["ACCOUNT_NOT_FOUND"]
    more = [receivable(a, f"W{a[-2:]}", "WATER", "2026-03-28", 5000) for a in (A, B, C)]
    more.append(receivable("4444444444", "W44", "WATER", "2026-03-28", 900))
    office.take("receivables", "next.csv", receivables_csv(more))
    assert office.questions() == []
    assert office.applied() == {"W44": 700}
    (question,) = office.rows("exceptions")
    assert (question["status"], question["version"]) == ("resolved", 2)
    office.prove()


def counter(*rows: dict[str, str]) -> str:
    columns = (
        "receipt_number", "drawer", "cashier", "business_date", "time", "account_number",
        "item_number", "tender", "amount", "check_number", "void_of", "approved_by",
    )  # fmt: skip
    base = {"drawer": "D1", "cashier": "kim", "business_date": "2026-03-16", "time": "10:00",
            "tender": "CASH"}  # fmt: skip
    return csv_text([{**base, **row} for row in rows], columns)


def test_change_on_a_check_takes_back_from_the_end(office: Office) -> None:
    text = counter(
        {"receipt_number": "1", "account_number": A, "tender": "CHECK", "amount": "60.00"},
        {"receipt_number": "1", "account_number": A, "amount": "-10.00"},
    )
    office.take("cashier", "till.csv", text)
    assert office.applied() == {"W01": 5000}
    assert [str(r["applied_amount"]) for r in office.rows("receipts")] == ["60.00", "-10.00"]
    assert office.journal()[("100", "1083")] == 5000
    office.prove()


def test_an_approved_void_takes_its_receipt_out_of_the_books(office: Office) -> None:
    text = counter(
        {"receipt_number": "1", "account_number": A, "amount": "50.00"},
        {"receipt_number": "2", "account_number": A, "amount": "-50.00", "void_of": "1",
         "approved_by": "lee"},
        {"receipt_number": "3", "account_number": B, "amount": "20.00"},
        {"receipt_number": "4", "account_number": B, "amount": "-20.00", "void_of": "3"},
    )  # fmt: skip
    office.take("cashier", "till.csv", text)
    assert [r["state"] for r in office.rows("receipts")] == ["voided", "applied"]
    assert office.open_cents()["W01"] == 5000
    assert office.questions() == ["VOID_NOT_APPROVED"]
    assert office.journal()[("100", "1083")] == 2000
    office.prove()


def test_the_corrected_entry_of_a_voided_receipt_pays_its_bill(office: Office) -> None:
    text = counter(
        {"receipt_number": "1", "account_number": A, "amount": "50.00"},
        {"receipt_number": "2", "account_number": A, "amount": "-50.00", "void_of": "1",
         "approved_by": "lee"},
        {"receipt_number": "3", "account_number": A, "amount": "60.00"},
    )  # fmt: skip
    office.take("cashier", "till.csv", text)
    assert [(r["state"], str(r["on_account_amount"])) for r in office.rows("receipts")] == [
        ("voided", "0.00"),
        ("partial", "10.00"),
    ]
    assert office.applied() == {"W01": 5000}
    assert office.journal()[("100", "1083")] == 6000
    office.prove()


def test_credit_from_before_a_voided_receipt_stays(office: Office) -> None:
    office.take("cashier", "a.csv", counter(
        {"receipt_number": "1", "account_number": A, "amount": "60.00"}
    ))  # fmt: skip
    reverse_all(office)  # the bill is open again beside credit of 10.00
    text = counter(
        {"receipt_number": "2", "account_number": A, "amount": "20.00"},
        {"receipt_number": "3", "account_number": A, "amount": "-20.00", "void_of": "2",
         "approved_by": "lee"},
    )  # fmt: skip
    office.take("cashier", "b.csv", text)
    assert office.applied() == {}
    assert office.open_cents()["W01"] == 5000
    assert on_account(office) == ["10.00", "0.00"]
    office.prove()


def test_credit_pays_no_more_than_a_void_gives_back(office: Office) -> None:
    for number, amount in (("1", "20.00"), ("2", "60.00")):
        office.take("cashier", f"{number}.csv", counter(
            {"receipt_number": number, "account_number": A, "amount": amount}
        ))  # fmt: skip
    reverse_all(office, "30.00")
    text = counter(
        {"receipt_number": "3", "account_number": A, "amount": "-20.00", "void_of": "1",
         "approved_by": "lee"},
    )  # fmt: skip
    office.take("cashier", "void.csv", text)
    assert office.applied() == {"W01": 2000}
    assert office.open_cents()["W01"] == 3000
    assert on_account(office) == ["0.00", "10.00"]
    office.prove()


def reverse_all(office: Office, amount: str | None = None) -> None:
    """Reverse every application, or those of one amount."""
    run = office.run()
    with run.store.write() as connection:
        for row in office.rows("applications"):
            if amount in (None, str(row["amount"])):
                corrections.reverse(connection, run, row["application_id"], "wrong")


def on_account(office: Office) -> list[str]:
    return [str(row["on_account_amount"]) for row in office.rows("receipts")]


def test_a_counter_file_with_more_rows_counts_the_old_ones_once(office: Office) -> None:
    first = {"receipt_number": "1", "account_number": A, "amount": "10.00"}
    second = {"receipt_number": "2", "account_number": B, "amount": "20.00"}
    office.take("cashier", "noon.csv", counter(first))
    evening = office.take("cashier", "evening.csv", counter(first, second))
    assert "1 seen before" in evening.message
    assert office.applied() == {"W01": 1000, "W02": 2000}
    office.prove()


def test_a_receipt_from_tomorrow_waits_and_posts_on_its_day(office: Office) -> None:
    outcome = office.take("lockbox", "early.bai", lockbox_file([check(5000, (A, None))], TOMORROW))
    assert outcome.state == "accepted"
    assert [r["state"] for r in office.rows("receipts")] == ["held"]
    assert office.questions() == []
    office.prove()
    process(office.run(TOMORROW), wait=False)
    assert [r["state"] for r in office.rows("receipts", TOMORROW)] == ["applied"]
    office.prove()


# --- receivables ----------------------------------------------------------------------------------


def test_an_implausible_snapshot_is_held_until_somebody_accepts_it(office: Office) -> None:
    held = office.take("receivables", "half.csv", open_items(A))
    assert (held.state, office.questions()) == ("held", ["SNAPSHOT_IMPLAUSIBLE"])
    assert len(office.open_cents()) == 3
    run = office.run()
    with run.store.write() as connection:
        corrections.accept(connection, run, held.file_id, None, "two accounts moved away")
    assert office.open_cents() == {"W01": 5000}
    office.prove()


@pytest.mark.parametrize(
    ("accounts", "cents", "words"),
    [((A,), 15000, "3 accounts, this one has 1"), ((A, B, C), 15000, "150.00 open, this one has")],
)
def test_neither_accounts_nor_debt_move_by_more_than_a_day_explains(
    office: Office, accounts: tuple[str, ...], cents: int, words: str
) -> None:
    """All that three accounts owe is on one of them; and three owe three times as much."""
    held = office.take("receivables", "one.csv", open_items(*accounts, cents=cents))
    assert (held.state, office.questions()) == ("held", ["SNAPSHOT_IMPLAUSIBLE"])
    assert words in held.message


def test_an_unknown_charge_type_holds_the_file_with_its_line(office: Office) -> None:
    rows = [receivable(a, f"W{a[-2:]}", "WATER", "2026-03-28", 5000) for a in (A, B, C)]
    rows[1]["charge_type"] = "STEAM"
    held = office.take("receivables", "steam.csv", receivables_csv(rows))
    assert held.state == "held"
    assert "CHARGE_TYPE_UNKNOWN: line 3" in held.message


@pytest.mark.parametrize("name", ["next.csv.manifest.json", "next.manifest.json"])
def test_a_snapshot_that_contains_a_posting_stops_counting_it_as_pending(
    office: Office, name: str
) -> None:
    office.take("lockbox", "day.bai", lockbox_file([check(2000, (A, None))]))
    handover.export_postings(office.run())
    (application,) = office.rows("applications")
    posting_id = "P" + application["application_id"][1:]
    rows = [receivable(a, f"W{a[-2:]}", "WATER", "2026-03-28", 5000) for a in (A, B, C)]
    rows[0]["open_amount"] = "30.00"
    text = receivables_csv(rows)
    manifest = '{"snapshot": "2", "mode": "full", "last_posting_id": "%s"}'
    office.drop("receivables", name, manifest % posting_id)
    office.drop("receivables", "next.csv", text)
    office.process()
    assert office.open_cents()["W01"] == 3000
    office.drop("receivables", "later.csv", text + "\n")
    assert office.process() == [], "from now on receivables wait for their manifest"
    office.drop("receivables", name.replace("next", "later"), manifest % posting_id)
    assert [one.state for one in office.process()] == ["duplicate", "accepted"]
    (row,) = [r for r in office.rows("receivables") if r["item_number"] == "W01"]
    assert str(row["pending_amount"]) == "0.00"
    office.prove()


def test_a_snapshot_that_does_not_is_reduced_by_what_is_pending(office: Office) -> None:
    office.take("lockbox", "day.bai", lockbox_file([check(2000, (A, None))]))
    office.take("receivables", "next.csv", open_items(A, B, C) + "\n")
    assert office.open_cents()["W01"] == 3000
    office.take("receivables", "paid.csv", open_items(A, B, C, cents=4500))
    rows = [receivable(a, f"W{a[-2:]}", "WATER", "2026-03-28", 4500) for a in (A, B, C)]
    rows[0]["open_amount"] = "5.00"
    office.take("receivables", "less.csv", receivables_csv(rows))
    assert "W01" not in office.open_cents() or office.open_cents()["W01"] <= 0
    assert office.questions() == ["OPEN_BELOW_ZERO"]
    office.prove()


# --- the same again, in other ways ----------------------------------------------------------------


def test_two_homes_fed_the_same_files_are_equal_byte_for_byte(tmp_path: Path) -> None:
    told = []
    for name in ("one", "two"):
        office = Office(tmp_path / name)
        office.take("receivables", "open.csv", open_items(A, B, C))
        office.take(
            "lockbox", "day.bai", lockbox_file([check(5000, (A, None)), check(9, ("X", None))])
        )
        told.append(datasets(office))
        office.close()
    assert told[0] == told[1]


@pytest.mark.postgres
def test_sqlite_and_postgresql_give_the_same_datasets(tmp_path: Path, postgres_url: str) -> None:
    told = []
    for name, url in (("sqlite", None), ("postgres", postgres_url)):
        office = Office(tmp_path / name, url)
        office.take("receivables", "open.csv", open_items(A, B, C))
        wrong_batch(office)
        office.take(
            "lockbox", "b.bai",
            lockbox_file(
                [
                    check(7000, (B, None)),
                    check(10, ("nobody", None)),
                    check(3000, (A, 1000), (C, 2000)),
                ],
                time="1100",
            ),
        )  # fmt: skip
        (first, *_) = office.rows("applications")
        run = office.run()
        with run.store.write() as connection:
            corrections.reverse(connection, run, first["application_id"], "try")
        office.take("receivables", "next.csv", open_items(A, B, C, "4444444444", cents=4100))
        told.append(datasets(office))
        office.prove()
        office.close()
    for name in NAMES:
        assert told[0][name] == told[1][name], name


def test_any_split_into_files_gives_the_same_balances(tmp_path: Path) -> None:
    rng = random.Random(5)
    checks = [
        check(rng.randrange(100, 4000), (rng.choice([A, B, C]), None), number=str(5000 + n))
        for n in range(40)
    ]
    balances = []
    for parts in (1, 2, 5, 40):
        office = Office(tmp_path / f"split{parts}")
        office.take("receivables", "open.csv", open_items(A, B, C, cents=20000))
        for number in range(parts):
            part = checks[number * 40 // parts : (number + 1) * 40 // parts]
            office.take("lockbox", f"{number:02d}.bai", lockbox_file([part], time=f"{number:04d}"))
        credit = sum(r["on_account_amount"] for r in office.rows("receipts"))
        balances.append((office.open_cents(), office.applied(), credit, office.journal()))
        office.prove()
        office.close()
    assert all(balance == balances[0] for balance in balances)


def test_a_file_in_small_chunks_gives_the_same_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [receivable(f"20{n:08d}", f"I{n}", "WATER", "2026-03-28", 5000) for n in range(300)]
    checks = [check(4000 + n, (f"20{n % 300:08d}", None)) for n in range(600)]
    told = []
    for limit in (None, 7):
        if limit:
            monkeypatch.setattr("recond.pipeline.run.Run.chunk_receipts", lambda run: 7)
        office = Office(tmp_path / f"limit{limit}")
        office.take("receivables", "open.csv", receivables_csv(rows))
        office.take(
            "lockbox", "day.bai", lockbox_file([checks[i : i + 100] for i in range(0, 600, 100)])
        )
        told.append((office.open_cents(), office.applied(), office.journal(), office.questions()))
        office.prove()
        office.close()
    assert told[0] == told[1]


def test_a_dry_run_leaves_no_trace(office: Office) -> None:
    office.drop("lockbox", "day.bai", lockbox_file([check(5000, (A, None))]))
    before = datasets(office)
    (outcome,) = try_out(office.run())
    assert outcome.state == "accepted"
    assert datasets(office) == before
    assert [p.name for p in office.home.inbox("lockbox").iterdir()] == ["day.bai"]


def test_a_folder_of_anything_leaves_everything_held_and_nothing_posted(office: Office) -> None:
    rng = random.Random(11)
    before = office.rows("journal")
    good = lockbox_file([check(5000, (A, None))]).encode()
    junk = [b"", b"\x00" * 100, b"\x89PNG\r\n\x1a\n" + rng.randbytes(300), good[:200], good[:-40],
            good.replace(b"\n", b"\x00"), b"PK\x03\x04" + rng.randbytes(50), b"a,b,c\n1,2,3\n",
            "ÄÖÜ€ nothing".encode(), b'"' * 500, rng.randbytes(5000)]  # fmt: skip
    for inbox in [i.name for i in office.home.settings.inbox]:
        for number, content in enumerate(junk):
            office.drop(inbox, f"junk{number}.dat", content + bytes([number]) * (number > 0))
    outcomes = office.process()
    assert len(outcomes) == len(junk) * 7
    assert {o.state for o in outcomes} <= {"held", "duplicate"}
    assert office.rows("journal") == before
    assert all(row["message"] for row in office.rows("files"))
    reasons = list((office.home.path / "quarantine").rglob("*.reason.txt"))
    assert len(reasons) == sum(o.state == "held" for o in outcomes)
    office.prove()
