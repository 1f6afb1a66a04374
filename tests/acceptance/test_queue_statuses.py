"""Every row status of the contract (section 6), through the command line alone: a list out, edited
as clerks edit, and back by `queue import` or dropped into `queue/in/` for `process`."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import xlsxwriter
from office import cents, check, csv_text, lockbox_file, money, receivable, receivables_csv
from python_calamine import CalamineWorkbook

from recond.cli import main
from recond.exceptions.sheet import amount_text
from recond.home import init

X = "1000456012"
DAY, APRIL = "2026-03-16", "2026-04-02"
COLUMNS = ["row", "row_key", "exception_id", "receipt_id", "reason", "action", "to_account",
           "amount_to_apply", "note", "status", "message", "decision_id", "decided_by",
           "decided_at"]  # fmt: skip
Cells = dict[str, str]


def recond(home: Path, *words: str, as_of: str = DAY) -> tuple[int, str, str]:
    """One command in this process: exit code, stdout, stderr."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    dated = () if words[:1] == ("check",) else ("--as-of", as_of)
    code: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([*words, "--home", str(home), *dated])
        except SystemExit as leaving:
            code = leaving.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return int(str(code or 0)), texts[0], texts[1]


def dataset(home: Path, name: str, as_of: str = DAY) -> list[Cells]:
    code, out, err = recond(home, "export", name, as_of=as_of)
    assert code == 0, err
    return list(csv.DictReader(io.StringIO(out, newline="")))


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOND_NOW", "2026-03-16T18:00:00Z")


ME = pwd.getpwuid(os.getuid()).pw_name


def make(folder: Path, checks: Sequence[tuple[int, str]], cashier: str = "") -> Path:
    """A home with unknown checks (cents, stub), and a counter receipt that `cashier` took."""
    home = init(folder, "America/Phoenix", ME, settle_seconds=0).path
    config = home / "recond.toml"
    text = config.read_text()
    config.write_text(text.replace("[roles]", f'[roles]\nacts_for = {{{ME}=["jane", "ken"]}}'))
    items = [receivable(X, "XW1", "WATER", "2026-03-28", 880_00)]
    (home / "inbox/receivables/open.csv").write_text(receivables_csv(items))
    made = [check(amount, (stub, None)) for amount, stub in checks]
    if made:
        (home / "inbox/lockbox/pay.bai").write_text(lockbox_file(made))
    if cashier:
        row = {"receipt_number": "1", "drawer": "D1", "cashier": cashier, "business_date": DAY,
               "time": "09:00", "account_number": "77", "item_number": "", "tender": "CASH",
               "amount": "71.00"}  # fmt: skip
        (home / "inbox/cashier/counter.csv").write_text(csv_text([row]))
    assert recond(home, "process")[0] == bool(checks)
    return home


@dataclass(frozen=True)
class Row:
    """A line of the table: the payment, what a clerk writes, and what has to come of it."""

    status: str
    says: str  # stands in the message
    cents: int
    answer: Cells = field(default_factory=dict)
    also: Cells = field(default_factory=dict)  # a second row with the same key
    before: Cells = field(default_factory=dict)  # what jane answered earlier on the same row
    state: str = "unidentified"  # of the receipt afterwards
    asked: str = "open"  # status of its question afterwards


def act(action: str, to: str = "", amount: str = "", note: str = "") -> Cells:
    return {"action": action, "to_account": to, "amount_to_apply": amount, "note": note}


TABLE = (
    Row("APPLIED", "31.00 to account", 3100, act("Assign", X), state="applied", asked="resolved"),
    Row("APPLIED", "on hold", 3200, act("hold", note="asked the bank"), asked="on_hold"),
    Row("APPLIED", "10.00 to account", 3300, act("assign", f"acct {X}", "$10.00")),
    Row("NOT_DECIDED", "action is empty", 3400),
    Row("PENDING_APPROVAL", "another person", 3500, act("refund", note="asked for"),
        asked="pending_approval"),
    Row("PENDING_APPROVAL", "another person", 10_000_00, act("on_account", X),
        asked="pending_approval"),
    Row("ERROR_KEY", "no row with this row_key", 3600, act("assign", X) | {"row_key": "RX-7K2"}),
    Row("ERROR_EDITED", "amount is not what", 3700, act("assign", X) | {"amount": "3.00 USD"}),
    Row("ERROR_EDITED", "do not belong together", 3800, act("assign", X) | {"check": "BCDFGHJKMN"}),
    Row("ERROR_ACTION", "no account or item 999", 3900, act("assign", "999")),
    Row("ERROR_ACTION", "'sell' is no answer", 4000, act("sell", X)),
    Row("ERROR_ACTION", "more than the 41.00", 4100, act("assign", X, "41.01")),
    Row("ERROR_ACTION", "needs a note", 4200, act("refund")),
    Row("ERROR_ACTION", "difference 1.00", 4300, act("split", f"{X}=42.00")),
    Row("CONFLICT", "2 different answers", 4400, act("assign", X), also=act("on_account", X)),
    Row("STALE", "answered meanwhile by jane", 4500, act("on_account", X),
        before=act("assign", X), state="applied", asked="resolved"),
    Row("ALREADY_DONE", "done before by jane", 4600, act("assign", X),
        before=act("assign", X), state="applied", asked="resolved"),
    Row("ERROR_SELF", "took this payment", 7100, act("refund", note="asked for")),
)  # fmt: skip


