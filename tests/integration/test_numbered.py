"""Numbers that were seen before (contract section 4): voids, tenders and card transactions, in
one file, in several, and where a file is read in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from office import TODAY, Office, receivable, receivables_csv
from queueoffice import BOTH, database
from test_monthend import rows, statements

from recond.errors import RefusedError
from recond.parsers import csvscan
from recond.pipeline.corrections import accept
from recond.pipeline.run import Run

COUNTER = ("receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,"
           "amount,void_of,approved_by\n")  # fmt: skip
CARD = ("merchant_id,batch_number,settlement_date,brand,transaction_id,sale_date,account_number,"
        "gross_amount,fee_amount,net_amount,type\n")  # fmt: skip


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request))
    owed = [receivable("1000000001", "W1", "WATER", "2026-03-28", 90000)]
    made.take("receivables", "open.csv", receivables_csv(owed))
    yield made
    made.prove()
    made.close()


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read a line or two at a time and matched in pieces of three receipts."""
    monkeypatch.setattr(Run, "chunk_receipts", lambda _run: 3)
    monkeypatch.setattr(csvscan.read_records, "__defaults__", (64,))


def paid(number: int, amount: str, tender: str = "CASH") -> str:
    return f"{number},D1,amy,{TODAY},10:00,1000000001,,{tender},{amount},,\n"


def void(number: int, of: int, amount: str, by: str = "sue") -> str:
    return f"{number},D1,amy,{TODAY},10:00,1000000001,,CASH,{amount},{of},{by}\n"


def card(number: str, gross: str, fee: str = "0.00", kind: str = "SALE", wrong: str = "0") -> str:
    net = Decimal(gross) - Decimal(fee) + Decimal(wrong)
    return f"WEB,B1,{TODAY},VISA,{number},{TODAY},1000000001,{gross},{fee},{net},{kind}\n"


def take(office: Office, inbox: str, name: str, *rows: str) -> str:
    return office.take(
        inbox, name, (COUNTER if inbox == "cashier" else CARD) + "".join(rows)
    ).message


def receipts(office: Office) -> list[tuple[str, str, str]]:
    return [(str(row["sequence"] or row["trace_number"]), str(row["amount"]), str(row["state"]))
            for row in office.rows("receipts")]  # fmt: skip


def asked(office: Office) -> list[tuple[str, int]]:
    return [one for one in office.asked() if one[0] != "SUSPECTED_DUPLICATE_PAYMENT"]


@BOTH
def test_a_void_whose_number_came_before_is_skipped_or_held(office: Office) -> None:
    first = (paid(1, "5.00"), paid(2, "6.00"), paid(3, "7.00"), void(9, 1, "-5.00"))
    assert take(office, "cashier", "a.csv", *first) == "3 receipts, 18.00; 1 voided"
    again = take(office, "cashier", "b.csv", void(9, 1, "-5.00"), paid(4, "1.00"))
    assert again == "1 receipts, 1.00; 1 seen before and skipped"
    take(office, "cashier", "c.csv", void(9, 2, "-6.00"))  # another void of that number
    take(office, "cashier", "d.csv", void(3, 2, "-6.00"))  # the number of a receipt
    take(office, "cashier", "e.csv", void(9, 1, "-5.00", by=""))  # another approver
    take(office, "cashier", "f.csv", paid(9, "2.00"))  # a receipt with the number of a void
    assert receipts(office) == [
        ("1", "5.00", "voided"), ("2", "6.00", "applied"), ("3", "7.00", "applied"),
        ("4", "1.00", "applied"), ("9", "2.00", "held"),
    ]  # fmt: skip
    assert sorted(asked(office)) == [
        ("RECEIPT_CONFLICT", 200), ("VOID_CONFLICT", 500), ("VOID_CONFLICT", 600),
        ("VOID_CONFLICT", 600),
    ]  # fmt: skip
    listed = [
        row for row in rows(statements(office, "2026-03")["voids_and_gaps"]) if row["original"]
    ]
    assert [(row["number"], row["original"], row["kind"]) for row in listed] == [
        ("9", "1", "void"), ("3", "2", "void without effect"), ("9", "2", "void without effect"),
        ("9", "1", "void without effect"),
    ]  # fmt: skip


