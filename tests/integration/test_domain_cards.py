"""Worked examples of card settlements: gross and net, rounding, brands, refunds, convenience fees
(domain E36-E38), through `process` and the bank's statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, cents, csv_text, money, receivable, receivables_csv, statement
from queueoffice import BOTH, database
from test_monthend import statements

FRI, SAT, SUN, MON, TUE, WED = (dt.date(2026, 3, day) for day in (13, 14, 15, 16, 17, 18))
OWED = [receivable(f"100000000{n}", f"W{n}", "WATER", "2026-03-28", 9_000_000) for n in (1, 2, 3)]
MERCHANTS = """
[[merchant]]
merchant_id = "GROSS"
model = "gross"
lag_days = 2

[[merchant]]
merchant_id = "ROUND"
rounding = "0.02"

[[merchant]]
merchant_id = "BRANDS"
by_brand = true

[[merchant]]
merchant_id = "PASSES"
convenience_fees = "passed_on"
"""
HEAD = ("merchant_id", "batch_number", "settlement_date", "brand", "transaction_id", "sale_date",
        "account_number", "gross_amount", "fee_amount", "net_amount", "type")  # fmt: skip
SALES = (12550, 8800, 43125, 6500, 1, 10400)
Row = tuple[int, int, str, str]  # gross, fee, brand, type


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request), MERCHANTS)
    made.take("receivables", "open.csv", receivables_csv(OWED), FRI)
    yield made
    made.prove()
    statements(made, "2026-03")  # every one ties
    made.close()


def settle(office: Office, merchant: str, batch: str, rows: list[Row], day: dt.date = MON) -> None:
    made = [
        dict(zip(HEAD, (merchant, batch, str(day), brand, f"{batch}-{n}", str(day),
                        "1000000001" if kind != "FEE" else "", money(gross), money(fee),
                        money(gross - fee), kind), strict=True))
        for n, (gross, fee, brand, kind) in enumerate(rows)
    ]  # fmt: skip
    outcome = office.take("card", f"{batch}.csv", csv_text(made, HEAD), max(day, MON))
    assert outcome.state == "accepted", outcome.message


def bank(office: Office, opening: int, *lines: tuple[str, int, str], day: dt.date = TUE) -> None:
    outcome = office.take("bank", f"{day}.bai2", statement(opening, lines, day), day)
    assert outcome.state == "accepted", outcome.message


def deposits(office: Office) -> list[tuple[str, int, str]]:
    return [(str(d["reference"]), cents(d["amount"]), str(d["state"]))
            for d in office.rows("deposits")]  # fmt: skip


def sales(brand: str = "VISA") -> list[Row]:
    return [(gross, (gross * 215 + 5000) // 10000 + 10, brand, "SALE") for gross in SALES]


def test_e36_gross_comes_whole_and_the_fee_at_the_end_of_the_month(office: Office) -> None:
    settle(office, "GROSS", "CB1600", sales())
    (deposit,) = office.rows("deposits")
    assert (cents(deposit["amount"]), deposit["expected_date"]) == (81376, WED)
    assert sum(office.applied().values()) == 81376
    bank(office, 0, ("165", 81376, "MERCHANT CB1600"), ("698", 1810, "CARD FEES MARCH"), day=WED)
    journal = office.journal()
    assert (journal["100", "5910"], journal["100", "1010"]) == (1810, 81376 - 1810)
    assert ("100", "1082") not in journal
    assert office.questions() == []


@BOTH
@pytest.mark.parametrize(("credited", "fees"), [(79565, 1811), (79568, 1808)])
def test_e36_what_an_acquirer_rounds_is_a_fee(office: Office, credited: int, fees: int) -> None:
    settle(office, "ROUND", "CB1600", sales())
    bank(office, 0, ("165", credited, "MERCHANT CB1600"))
    assert deposits(office) == [("ROUND CB1600", 79566, "reconciled")]
    journal = office.journal()
    assert journal["510", "5910"] + journal.get(("100", "5910"), 0) == fees
    assert ("100", "1082") not in journal
    assert sum(office.applied().values()) == 81376
    assert office.questions() == []


def test_e36_more_than_the_rounding_of_the_merchant_is_asked_about(office: Office) -> None:
    settle(office, "ROUND", "CB1600", sales())
    bank(office, 0, ("165", 79563, "MERCHANT CB1600"))
    assert deposits(office) == [("ROUND CB1600", 79566, "discrepant")]
    assert office.questions() == ["DEPOSIT_AMOUNT_DIFFERS"]
    assert office.journal()["100", "1082"] == 3


def test_e36_a_merchant_without_rounding_owes_every_cent(office: Office) -> None:
    settle(office, "WEB", "CB1600", sales())
    bank(office, 0, ("165", 79565, "MERCHANT CB1600"))
    assert office.questions() == ["DEPOSIT_AMOUNT_DIFFERS"]


@BOTH
def test_e37_brands_settle_apart(office: Office) -> None:
    rows: list[Row] = [
        (81376, 0, "VISA", "SALE"), (20000, 500, "AMEX", "SALE"), (15500, 0, "AMEX", "SALE"),
        (-2500, 0, "AMEX", "REFUND"), (-1000, 0, "DISC", "REFUND"),
    ]  # fmt: skip
    settle(office, "BRANDS", "CB1600", rows)
    assert sorted(deposits(office)) == [
        ("BRANDS CB1600 AMEX", 20000 + 15500 - 500 - 2500, "in_transit"),
        ("BRANDS CB1600 DISC", -1000, "in_transit"),
        ("BRANDS CB1600 VISA", 81376, "in_transit"),
    ]
    bank(
        office, 100000, ("165", 81376, "BRANDS VISA"), ("165", 32500, "BRANDS AMEX"),
        ("699", 1000, "BRANDS DISC"),
    )  # fmt: skip
    assert {state for _, _, state in deposits(office)} == {"reconciled"}
    assert office.journal()["510", "5910"] == 500


def test_e37_a_weekend_with_a_refund_in_one_credit(office: Office) -> None:
    settle(office, "WEB", "CB1300", [(81376, 0, "VISA", "SALE")], FRI)
    settle(office, "WEB", "CB1400", [(20000, 0, "VISA", "SALE")], SAT)
    settle(office, "WEB", "CB1500",
           [(15500, 0, "VISA", "SALE"), (-2500, 0, "VISA", "REFUND")], SUN)  # fmt: skip
    bank(office, 0, ("165", 114376, "MERCHANT SETTLEMENT"), day=MON)
    assert {state for _, _, state in deposits(office)} == {"reconciled"}
    assert "BANK_CREDIT_UNMATCHED" not in office.questions()


def test_e37_a_chargeback_next_month_is_a_debit_of_the_bank(office: Office) -> None:
    settle(office, "WEB", "CB1600", [(10400, 0, "VISA", "SALE")])
    bank(office, 0, ("165", 10400, "MERCHANT CB1600"))
    settle(office, "WEB", "CB1800", [(-10400, 0, "VISA", "CHARGEBACK")], WED)
    assert office.applied() == {}
    bank(office, 10400, ("699", 10400, "MERCHANT CHARGEBACK"), day=WED)
    assert {state for _, _, state in deposits(office)} == {"reconciled"}
    assert {gl for fund, gl in office.journal() if fund == "100"} <= {"2080"}
    assert office.questions() == []


def card_file(*rows: tuple[str, int, int, str], batch: str = "CB1") -> str:
    """Rows of (transaction, gross, fee, type) of one batch of merchant WEB."""
    made = [
        dict(zip(HEAD, ("WEB", batch, str(MON), "VISA", number, str(MON), "1000000001",
                        money(gross), money(fee), money(gross - fee), kind), strict=True))
        for number, gross, fee, kind in rows
    ]  # fmt: skip
    return csv_text(made, HEAD)


def test_a_chargeback_under_the_number_of_its_sale_is_taken(office: Office) -> None:
    office.take("card", "1.csv", card_file(("T1", 10400, 250, "SALE")))
    assert office.applied() == {"W1": 10400}
    back = card_file(("T1", -10400, 1500, "CHARGEBACK"), batch="CB2")
    assert office.take("card", "2.csv", back).state == "accepted"
    assert office.applied() == {}
    assert [row["state"] for row in office.rows("receipts")] == ["returned"]
    assert deposits(office) == [("WEB CB1", 10150, "in_transit"), ("WEB CB2", -11900, "in_transit")]
    again = card_file(("T1", -10400, 1500, "CHARGEBACK"), ("T2", 100, 0, "SALE"), batch="CB2")
    office.take("card", "3.csv", again)  # a longer download brings it once
    assert [cents for _, cents, _ in deposits(office)] == [10150, -11900, 100]
    assert office.questions() == []
    office.prove()


def test_a_sale_that_stands_twice_in_one_file_counts_once(office: Office) -> None:
    sale, other = ("T1", 10400, 250, "SALE"), ("T1", 10000, 0, "SALE")
    taken = office.take("card", "1.csv", card_file(sale, sale, ("T2", 100, 0, "SALE")))
    assert "1 seen before and skipped" in taken.message
    assert deposits(office) == [("WEB CB1", 10250, "in_transit")]
    taken = office.take("card", "2.csv", card_file(("T3", 200, 0, "SALE"), sale, other, batch="C"))
    assert "1 held" in taken.message
    assert [(r["trace_number"], r["state"]) for r in office.rows("receipts")][-1][1] == "held"
    assert "RECEIPT_CONFLICT" in office.questions()
    office.prove()


def test_e38_a_convenience_fee_that_the_vendor_keeps_is_nobodys_money_here(office: Office) -> None:
    settle(office, "WEB", "CB1600", [(10400, 0, "VISA", "SALE")])
    assert deposits(office) == [("WEB CB1600", 10400, "in_transit")]
    assert office.applied() == {"W1": 10400}


def test_e38_a_convenience_fee_that_is_passed_on_is_revenue_and_no_payment(office: Office) -> None:
    rows: list[Row] = [(10400, 0, "VISA", "SALE"), (295, 0, "VISA", "FEE")]
    settle(office, "PASSES", "CB1600", rows)
    assert deposits(office) == [("PASSES CB1600", 10695, "in_transit")]
    assert office.applied() == {"W1": 10400}
    journal = office.journal()
    assert journal["100", "4910"] == -295
    assert not any(account == "5910" for _, account in journal)
    bank(office, 0, ("165", 10695, "MERCHANT CB1600"))
    assert ("100", "1082") not in office.journal()
    assert office.questions() == []


@BOTH
def test_e38_fees_that_are_kept_and_passed_on_in_one_batch(office: Office) -> None:
    rows: list[Row] = [(10400, 234, "VISA", "SALE"), (295, 0, "VISA", "FEE")]
    settle(office, "PASSES", "CB1600", rows)
    assert deposits(office) == [("PASSES CB1600", 10695 - 234, "in_transit")]
    journal = office.journal()
    assert (journal["100", "4910"], journal["510", "5910"]) == (-295, 234)


def test_e38_a_convenience_fee_inside_the_sale_never_pays_a_bill(office: Office) -> None:
    """The card was charged 106.95: 104.00 for the bill, 2.95 for paying by card. The refund gives
    both back."""
    head = (*HEAD, "convenience_fee")

    def take(batch: str, sign: int, kind: str, day: dt.date) -> None:
        made = dict(zip(head, ("PASSES", batch, str(day), "VISA", batch, str(day), "1000000001",
                               money(sign * 10695), money(234 if sign > 0 else 0),
                               money(sign * 10695 - (234 if sign > 0 else 0)), kind,
                               money(sign * 295)), strict=True))  # fmt: skip
        outcome = office.take("card", f"{batch}.csv", csv_text([made], head), max(day, MON))
        assert outcome.state == "accepted", outcome.message

    take("CB1600", 1, "SALE", MON)
    assert office.applied() == {"W1": 10400}
    assert [cents(row["amount"]) for row in office.rows("receipts")] == [10400]
    assert deposits(office) == [("PASSES CB1600", 10695 - 234, "in_transit")]
    journal = office.journal()
    assert (journal["100", "4910"], journal["510", "5910"]) == (-295, 234)
    take("CB1700", -1, "REFUND", TUE)
    assert office.applied() == {}
    assert office.rows("receipts")[0]["state"] == "returned"
    assert deposits(office)[1] == ("PASSES CB1700", -10695, "in_transit")
    assert ("100", "4910") not in office.journal()  # given back with the payment
    bank(office, 0, ("165", 10695 - 234, "MERCHANT CB1600"))
    bank(office, 10695 - 234, ("699", 10695, "MERCHANT CB1700"), day=WED)
    assert ("100", "1082") not in office.journal()
    assert office.questions() == []
