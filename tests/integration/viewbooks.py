"""Small books made by hand, for what shows them: every state of a receipt, questions of all
kinds, hostile text, and two business days."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
from sqlalchemy import Connection

from recond.exceptions.questions import exception_id
from recond.matching.names import normalise_name
from recond.matching.references import keys
from recond.model import CREDIT, ITEM, SUSPENSE, VOIDED
from recond.store import schema
from recond.store.engine import insert_table

MONDAY, TUESDAY = dt.date(2026, 3, 16), dt.date(2026, 3, 17)
SHA = "0123456789ab" + "c" * 52
FORMULA = '=HYPERLINK("http://x","pay, now")'


def _record(item: int, cents: int, check: int, payer: str) -> bytes:
    """Record 6 of a lockbox file, 83 bytes and a line end."""
    text = f"6001{item:03d}{cents:010d}0210000210001234567{check:010d}031626{payer}"
    return text.encode().ljust(83) + b"\n"


LOCKBOX = b"".join(
    [
        b"5001260316".ljust(22) + b"\n",
        _record(1, 18870, 4711, "J SAMPLE"),
        _record(2, 10400, 4712, "Sampel, Jane"),
        _record(3, 24286, 0, "=HYPERLINK"),
        _record(4, 500, 0, "held over"),
        _record(5, 5000, 0, ""),
        _record(6, 8800, 0, "Twice Paid"),
        _record(7, 8800, 0, "PAID TWICE"),
    ]
)


def key(file_no: int, ordinal: int) -> int:
    return schema.receipt_key(file_no, ordinal)


def reference_key(text: str) -> str:
    found: str = keys(pa.array([text]))[1][0].as_py()
    return found


def write_books(connection: Connection) -> None:
    """Fill an empty database."""
    for write in (_files, _mirror, _receipts, _entries, _decisions, _questions):
        write(connection)


def rows(connection: Connection, table: str, *found: dict[str, object]) -> None:
    for row in found:
        insert_table(connection, schema.metadata.tables[table], row)  # type: ignore[arg-type]


def _files(connection: Connection) -> None:
    def file(number: int, day: dt.date, **more: object) -> dict[str, object]:
        sha = SHA if number in {1, 2} else f"{number}" * 64
        return {
            "file_no": number, "file_id": f"F{sha[:12]}", "inbox": "lockbox",
            "name": f"lb{number}.txt", "sha256": sha, "size": 190 + number, "format": "bai_lockbox",
            "kind": "payments", "arrived_at": f"{day}T12:00:00Z", "business_date": str(day),
            "period": str(day)[:7],
            "posted_by": "recond", "state": "accepted", "message": "", **more,
        }  # fmt: skip

    declared = {"declared_count": 7, "declared_cents": 100_000, "found_count": 7}
    rows(
        connection,
        "file",
        file(1, MONDAY, state="partly_held", message='batch 002 waits: "total"',
             found_cents=100_000, **declared),
        file(2, MONDAY, file_id=f"F{SHA[:12]}-2", state="duplicate", duplicate_of=1,
             message="same bytes as lb1.txt"),
        file(3, MONDAY, inbox="cashier", format="cashier_csv"),
        file(4, TUESDAY, inbox="cashier", format="drawer_close", kind="drawer_closes"),
        file(5, TUESDAY, state="held", message="FILE_TOTAL_WRONG", format=None, kind=None),
    )  # fmt: skip
    rows(
        connection,
        "waiting",
        {"inbox": "lockbox", "name": "ü,x.txt", "size": 7, "since_at": f"{TUESDAY}T13:00:00Z",
         "reason": "younger than settle_seconds"},
    )  # fmt: skip
    rows(
        connection,
        "problem",
        {"file_no": 1, "problem_no": 1, "code": "BATCH_TOTAL_WRONG", "severity": "error",
         "scope": "BATCH", "batch_ord": 2, "line": 5, "byte_offset": 275, "field": "18-27",
         "message": "The batch says 6.00 and its checks are 5.00; call the bank."},
        {"file_no": 5, "problem_no": 1, "code": "FILE_TOTAL_WRONG", "severity": "error",
         "scope": "FILE", "line": 9, "byte_offset": 700, "field": "7-17",
         "message": "The trailer says 10.00 and the checks are 11.00; call the bank."},
    )  # fmt: skip
    rows(
        connection,
        "drawer_close",
        {"file_no": 4, "ordinal": 1, "drawer": "D1", "business_date": str(MONDAY),
         "opening_float_cents": 0, "counted_cash_cents": 6500, "counted_checks_cents": 0,
         "deposit_date": str(TUESDAY)},
    )  # fmt: skip


ACCOUNTS = (
    (1, "0000456012", "SAMPLE, JANE", "active"),
    (2, "0000456021", "Ocotillo Trading LLC", "active"),
    (3, "0000777001", "Gone Away", "closed"),
    (4, "0000456312", "Jane Sample", "closed"),
    (5, "0000888001", "Twice Paid", "active"),
    (6, "0000990001", "Ocotilo Trading", "active"),
)


def _mirror(connection: Connection) -> None:
    for number, account, name, status in ACCOUNTS:
        rows(
            connection,
            "account",
            {"account_key": number, "account_number": account, "customer_name": name,
             "reference_key": reference_key(account), "name_key": normalise_name(name),
             "status": status, "since_entry": 0},
        )  # fmt: skip

    def item(
        number: int, account: int, name: str, cents: int, paid: int = 0, **more: object
    ) -> None:
        rows(
            connection,
            "item",
            {"item_key": number, "account_key": account, "item_number": name,
             "item_reference": reference_key(name), "charge_type": "WATER", "fund": "510",
             "due_date": "2026-03-28", "original_cents": cents, "since_entry": 0, **more},
        )  # fmt: skip
        rows(
            connection,
            "item_balance",
            {"item_key": number, "snapshot_cents": cents, "pending_cents": paid,
             "open_cents": cents - paid},
        )  # fmt: skip

    item(1, 1, "PW", 200, 200, charge_type="PENALTY", due_date="2026-02-10")
    item(2, 1, "1W", 18670, 18670, bill_number="B-1", due_date="2026-02-10")
    item(3, 1, "2W", 10400)
    item(4, 2, "3S", 3000, 3000, charge_type="SEWER", fund="520")
    item(5, 5, "4W", 8800, 8800)
    item(6, 6, "5W", 7777)


def _receipts(connection: Connection) -> None:
    def receipt(file_no: int, ordinal: int, cents: int, **more: object) -> None:
        rows(
            connection,
            "receipt",
            {"receipt_no": key(file_no, ordinal), "line": ordinal + 1,
             "byte_offset": 23 + 84 * (ordinal - 1),
             "byte_length": 83, "batch_ord": 1, "batch": "001", "sequence": f"{ordinal:03d}",
             "channel": "LOCKBOX", "tender": "CHECK", "amount_cents": cents,
             "received_date": str(MONDAY), "deposit_date": str(MONDAY), **more},
        )  # fmt: skip

    receipt(1, 1, 18870, account_on_item="0000456012", check_number="0000004711",
            payer_name="J SAMPLE")  # fmt: skip
    receipt(1, 2, 10400, account_on_item="0000456013", reference="0000456013",
            check_number="0000004712", payer_name="Sampel, Jane")  # fmt: skip
    receipt(1, 3, 24286, account_on_item="0000777001", payer_name=FORMULA)
    receipt(1, 4, 500, batch_ord=2, batch="002", payer_name="held\r\nover")
    receipt(1, 5, 5000, account_on_item="0000456021", trace_number="091000010000001")
    receipt(1, 6, 8800, account_on_item="0000888001", payer_name="Twice Paid")
    receipt(1, 7, 8800, account_on_item="888-00l", payer_name="PAID TWICE")
    cash = {"channel": "CASHIER", "tender": "CASH", "drawer": "D1", "deposit_date": None}
    receipt(3, 1, 6500, sequence="000187", **cash)
    receipt(
        3, 2, 7777, sequence="000188", **{**cash, "drawer": "D2"}, payer_name="ocotillo trading"
    )
    rows(
        connection,
        "remittance",
        {"receipt_no": key(1, 2), "sequence": 1, "line": 3, "byte_offset": 107, "byte_length": 83,
         "kind": "REFERENCE", "reference": "0000456013", "amount_cents": 10400},
    )  # fmt: skip


def _entries(connection: Connection) -> None:
    def entry(number: int, day: dt.date, source: str, by: str, file_no: int | None) -> None:
        rows(
            connection,
            "entry",
            {"entry_no": number, "entry_id": f"E{number}", "file_no": file_no, "source": source,
             "effective_date": str(MONDAY), "original_date": str(MONDAY), "period": "2026-03",
             "business_date": str(day),
             "posted_at": f"{day}T12:00:0{number}Z", "decided_by": by,
             "description": f"{source} {number}"},
        )  # fmt: skip

    entry(1, MONDAY, "file", "recond", 1)
    entry(2, MONDAY, "file", "recond", 3)
    entry(3, TUESDAY, "reverse", "jane", None)
    entry(4, TUESDAY, "void", "recond", 3)
    lines = [
        (1, 1, "100", "1080", 76156, 0), (1, 2, "100", "2100", 0, 76156),
        (3, 1, "510", "1200", 8800, 0), (3, 2, "510", "1110", 0, 8800),
    ]  # fmt: skip
    for number, line, fund, account, debit, credit in lines:
        rows(
            connection,
            "journal_line",
            {"entry_no": number, "line": line, "fund": fund, "gl_account": account,
             "debit_cents": debit, "credit_cents": credit},
        )  # fmt: skip


def _decisions(connection: Connection) -> None:
    def decide(owner: int, version: int, entry_no: int, rule: str, evidence: str,
               *placed: dict[str, object], account: int | None = None) -> None:  # fmt: skip
        rows(
            connection,
            "decision",
            {"receipt_no": owner, "version": version, "entry_no": entry_no, "rule": rule,
             "evidence": evidence, "account_key": account},
        )  # fmt: skip
        for line, place in enumerate(placed, 1):
            rows(
                connection,
                "placement",
                {"receipt_no": owner, "version": version, "line": line,
                 "account_key": account, **place},
            )  # fmt: skip

    def on_item(item: int, cents: int, charge: str = "WATER", **more: object) -> dict[str, object]:
        fund = "520" if charge == "SEWER" else "510"
        return {"bucket": ITEM, "item_key": item, "cents": cents, "charge_type": charge,
                "fund": fund, **more}  # fmt: skip

    decide(key(1, 1), 1, 1, "account_number", "account 0000456012 is the number read",
           on_item(1, 200, "PENALTY"), on_item(2, 18670), account=1)  # fmt: skip
    decide(key(1, 2), 1, 1, "none", "no account, item or bill has the number 0000456013",
           {"bucket": SUSPENSE, "cents": 10400})  # fmt: skip
    decide(key(1, 3), 1, 1, "closed_account", "account 0000777001 is closed",
           {"bucket": CREDIT, "cents": 24286}, account=3)  # fmt: skip
    decide(key(1, 5), 1, 1, "account_number", "account 0000456021 is the number read",
           on_item(4, 3000, "SEWER"), {"bucket": CREDIT, "cents": 2000}, account=2)  # fmt: skip
    decide(key(1, 6), 1, 1, "account_number", "account 0000888001 is the number read",
           on_item(5, 8800), account=5)  # fmt: skip
    decide(key(1, 7), 1, 1, "account_number", "wrong", on_item(5, 8800), account=5)
    decide(key(1, 7), 2, 3, "reversed", "wrong account: see note of jane",
           on_item(5, -8800, reverses_version=1, reverses_line=1),
           {"bucket": SUSPENSE, "cents": 8800, "account_key": None})  # fmt: skip
    decide(key(3, 1), 1, 2, "account_number", "-", {"bucket": CREDIT, "cents": 6500}, account=2)
    decide(
        key(3, 1),
        2,
        4,
        "void",
        "void 000189 by anna",
        {"bucket": CREDIT, "cents": -6500},
        {"bucket": VOIDED, "cents": 6500},
        account=2,
    )
    decide(key(3, 2), 1, 2, "none", "no reference", {"bucket": SUSPENSE, "cents": 7777})


def _questions(connection: Connection) -> None:
    def ask(number: int, code: str, day: dt.date, **more: object) -> None:
        asked = {
            "exception_no": number, "exception_id": exception_id(code, str(number)), "version": 1,
            "code": code, "scope": "ITEM", "severity": "question",
            "opened_at": f"{day}T12:00:00Z", "opened_date": str(day), "status": "open",
            "message": f"{code} {number}", **more,
        }  # fmt: skip
        rows(connection, "exception", asked)
        if asked["status"] == "resolved":  # until that day it was open
            before = {name: what for name, what in asked.items() if not name.startswith("resol")}
            before |= {"status": "open", "change_no": 1, "until_date": asked["resolved_date"]}
            rows(connection, "exception_past", before)

    one = {"file_no": 1}
    ask(1, "ACCOUNT_NOT_FOUND", MONDAY, receipt_no=key(1, 2), amount_cents=10400, **one)
    ask(2, "ACCOUNT_CLOSED", MONDAY, receipt_no=key(1, 3), amount_cents=24286, account_key=3, **one)
    ask(3, "BATCH_TOTAL_WRONG", MONDAY, batch_ord=2, scope="BATCH", severity="error", **one)
    ask(4, "REVERSED", TUESDAY, receipt_no=key(1, 7), amount_cents=8800, version=2,
        status="on_hold", message="@SUM(A1)\nsays jane", **one)  # fmt: skip
    ask(5, "NO_REFERENCE", MONDAY, receipt_no=key(3, 2), amount_cents=7777, file_no=3)
    ask(6, "SUSPECTED_DUPLICATE_PAYMENT", MONDAY, receipt_no=key(1, 6), amount_cents=8800,
        status="resolved", resolved_at=f"{TUESDAY}T14:00:00Z", resolved_date=str(TUESDAY),
        resolved_by="jane", resolution="not_duplicate", **one)  # fmt: skip
