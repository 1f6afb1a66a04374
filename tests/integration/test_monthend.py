"""Statements that tie, a pack that stays the same for ever, books as of any past day (contract
section 5, domain E42, E52, E60, E63)."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from office import (
    NOW,
    RECEIVABLE_COLUMNS,
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    receivable,
    receivables_csv,
    recond,
    statement,
)
from sqlalchemy import Connection, insert

from recond import periods
from recond.closing import checklist
from recond.errors import InvariantError, RefusedError
from recond.exceptions.decisions import requests
from recond.exports.certificate import latin
from recond.exports.datasets import DATASETS, stream
from recond.exports.scope import Scope
from recond.exports.statements import STATEMENTS, Statement
from recond.exports.writers import write_csv
from recond.ids import find_receipt
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED
from recond.pipeline import corrections, moves
from recond.pipeline.handover import export_postings, export_refunds
from recond.pipeline.monthend import close_month, export_month_end, month_of
from recond.pipeline.moves import Move, Stand
from recond.pipeline.run import Run
from recond.store import schema

A, B, GONE = "1000456012", "1000456013", "1000456014"
FEB, MARCH = dt.date(2026, 2, 10), dt.date(2026, 3, 16)
APRIL = dt.date(2026, 4, 14)


def office_in(folder: Path, url: str | None = None) -> Office:
    made = Office(folder / "home", url)
    path = made.home.path / "recond.toml"
    text = path.read_text().replace("open_move_percent = 30", "open_move_percent = 100000")
    path.write_text(text.replace("accounts_fall_percent = 5", "accounts_fall_percent = 100"))
    return made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = office_in(tmp_path, url)
    yield made
    made.close()


def statements(office: Office, month: str, day: dt.date = APRIL) -> dict[str, Statement]:
    run = office.run(day)
    with run.store.read() as connection:
        asked = month_of(connection, run, month, checklist(connection, run, month))
        made = {name: make(asked) for name, make in STATEMENTS.items()}
    for name, one in made.items():
        for tie in one.ties:
            assert tie.difference_cents == 0, (name, tie)
    return made


def rows(statement: Statement) -> list[dict[str, object]]:
    found: list[dict[str, object]] = statement.table.to_pylist()
    return found


def close(office: Office, month: str, day: dt.date = APRIL) -> str:
    run = office.run(day)
    with run.store.write() as connection:
        gates = checklist(connection, run, month)
        assert [gate for gate in gates if gate.blocks] == []
        made = close_month(connection, run, month, gates, periods.Who("ana", NOW, day))
    return made.digest


def reopen(office: Office, month: str, *people: str) -> None:
    run = office.run(APRIL)
    for person in people:
        with run.store.write() as connection:
            periods.reopen(connection, month, periods.Who(person, NOW, APRIL, "to look again"))


def pack(office: Office, month: str, day: dt.date = APRIL) -> dict[str, bytes]:
    folder, _ = export_month_end(office.run(day), month)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def pay(office: Office, amount: int, account: str, day: dt.date, arrives: dt.date) -> None:
    text = lockbox_file([check(amount, (account, None))], day, time=f"09{amount % 60:02d}")
    name = f"{account}-{amount}-{day}.bai"
    assert office.take("lockbox", name, text, arrives).state == "accepted"


def snapshot(office: Office, day: dt.date, *items: dict[str, str]) -> None:
    outcome = office.take("receivables", f"{day}-{len(items)}.csv", receivables_csv(items), day)
    assert outcome.state == "accepted", outcome.message


def test_e60_the_roll_forward_of_the_water_fund(office: Office) -> None:
    old = receivable(A, "W0", "WATER", "2026-02-10", 41250000)
    snapshot(office, FEB, old)
    water = receivable(B, "W1", "WATER", "2026-03-28", 68412350)
    late = receivable(A, "P1", "PENALTY", "2026-03-28", 812500, service="WATER")
    snapshot(office, MARCH, old, water, late)
    pay(office, 67905115, B, MARCH, MARCH)
    run = office.run(MARCH)
    with run.store.write() as connection:
        (owner,) = moves.standing(connection, [r.receipt_no for r in connection.execute(
            periods.select(schema.receipt.c.receipt_no))]).values()  # fmt: skip
        (stand,) = owner.stands
        kept = Stand(ITEM, stand.cents - 17140, stand.account_key, stand.item_key,
                     stand.charge_type, stand.fund)  # fmt: skip
        back = Move(owner.receipt_no, "returned", "NSF", [stand], [kept, Stand(RETURNED, 17140)])
        moves.write(connection, run, [back], "return", "NSF")
    less = {**old, "open_amount": f"{(41250000 - 226500 - 184320) / 100:.2f}"}
    snapshot(office, MARCH, less, water, late)
    found = rows(statements(office, "2026-03")["ar_roll_forward"])
    assert {row["fund"] for row in found} == {"510"}
    totals = {
        name: sum(cents(row[name]) for row in found)  # type: ignore[arg-type]
        for name in found[0] if name not in {"fund", "charge_type"}
    }  # fmt: skip
    assert totals["opening"] == 41250000
    assert (totals["billings"], totals["penalties"]) == (68412350, 812500)
    assert totals["billing_changes"] == -226500 - 184320
    assert totals["payments"] == -67905115
    assert totals["returns"] == 17140
    assert totals["closing"] == totals["tieout_gl"] == totals["tieout_items_gl"] == 42176055
    assert totals["difference"] == 0
    go_live = rows(statements(office, "2026-02")["ar_roll_forward"])
    assert [(r["charge_type"], str(r["go_live"])) for r in go_live] == [("WATER", "412500.00")]


def test_e60_an_unanswered_posting_is_named_between_billing_and_the_ledger(office: Office) -> None:
    snapshot(office, MARCH, receivable(A, "W0", "WATER", "2026-03-28", 42171780),
             receivable(A, "2W", "WATER", "2026-03-28", 4275))  # fmt: skip
    assert office.take("lockbox", "p.bai", lockbox_file([check(4275, ("2W", None))], MARCH),
                       MARCH).state == "accepted"  # fmt: skip
    written = export_postings(office.run(MARCH))
    assert written is not None
    pay(office, 100, A, MARCH, MARCH)  # for W0, and in no file yet
    made = statements(office, "2026-03")
    before, row = rows(made["ar_by_billing"])
    assert (str(before["pending"]), before["items"], before["answer"]) == (
        "1.00", 1, "in no posting file yet",
    )  # fmt: skip
    assert (row["item_number"], str(row["pending"]), row["posting_file"], row["answer"]) == (
        "2W", "42.75", written.file_id, "not answered",
    )  # fmt: skip
    assert made["ar_roll_forward"].cents == 42171780 - 100


def test_e60_a_ledger_that_differs_is_named_and_stops_the_close(office: Office) -> None:
    snapshot(office, MARCH, receivable(A, "W0", "WATER", "2026-03-28", 42176055))
    run = office.run(MARCH)
    with run.store.write() as connection:
        odd = {"entry_no": 1, "line": 9, "debit_cents": 0, "credit_cents": 4275}
        for fund, gl in (("510", "1200"),):
            connection.execute(
                insert(schema.journal_line), [{**odd, "fund": fund, "gl_account": gl}]
            )
    with run.store.read() as connection:
        asked = month_of(connection, run, "2026-03", [])
        found = STATEMENTS["ar_roll_forward"](asked)
    (row,) = rows(found)
    assert (str(row["tieout_gl"]), str(row["tieout_items_gl"])) == ("421717.80", "421760.55")
    assert str(row["difference"]) == "42.75"
    with pytest.raises(RefusedError, match="do not tie"), run.store.write() as connection:
        close_month(connection, run, "2026-03", [], periods.Who("ana", NOW, MARCH))


def test_e63_ageing_at_the_months_end_with_credit_in_its_own_column(office: Office) -> None:
    snapshot(
        office, MARCH,
        receivable(A, "PW", "PENALTY", "2026-02-10", 500, service="WATER"),
        receivable(A, "1W", "WATER", "2026-02-10", 7970),
        receivable(A, "2W", "WATER", "2026-03-28", 10400),
        receivable(B, "9W", "WATER", "2026-04-28", 100),
    )  # fmt: skip
    pay(office, 230, B, MARCH, MARCH)
    aged = rows(statements(office, "2026-03")["ar_ageing"])
    found = {str(row["account_number"]): row for row in aged}
    shown = {name: str(value) for name, value in found[A].items()}
    assert (shown["days_31_60"], shown["days_0_30"], shown["total"]) == (
        "84.70",
        "104.00",
        "188.70",
    )
    assert {name: str(found[B][name]) for name in ("total", "credit")} == {
        "total": "0.00", "credit": "1.30"
    }  # fmt: skip


def test_e52_credit_becomes_a_candidate_after_its_dormancy(office: Office) -> None:
    paid = dt.date(2023, 5, 15)
    snapshot(office, paid, receivable(A, "1W", "WATER", "2023-05-20", 100))
    pay(office, 24286 + 100, A, paid, paid)
    assert rows(statements(office, "2026-04", dt.date(2026, 4, 30))["unclaimed_candidates"]) == []
    (row,) = rows(statements(office, "2026-06", dt.date(2026, 6, 30))["unclaimed_candidates"])
    assert (str(row["amount"]), row["dormant_date"]) == ("242.86", dt.date(2026, 5, 15))


def test_closed_accounts_with_credit_are_listed(office: Office) -> None:
    gone = f"account_number,customer_name,status\n{GONE},LEFT TOWN,closed\n"
    office.take("receivables", "accounts.csv", gone, MARCH)
    snapshot(office, MARCH, receivable(A, "1W", "WATER", "2026-03-28", 100))
    pay(office, 24286, GONE, MARCH, MARCH)
    pay(office, 150, A, MARCH, MARCH)
    made = statements(office, "2026-03")
    (row,) = rows(made["closed_with_credit"])
    assert (row["account_number"], str(row["amount"])) == (GONE, "242.86")
    assert len(rows(made["unapplied_credit"])) == 2
    (asked,) = rows(made["exception_ageing"])
    assert (asked["code"], asked["days_6_30"], asked["questions"]) == ("ACCOUNT_CLOSED", 1, 1)


# --- the pack -------------------------------------------------------------------------------------


def settled(office: Office) -> None:
    """A month of money without a question: applied, on account, reversed and told to billing."""
    snapshot(office, MARCH, receivable(A, "1W", "WATER", "2026-03-28", 5000),
             receivable(B, "2S", "SEWER", "2026-03-28", 7000))  # fmt: skip
    pay(office, 5130, A, MARCH, MARCH)
    pay(office, 2000, B, MARCH, MARCH)


def test_the_manifest_and_the_sums_name_every_file(office: Office) -> None:
    settled(office)
    files = pack(office, "2026-03")
    sums = dict(reversed(row.split("  ")) for row in files["SHA256SUMS"].decode().splitlines())
    assert sums == {
        name: sha256(data).hexdigest() for name, data in files.items() if name != "SHA256SUMS"
    }
    manifest = json.loads(files["manifest.json"])
    assert list(manifest) == [
        "month",
        "recond_version",
        "config_digest",
        "schema_revision",
        "files",
    ]
    listed = {one["name"]: one for one in manifest["files"]}
    assert set(listed) == set(files) - {"manifest.json", "SHA256SUMS"}
    assert all(sums[name] == one["sha256"] for name, one in listed.items())
    assert (listed["receipts.csv"]["rows"], listed["receipts.csv"]["cents"]) == (2, 7130)
    assert listed["receipts.parquet"] == {**listed["receipts.csv"], "name": "receipts.parquet",
                                          "sha256": sums["receipts.parquet"]}  # fmt: skip
    head = files["ar_roll_forward.csv"].decode().splitlines()[0].split(",")
    assert head[:3] == ["fund", "charge_type", "opening"]
    assert head[-4:] == ["closing", "tieout_gl", "tieout_items_gl", "difference"]
    for row in csv.DictReader(io.StringIO(files["ar_roll_forward.csv"].decode())):
        moved = sum(cents(row[name]) for name in head[2:-4])
        assert moved == cents(row["closing"])
    assert files["certificate-2026-03.pdf"].startswith(b"%PDF")


def test_the_workbook_holds_numbers_as_numbers_and_ids_as_text(office: Office) -> None:
    settled(office)
    book = zipfile.ZipFile(io.BytesIO(pack(office, "2026-03")["month-end-2026-03.xlsx"]))
    names = book.read("xl/workbook.xml").decode()
    assert names.count("<sheet ") == len(STATEMENTS) + 2, "the front, the charts, the statements"
    front = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>C4-D4</f>" in front
    assert 'orientation="landscape"' in front
    ageing = 3 + list(STATEMENTS).index("unapplied_credit")
    sheet = book.read(f"xl/worksheets/sheet{ageing}.xml").decode()
    assert "<v>1.3</v>" in sheet or "<v>1.30</v>" in sheet
    assert A in book.read("xl/sharedStrings.xml").decode()


def test_a_closed_months_pack_is_the_same_bytes_for_ever(office: Office) -> None:
    settled(office)
    before = pack(office, "2026-03")
    assert pack(office, "2026-03") == before, "exported twice"
    digest = close(office, "2026-03")
    frozen = pack(office, "2026-03")
    assert frozen == before
    assert sha256(frozen["SHA256SUMS"]).hexdigest() == digest
    reopen(office, "2026-03", "ana", "ben")
    assert close(office, "2026-03") == digest, "closed twice"
    pay(office, 5000, B, dt.date(2026, 3, 30), APRIL)
    run = office.run(APRIL)
    application = office.rows("applications")[0]["application_id"]
    with run.store.write() as connection:
        corrections.reverse(connection, run, application, "misapplied")
    shutil.rmtree(office.home.path / "exports" / "2026-03")
    assert pack(office, "2026-03") == frozen
    april = rows(statements(office, "2026-04", dt.date(2026, 4, 30))["ar_roll_forward"])
    late = {str(row["charge_type"]): str(row["prior_period"]) for row in april}
    assert late == {"SEWER": "-50.00", "WATER": "50.00"}, "E42, E43: their own column"
    path = office.home.archive / digest[:2] / digest
    path.chmod(0o600)
    path.write_bytes(b"other")
    with pytest.raises(InvariantError, match="SHA256SUMS of a closed month was changed"):
        pack(office, "2026-03")


def test_money_dated_in_march_and_posted_in_april_is_marchs(office: Office) -> None:
    settled(office)
    pay(office, 1000, B, dt.date(2026, 3, 30), dt.date(2026, 4, 2))
    snapshot(office, dt.date(2026, 4, 3), receivable(A, "1W", "WATER", "2026-03-28", 5000),
             receivable(B, "2S", "SEWER", "2026-03-28", 7000),
             receivable(B, "3S", "SEWER", "2026-04-28", 900))  # fmt: skip
    found = rows(statements(office, "2026-03")["ar_roll_forward"])
    assert {str(r["charge_type"]): str(r["closing"]) for r in found} == {
        "SEWER": "40.00", "WATER": "0.00"
    }  # fmt: skip
    found = rows(statements(office, "2026-04")["ar_roll_forward"])
    sewer = next(row for row in found if row["charge_type"] == "SEWER")
    assert [str(sewer[name]) for name in ("opening", "billings", "closing")] == [
        "40.00", "9.00", "49.00"
    ]  # fmt: skip


def test_the_verbs_write_the_pack_and_close_leaves_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = office_in(tmp_path)
    settled(office)
    office.close()
    home = ["--home", office.home.path, "--as-of", "2026-04-14"]
    folder = office.home.path / "exports" / "2026-03"
    assert recond("export", "month-end", "2026-03", "--dry-run", *home) == 0
    assert not folder.exists()
    capsys.readouterr()
    assert recond("export", "month-end", "2026-03", *home) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert recond("export", "month-end", "2026-05", *home) == 3
    assert recond("export", "month-end", *home) == 2
    assert recond("export", "journal", "2026-03", *home) == 2
    shutil.rmtree(folder)
    assert recond("close", "2026-03", "--dry-run", *home) == 0
    assert not folder.exists()
    assert recond("close", "2026-03", *home) == 0
    assert (folder / "SHA256SUMS").exists()
    assert recond("export", "month-end", "2026-02", *home) == 3, "closed with March, no pack"


def test_letters_that_the_certificate_cannot_write_become_their_nearest() -> None:
    assert latin("Łódź José 北") == "?odz Jose ?"


def test_the_pack_of_a_past_day_is_the_one_that_was_made_then(office: Office) -> None:
    settled(office)
    then = pack(office, "2026-03", MARCH)
    names = f"account_number,customer_name,status\n{A},SOMEBODY ELSE,closed\n"
    office.take("receivables", "accounts.csv", names, APRIL)
    pay(office, 1000, B, dt.date(2026, 3, 30), APRIL)
    assert pack(office, "2026-03", APRIL) != then
    folder, closed = export_month_end(office.run(APRIL), "2026-03", MARCH)
    assert not closed
    now = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    assert [name for name in then if then[name] != now[name]] == []
    folder, _ = export_month_end(office.run(APRIL), "2026-03")
    assert {path.name for path in folder.iterdir()} == now.keys()


# --- books as of a past day -----------------------------------------------------------------------


# Lists of what is still to be done are made from today's books, and only from those.
ALL = [name for name in DATASETS if name not in {"payers", "do_not_disconnect"}]
OWING, TENANT = "1000456015", "3000000001"
HISTORY = f"""
[[return_fee]]
codes = ["*"]
amount = "25.00"

