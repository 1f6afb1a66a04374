"""A month's statements about the bank and the counter, each with its tie-outs (domain 2.9, E61)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from office import Office, cents, check, csv_text, lockbox_file, money, receivable, receivables_csv
from office import statement as bai2
from sqlalchemy import select
from test_monthend import office_in, rows, statements

from recond import adjusting
from recond.ledger import Source
from recond.model import CREDIT, REFUNDED
from recond.pipeline import moves
from recond.pipeline.moves import Move, Stand
from recond.store import schema

FEB, END, APRIL = dt.date(2026, 2, 27), dt.date(2026, 3, 31), dt.date(2026, 4, 1)
ACCOUNT = "1000000001"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = office_in(tmp_path, url)
    owed = [receivable(ACCOUNT, "W1", "WATER", "2026-03-28", 90_000_000)]
    made.take("receivables", "open.csv", receivables_csv(owed), FEB)
    yield made
    made.prove()
    made.close()


def lockbox(office: Office, amount: int, day: dt.date, box: str = "0012345") -> None:
    time = f"09{amount % 60:02d}"
    content = lockbox_file([check(amount, (ACCOUNT, None))], day, box, time)
    assert office.take("lockbox", f"{day}{amount}.bai", content, day).state == "accepted"


def bank(
    office: Office, opening: int, lines: list[tuple[str, int, str]], day: dt.date, today: dt.date
) -> int:
    outcome = office.take("bank", f"{day}.bai2", bai2(opening, lines, day), today)
    assert outcome.state == "accepted", outcome.message
    return opening + sum(c if code < "400" else -c for code, c, _ in lines)


def proof(office: Office, month: str) -> dict[tuple[str, str], tuple[int, ...]]:
    found = rows(statements(office, month)["proof_of_cash"])
    names = ("beginning", "receipts", "disbursements", "end")
    return {(str(r["side"]), str(r["item"])): tuple(cents(r[n]) for n in names)  # type: ignore[arg-type]
            for r in found}  # fmt: skip


def test_e61_the_reconciliation_and_the_proof_of_cash(office: Office) -> None:
    lockbox(office, 3_950_000, FEB)
    held = bank(office, 101_500_000, [("115", 3_950_000, "LOCKBOX 0012345")], dt.date(2026, 3, 2),
                dt.date(2026, 3, 3))  # fmt: skip
    day = dt.date(2026, 3, 16)
    lockbox(office, 54_260_000, day)
    held = bank(office, held, [("115", 54_260_000, "LOCKBOX 0012345")], day, day)
    day = dt.date(2026, 3, 24)
    lockbox(office, 9_000, day)
    held = bank(office, held, [("115", 90_000, "LOCKBOX 0012345")], day, day)
    debits = [("475", 31_368_953 - 47_810, "CHECKS PAID"), ("555", 29_270, "NSF"),
              ("699", 15_540, "FEES"), ("699", 3_000, "CHARGEBACK")]  # fmt: skip
    transit = (4_218_455, 1_902_210, 2_110_087, 545_717)
    for number, amount in enumerate(transit):
        lockbox(office, amount, END, f"002000{number}")
    held = bank(office, held, debits, END, APRIL)
    assert held == 128_431_047
    made = proof(office, "2026-03")
    assert made["bank", "balance by the bank"] == (
        101_500_000, 58_300_000, 31_368_953, 128_431_047,
    )  # fmt: skip
    assert made["bank", "deposits in transit, beginning"] == (3_950_000, -3_950_000, 0, 0)
    assert made["bank", "deposits in transit, end"] == (0, 8_776_469, 0, 8_776_469)
    assert made["bank", "credited more than was deposited, end"] == (0, -81_000, 0, -81_000)
    for side in ("bank", "book"):
        assert made[side, f"ADJUSTED, {side.upper()}"] == (
            105_450_000, 63_045_469, 31_368_953, 137_126_516,
        )  # fmt: skip
    listed = rows(statements(office, "2026-03")["bank_reconciliation"])
    told = {str(row["item"]): cents(row["amount"]) for row in listed}  # type: ignore[arg-type]
    assert told["bank debit not in the books: 555 NSF"] == -29_270
    assert told["bank debit not in the books: 699 FEES"] == -15_540
    assert told["bank debit not in the books: 699 CHARGEBACK"] == -3_000
    assert told["credited more than was deposited: lockbox 0012345"] == -81_000
    assert sorted(c for i, c in told.items() if i.startswith("deposit in transit")) == sorted(
        transit
    )
    assert told["ADJUSTED BALANCE OF THE BANK"] == told["ADJUSTED BALANCE OF THE LEDGER"]
    way = rows(statements(office, "2026-03")["deposits_in_transit"])
    assert {row["age_days"] for row in way} == {0, 7}
    assert {row["channel"] for row in way} == {"lockbox"}
    # recond knows no balance before the first statement
    assert proof(office, "2026-02")["bank", "ADJUSTED, BANK"] == (0, 3_950_000, 0, 3_950_000)


def test_a_credit_corrected_by_a_debit_and_fees_tie_in_every_column(office: Office) -> None:
    monday, tuesday = dt.date(2026, 3, 16), dt.date(2026, 3, 17)
    lockbox(office, 9_000, monday)
    held = bank(office, 5_000, [("115", 9_500, "LOCKBOX 0012345"), ("661", 300, "FEE")],
                monday, tuesday)  # fmt: skip
    bank(office, held, [("699", 250, "MISC")], tuesday, tuesday)
    made = proof(office, "2026-03")
    assert made["bank", "balance by the bank"] == (5_000, 9_500, 550, 13_950)
    assert made["book", "balance by the ledger"] == (5_000, 9_000, 300, 13_700)
    assert made["book", "bank debits not in the books, end"] == (0, 0, 250, -250)


def test_a_missing_statement_is_an_item_of_its_own(office: Office) -> None:
    bank(office, 1_000, [("661", 100, "FEE")], dt.date(2026, 3, 16), dt.date(2026, 3, 17))
    bank(office, 700, [("661", 100, "FEE")], dt.date(2026, 3, 18), dt.date(2026, 3, 19))
    made = statements(office, "2026-03")
    listed = {str(r["item"]): str(r["amount"]) for r in rows(made["bank_reconciliation"])}
    assert listed["on no statement that came"] == "-2.00"
    assert listed["balance by the bank"] == "6.00"
    assert listed["ADJUSTED BALANCE OF THE LEDGER"] == "6.00"


def test_a_closed_months_bank_line_is_booked_later_and_stays_an_item(office: Office) -> None:
    """E43: the credit was in March's bank account; its late file posts in April."""
    day = dt.date(2026, 3, 30)
    bank(office, 0, [("115", 3_418_225, "LOCKBOX 0012345")], day, END)
    made = proof(office, "2026-03")
    assert made["book", "balance by the ledger"] == (0, 3_418_225, 0, 3_418_225)
    content = lockbox_file([check(3_418_225, (ACCOUNT, None))], day)
    office.take("lockbox", "late.bai", content, dt.date(2026, 4, 12))
    made = proof(office, "2026-03")
    assert made["bank", "ADJUSTED, BANK"] == (0, 3_418_225, 0, 3_418_225)


