"""To the billing system and back: posting files, acknowledgements, what a snapshot contains
(contract sections 4 and 5, domain E12, E19, E64, E65)."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from office import (
    TODAY,
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    receivable,
    receivables_csv,
)
from sqlalchemy import update
from test_monthend import statements

from recond.errors import InvariantError
from recond.exports import outbox
from recond.exports.postings import POSTINGS
from recond.pipeline import corrections, handover
from recond.pipeline.handover import export_postings
from recond.store import schema
from recond.verbs.common import problems_of

A, B = "1000456012", "1000456013"
NEXT = TODAY + dt.timedelta(days=1)
LATER = TODAY + dt.timedelta(days=2)
HEADER = (
    "posting_id,type,account_number,item_number,amount,received_date,deposit_date,gl_date,"
    "channel,tender,reference,reverses_posting_id,reason"
)
ITEMS = [("2W", "WATER", 4275), ("2S", "SEWER", 3120), ("2G", "SANITATION", 2680)]


def bill(*left: int) -> str:
    """The three items of the example with what is open of each."""
    opened = left or tuple(amount for _, _, amount in ITEMS)
    rows = [
        receivable(A, item, charge, "2026-03-28", amount, open_cents=str(now))
        for (item, charge, amount), now in zip(ITEMS, opened, strict=True)
    ]
    return receivables_csv([*rows, receivable(B, "9W", "WATER", "2026-03-28", 8800)])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    path = made.home.path / "recond.toml"
    text = path.read_text()
    path.write_text(text.replace("open_move_percent = 30", "open_move_percent = 1000"))
    made.take("receivables", "open.csv", bill())
    yield made
    made.close()


def exported(office: Office, day: dt.date = TODAY) -> list[dict[str, str]]:
    """The lines of the next posting file, its frame proved; empty when there is none."""
    written = export_postings(office.run(day), day)
    if written is None:
        return []
    data = written.path.read_bytes()
    lines = data.decode().splitlines()
    assert lines[0] == f"#recond,{written.path.stem},{day.isoformat()}"
    assert lines[1] == HEADER
    rows = list(csv.DictReader(lines[1:-1]))
    total = sum(cents(row["amount"]) for row in rows)
    before = data[: data.rindex(b"#end")]
    digest = sha256(before).hexdigest()
    assert lines[-1] == f"#end,{len(rows)},{total / 100:.2f},{digest}"
    assert (written.rows, written.total_cents) == (len(rows), total)
    return [{**row, "file_id": written.path.stem} for row in rows]


def answer(office: Office, rows: Sequence[dict[str, str]], *status: str, **more: Any) -> Any:
    lines = [
        {"file_id": row["file_id"], "posting_id": row["posting_id"], "status": one,
         "code": "MOVED" if one == "REJECTED" else "", "billing_transaction_id": ""}
        for row, one in zip(rows, status, strict=True)
    ]  # fmt: skip
    name = more.get("name", "answer.csv")
    return office.take("acks", name, csv_text(lines), more.get("day", TODAY))


def shown(rows: Sequence[dict[str, str]]) -> list[tuple[str, str, str, str]]:
    return [(r["type"], r["account_number"], r["item_number"], r["amount"]) for r in rows]


def pay(office: Office, amount: int, account: str = A, name: str = "day.bai", **more: Any) -> None:
    day = more.get("day", TODAY)
    text = lockbox_file([check(amount, (account, None))], day, time=more.get("time", "0900"))
    office.take("lockbox", name, text, day)


# --- the file -------------------------------------------------------------------------------------


def test_a_payment_goes_out_once_with_every_column(office: Office) -> None:
    pay(office, 10075)
    rows = exported(office)
    assert shown(rows) == [
        ("PAYMENT", A, "2W", "42.75"), ("PAYMENT", A, "2S", "31.20"), ("PAYMENT", A, "2G", "26.80"),
    ]  # fmt: skip
    assert {row["received_date"] for row in rows} == {"2026-03-16"}
    assert {(r["deposit_date"], r["gl_date"]) for r in rows} == {("2026-03-16", "2026-03-16")}
    assert {(r["channel"], r["tender"], r["reference"]) for r in rows} == {
        ("LOCKBOX", "CHECK", "0000001001")
    }
    assert {(row["reverses_posting_id"], row["reason"]) for row in rows} == {("", "")}
    assert exported(office) == [], "nothing new writes no file"
    assert len(list((office.home.path / "exports/postings").iterdir())) == 1
    office.prove()


def test_credit_goes_out_without_an_item_and_later_as_a_transfer_of_sum_zero(
    office: Office,
) -> None:
    pay(office, 10075 + 130)
    assert shown(exported(office))[-1] == ("PAYMENT", A, "", "1.30")
    rows = [
        receivable(A, "3W", "WATER", "2026-04-28", 4275),
        receivable(B, "9W", "WATER", "2026-03-28", 8800),
    ]
    office.take("receivables", "next.csv", receivables_csv(rows), NEXT)
    pair = exported(office, NEXT)
    assert shown(pair) == [("TRANSFER", A, "", "-1.30"), ("TRANSFER", A, "3W", "1.30")]
    assert {row["gl_date"] for row in pair} == {"2026-03-16"}
    office.prove()


def test_a_reversal_names_the_posting_that_it_takes_back(office: Office) -> None:
    pay(office, 4275, name="one.bai")
    (paid,) = exported(office)
    (application,) = office.rows("applications")
    run = office.run()
    with run.store.write() as connection:
        corrections.reverse(connection, run, application["application_id"], "wrong account")
    (back,) = exported(office)
    assert shown([back]) == [("REVERSAL", A, "2W", "-42.75")]
    assert back["reverses_posting_id"] == paid["posting_id"]
    assert back["reason"] == "wrong account"
    assert back["posting_id"] != paid["posting_id"]


def test_a_reversal_that_billing_rejects_is_asked_about_and_moves_nothing(office: Office) -> None:
    pay(office, 4275, name="one.bai")
    paid = exported(office)
    answer(office, paid, "ACCEPTED", name="yes.csv")
    (application,) = office.rows("applications")
    run = office.run()
    with run.store.write() as connection:
        corrections.reverse(connection, run, application["application_id"], "wrong account")
    (back,) = exported(office)
    before, asked = office.journal(), office.questions()
    assert answer(office, [back], "REJECTED", name="no.csv").state == "accepted"
    (question,) = (row for row in office.rows("exceptions") if row["code"] == "REVERSAL_REJECTED")
    assert back["posting_id"] in question["message"]
    assert cents(question["amount"]) == -4275
    assert sorted(office.questions()) == sorted([*asked, "REVERSAL_REJECTED"])
    assert (office.journal(), office.applied()) == (before, {}), "the books stay as they are"
    answer(office, [back], "REJECTED", name="again.csv")
    assert office.questions().count("REVERSAL_REJECTED") == 1


def test_what_billing_posts_itself_never_goes_out(office: Office) -> None:
    path = office.home.path / "recond.toml"
    more = '\n[[source]]\nname = "web"\nfiles = "web*"\nposted_by = "billing"\n'
    path.write_text(path.read_text() + more)
    pay(office, 4275, name="WEB1.bai")
    assert exported(office) == []
    assert office.applied() == {"2W": 4275}
    assert office.open_cents()["2S"] == 3120
    office.take("receivables", "next.csv", bill(0, 3120, 2680), NEXT)
    assert "2W" not in office.open_cents()
    assert all(cents(row["pending_amount"]) == 0 for row in office.rows("receivables"))
    office.prove()


def test_the_first_source_that_fits_says_who_posts(office: Office) -> None:
    path = office.home.path / "recond.toml"
    more = """