def exported(home: Path, suffix: str) -> list[Cells]:
    """The rows of a fresh work list, from the file of that form."""
    code, out, _ = recond(home, "queue", "export")
    (path,) = [Path(line) for line in out.split() if line.endswith(suffix)]
    assert (code, path.parent) == (0, home / "queue" / "out")
    if suffix == ".xlsx":
        book = CalamineWorkbook.from_path(path)
        sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
        (found,) = [sheet for sheet in sheets if sheet and "row_key" in sheet[0]]
        header, *rows = found
        return [dict(zip(map(str, header), map(str, row), strict=True)) for row in rows]
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def as_comma(path: Path, rows: Sequence[Cells]) -> None:
    path.write_text(csv_text(rows))


def as_semicolon(path: Path, rows: Sequence[Cells]) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode("cp1252"))


def as_xlsx(path: Path, rows: Sequence[Cells]) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate([list(rows[0]), *(list(row.values()) for row in rows)]):
            for column, text in enumerate(cells):
                sheet.write_string(number, column, text)


def by_import(home: Path, path: Path, person: str) -> int:
    return recond(home, "queue", "import", str(path), "--as", person)[0]


def by_folder(home: Path, path: Path, person: str) -> int:
    """Dropped into the folder of a person that the home's owner made."""
    place = home / "queue" / "in" / person
    place.mkdir(exist_ok=True)
    (place / path.name).write_bytes(path.read_bytes())
    return recond(home, "process")[0]


def by_owner(home: Path, path: Path, person: str) -> int:
    """Dropped by another user of the machine."""
    target = home / "queue" / "in" / path.name
    target.write_bytes(path.read_bytes())
    os.chown(target, pwd.getpwnam(person).pw_uid, -1)
    return recond(home, "process")[0]


Bring = Callable[[Path, Path, str], int]
Save = Callable[[Path, Sequence[Cells]], None]
root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to others")
WAYS = (
    pytest.param(by_import, as_semicolon, ".csv", "ken", id="import-semicolon"),
    pytest.param(by_folder, as_xlsx, ".xlsx", "ken", id="folder-xlsx"),
    pytest.param(by_owner, as_comma, ".csv", "nobody", id="owner-comma", marks=root),
)


def result_of(home: Path, name: str) -> list[Cells]:
    path = home / "queue" / "out" / f"{name}.result.csv"
    reader = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    assert reader.fieldnames == COLUMNS
    return list(reader)


@pytest.mark.parametrize(("bring", "save", "suffix", "person"), WAYS)
def test_every_status(tmp_path: Path, bring: Bring, save: Save, suffix: str, person: str) -> None:
    checks = [(row.cents, f"NO{n}") for n, row in enumerate(TABLE) if row.status != "ERROR_SELF"]
    home = make(tmp_path / "home", checks, cashier=person)
    listed = {row["amount"]: row for row in exported(home, suffix)}
    cells = [listed[amount_text(row.cents)] for row in TABLE]
    earlier = [{**c, **row.before} for c, row in zip(cells, TABLE, strict=True) if row.before]
    as_comma(tmp_path / "earlier.csv", earlier)
    assert by_import(home, tmp_path / "earlier.csv", "jane") == 1
    assert {r["status"] for r in result_of(home, "earlier.csv")} == {"APPLIED"}
    before = dataset(home, "journal")
    answers, wanted = [], []
    for written, row in zip(cells, TABLE, strict=True):
        for answer in (row.answer, row.also):
            if answer or answer is row.answer:
                answers.append({**written, **answer})
                wanted.append(row)
    save(tmp_path / f"answers{suffix}", answers)
    assert bring(home, tmp_path / f"answers{suffix}", person) == 1
    found = result_of(home, f"answers{suffix}")
    assert [r["row"] for r in found] == [str(n) for n in range(2, len(answers) + 2)]
    for row, told in zip(wanted, found, strict=True):
        assert (told["status"], row.says in told["message"]) == (row.status, True), told
    _moved(home, before, person)
    assert recond(home, "check")[0] == 0