@BOTH
def test_of_two_records_with_one_number_in_a_file_the_first_stands(office: Office) -> None:
    take(office, "cashier", "a.csv", paid(1, "5.00"), paid(2, "6.00"), paid(3, "7.00"),
         void(9, 1, "-4.00"), void(9, 2, "-6.00"), void(9, 1, "-1.00"), void(3, 2, "-6.00"),
         void(8, 2, "-6.00"), paid(8, "1.00"))  # fmt: skip
    assert receipts(office) == [
        ("1", "5.00", "voided"), ("2", "6.00", "voided"), ("3", "7.00", "applied"),
        ("8", "1.00", "held"),
    ]  # fmt: skip
    assert sorted(asked(office)) == [
        ("RECEIPT_CONFLICT", 100), ("VOID_CONFLICT", 600), ("VOID_CONFLICT", 600),
    ]  # fmt: skip


@BOTH
@pytest.mark.usefixtures("pieces")
def test_a_sale_that_stands_in_two_pieces_of_a_file_counts_once(office: Office) -> None:
    sales = [card(f"T{n}", "5.00", "0.10") for n in range(8)]
    taken = take(office, "card", "a.csv", *sales, sales[1], card("T2", "6.00"),
                 card("T3", "-1.00", "0.05", "REFUND"), card("T3", "-2.00", "0.05", "REFUND"),
                 card("T8", "1.50"), card("T3", "-1.00", "0.05", "REFUND"))  # fmt: skip
    assert taken == "9 receipts, 41.50; 1 held; 2 seen before and skipped"
    assert receipts(office)[-2:] == [("T2", "6.00", "held"), ("T8", "1.50", "applied")]
    assert sorted(asked(office)) == [
        ("RECEIPT_CONFLICT", 600), ("RETURN_NOT_FOUND", 100), ("RETURN_NOT_FOUND", 200),
    ]  # fmt: skip
    (deposit,) = office.rows("deposits")
    assert str(deposit["amount"]) == "37.60"  # 41.50 - 0.80 - 1.05 - 2.05


@BOTH
@pytest.mark.usefixtures("pieces")
def test_tenders_of_one_receipt_are_one_payment_wherever_they_stand(office: Office) -> None:
    tenders = [
        *(paid(n, "5.00") for n in range(1, 9)),
        paid(1, "2.00", "CHECK"),
        void(50, 1, "-7.00"),
    ]
    assert take(office, "cashier", "a.csv", *tenders) == "9 receipts, 42.00; 2 voided"
    again = take(office, "cashier", "b.csv", *tenders, "\n")
    assert again == "0 receipts, 0.00; 10 seen before and skipped"
    less = take(office, "cashier", "c.csv", *tenders[:8])
    assert less == "0 receipts, 0.00; 1 held; 7 seen before and skipped"
    assert asked(office) == [("RECEIPT_CONFLICT", 500)]


@BOTH
def test_a_batch_that_is_held_takes_no_numbers_until_it_is_accepted(office: Office) -> None:
    wrong = (card("T1", "5.00"), card("T2", "6.00", "0.10", wrong="0.05"))
    right = (card("T1", "5.00"), card("T2", "6.00", "0.10"))
    held = office.take("card", "a.csv", CARD + "".join(wrong))
    assert (held.state, held.message) == ("partly_held", "0 receipts, 0.00; 2 held")
    assert take(office, "card", "b.csv", *right) == "2 receipts, 11.00"
    run = office.run()
    with run.store.write() as connection, pytest.raises(RefusedError, match="came before"):
        accept(connection, run, held.file_id, None, "as found")
    assert receipts(office) == [
        ("T1", "5.00", "held"), ("T2", "6.00", "held"), ("T1", "5.00", "applied"),
        ("T2", "6.00", "applied"),
    ]  # fmt: skip


@BOTH
def test_a_batch_that_was_accepted_has_taken_its_numbers(office: Office) -> None:
    held = office.take("card", "a.csv", CARD + card("T1", "5.00", wrong="0.01"))
    run = office.run()
    with run.store.write() as connection:
        accept(connection, run, held.file_id, None, "as found")
    again = take(office, "card", "b.csv", card("T1", "5.00"), card("T2", "1.00"))
    assert again == "1 receipts, 1.00; 1 seen before and skipped"