[[source]]
name = "own"
inbox = "cashier"
format = "cashier_receipts"
files = "mail*"
[[source]]
name = "counter"
inbox = "cashier"
posted_by = "billing"
"""
    path.write_text(path.read_text() + more)
    settings = office.run().home.settings
    assert settings.source_of("cashier", "cashier_receipts", "Mail-1.csv").posted_by == "recond"
    assert settings.source_of("cashier", "other", "Mail-1.csv").posted_by == "billing"
    assert settings.source_of("lockbox", "bai_lockbox", "mail.bai").posted_by == "recond"


def test_as_of_leaves_later_entries_for_the_next_file(office: Office) -> None:
    pay(office, 4275, name="one.bai")
    pay(office, 100, B, name="two.bai", day=NEXT)
    assert shown(exported(office)) == [("PAYMENT", A, "2W", "42.75")]
    assert shown(exported(office, NEXT)) == [("PAYMENT", B, "9W", "1.00")]


def test_a_dry_run_writes_nothing(office: Office) -> None:
    pay(office, 4275)
    told = export_postings(office.run(), dry_run=True)
    assert told is not None
    assert (told.rows, told.total_cents) == (1, 4275)
    assert not told.path.exists()
    assert len(exported(office)) == 1


class _PowerCutError(Exception):
    pass


@pytest.mark.parametrize("lost", [False, True])
def test_a_crash_between_commit_and_name_loses_and_doubles_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    pay(office, 4275)
    with monkeypatch.context() as broken:
        calls = []

        def cut(*_arguments: object) -> None:
            calls.append(1)
            if len(calls) == 2:  # the first finishes older files, the second this one
                raise _PowerCutError

        broken.setattr(handover, "finish", cut)
        with pytest.raises(_PowerCutError):
            export_postings(office.run())
    folder = office.home.path / "exports/postings"
    (waiting,) = folder.iterdir()
    assert waiting.name.endswith(".partial")
    data = waiting.read_bytes()
    if lost:
        waiting.unlink()
    assert exported(office) == [], "the file that was committed is finished, no second one written"
    (path,) = folder.iterdir()
    assert path.read_bytes() == data


def test_a_file_stays_what_it_was_when_billing_rejects_what_it_takes_back(office: Office) -> None:
    """The reversal was told before the answer came: the file written again has it, and so has the
    month's statement of posting files."""
    pay(office, 4275, name="one.bai")
    paid = exported(office)
    (application,) = office.rows("applications")
    run = office.run()
    with run.store.write() as connection:
        corrections.reverse(connection, run, application["application_id"], "wrong account")
    back = exported(office)
    answer(office, [*paid, *back], "REJECTED", "REJECTED")
    path = office.home.path / "exports/postings" / f"{back[0]['file_id']}.csv"
    data = path.read_bytes()
    path.unlink()
    with run.store.write() as connection:
        connection.execute(
            update(schema.outbox)
            .where(schema.outbox.c.file_id == back[0]["file_id"])
            .values(delivered=0)
        )
        outbox.deliver(connection, POSTINGS, path.parent)
    assert path.read_bytes() == data
    files = statements(office, "2026-03")["posting_files"].table
    assert [str(amount) for amount in files["amount"].to_pylist()] == ["42.75", "-42.75"]