# --- the counter, cards, what went back -----------------------------------------------------------

MONDAY, THURSDAY = dt.date(2026, 3, 16), dt.date(2026, 3, 19)
HEAD = ("receipt_number", "drawer", "cashier", "business_date", "time", "account_number",
        "item_number", "tender", "amount", "void_of", "approved_by")  # fmt: skip


def counter(office: Office, day: dt.date, *receipts: tuple[str, int, str]) -> None:
    made = [
        dict(zip(HEAD, (number, "D1", "alvarez", day.isoformat(), "09:00", ACCOUNT, "", "CASH",
                        money(amount), void_of, "ruiz" if void_of else ""), strict=True))
        for number, amount, void_of in receipts
    ]  # fmt: skip
    name = f"receipts{day}.csv"
    assert office.take("cashier", name, csv_text(made, HEAD), day).state == "accepted"


def close(office: Office, day: dt.date, cash: int) -> None:
    row = {"drawer": "D1", "cashier": "alvarez", "business_date": day.isoformat(),
           "opening_float": "200.00", "counted_cash": money(cash), "counted_checks": "0.00",
           "deposit_bag": f"BAG{day:%m%d}"}  # fmt: skip
    assert office.take("cashier", f"c{day}.csv", csv_text([row]), day).state == "accepted"


def amounts(row: dict[str, object], *names: str) -> list[str]:
    return [str(row[name]) for name in names]


def test_over_and_short_are_listed_by_cashier_and_never_netted(office: Office) -> None:
    """E28 and E29 on two days of one cashier."""
    counter(office, MONDAY, ("000001", 227_767, ""))
    close(office, MONDAY, 247_267)
    counter(office, THURSDAY, ("000002", 226_767, ""))
    close(office, THURSDAY, 247_267)
    made = statements(office, "2026-03")
    first, second = rows(made["over_short"])
    assert amounts(first, "over", "short", "running_net", "running_gross") == [
        "0.00", "5.00", "-5.00", "5.00",
    ]  # fmt: skip
    assert amounts(second, "over", "short", "running_net", "running_gross") == [
        "5.00", "0.00", "0.00", "10.00",
    ]  # fmt: skip
    bags = rows(made["deposit_register"])
    assert [amounts(bag, "receipts", "over_short", "amount") for bag in bags] == [
        ["2277.67", "-5.00", "2272.67"], ["2267.67", "5.00", "2272.67"],
    ]  # fmt: skip