def _moved(home: Path, before: list[Cells], person: str) -> None:
    """Only what was APPLIED moved, and each receipt and question is where the table says."""
    receipts = {row["amount"]: row for row in dataset(home, "receipts")}
    questions = {row["receipt_id"]: row["status"] for row in dataset(home, "exceptions")}
    for row in TABLE:
        receipt = receipts[money(row.cents)]
        asked = questions[receipt["receipt_id"]]
        assert (receipt["state"], asked) == (row.state, row.asked), row
    after = dataset(home, "journal")
    assert after[: len(before)] == before
    assert sum(cents(line["debit"]) for line in after[len(before) :]) > 0
    applied = [row for row in dataset(home, "applications") if row["decided_by"] == person]
    assert sorted(row["amount"] for row in applied) == ["10.00", "31.00"]
    parts = receipts["33.00"]
    assert (parts["applied_amount"], parts["suspense_amount"]) == ("10.00", "23.00")


def test_what_was_asked_for_is_approved_on_the_next_list(tmp_path: Path) -> None:
    home = make(tmp_path / "home", [(5940, "NOBODY")])
    (row,) = exported(home, ".csv")
    as_comma(tmp_path / "ask.csv", [{**row, **act("refund", note="sent twice")}])
    assert by_import(home, tmp_path / "ask.csv", "jane") == 1
    (row,) = exported(home, ".xlsx")
    assert row["allowed_actions"] == "approve deny"
    as_xlsx(tmp_path / "yes.xlsx", [{**row, **act("approve")}])
    assert by_folder(home, tmp_path / "yes.xlsx", "jane") == 1
    assert result_of(home, "yes.xlsx")[0]["status"] == "ERROR_SELF"
    assert dataset(home, "receipts")[0]["state"] == "unidentified"
    assert by_folder(home, tmp_path / "yes.xlsx", "ken") == 0, "nothing waits any more"
    (told,) = result_of(home, "yes.xlsx")
    assert (told["status"], told["decided_by"]) == ("APPLIED", "ken")
    assert dataset(home, "receipts")[0]["state"] == "refunded"
    assert recond(home, "check")[0] == 0


def test_a_closed_month_refuses_what_would_post_and_nothing_else(tmp_path: Path) -> None:
    home = make(tmp_path / "home", [])
    late = lockbox_file([check(4000, ("NO1", None)), check(5000, ("NO2", None))])
    assert recond(home, "close", "2026-03", as_of="2026-04-01")[0] == 0
    (home / "inbox/lockbox/late.bai").write_text(late)
    assert recond(home, "process", as_of=APRIL)[0] == 1
    one, two = [row for row in exported(home, ".csv") if row["reason"] == "ACCOUNT_NOT_FOUND"]
    rows = [{**one, **act("assign", X)}, {**two, **act("hold", note="wait")}]
    as_comma(tmp_path / "a.csv", rows)
    before = dataset(home, "journal", APRIL)
    # a clerk whose day is still in March
    code, out, _ = recond(home, "queue", "import", str(tmp_path / "a.csv"), "--json",
                          as_of="2026-03-31")  # fmt: skip
    told = [json.loads(line) for line in out.splitlines()]
    assert (code, [row["status"] for row in told]) == (1, ["PERIOD_CLOSED", "APPLIED"])
    assert "2026-03 is closed" in told[0]["message"]
    assert [row["status"] for row in result_of(home, "a.csv")] == ["PERIOD_CLOSED", "APPLIED"]
    assert dataset(home, "journal", APRIL) == before
    assert {"open", "on_hold"} <= {row["status"] for row in dataset(home, "exceptions", APRIL)}
    # the same file on a day of an open month
    recond(home, "queue", "import", str(tmp_path / "a.csv"), as_of=APRIL)
    assert [row["status"] for row in result_of(home, "a.csv")] == ["APPLIED", "ALREADY_DONE"]
    assert {row["period"] for row in dataset(home, "journal", APRIL)[len(before) :]} == {"2026-04"}
    assert recond(home, "check")[0] == 0


def test_exit_codes_of_an_import(tmp_path: Path) -> None:
    home = make(tmp_path / "home", [(4000, "NO1"), (5000, "NO2")])
    one, two = exported(home, ".csv")
    as_comma(tmp_path / "one.csv", [{**one, **act("assign", X)}])
    as_comma(tmp_path / "two.csv", [{**two, **act("assign", X)}])
    as_comma(tmp_path / "no.csv", [{**two, **act("assign", "999")}])
    assert by_import(home, tmp_path / "one.csv", "jane") == 1, "another question waits"
    assert by_import(home, tmp_path / "no.csv", "jane") == 1
    code, _, _ = recond(home, "queue", "import", str(tmp_path / "no.csv"), "--all-or-nothing")
    assert code == 3
    assert by_import(home, tmp_path / "two.csv", "mallory") == 3, "not allowed to act as mallory"
    assert by_import(home, tmp_path / "two.csv", "jane") == 0
    assert by_import(home, tmp_path / "two.csv", "jane") == 0
    (tmp_path / "not.csv").write_text("a,b\n1,2\n")
    assert by_import(home, tmp_path / "not.csv", "jane") == 3