def test_a_file_with_other_bytes_is_never_called_delivered(office: Office) -> None:
    pay(office, 4275)
    (row,) = exported(office)
    run = office.run()
    path = office.home.path / "exports/postings" / f"{row['file_id']}.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    with run.store.write() as connection:
        connection.execute(update(schema.outbox).values(delivered=0))
        with pytest.raises(InvariantError, match="does not hold the bytes"):
            outbox.deliver(connection, POSTINGS, path.parent)


# --- answers --------------------------------------------------------------------------------------


def test_e64_a_rejected_posting_comes_back_and_the_others_are_settled(office: Office) -> None:
    pay(office, 10075)
    sent = exported(office)
    assert [cents(row["amount"]) for row in sent] == [4275, 3120, 2680]
    outcome = answer(office, sent, "ACCEPTED", "REJECTED", "ACCEPTED")
    assert outcome.message == "2 accepted, 1 rejected"
    (receipt,) = office.rows("receipts")
    assert (cents(receipt["applied_amount"]), cents(receipt["suspense_amount"])) == (6955, 3120)
    assert receipt["exception_code"] == "POSTING_REJECTED"
    assert office.open_cents()["2S"] == 3120
    assert exported(office) == [], "billing never had it, so nobody takes it back there"
    again = answer(office, sent, "ACCEPTED", "REJECTED", "ACCEPTED", name="again.csv")
    assert again.state == "duplicate"
    office.drop("acks", "more.csv", "x")
    office.process()
    repeated = answer(office, sent[:1], "DUPLICATE", name="dup.csv")
    assert repeated.message == "1 answered before"
    assert office.questions().count("POSTING_REJECTED") == 1
    with office.run(LATER).store.read() as connection:
        assert handover.unanswered(connection) == []
    office.prove()


