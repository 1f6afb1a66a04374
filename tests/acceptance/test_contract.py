"""The contract from outside: files dropped, verbs called, datasets read, nothing else.

Each test names the sentence of the contract that it holds (sections 2 to 5). The day's home is
made once: two lockbox files, a counter file and a day's end, then everything is asked of it.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import hashlib
import io
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from office import check, csv_text, lockbox_file, receivable, receivables_csv, scan_line

from recond.cli import main
from recond.lock import locked

TODAY, MONDAY = "2026-03-17", dt.date(2026, 3, 16)
DATASETS = {
    "files": "file_id, inbox, name, sha256, size, format, arrived_at, state, declared_count,"
    " declared_amount, found_count, found_amount, message",
    "receipts": "receipt_id, file_id, line, byte_offset, byte_length, batch, sequence, channel,"
    " tender, amount, received_date, deposit_date, account_on_item, reference, check_number,"
    " trace_number, payer_name, state, applied_amount, on_account_amount, suspense_amount, rule,"
    " exception_code",
    "applications": "application_id, receipt_id, account_number, item_number, charge_type, fund,"
    " amount, rule, effective_date, posted_at, decided_by, reverses_id",
    "exceptions": "exception_id, version, code, scope, severity, amount, file_id, receipt_id,"
    " opened_at, age_days, status, suggest_1, suggest_2, suggest_3, message",
    "receivables": "account_number, item_number, charge_type, fund, bill_number, due_date,"
    " original_amount, open_amount, pending_amount",
    "journal": "entry_id, line, effective_date, period, fund, gl_account, debit, credit, source,"
    " description",
}


@dataclass
class Home:
    """A home, driven by command lines alone."""

    path: Path

    def call(self, *arguments: str) -> tuple[int, str]:
        """Exit code and standard output of `recond ARGUMENTS --home HOME`."""
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
        code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            try:
                main([*arguments, "--home", str(self.path)])
            except SystemExit as end:
                code = int(end.code or 0)
        out.flush()
        return code, out.buffer.getvalue().decode()  # type: ignore[attr-defined]

    def drop(self, inbox: str, name: str, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        (self.path / "inbox" / inbox / name).write_bytes(data)

    def process(self, as_of: str = TODAY, *more: str) -> dict[str, dict[str, Any]]:
        """`process --json`: the files of this run by name."""
        code, out = self.call("process", "--json", "--as-of", as_of, *more)
        assert code in (0, 1)
        return {row["name"]: row for row in map(json.loads, out.splitlines())}

    def export(self, name: str, *more: str) -> list[dict[str, str]]:
        code, out = self.call("export", name, *more)
        assert code == 0
        return list(csv.DictReader(io.StringIO(out)))

    def receipts(self) -> dict[str, dict[str, str]]:
        """Receipts by check number, or by receipt number where there is none."""
        return {
            (row["check_number"].lstrip("0") or row["sequence"]): row
            for row in self.export("receipts")
        }

    def of(self, number: str) -> tuple[str, str, str]:
        """State, exception code and applied amount of a receipt."""
        row = self.receipts()[number]
        return row["state"], row["exception_code"], row["applied_amount"]

    def paid(self, number: str) -> list[tuple[str, str]]:
        """The items that a receipt pays, in order."""
        receipt = self.receipts()[number]["receipt_id"]
        return [
            (row["item_number"], row["amount"])
            for row in self.export("applications")
            if row["receipt_id"] == receipt
        ]


def make_home(path: Path, more: str = "") -> Home:
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.suppress(SystemExit),
    ):
        main(["init", str(path), "--timezone", "America/Phoenix"])
    text = (path / "recond.toml").read_text()
    assert "settle_seconds = 10" in text
    (path / "recond.toml").write_text(text.replace("settle_seconds = 10", "settle_seconds = 0"))
    with (path / "recond.toml").open("a") as file:
        file.write(more)
    return Home(path)


A, B, CLOSED, BROKE, DUE, SIX, SEVEN, TWIN = (f"000100000{n}" for n in range(1, 9))
ACCOUNTS = [
    {"account_number": a, "customer_name": name, "status": status, "old_account_number": old}
    for a, name, status, old in (
        (A, "IRIS IBARRA", "active", "OLD-77;88-1234"),
        (B, "JAMES JONES", "final", ""),
        (CLOSED, "GONE AWAY", "closed", ""),
        (BROKE, "IN COURT", "bankruptcy", ""),
        (DUE, "LATE PAYER", "collections", ""),
        (SIX, "SIX", "active", ""),
        (SEVEN, "SEVEN", "active", ""),
        (TWIN, "TWIN", "active", ""),
    )
]
ITEMS = [
    receivable(A, "A1", "WATER", "2026-02-01", 5000),
    receivable(A, "A2", "SEWER", "2026-01-01", 3000),
    receivable(A, "A3", "PENALTY", "2026-03-01", 500, service="WATER"),
    receivable(A, "A4", "SANITATION", "2026-02-01", 1000),
    receivable(B, "B1", "WATER", "2026-02-01", 2000),
    receivable(CLOSED, "C1", "WATER", "2026-02-01", 900),
    receivable(BROKE, "D1", "WATER", "2026-02-01", 800),
    receivable(DUE, "E1", "WATER", "2026-02-01", 700),
    receivable(SIX, "F1", "WATER", "2026-02-01", 1100, bill="SHARED"),
    receivable(SIX, "F2", "SEWER", "2026-02-01", 1200),
    receivable(SEVEN, "G1", "WATER", "2026-02-01", 1300, bill="SHARED"),
    receivable(SEVEN, "G2", "SEWER", "2026-02-01", 1400),
    receivable(SEVEN, "G3", "STORM", "2026-02-01", 1500, bill="BILL9"),
    receivable(TWIN, "H1", "WATER", "2026-02-01", 9000),
]


def numbered(number: int, amount: int, *stubs: tuple[str, int | None], payer: str = "") -> Any:
    return check(amount, *stubs, number=str(number), payer=payer)


GOOD_SCAN = scan_line(A, dt.date(2026, 4, 1), 9500)
BAD_SCAN = GOOD_SCAN[:-1] + str((int(GOOD_SCAN[-1]) + 1) % 10)
CHECKS = [
    numbered(101, 7000, (GOOD_SCAN, None)),
    numbered(102, 100, (BAD_SCAN, None)),
    numbered(103, 150, ("0001-0000 02", None)),
    numbered(104, 200, ("1000005", None)),
    numbered(105, 300, ("old-77", None)),
    numbered(106, 1100, ("F1", None)),
    numbered(107, 1500, ("BILL9", None)),
    numbered(108, 2600, ("F2", 1200), ("G2", 1400)),
    numbered(109, 999, ("F2", 500), ("G1", 500)),
    numbered(110, 400, (CLOSED, None)),
    numbered(111, 800, (BROKE, None)),
    numbered(112, 5500, ("0009999999", None)),
    numbered(113, 5000, payer="IRIS IBARRA"),
    numbered(114, 1300, ("SHARED", None)),
    numbered(115, 1000, (TWIN, None)),
    numbered(116, 1000, (TWIN, None)),
    numbered(117, 2000, (B, None)),
    numbered(118, 500, ("A1", None), ("B1", None)),
    numbered(119, 50, ("not a number at all", None)),
]
COUNTER = [
    {"receipt_number": number, "drawer": "D1", "cashier": "ANA", "business_date": day,
     "time": "09:00", "account_number": account, "item_number": "", "tender": tender,
     "amount": amount, "check_number": "", "void_of": void, "approved_by": by}
    for number, day, account, tender, amount, void, by in (
        ("R1", "2026-03-16", TWIN, "CASH", "30.00", "", ""),
        ("R1", "2026-03-16", TWIN, "CHECK", "25.00", "", ""),
        ("R1", "2026-03-16", TWIN, "CASH", "-5.00", "", ""),
        ("R2", "2026-03-16", TWIN, "CASH", "7.00", "", ""),
        ("R3", "2026-03-16", TWIN, "CASH", "-7.00", "R2", "BOB"),
        ("R4", "2026-03-16", TWIN, "CASH", "8.00", "", ""),
        ("R5", "2026-03-16", TWIN, "CASH", "-8.00", "R4", ""),
        ("R6", "2026-03-18", TWIN, "CASH", "9.00", "", ""),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = make_home(tmp_path_factory.mktemp("contract") / "home")
    home.drop("receivables", "accounts.csv", csv_text(ACCOUNTS))
    home.drop("receivables", "open.csv", receivables_csv(ITEMS))
    home.drop("lockbox", "a.bai", lockbox_file(CHECKS, MONDAY))
    home.drop("lockbox", "again.bai", lockbox_file(CHECKS, MONDAY))
    home.drop("lockbox", "b.bai", lockbox_file(
        [[numbered(201, 10, (TWIN, None))], [numbered(202, 20, (TWIN, None))]], MONDAY,
        time="1000", totals={2: 21}))  # fmt: skip
    wrong = lockbox_file([numbered(301, 10, (TWIN, None))], MONDAY, time="1100")
    home.drop("lockbox", "c.bai", wrong.replace("\n9000008", "\n9000009"))
    home.drop("lockbox", "d.bai", lockbox_file([numbered(401, 1, (TWIN, None))], MONDAY))
    home.drop("cashier", "counter.csv", csv_text(COUNTER))
    home.drop("bank", "what.txt", "neither this nor that\n")
    home.drop("ach", "empty.ach", b"")
    home.states = home.process()  # type: ignore[attr-defined]
    return home


# section 3: process, files, their states


def test_process_takes_files_by_kind_and_by_name_within_each(day: Home) -> None:
    names = [row["name"] for row in day.export("files")]
    payments = [n for n in names if n not in ("what.txt", "empty.ach")]
    assert payments[:2] == ["accounts.csv", "open.csv"]
    lockbox = [n for n in names if n.endswith(".bai")]
    assert lockbox == sorted(lockbox)


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("a.bai", "accepted", "receipts"),
        ("again.bai", "duplicate", "a.bai"),
        ("b.bai", "partly_held", "held"),
        ("c.bai", "held", "FILE_COUNT_WRONG"),
        ("d.bai", "held", "TRANSMISSION_CONFLICT"),
        ("counter.csv", "accepted", "receipts"),
        ("what.txt", "held", "UNKNOWN_FORMAT"),
        ("empty.ach", "held", "EMPTY_FILE"),
    ],
)
def test_states_of_files_and_their_messages(day: Home, name: str, state: str, words: str) -> None:
    (row,) = [row for row in day.export("files") if row["name"] == name]
    assert (row["state"], words in row["message"]) == (state, True), row["message"]


def test_a_line_of_process_json_is_the_dataset_and_the_problems(day: Home) -> None:
    rows = day.states  # type: ignore[attr-defined]
    for row in rows.values():
        assert list(row) == [*DATASETS["files"].split(", "), "problems"]
        for problem in row["problems"]:
            assert {"code", "severity", "line", "field", "message"} <= set(problem)
    (wrong,) = [p for p in rows["b.bai"]["problems"] if p["severity"] == "error"]
    assert (wrong["code"], wrong["field"]) == ("BATCH_TOTAL_WRONG", "24-33")
    exported = {row["file_id"]: row for row in day.export("files")}
    for row in rows.values():
        told = {k: "" if v is None else str(v) for k, v in row.items() if k != "problems"}
        assert told == exported[row["file_id"]]


def test_an_arrival_has_an_identity_of_its_own_and_declares_what_it_says(day: Home) -> None:
    rows = {row["name"]: row for row in day.export("files")}
    assert len({row["file_id"] for row in rows.values()}) == len(rows)
    assert rows["a.bai"]["sha256"] == rows["again.bai"]["sha256"]
    total = sum(one["amount"] for one in CHECKS)
    figures = ("declared_count", "declared_amount", "found_count", "found_amount")
    money = str(Decimal(total) / 100)
    assert [rows["a.bai"][f] for f in figures] == [str(len(CHECKS)), money] * 2
    assert [rows["b.bai"][f] for f in figures] == ["2", "0.31", "2", "0.30"]
    assert [rows["counter.csv"][f] for f in figures] == [""] * 4


def test_held_receipts_are_listed_and_in_no_bucket(day: Home) -> None:
    receipts = day.receipts()
    for number in ("202", "301", "401"):
        row = receipts[number]
        assert row["state"] == "held"
        figures = ("applied_amount", "on_account_amount", "suspense_amount")
        assert {Decimal(row[f] or 0) for f in figures} == {Decimal(0)}
    assert receipts["201"]["state"] == "applied"


# section 4: the decisions of a new home


def test_a_scan_line_decides_and_the_order_is_penalty_due_date_charge_type(day: Home) -> None:
    assert day.of("101")[0] == "applied"
    assert day.paid("101") == [("A3", "5.00"), ("A2", "30.00"), ("A1", "35.00")]


@pytest.mark.parametrize(
    ("number", "state", "code"),
    [
        ("102", "unidentified", "CHECK_DIGIT_FAILED"),
        ("109", "unidentified", "REMITTANCE_SUM_WRONG"),
        ("111", "unidentified", "ACCOUNT_IN_BANKRUPTCY"),
        ("112", "unidentified", "ACCOUNT_NOT_FOUND"),
        ("113", "unidentified", "NO_REFERENCE"),
        ("114", "unidentified", "AMBIGUOUS_REFERENCE"),
        ("118", "unidentified", "REMITTANCE_SUM_WRONG"),
        ("119", "unidentified", "ACCOUNT_NOT_FOUND"),
        ("110", "on_account", "ACCOUNT_CLOSED"),
        ("115", "applied", ""),
        ("116", "applied", "SUSPECTED_DUPLICATE_PAYMENT"),
    ],
)
def test_what_is_not_sure_waits_with_a_question(
    day: Home, number: str, state: str, code: str
) -> None:
    assert day.of(number)[:2] == (state, code)
    if state == "unidentified":
        row = day.receipts()[number]
        assert row["suspense_amount"] == row["amount"]
        assert row["applied_amount"] == row["on_account_amount"] == "0.00"


@pytest.mark.parametrize(
    ("number", "items"),
    [
        ("103", [("B1", "1.50")]),
        ("104", [("E1", "2.00")]),
        ("105", [("A1", "3.00")]),
        ("106", [("F1", "11.00")]),
        ("107", [("G3", "15.00")]),
        ("108", [("F2", "12.00"), ("G2", "14.00")]),
    ],
)
def test_references_of_every_kind_decide(
    day: Home, number: str, items: list[tuple[str, str]]
) -> None:
    assert day.paid(number) == items
    assert day.of(number)[0] == "applied"


def test_what_is_left_over_goes_on_account(day: Home) -> None:
    row = day.receipts()["117"]
    assert (row["state"], row["applied_amount"], row["on_account_amount"]) == (
        "partial", "18.50", "1.50",
    )  # fmt: skip


def test_tenders_of_one_counter_payment_and_change(day: Home) -> None:
    rows = [row for row in day.export("receipts") if row["sequence"] == "R1"]
    assert sorted(row["amount"] for row in rows) == ["-5.00", "25.00", "30.00"]
    assert sum(Decimal(row["applied_amount"]) for row in rows) == 50
    assert {row["channel"] for row in rows} == {"CASHIER"}


def test_an_approved_void_turns_its_receipt_and_one_without_an_approver_is_asked(day: Home) -> None:
    rows = {row["sequence"]: row for row in day.export("receipts")}
    assert rows["R2"]["state"] == "voided"
    assert rows["R4"]["state"] == "applied"
    assert not {"R3", "R5"} & set(rows), "a void is no receipt"
    codes = [row["code"] for row in day.export("exceptions") if row["status"] == "open"]
    assert codes.count("VOID_NOT_APPROVED") == 1


def test_a_receipt_of_tomorrow_is_held_until_its_day(day: Home) -> None:
    assert [r["state"] for r in day.export("receipts") if r["sequence"] == "R6"] == ["held"]


def test_every_cent_is_in_one_bucket_and_in_the_journal(day: Home) -> None:
    suspense = Decimal(0)
    for row in day.export("receipts"):
        if row["state"] in ("held", "voided"):
            continue
        figures = ("applied_amount", "on_account_amount", "suspense_amount")
        assert sum(Decimal(row[f]) for f in figures) == Decimal(row["amount"])
        suspense += Decimal(row["suspense_amount"])
        if Decimal(row["suspense_amount"]):
            assert row["exception_code"]
    journal = day.export("journal")
    by_fund: dict[tuple[str, str], Decimal] = {}
    for row in journal:
        value = Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
        key = (row["entry_id"], row["fund"])
        by_fund[key] = by_fund.get(key, Decimal(0)) + value
    assert set(by_fund.values()) == {Decimal(0)}
    held = sum(
        Decimal(r["credit"] or 0) - Decimal(r["debit"] or 0)
        for r in journal
        if r["gl_account"] == "2100"
    )
    assert held == suspense


# section 5: datasets


@pytest.mark.parametrize("name", DATASETS)
def test_columns_come_first_and_in_this_order_and_bytes_are_stable(day: Home, name: str) -> None:
    columns = DATASETS[name].split(", ")
    code, out = day.call("export", name)
    assert (code, out.splitlines()[0].split(",")[: len(columns)]) == (0, columns)
    assert day.call("export", name)[1] == out


def test_parquet_has_decimals(day: Home, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = tmp_path / "r.parquet"
    assert day.call("export", "receipts", "--format", "parquet", "--out", str(out))[0] == 0
    table = pq.read_table(out)
    assert table.schema.field("amount").type == pa.decimal128(18, 2)
    assert table.schema.field("receipt_id").type == pa.string()
    assert table.num_rows == len(day.export("receipts"))


def test_a_receipt_is_explained_down_to_its_bytes(day: Home) -> None:
    row = day.receipts()["101"]
    data = lockbox_file(CHECKS, MONDAY).encode()
    begin = int(row["byte_offset"])
    record = data[begin : begin + int(row["byte_length"])]
    assert record.startswith(b"6001001")
    assert data[:begin].count(b"\n") + 1 == int(row["line"])
    code, out = day.call("explain", row["receipt_id"])
    assert code == 0
    for words in ("a.bai", f"line {row['line']}", record[:30].decode()):
        assert words in out, words
    code, out = day.call("explain", row["receipt_id"], "--json")
    assert code == 0
    json.loads(out)


def test_account_and_reference_are_as_read(day: Home) -> None:
    rows = day.receipts()
    assert rows["103"]["account_on_item"] == "0001-0000 02"
    assert rows["108"]["reference"] == "F2;G2"
    assert rows["101"]["payer_name"] == "A PAYER"


def test_dates_of_lockbox_and_counter_receipts(day: Home) -> None:
    rows = day.receipts()
    assert rows["101"]["received_date"] == rows["101"]["deposit_date"] == "2026-03-16"
    counter = next(r for r in day.export("receipts") if r["sequence"] == "R2")
    assert (counter["received_date"], counter["deposit_date"]) == ("2026-03-16", "")
    assert {r["effective_date"] for r in day.export("applications")} == {"2026-03-16"}
    money = [r for r in day.export("journal") if r["source"] != "snapshot"]
    assert {(r["effective_date"], r["period"]) for r in money} == {("2026-03-16", "2026-03")}


def test_receivables_are_the_mirror_with_what_is_pending(day: Home) -> None:
    rows = {row["item_number"]: row for row in day.export("receivables")}
    assert len(rows) == len(ITEMS)
    assert (rows["A3"]["open_amount"], rows["A3"]["pending_amount"]) == ("5.00", "5.00")
    assert (rows["A1"]["open_amount"], rows["A1"]["pending_amount"]) == ("50.00", "38.00")
    assert (rows["C1"]["open_amount"], rows["C1"]["pending_amount"]) == ("9.00", "0.00")


def test_exceptions_are_open_of_an_age_and_of_a_business_date(day: Home) -> None:
    for row in day.export("exceptions", "--as-of", "2026-03-20"):
        assert row["status"] in {"open", "resolved"}
        assert row["age_days"] == "3"


def test_ids_of_from_and_to(day: Home) -> None:
    assert day.export("receipts", "--from", "2026-03-17") == [
        r for r in day.export("receipts") if r["sequence"] == "R6"
    ]
    assert day.export("applications", "--to", "2026-03-15") == []


def test_the_books_as_they_stood(day: Home) -> None:
    assert day.export("receipts", "--as-of", "2026-03-16") == []
    assert day.export("applications", "--as-of", "2026-03-16") == []
    assert len(day.export("applications", "--as-of", TODAY)) == len(day.export("applications"))


# section 3: verbs that only read, and what they print


def test_lists_and_views_as_json(day: Home) -> None:
    for verb in (["files", "list"], ["queue", "list"], ["status"], ["trace", "IBARRA"],
                 ["formats", "list"], ["doctor"]):  # fmt: skip
        code, out = day.call(*verb, "--json")
        assert code in ((0, 1) if verb == ["status"] else (0,)), verb
        assert [json.loads(line) for line in out.splitlines()], verb
    for verb in (["files", "list"], ["queue", "list"], ["status"]):
        assert day.call(*verb, "--as-of", "2026-03-20")[0] in (0, 1)


def test_trace_finds_by_number_name_amount_and_reference(day: Home) -> None:
    receipt = day.receipts()["101"]["receipt_id"]
    for text in ("101", GOOD_SCAN, "70.00", A):
        out = day.call("trace", text, "--json")[1]
        assert receipt in out, text


def test_something_waits_so_status_and_process_say_one(day: Home) -> None:
    assert day.call("status")[0] == 1
    assert day.call("process", "--as-of", TODAY)[0] == 1
    assert day.call("match", "--as-of", TODAY)[0] == 1
    assert day.call("files", "list")[0] == 0


def test_check_proves_the_books(day: Home) -> None:
    assert day.call("check", "--read-archive")[0] == 0


def state(home: Home) -> str:
    return hashlib.sha256(
        "".join(home.call("export", name)[1] for name in DATASETS).encode()
    ).hexdigest()


def test_a_dry_run_writes_nothing(day: Home, tmp_path: Path) -> None:
    before = state(day)
    more = tmp_path / "more.bai"
    more.write_text(lockbox_file([numbered(501, 10, (TWIN, None))], MONDAY, time="1700"))
    application = day.export("applications")[0]["application_id"]
    held = next(r["file_id"] for r in day.export("files") if r["state"] == "partly_held")
    for verb in (
        ["process", str(more)], ["match"], ["reverse", application, "--reason", "x"],
        ["files", "accept", held, "--reason", "x"], ["files", "reject", held, "--reason", "x"],
    ):  # fmt: skip
        code, _ = day.call(*verb, "--dry-run", "--as-of", TODAY)
        assert code in (0, 1), verb
    assert state(day) == before


# exit codes


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["process", "--nonsense"], 2),
        (["export", "nothing-of-that-name"], 2),
        (["export", "receipts", "--as-of", "yesterday"], 2),
        (["reverse", "A-unknown", "--reason", "x"], 2),
        (["files", "accept", "F-unknown", "--reason", "x"], 2),
        (["files", "show", "F-unknown"], 2),
        (["explain", "R-unknown"], 2),
        (["process", "/no/such/file"], 2),
    ],
)
def test_exit_codes(day: Home, arguments: list[str], code: int) -> None:
    assert day.call(*arguments)[0] == code


def test_the_lock_a_broken_configuration_and_an_existing_home(day: Home, tmp_path: Path) -> None:
    with locked(day.path, "process"):
        assert day.call("process")[0] == 75
    home = make_home(tmp_path / "home", "\n[nonsense]\nx = 1\n")
    assert home.call("status")[0] == 5
    before = (day.path / "recond.toml").read_bytes()
    with pytest.raises(SystemExit) as end:
        main(["init", str(day.path)])
    assert end.value.code == 3
    assert (day.path / "recond.toml").read_bytes() == before


# things that change the books: homes of their own


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path / "home")
    made.drop("receivables", "accounts.csv", csv_text(ACCOUNTS))
    made.drop("receivables", "open.csv", receivables_csv(ITEMS))
    return made


def test_a_held_batch_is_accepted_as_found_and_another_rejected(home: Home) -> None:
    for name, number in (("a.bai", 10), ("b.bai", 20)):
        home.drop("lockbox", name, lockbox_file(
            [[numbered(number + n, 500 + number + n, (TWIN, None))] for n in (1, 2)], MONDAY,
            time=f"10{number}", totals={2: 1}))  # fmt: skip
    files = home.process()
    first, second = files["a.bai"]["file_id"], files["b.bai"]["file_id"]
    assert home.call("files", "accept", first, "--batch", "002", "--reason", "ok")[0] == 0
    assert home.call("files", "reject", second, "--reason", "no")[0] == 0
    states = {r["name"]: r["state"] for r in home.export("files")}
    assert (states["a.bai"], states["b.bai"]) == ("accepted", "accepted")
    assert [home.of(n)[0] for n in ("11", "12", "21", "22")] == [
        "applied", "applied", "applied", "held",
    ]  # fmt: skip
    codes = {r["code"]: r["status"] for r in home.export("exceptions") if r["file_id"] == first}
    assert "open" in codes.values(), "the difference from its totals stays a question"
    assert home.call("check")[0] == 0


def test_a_held_file_rejected_and_a_changed_resend_replaced(home: Home) -> None:
    home.drop("lockbox", "a.bai", lockbox_file([numbered(1, 500, (TWIN, None))], MONDAY))
    home.drop("lockbox", "b.bai", lockbox_file([numbered(1, 700, (TWIN, None))], MONDAY))
    files = home.process()
    assert files["b.bai"]["state"] == "held"
    code, _ = home.call(
        "files", "accept", files["b.bai"]["file_id"], "--replace", "--reason", "corrected",
        "--as-of", TODAY,
    )  # fmt: skip
    assert code == 0
    total = sum(Decimal(r["amount"]) for r in home.export("applications"))
    assert total == Decimal("7.00")
    assert home.call("check")[0] == 0


def test_a_reversal_is_a_new_entry_and_the_money_waits(home: Home) -> None:
    home.drop("lockbox", "a.bai", lockbox_file([numbered(1, 500, ("H1", None))], MONDAY))
    home.process()
    (application,) = home.export("applications")
    arguments = ["reverse", application["application_id"], "--reason", "wrong account"]
    assert home.call(*arguments, "--as-of", TODAY)[0] == 0
    rows = home.export("applications")
    assert [r["amount"] for r in rows] == ["5.00", "-5.00"]
    assert rows[1]["reverses_id"] == application["application_id"]
    assert home.of("1")[0] == "unidentified"
    assert home.call(*arguments, "--as-of", TODAY)[0] == 3, "once only"


def test_a_receipt_of_tomorrow_posts_on_its_day(home: Home) -> None:
    home.drop("lockbox", "a.bai", lockbox_file([numbered(1, 500, (TWIN, None))],
                                               dt.date(2026, 3, 18)))  # fmt: skip
    home.process("2026-03-17")
    assert home.of("1")[0] == "held"
    assert {r["source"] for r in home.export("journal")} == {"snapshot"}
    home.process("2026-03-18")
    assert home.of("1")[0] == "applied"
    assert {r["effective_date"] for r in home.export("applications")} == {"2026-03-18"}


def counter(*rows: tuple[str, str]) -> str:
    base = COUNTER[3]
    return csv_text([{**base, "receipt_number": n, "amount": amount} for n, amount in rows])


def test_a_receipt_number_seen_before(home: Home) -> None:
    home.drop("cashier", "a.csv", counter(("R1", "5.00"), ("R2", "6.00")))
    home.process()
    home.drop("cashier", "b.csv", counter(("R1", "5.00"), ("R3", "7.00")))
    home.drop("cashier", "c.csv", counter(("R2", "6.01"), ("R4", "8.00")))
    files = home.process()
    assert "1 seen before" in files["b.csv"]["message"]
    states = sorted((r["sequence"], r["amount"], r["state"]) for r in home.export("receipts"))
    assert [s for s in states if s[2] == "held"] == [("R2", "6.01", "held")]
    assert [s[0] for s in states if s[2] == "applied"] == ["R1", "R2", "R3", "R4"]
    codes = {r["code"] for r in home.export("exceptions")}
    assert codes == {"RECEIPT_CONFLICT", "DRAWER_NOT_CLOSED"}  # no close came for the drawer


def test_a_batch_that_repeats_a_posted_one_is_held(home: Home) -> None:
    pair = [numbered(n, 500, (TWIN, None)) for n in (1, 2)]
    home.drop("lockbox", "a.bai", lockbox_file(pair, MONDAY))
    home.process()
    more = [*pair, numbered(3, 500, (TWIN, None))]
    home.drop("lockbox", "b.bai", lockbox_file([pair, more], MONDAY, time="1000"))
    files = home.process()
    assert files["b.bai"]["state"] == "partly_held"
    assert [p["code"] for p in files["b.bai"]["problems"] if p["severity"] == "error"] == [
        "DUPLICATE_BATCH"
    ]
    states = [r["state"] for r in home.export("receipts")]
    assert (states.count("held"), states.count("applied")) == (2, 5)


# snapshots


def snapshot(accounts: int, cents: int = 1000) -> str:
    return receivables_csv(
        [receivable(f"{n:010d}", f"I{n}", "WATER", "2026-03-01", cents) for n in range(accounts)]
    )


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (snapshot(95), "accepted"),
        (snapshot(94), "held"),
        (snapshot(100, 700), "accepted"),
        (snapshot(100, 699), "held"),
        (snapshot(100, 1300), "accepted"),
        (snapshot(100, 1301), "held"),
        (snapshot(200, 600), "accepted"),
    ],
)
def test_a_snapshot_that_a_day_cannot_explain_is_held(
    tmp_path: Path, content: str, state: str
) -> None:
    home = make_home(tmp_path / "home")
    home.drop("receivables", "1.csv", snapshot(100))
    home.process()
    home.drop("receivables", "2.csv", content)
    row = home.process()["2.csv"]
    assert row["state"] == state, row["message"]
    if state == "held":
        assert "SNAPSHOT_IMPLAUSIBLE" in row["message"]
        assert len(home.export("receivables")) == 100


def test_a_full_snapshot_replaces_and_pending_stays(home: Home) -> None:
    home.drop("lockbox", "a.bai", lockbox_file([numbered(1, 500, ("H1", None))], MONDAY))
    home.process()
    home.drop("receivables", "open2.csv", receivables_csv([*ITEMS[:-1],
        receivable(TWIN, "H1", "WATER", "2026-02-01", 9000, open_cents="8700")]))  # fmt: skip
    home.process("2026-03-18")
    (row,) = [r for r in home.export("receivables") if r["item_number"] == "H1"]
    assert (row["open_amount"], row["pending_amount"]) == ("87.00", "5.00")


def test_an_unknown_charge_type_holds_the_file(home: Home) -> None:
    home.process()
    home.drop("receivables", "x.csv", receivables_csv(
        [*ITEMS, receivable(TWIN, "Z9", "PARKING", "2026-02-01", 100)]))  # fmt: skip
    row = home.process()["x.csv"]
    assert (row["state"], "CHARGE_TYPE_UNKNOWN" in row["message"]) == ("held", True)


def manifest(content: str, **more: Any) -> str:
    rows = list(csv.DictReader(io.StringIO(content)))
    cents = sum(int(Decimal(r["open_amount"]) * 100) for r in rows)
    return json.dumps({"source": "billing", "snapshot": "S1", "mode": "full",
                       "as_of": "2026-03-17", "previous_snapshot": None, "rows": len(rows),
                       "open_cents": cents, "last_posting_id": None, **more})  # fmt: skip


def test_a_folder_that_has_seen_a_manifest_waits_for_it(home: Home) -> None:
    (home.path / "inbox/receivables/open.csv").unlink()
    content = receivables_csv(ITEMS)
    home.drop("receivables", "1.csv.manifest.json", manifest(content))
    home.drop("receivables", "1.csv", content)
    files = home.process()
    assert files["1.csv"]["state"] == "accepted", files["1.csv"]["message"]
    less = receivables_csv([*ITEMS[:-2], ITEMS[-1]])  # an item is gone, no account is
    home.drop("receivables", "2.csv", less)
    home.process()
    (row,) = [r for r in home.export("files") if r["name"] == "2.csv"]
    assert row["state"] == "waiting"
    home.drop("receivables", "2.csv.manifest.json", manifest(
        less, snapshot="S2", previous_snapshot="S1"))  # fmt: skip
    home.process()
    states = {r["name"]: r["state"] for r in home.export("files")}
    assert states["2.csv"] == "accepted"
    more = receivables_csv([*ITEMS, receivable(TWIN, "H2", "WATER", "2026-03-01", 100)])
    home.drop("receivables", "3.csv.manifest.json", manifest(
        more, snapshot="S3", previous_snapshot="S2", open_cents=1))  # fmt: skip
    home.drop("receivables", "3.csv", more)
    files = home.process()
    assert (files["3.csv"]["state"], "SNAPSHOT_TOTAL_WRONG" in files["3.csv"]["message"]) == (
        "held", True,
    )  # fmt: skip


def test_a_credit_is_applied_when_the_next_bill_appears(home: Home) -> None:
    home.drop("lockbox", "a.bai", lockbox_file([numbered(1, 1000, (DUE, None))], MONDAY))
    home.process()
    assert home.of("1")[0] == "partial"
    home.drop("receivables", "open2.csv", receivables_csv(
        [*ITEMS, receivable(DUE, "E2", "SEWER", "2026-04-01", 900)]))  # fmt: skip
    home.process("2026-03-18")
    assert home.paid("1") == [("E1", "7.00"), ("E2", "3.00")]
    assert home.of("1")[0] == "applied"


# a folder of rubbish


def test_rubbish_is_held_with_reasons_and_nothing_is_posted(home: Home) -> None:
    whole = lockbox_file(CHECKS, MONDAY).encode()
    rubbish = {
        "empty": b"",
        "random.bin": hashlib.shake_256(b"seed").digest(5000),
        "zeros.dat": bytes(3000),
        "photo.png": b"\x89PNG\r\n\x1a\n" + hashlib.shake_256(b"png").digest(2000),
        "photo.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + hashlib.shake_256(b"jpg").digest(2000),
        "half.bai": whole[: len(whole) // 2],
        "page.html": b"<html><body>404</body></html>\n",
        "blank.txt": b"\n \n\n",
        "zip.zip": b"PK\x03\x04" + hashlib.shake_256(b"zip").digest(500),
    }
    home.process()
    for inbox in ("lockbox", "bank", "ach", "cashier", "card", "receivables"):
        for name, data in rubbish.items():
            home.drop(inbox, f"{inbox}-{name}", data + (inbox.encode() if data else b""))
    home.process()
    rows = [r for r in home.export("files") if "-" in r["name"]]
    assert len(rows) == 6 * len(rubbish)
    assert {r["state"] for r in rows} <= {"held", "duplicate"}
    assert all(r["message"] for r in rows)
    assert [r for r in rows if r["state"] == "duplicate" and "empty" not in r["name"]] == []
    assert {r["source"] for r in home.export("journal")} == {"snapshot"}
    assert home.export("applications") == []
    assert {r["state"] for r in home.export("receipts")} <= {"held"}
    assert len(home.export("receivables")) == len(ITEMS)
    assert home.call("check", "--read-archive")[0] == 0