def test_voids_and_missing_numbers(office: Office) -> None:
    """E30: 000187 is voided by 000189, and 000188 is missing."""
    counter(office, MONDAY, ("000186", 100, ""), ("000187", 6_500, ""),
            ("000189", -6_500, "000187"))  # fmt: skip
    void, gap = rows(statements(office, "2026-03")["voids_and_gaps"])
    assert (void["kind"], void["number"], void["original"], void["approved_by"]) == (
        "void", "000189", "000187", "ruiz",
    )  # fmt: skip
    assert amounts(void, "void", "voided") == ["-65.00", "65.00"]
    assert (gap["kind"], gap["number"]) == ("missing number", "000188")
    (waiting,) = rows(statements(office, "2026-03")["deposits_in_transit"])
    assert (waiting["kind"], str(waiting["in_transit"])) == ("not deposited", "1.00")


def test_e36_card_settlements_with_their_fees(office: Office) -> None:
    names = ("merchant_id", "batch_number", "settlement_date", "brand", "transaction_id",
             "sale_date", "account_number", "gross_amount", "fee_amount", "net_amount",
             "type")  # fmt: skip
    sales = {12550: 280, 8800: 199, 43125: 937, 6500: 150, 1: 10, 10400: 234}
    made = [
        dict(zip(names, ("WEB", "CB1", "2026-03-16", "VISA", f"T{gross}", "2026-03-16", ACCOUNT,
                         money(gross), money(fee), money(gross - fee), "SALE"), strict=True))
        for gross, fee in sales.items()
    ]  # fmt: skip
    refund = dict(zip(names, ("WEB", "CB1", "2026-03-16", "VISA", "T9", "2026-03-16", ACCOUNT,
                              "-25.00", "0.00", "-25.00", "REFUND"), strict=True))  # fmt: skip
    office.take("card", "c.csv", csv_text([*made, refund], names), MONDAY)
    (row,) = rows(statements(office, "2026-03")["card_settlements"])
    assert amounts(row, "sales", "refunds", "deducted_fees", "net") == [
        "813.76", "-25.00", "-18.10", "770.66",
    ]  # fmt: skip
    bank(office, 0, [("165", 77_066, "MERCHANT CB1")], MONDAY, THURSDAY)
    made_ = proof(office, "2026-03")
    assert made_["book", "withheld or returned, not in the books"] == (0, -2_500, 0, -2_500)
    assert made_["bank", "ADJUSTED, BANK"] == (0, 77_066, 0, 77_066)


def test_e20_a_returned_check_in_the_register(office: Office) -> None:
    content = lockbox_file([check(10_000, (ACCOUNT, None), number="4711")], MONDAY)
    office.take("lockbox", "day.bai", content, MONDAY)
    held = bank(office, 0, [("115", 10_000, "LOCKBOX 0012345")], MONDAY, MONDAY)
    lines = [("555", 10_000, "DEPOSITED ITEM RETURNED NSF CHECK 4711")]
    bank(office, held, lines, THURSDAY, THURSDAY)
    made = statements(office, "2026-03")
    (row,) = rows(made["returned_items"])
    assert amounts(row, "reversed", "expected", "debited") == ["100.00", "100.00", "100.00"]
    (person,) = rows(made["decisions_by_person"])
    assert (person["rule"], person["payments"], str(person["placed"])) == ("returned", 1, "100.00")
    assert proof(office, "2026-03")["book", "balance by the ledger"] == (0, 10_000, 10_000, 0)


def test_refunds_tie_to_the_liability(office: Office) -> None:
    lockbox(office, 90_005_940, MONDAY)  # 59.40 more than is owed
    run = office.run(MONDAY)
    with run.store.write() as connection:
        (number,) = connection.scalars(select(schema.receipt.c.receipt_no))
        owner = moves.standing(connection, [number])[number]
        stands = [stand for stand in owner.stands if stand.bucket == CREDIT]
        paid = [Stand(REFUNDED, 5_940, stands[0].account_key)]
        moves.write(connection, run, [Move(number, "refund", "asked", stands, paid)], "refund", "x")
    (row,) = rows(statements(office, "2026-03")["refunds"])
    assert amounts(row, "amount") == ["59.40"]


def test_e45_a_write_off_stands_in_the_roll_forward_and_ties_to_the_allowance(
    office: Office,
) -> None:
    run = office.run(MONDAY)
    with run.store.write() as connection:
        key = connection.scalar(select(schema.item.c.item_key))
        item = {"item_key": key, "charge_type": "WATER", "fund": "510", "cents": 21_370}
        items = pa.Table.from_pylist([item], schema=adjusting.WRITTEN_OFF)
        source = Source("write_off", "W-1", "written off")
        adjusting.write_off(run.ledger(connection), items, source)
    made = statements(office, "2026-03")
    (row,) = rows(made["write_offs"])
    assert amounts(row, "account_number", "item_number", "amount") == [ACCOUNT, "W1", "213.70"]
    (moved,) = rows(made["ar_roll_forward"])
    assert amounts(moved, "opening", "write_offs", "closing") == [
        "900000.00", "-213.70", "899786.30",
    ]  # fmt: skip
    (aged,) = rows(made["ar_ageing"])
    assert str(aged["total"]) == "899786.30"
    (before,) = rows(statements(office, "2026-02")["ar_roll_forward"])
    assert amounts(before, "closing", "tieout_items_gl") == ["900000.00", "900000.00"]