def test_e64_no_answer_by_nine_of_the_next_business_day_is_asked(office: Office) -> None:
    pay(office, 4275)
    sent = exported(office)
    office.process(TODAY)
    assert "ACK_MISSING" not in office.questions()
    run = office.run(NEXT, dt.datetime(2026, 3, 17, 15, 59, tzinfo=dt.UTC))  # 08:59 in Phoenix
    with run.store.write() as connection:
        handover.ask_for_answers(connection, run)
    assert "ACK_MISSING" not in office.questions()
    run = office.run(NEXT, dt.datetime(2026, 3, 17, 16, 0, tzinfo=dt.UTC))
    with run.store.write() as connection:
        handover.ask_for_answers(connection, run)
    assert office.questions() == ["ACK_MISSING"]
    answer(office, sent, "ACCEPTED", day=LATER)
    assert office.questions() == []


def test_a_friday_file_is_due_on_monday(office: Office) -> None:
    friday = dt.date(2026, 3, 20)
    pay(office, 4275, day=friday)
    exported(office, friday)
    office.process(dt.date(2026, 3, 22))
    assert "ACK_MISSING" not in office.questions()
    office.process(dt.date(2026, 3, 24))
    assert "ACK_MISSING" in office.questions()


def test_answers_to_nothing_are_problems_with_their_line(office: Office) -> None:
    pay(office, 4275)
    (row,) = exported(office)
    rows = [row, {**row, "posting_id": "P000000000000-1-1.1"},
            {**row, "posting_id": row["posting_id"] + "9", "file_id": "other"}]  # fmt: skip
    outcome = answer(office, rows, "ACCEPTED", "ACCEPTED", "REJECTED")
    assert outcome.state == "accepted"
    run = office.run()
    with run.store.read() as connection:
        found = problems_of(connection, outcome.file_no)
    assert [(p["code"], p["line"]) for p in found] == [
        ("POSTING_UNKNOWN", 3),
        ("POSTING_UNKNOWN", 4),
    ]
    assert office.questions() == ["POSTING_UNKNOWN"]
    assert office.open_cents().get("2W") is None, "a stranger's answer moves no money"


def test_a_contradicting_answer_changes_nothing_and_asks(office: Office) -> None:
    pay(office, 4275)
    sent = exported(office)
    answer(office, sent, "PENDING", name="wait.csv")
    answer(office, sent, "ACCEPTED", name="yes.csv")
    answer(office, sent, "REJECTED", name="no.csv")
    assert office.questions() == ["ACK_CONTRADICTS"]
    assert office.applied() == {"2W": 4275}


# --- what a snapshot contains ---------------------------------------------------------------------


def test_a_posting_is_pending_until_a_snapshot_after_its_acknowledgement(office: Office) -> None:
    pay(office, 4275)
    sent = exported(office)
    office.take("receivables", "before.csv", bill() + "\n", TODAY)
    assert "2W" not in office.open_cents(), "written, not acknowledged: pending"
    answer(office, sent, "ACCEPTED", day=NEXT)
    assert "2W" not in office.open_cents(), "an acknowledgement alone changes no open amount"
    office.prove()
    office.take("receivables", "after.csv", bill(0, 3120, 2680), NEXT)
    row = next(r for r in office.rows("receivables") if r["item_number"] == "2W")
    assert (cents(row["open_amount"]), cents(row["pending_amount"])) == (0, 0)
    office.prove()