[[filing]]
name = "concession"
begin = "2026-01"
charge_types = ["AIRPORT"]
accounts = ["{TENANT}"]
self_assessed = true
"""


def told(office: Office, day: dt.date, as_of: dt.date | None) -> dict[str, bytes]:
    """Every dataset, and every file of the month's pack."""
    made = {}
    run = office.run(day)
    folder, _ = export_month_end(run, "2026-03", as_of)
    made |= {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in ALL:
        with run.store.read() as connection:
            out = io.BytesIO()
            table = stream(connection, name, Scope(as_of or day, as_of)).read_all()
            # suggestions are made from today's books, and only for today's list
            shown = [n for n in table.column_names if not n.startswith("suggest")]
            write_csv(table.select(shown).to_reader(), out)
            made[name] = out.getvalue()
    return made


def _first(then: dict[str, bytes], now: dict[str, bytes], changed: list[str]) -> str:
    text = [
        name for name in changed if not name.endswith((".parquet", ".xlsx", ".pdf", "SUMS", "json"))
    ]
    one = text[0]
    left, right = then[one].decode().splitlines(), now[one].decode().splitlines()
    return f"{one}: {sorted(set(left) ^ set(right))[:6]}"


def bank(office: Office, dice: random.Random, day: dt.date, opening: int) -> int:
    """A statement: most deposits credited, a stray credit, a returned check; its closing."""
    lines = [
        ("115", cents(row["amount"]), f"LOCKBOX {row['reference']}")
        for row in office.rows("deposits", day)
        if row["state"] == "in_transit" and dice.random() < 0.7
    ]
    if dice.random() < 0.4:
        lines.append(("169", dice.randrange(100, 900), "STRAY"))
    checks = [r for r in office.rows("receipts", day) if r["tender"] == "CHECK"]
    if checks and dice.random() < 0.5:
        one = dice.choice(checks)
        lines.append(("555", cents(one["amount"]), f"RETURNED CHECK {one['check_number']}"))
    if not lines:
        return opening
    office.take("bank", f"{day}.bai2", statement(opening, lines, day), day)
    return opening + sum(c if code < "400" else -c for code, c, _ in lines)


def drawer(office: Office, dice: random.Random, day: dt.date, number: int) -> None:
    """A receipt at the counter and its close, sometimes a day late and sometimes short."""
    head = ("receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,"
            "amount\n")  # fmt: skip
    amount = dice.randrange(100, 5000)
    row = f"{number + 1},D1,ana,{day},10:00,{A},,CASH,{amount / 100:.2f}\n"
    office.take("cashier", f"r{number}.csv", head + row, day)
    counted = amount - dice.choice([0, 0, 100])
    arrives = day + dt.timedelta(days=dice.choice([0, 0, 1]))
    close = "drawer,cashier,business_date,opening_float,counted_cash,counted_checks,deposit_bag\n"
    close += f"D1,ana,{day},0.00,{counted / 100:.2f},0.00,B{number}\n"
    if arrives == day:
        office.take("cashier", f"c{number}.csv", close, day)
    else:
        office.drop("cashier", f"c{number}.csv", close)  # the next day's run takes it


def accept(connection: Connection, run: Run, file_id: str, reason: str) -> str:
    return corrections.accept(connection, run, file_id, None, reason)


def write_off(office: Office, day: dt.date) -> None:
    """What an account with an agency owes is forgiven: jane asks, ken approves."""
    run = office.run(day)
    with run.store.write() as connection:
        said = requests.write_off(connection, replace(run, actor="jane"), OWING, None, "gone")
    with run.store.write() as connection:
        identity = said.rsplit("(", 1)[1].rstrip(")")
        requests.approve(connection, replace(run, actor="ken"), identity, "")


def refund(office: Office, dice: random.Random, day: dt.date) -> None:
    """Some credit is owed back to its payer, and accounts payable is asked to pay it."""
    credit = [
        r["receipt_id"] for r in office.rows("receipts", day) if cents(r["on_account_amount"])
    ]
    if not credit or dice.random() < 0.5:
        return
    run = office.run(day)
    with run.store.write() as connection:
        (number,) = [find_receipt(connection, dice.choice(credit))]
        owner = moves.standing(connection, [number or 0])[number or 0]
        stands = [stand for stand in owner.stands if stand.bucket == CREDIT]
        given = [Stand(REFUNDED, stand.cents, stand.account_key) for stand in stands]
        back = Move(owner.receipt_no, "refund", "dice", stands, given, stands[0].account_key)
        moves.write(connection, run, [back], "refund", "dice")
    export_refunds(office.run(day))


def bills_of(
    dice: random.Random, bills: dict[tuple[str, str], int], number: int
) -> list[dict[str, str]]:
    """What billing shows on a day: bills, some paid in part; one that it forgave as it was told;
    at last the tenant's statement of the month before."""
    items = [
        receivable(owner, item, "WATER", f"2026-03-{20 + int(item[1])}", amount,
                   open_cents=str(dice.choice([amount, amount, amount // 2])))
        for (owner, item), amount in bills.items()
    ]  # fmt: skip
    old = receivable(OWING, "OLD", "WATER", "2025-03-28", 4000)
    items.append(old if number < 2 else {**old, "open_amount": "0.00"})
    if number > 2:
        items.append({**receivable(TENANT, "A02", "AIRPORT", "2026-03-20", 900),
                      "period": "2026-02"})  # fmt: skip
    return items


@pytest.mark.parametrize(
    ("seed", "database"),
    [(1, "sqlite"), pytest.param(2, "postgresql", marks=pytest.mark.postgres)],
)
def test_books_as_of_any_past_day_are_those_of_that_day(
    tmp_path: Path, request: pytest.FixtureRequest, seed: int, database: str
) -> None:
    """A random history: bills, payments, reversals, snapshots that contain and that do not,
    accounts that change, what the bank brings and takes back, drawers, write-offs and what is
    paid of them, refunds, money without a bill. Every dataset, every file of the pack."""
    dice = random.Random(seed)
    url = None if database == "sqlite" else request.getfixturevalue("postgres_url")
    office = office_in(tmp_path, url)
    settings = office.home.path / "recond.toml"
    settings.write_text(settings.read_text() + HISTORY)
    names = "account_number,customer_name,status\n"
    names += f"{OWING},GONE AWAY,collections\n{TENANT},WINGS,active\n"
    office.take("receivables", "accounts.csv", names, FEB)
    bills: dict[tuple[str, str], int] = {}
    seen: list[tuple[dt.date, dict[str, bytes]]] = []
    undecided: list[str] = []
    balance = 100_000_00
    for number in range(5):
        day = MARCH + dt.timedelta(days=number)
        account = dice.choice([A, B])
        bills[account, f"I{number}"] = dice.randrange(100, 9000)
        items = bills_of(dice, bills, number)
        text = csv_text(items, (*RECEIVABLE_COLUMNS, "period"))
        office.drop("receivables", f"{day}.csv", text)
        office.process(day)
        if number == 1:
            write_off(office, day)
        payer = dice.choice([A, B]) if number < 2 else dice.choice([A, B, OWING])
        pay(office, dice.randrange(50, 9000), payer, day, day)
        if number in {0, 2}:
            pay(office, 1000 + number, TENANT, day, day)
        written = export_postings(office.run(day))
        if written and dice.random() < 0.7:
            lines = written.path.read_text().splitlines()[2:-1]
            status = dice.choice(["ACCEPTED", "ACCEPTED", "REJECTED"])
            acks = "".join(f"{written.file_id},{x.split(',')[0]},{status},,\n" for x in lines)
            head = "file_id,posting_id,status,code,billing_transaction_id\n"
            office.take("acks", f"{day}.csv", head + acks, day)
        applied = [r for r in office.rows("applications") if cents(r["amount"]) > 0]
        if applied and dice.random() < 0.5:
            run = office.run(day)
            try:
                with run.store.write() as connection:
                    one = dice.choice(applied)["application_id"]
                    corrections.reverse(connection, run, one, "dice")
            except RefusedError:
                pass  # it was reversed before
        if dice.random() < 0.7:
            batches = [[check(100 + number, (A, None))], [check(77, (B, None))]]
            text = lockbox_file(batches, day, time="1500", totals={2: 78 + number})
            held = office.take("lockbox", f"bad{number}.bai", text, day)
            undecided.append(held.file_id)
        if undecided and dice.random() < 0.5:
            run = office.run(day)
            decide = dice.choice([corrections.reject, accept])
            with run.store.write() as connection:
                decide(connection, run, undecided.pop(), "dice")
        refund(office, dice, day)
        status = dice.choice(["active", "final", "closed"])
        names = f"account_number,customer_name,status\n{B},NAME {number // 2},{status}\n"
        office.take("receivables", f"accounts{number}.csv", names, day)
        balance = bank(office, dice, day, balance)
        drawer(office, dice, day, number)
        seen.append((day, told(office, day, None)))
    late = MARCH + dt.timedelta(days=9)
    for day, then in seen:
        now = told(office, late, day)
        changed = [name for name in then if then[name] != now[name]]
        assert not changed, f"{day}: {' '.join(changed)}: {_first(then, now, changed)}"
        assert now.keys() == then.keys()
    office.prove()
    made = statements(office, "2026-03")
    for name in ("write_offs", "filings", "deposit_register", "over_short", "corrections"):
        assert made[name].table.num_rows, name
    kinds = {row["kind"] for row in office.rows("adjustments", late)}
    assert {"write_off", "assessed"} <= kinds
    office.close()