def test_the_last_posting_id_of_a_manifest_says_how_far_it_is(office: Office) -> None:
    pay(office, 4275 + 3120)
    sent = exported(office)
    manifest = '{"snapshot": "2", "mode": "full", "last_posting_id": "%s"}'
    office.drop("receivables", "next.csv.manifest.json", manifest % sent[0]["posting_id"])
    office.drop("receivables", "next.csv", bill(0, 3120, 2680))
    office.process(NEXT)
    pending = {r["item_number"]: cents(r["pending_amount"]) for r in office.rows("receivables")}
    assert pending == {"2W": 0, "2S": 3120, "2G": 0, "9W": 0}
    assert office.open_cents() == {"2G": 2680, "9W": 8800}
    office.prove()


def test_an_unknown_last_posting_id_contains_nothing_and_is_asked(office: Office) -> None:
    """Of no payment, and of one that stands in no posting file yet."""
    pay(office, 4275)
    (receipt,) = office.rows("receipts")
    unwritten = f"P{receipt['receipt_id'][1:]}-1.1"
    for number, posting in enumerate(("P000000000000-1-1.1", unwritten), 2):
        said = f'{{"snapshot": "{number}", "mode": "full", "last_posting_id": "{posting}"}}'
        office.drop("receivables", f"{number}.csv.manifest.json", said)
        office.drop("receivables", f"{number}.csv", bill() + "\n" * number)
        office.process(NEXT)
        assert office.questions() == ["POSTING_UNKNOWN"] * (number - 1)
        assert "2W" not in office.open_cents()


def test_without_acknowledgements_a_written_file_is_contained(office: Office) -> None:
    path = office.home.path / "recond.toml"
    text = path.read_text()
    path.write_text(text.replace('acknowledgements = "expected"', 'acknowledgements = "none"'))
    pay(office, 4275)
    office.take("receivables", "unwritten.csv", bill() + "\n")
    assert "2W" not in office.open_cents()
    exported(office)
    pay(office, 3120, name="two.bai", time="1000")
    office.take("receivables", "written.csv", bill(0, 3120, 2680), NEXT)
    pending = {r["item_number"]: cents(r["pending_amount"]) for r in office.rows("receivables")}
    assert pending["2W"] == 0
    assert pending["2S"] == 3120
    office.process(LATER)
    assert office.questions() == []
    office.prove()


def test_a_rejected_posting_that_a_manifest_contained_opens_nothing_twice(office: Office) -> None:
    pay(office, 4275)
    sent = exported(office)
    manifest = '{"snapshot": "2", "mode": "full", "last_posting_id": "%s"}'
    office.drop("receivables", "next.csv.manifest.json", manifest % sent[0]["posting_id"])
    office.drop("receivables", "next.csv", bill() + "\n")
    office.process(NEXT)
    assert office.open_cents()["2W"] == 4275
    answer(office, sent, "REJECTED", day=NEXT)
    assert office.open_cents()["2W"] == 4275
    office.prove()


def test_e65_an_item_that_stays_open_after_its_acknowledgement_is_drift(office: Office) -> None:
    pay(office, 4275)
    answer(office, exported(office), "ACCEPTED")
    office.take("receivables", "first.csv", bill(4275, 3120, 2680) + "\n", NEXT)
    assert office.questions() == [], "one snapshot is waited for"
    office.take("receivables", "second.csv", bill(4275, 3120, 2680) + "\n\n", LATER)
    assert office.questions() == ["SNAPSHOT_DRIFT"]
    (asked,) = office.rows("exceptions")
    assert cents(asked["amount"]) == 4275
    assert "2W" in asked["message"]
    office.prove()


def test_e65_drift_that_the_next_snapshot_heals_is_never_asked(office: Office) -> None:
    pay(office, 4275)
    answer(office, exported(office), "ACCEPTED")
    office.take("receivables", "first.csv", bill(4275, 3120, 2680) + "\n", NEXT)
    office.take("receivables", "second.csv", bill(0, 3120, 2680), LATER)
    office.take("receivables", "third.csv", bill(0, 3120, 2680) + "\n", LATER)
    assert office.questions() == []
