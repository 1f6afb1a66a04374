"""Worked examples of the bank (domain section 3 C and D), with their cents, through `process`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import (
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    money,
    receivable,
    receivables_csv,
    statement,
)
from queueoffice import Desk
from test_monthend import statements

from recond.verbs.common import problems_of

MON, TUE, WED, THU = (dt.date(2026, 3, day) for day in (16, 17, 18, 19))
FRIDAY = dt.date(2026, 3, 13)
OWED = [receivable(f"100000000{n}", f"W{n}", "WATER", "2026-03-28", 9_000_000) for n in (1, 2, 3)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    made.take("receivables", "open.csv", receivables_csv(OWED), FRIDAY)
    yield made
    made.prove()
    statements(made, "2026-03")  # every one ties
    made.close()


def lockbox(office: Office, amount: int, day: dt.date, today: dt.date, **more: Any) -> None:
    content = lockbox_file([check(amount, ("1000000001", None))], day, **more)
    outcome = office.take("lockbox", f"{day}{amount}.bai", content, today)
    assert outcome.state == "accepted"


def bank(
    office: Office, opening: int, lines: list[tuple[str, int, str]], day: dt.date, today: dt.date
) -> None:
    outcome = office.take("bank", f"{day}.bai2", statement(opening, lines, day), today)
    assert outcome.state == "accepted", outcome.message


def clearing_balances(office: Office) -> dict[str, int]:
    """Clearing accounts of the journal, and what deposits say is not reconciled: the same."""
    gl = {account: net for (fund, account), net in office.journal().items() if fund == "100"}
    return {account: gl[account] for account in ("1080", "1081", "1082", "1083") if account in gl}


def test_e34_header_detail_and_credit_agree(office: Office) -> None:
    lockbox(office, 3418225, TUE, TUE)
    assert clearing_balances(office) == {"1080": 3418225}
    bank(office, 128000000, [("115", 3418225, "LOCKBOX 0012345")], TUE, WED)
    (deposit,) = office.rows("deposits")
    (line,) = office.rows("bank_lines")
    assert (deposit["kind"], deposit["channel"], deposit["state"]) == (
        "lockbox", "lockbox", "reconciled",
    )  # fmt: skip
    assert deposit["bank_line_id"] == line["bank_line_id"]
    assert (deposit["business_date"], deposit["expected_date"]) == (TUE, TUE)
    (clearing,) = office.rows("clearings")
    assert cents(clearing["amount"]) == cents(line["amount"]) == 3418225
    assert clearing_balances(office) == {}
    assert office.journal()["100", "1010"] == 3418225
    assert office.asked() == []


def test_e34_the_bank_credits_less_and_corrects_it(office: Office) -> None:
    lockbox(office, 3418225, TUE, TUE)
    bank(office, 0, [("115", 3417225, "LOCKBOX 0012345")], TUE, WED)
    assert office.asked() == [("DEPOSIT_AMOUNT_DIFFERS", -1000)]
    assert office.rows("deposits")[0]["state"] == "discrepant"
    assert clearing_balances(office) == {"1080": 1000}
    bank(office, 3417225, [("399", 1000, "CORRECTION LOCKBOX")], THU, THU)
    assert office.asked() == []
    assert office.rows("deposits")[0]["state"] == "reconciled"
    assert sum(cents(row["amount"]) for row in office.rows("clearings")) == 3418225


def test_e34_a_held_batch_makes_no_deposit_and_its_credit_waits(office: Office) -> None:
    good, bad = check(10000, ("1000000001", None)), check(5000, ("1000000002", None))
    content = lockbox_file([[good], [bad]], TUE, totals={2: 5100})
    outcome = office.take("lockbox", "two.bai", content, TUE)
    assert outcome.state == "partly_held"
    assert [cents(row["amount"]) for row in office.rows("deposits")] == [10000]
    bank(office, 0, [("115", 15000, "LOCKBOX 0012345")], TUE, WED)
    assert ("BANK_CREDIT_UNMATCHED", 15000) in office.asked()
    told = [q["message"] for q in office.rows("exceptions") if q["code"].startswith("BANK_CREDIT")]
    deposit = office.rows("deposits")[0]["deposit_id"]
    words = f"it equals deposit {deposit} plus batch 002 of two.bai (50.00), which is held"
    assert words in told[0]
    from recond.pipeline import corrections
    from recond.pipeline.clear import clear

    run = office.run(WED)
    with run.store.write() as connection:
        corrections.accept(connection, run, outcome.file_id, None, "the bank is right")
        clear(connection, run)
    assert {row["state"] for row in office.rows("deposits")} == {"reconciled"}
    assert office.rows("bank_lines")[0]["state"] == "cleared"
    assert office.journal()["100", "1010"] == 15000
    assert "BANK_CREDIT_UNMATCHED" not in office.questions()


def test_e34_the_bank_credits_more_and_corrects_it(office: Office) -> None:
    lockbox(office, 3418225, TUE, TUE)
    bank(office, 0, [("115", 3419225, "LOCKBOX 0012345")], TUE, WED)
    assert office.asked() == [("DEPOSIT_AMOUNT_DIFFERS", 1000)]
    assert clearing_balances(office) == {"1080": -1000}
    lines = [("661", 1000, "ANALYSIS FEE"), ("695", 1000, "DEPOSIT CORRECTION")]
    bank(office, 3419225, lines, THU, THU)
    assert office.asked() == []
    assert office.rows("deposits")[0]["state"] == "reconciled"
    rules = {row["rule"] for row in office.rows("clearings")}
    assert rules == {"differs", "window"}
    assert office.journal()["100", "5910"] == 1000  # the fee of that amount is a fee
    assert clearing_balances(office) == {}


def test_the_credit_of_another_box_is_no_credit_of_this_one(office: Office) -> None:
    """Glendale's check in the wrong account: the amount alone pairs nothing."""
    lockbox(office, 318450, MON, MON)
    lockbox(office, 5000, MON, MON, box="0099887", time="1000")
    lines = [("115", 318450, "LOCKBOX 0099887"), ("115", 5000, "LOCKBOX 0099887")]
    bank(office, 0, lines, MON, TUE)
    assert office.asked() == [("CREDIT_ELSEWHERE", 318450)]
    assert [row["state"] for row in office.rows("deposits")] == ["in_transit", "reconciled"]
    office.process(FRIDAY + dt.timedelta(days=7))
    assert ("DEPOSIT_NOT_CREDITED", 318450) in office.asked()


def test_e40_a_deposit_that_is_on_no_statement(office: Office) -> None:
    thursday = dt.date(2026, 3, 12)
    lockbox(office, 318450, thursday, FRIDAY)
    bank(office, 0, [("142", 777, "ACH")], FRIDAY, MON)
    assert "DEPOSIT_NOT_CREDITED" not in office.questions()
    office.process(TUE)  # three bank days after Thursday
    assert ("DEPOSIT_NOT_CREDITED", 318450) in office.asked()
    office.process(WED)
    assert office.questions().count("DEPOSIT_NOT_CREDITED") == 1
    bank(office, 777, [("115", 318450, "LOCKBOX 0012345")], WED, THU)
    assert "DEPOSIT_NOT_CREDITED" not in office.questions()


def test_e43_a_late_file_takes_its_credit_out_of_suspense(office: Office) -> None:
    bank(office, 0, [("115", 3418225, "LOCKBOX 0012345")], MON, TUE)
    assert office.asked() == [("BANK_CREDIT_UNMATCHED", 3418225)]
    journal = office.journal()
    assert (journal["100", "1010"], journal["100", "2100"]) == (3418225, -3418225)
    (receipt,) = office.rows("receipts")
    assert (receipt["state"], receipt["channel"]) == ("unidentified", "BANK")
    assert receipt["received_date"] == MON
    assert office.rows("bank_lines")[0]["state"] == "suspense"
    lockbox(office, 3418225, MON, THU)
    assert office.asked() == []
    journal = office.journal()
    assert journal["100", "1010"] == 3418225
    assert ("100", "2100") not in journal
    assert ("100", "1080") not in journal
    assert office.rows("bank_lines")[0]["state"] == "cleared"
    assert office.applied() == {"W1": 3418225}  # once


def test_a_wire_pays_the_account_that_its_text_names(office: Office) -> None:
    bank(office, 0, [("195", 25000, "WIRE FROM ACME ACCT 1000000002")], MON, TUE)
    (receipt,) = office.rows("receipts")
    assert (receipt["channel"], receipt["tender"], receipt["state"]) == ("BANK", "WIRE", "applied")
    assert office.applied() == {"W2": 25000}
    assert office.asked() == []
    assert office.rows("bank_lines")[0]["state"] == "receipt"


def test_items_of_a_total_are_shown_and_not_posted_twice(office: Office) -> None:
    lockbox(office, 3000, MON, MON)
    lines = [("115", 3000, "LOCKBOX 0012345"), ("116", 1000, "ITEM"), ("116", 2000, "ITEM")]
    content = statement(0, lines, MON, closing=3000)
    assert office.take("bank", "day.bai2", content, TUE).state == "accepted"
    assert [row["state"] for row in office.rows("bank_lines")] == ["cleared", "part", "part"]
    assert office.journal()["100", "1010"] == 3000
    assert office.asked() == []


def test_same_day_lines_are_shown(office: Office) -> None:
    lockbox(office, 3000, MON, MON)
    content = statement(0, [("115", 3000, "LOCKBOX 0012345")], MON, modifier="4")
    office.take("bank", "intraday.bai2", content, MON)
    assert [row["state"] for row in office.rows("bank_lines")] == ["shown"]
    assert clearing_balances(office) == {"1080": 3000}


def test_e39_a_statement_that_does_not_add_up_is_held(office: Office) -> None:
    lines = [("115", 3418225, "LOCKBOX"), ("555", 10000, "RETURNED")]
    content = statement(128000000, lines, MON, closing=131408125)
    outcome = office.take("bank", "wrong.bai2", content, TUE)
    assert outcome.state == "held"
    assert office.questions() == ["BALANCE_WRONG"]
    assert office.rows("bank_lines") == []
    with office.run().store.read() as connection:
        (problem,) = problems_of(connection, outcome.file_no)
    assert (problem["line"], problem["field"]) == (3, "balance 015")


def test_a_missing_statement_breaks_the_chain_until_it_comes(office: Office) -> None:
    bank(office, 1000, [("661", 100, "ANALYSIS FEE")], MON, TUE)
    bank(office, 800, [("661", 100, "ANALYSIS FEE")], WED, THU)
    assert office.asked() == [("STATEMENT_CHAIN_BROKEN", -100)]
    bank(office, 900, [("661", 100, "ANALYSIS FEE")], TUE, THU)
    assert office.asked() == []
    journal = office.journal()
    assert (journal["100", "1010"], journal["100", "5910"]) == (-300, 300)


def test_an_unknown_debit_is_asked_and_in_no_account(office: Office) -> None:
    bank(office, 1000, [("699", 250, "MISC DEBIT")], MON, TUE)
    assert office.asked() == [("BANK_DEBIT_UNKNOWN", 250)]
    office.process(THU)
    assert office.asked() == [("BANK_DEBIT_UNKNOWN", 250)]
    assert ("100", "1010") not in office.journal()


def test_the_same_credit_again_is_suspected(office: Office) -> None:
    lockbox(office, 3000, MON, MON)
    bank(office, 0, [("115", 3000, "LOCKBOX 0012345")], MON, TUE)
    bank(office, 3000, [("115", 3000, "LOCKBOX 0012345")], TUE, WED)
    assert office.asked() == [("BANK_CREDIT_REPEATED", 3000)]


# --- cards ----------------------------------------------------------------------------------------

CARDS = ("merchant_id", "batch_number", "settlement_date", "brand", "transaction_id", "sale_date",
         "account_number", "gross_amount", "fee_amount", "net_amount", "type")  # fmt: skip
SALES = (12550, 8800, 43125, 6500, 1, 10400)


def card_rows(amounts: tuple[int, ...], day: dt.date, batch: str) -> list[dict[str, str]]:
    rows = []
    for number, gross in enumerate(amounts, 1):
        fee = (gross * 215 + 5000) // 10000 + 10
        rows.append(
            dict(zip(CARDS, ("WEB", batch, day.isoformat(), "VISA", f"{batch}-{number}",
                             day.isoformat(), f"100000000{1 + number % 3}", money(gross),
                             money(fee), money(gross - fee), "SALE"), strict=True))
        )  # fmt: skip
    return rows


def test_e36_cards_settle_net_and_the_fee_is_an_expense(office: Office) -> None:
    office.take("card", "c.csv", csv_text(card_rows(SALES, MON, "CB1600"), CARDS), MON)
    (deposit,) = office.rows("deposits")
    assert cents(deposit["amount"]) == 79566
    assert sum(office.applied().values()) == 81376
    assert office.journal()["510", "5910"] == 1810
    bank(office, 0, [("165", 79566, "MERCHANT CB1600")], TUE, WED)
    assert office.rows("deposits")[0]["state"] == "reconciled"
    assert clearing_balances(office) == {}
    assert office.asked() == []


def test_e36_the_fee_is_shared_to_funds_by_largest_remainder(tmp_path: Path) -> None:
    office = Office(tmp_path / "funds")
    funds = [
        receivable("2000000001", "A", "WATER", "2026-03-28", 41000),
        receivable("2000000002", "B", "SEWER", "2026-03-28", 25376),
        receivable("2000000003", "C", "SANITATION", "2026-03-28", 15000),
    ]
    office.take("receivables", "open.csv", receivables_csv(funds), MON)
    rows = card_rows((41000, 25376, 15000), MON, "CB1700")
    for number, row in enumerate(rows):
        row["account_number"] = f"200000000{number + 1}"
        row["fee_amount"], row["net_amount"] = "0.00", row["gross_amount"]
    rows[0]["fee_amount"], rows[0]["net_amount"] = "18.10", money(41000 - 1810)
    office.take("card", "c.csv", csv_text(rows, CARDS), MON)
    journal = office.journal()
    assert [journal[fund, "5910"] for fund in ("510", "520", "530")] == [912, 564, 334]
    office.prove()
    office.close()


def test_e37_a_weekend_of_cards_in_one_credit(office: Office) -> None:
    days = [(FRIDAY, 81376), (dt.date(2026, 3, 14), 20000), (dt.date(2026, 3, 15), 15500)]
    for number, (day, gross) in enumerate(days):
        rows = card_rows((gross,), day, f"CB190{number}")
        rows[0]["fee_amount"], rows[0]["net_amount"] = "0.00", rows[0]["gross_amount"]
        office.take("card", f"{number}.csv", csv_text(rows, CARDS), MON)
    bank(office, 0, [("165", 116876, "MERCHANT SETTLEMENT")], MON, TUE)
    assert {row["state"] for row in office.rows("deposits")} == {"reconciled"}
    assert office.asked() == []


# --- the counter ----------------------------------------------------------------------------------

RECEIPTS = ("receipt_number", "drawer", "cashier", "business_date", "time", "account_number",
            "item_number", "tender", "amount")  # fmt: skip


def counter(
    office: Office, rows: list[tuple[str, str, int]], today: dt.date, day: dt.date = MON
) -> None:
    made = [
        dict(zip(RECEIPTS, (number, "D1", "alvarez", day.isoformat(), "09:00", "1000000003", "",
                            tender, money(amount)), strict=True))
        for number, tender, amount in rows
    ]  # fmt: skip
    name = f"receipts{day}{rows[0][0]}.csv"
    assert office.take("cashier", name, csv_text(made, RECEIPTS), today).state == "accepted"


def close(
    office: Office, cash: int, checks: int, today: dt.date, deposited: str = "", counts: str = "",
    day: dt.date = MON,
) -> None:  # fmt: skip
    row = {
        "drawer": "D1", "cashier": "alvarez", "business_date": day.isoformat(),
        "opening_float": "200.00", "counted_cash": money(cash), "counted_checks": money(checks),
        "deposit_bag": f"BAG{day:%m%d}", "deposit_date": deposited, "verified_by": "supervisor",
        "counts": counts,
    }  # fmt: skip
    outcome = office.take("cashier", f"close{day}.csv", csv_text([row]), today)
    assert outcome.state == "accepted"


def test_e27_a_drawer_that_agrees_and_its_bag(office: Office) -> None:
    counter(office, [("000001", "CASH", 227267), ("000002", "CHECK", 318450)], MON)
    counts = "100=7;50=11;20=43;10=18;5=22;1=61;0.25=34;0.10=21;0.05=16;0.01=27"
    close(office, 247267, 318450, MON, counts=counts)
    (deposit,) = office.rows("deposits")
    assert (cents(deposit["amount"]), deposit["channel"]) == (545717, "cashier")
    assert deposit["expected_date"] == TUE
    assert clearing_balances(office) == {"1083": 545717}
    bank(office, 0, [("174", 545717, "DEPOSIT")], TUE, WED)
    assert office.rows("deposits")[0]["state"] == "reconciled"
    assert office.asked() == []


def test_e28_short_is_an_expense_and_receivables_stay(office: Office) -> None:
    counter(office, [("000001", "CASH", 227767)], MON)
    close(office, 247267, 0, MON)
    assert office.asked() == [("DRAWER_SHORT", -500)]
    journal = office.journal()
    assert (journal["100", "5900"], journal["100", "1083"]) == (500, 227267)
    assert office.applied() == {"W3": 227767}


def test_e29_over_is_revenue_and_no_customers(office: Office) -> None:
    counter(office, [("000001", "CASH", 226767)], MON)
    close(office, 247267, 0, MON)
    assert office.asked() == [("DRAWER_OVER", 500)]
    assert office.journal()["100", "4900"] == -500
    # a second file of the same drawer and day explains it
    counter(office, [("000002", "CASH", 500)], MON)
    assert office.asked() == []
    assert ("100", "4900") not in office.journal()
    assert clearing_balances(office) == {"1083": 227267}


@pytest.mark.parametrize(
    ("counts", "difference"), [("100=20;20=23;5=2", 500), ("100=20;20=23;five=1", 0)]
)
def test_denominations_that_are_not_the_counted_cash(
    office: Office, counts: str, difference: int
) -> None:
    counter(office, [("000001", "CASH", 226500)], MON)
    close(office, 246500, 0, MON, counts=counts)
    assert office.asked() == [("DRAWER_COUNT_WRONG", difference)]
    assert clearing_balances(office) == {"1083": 226500}, "the count is believed"


def test_e30_a_missing_number(office: Office) -> None:
    counter(office, [("000186", "CASH", 100), ("000187", "CASH", 6500), ("000189", "CASH", 1)], MON)
    close(office, 20000 + 6601, 0, MON)
    assert office.asked() == [("RECEIPT_NUMBER_GAP", 0)]
    (question,) = office.rows("exceptions")
    assert "000188" in question["message"]


def test_e31_checks_in_place_of_cash(office: Office) -> None:
    counter(office, [("000001", "CASH", 227267), ("000002", "CHECK", 318450)], MON)
    close(office, 237267, 328450, MON)
    assert office.asked() == [("DRAWER_COMPOSITION", 10000)]
    assert clearing_balances(office) == {"1083": 545717}


def test_e33_a_late_bag(office: Office) -> None:
    counter(office, [("000001", "CASH", 100)], FRIDAY, FRIDAY)
    close(office, 20100, 0, FRIDAY, deposited="2026-03-17", day=FRIDAY)
    assert office.asked() == [("DEPOSIT_LATE", 100)]


def test_a_close_before_its_receipts_waits_for_its_day_to_end(office: Office) -> None:
    close(office, 20100, 0, MON)
    assert office.asked() == []
    office.process(TUE)
    assert office.asked() == [("CLOSE_WITHOUT_RECEIPTS", 100)]
    counter(office, [("000001", "CASH", 100)], TUE)
    assert office.asked() == []
    assert [cents(row["amount"]) for row in office.rows("deposits")] == [100]


def test_receipts_without_a_close_are_asked_about_the_next_day(office: Office) -> None:
    counter(office, [("000001", "CASH", 100)], MON)
    assert office.asked() == []
    office.process(TUE)
    assert office.asked() == [("DRAWER_NOT_CLOSED", 100)]
    close(office, 20100, 0, TUE)
    assert office.asked() == []


# --- what people say ------------------------------------------------------------------------------


def test_a_tie_waits_and_a_clerk_links_it(office: Office, tmp_path: Path) -> None:
    for time in ("0900", "1000"):
        one = check(3000, ("1000000001", None), number=time)
        content = lockbox_file([one], FRIDAY, time=time)
        office.take("lockbox", f"{time}.bai", content, MON)
    lines = [("115", 3000, "LOCKBOX 0012345"), ("115", 3000, "LOCKBOX 0012345")]
    bank(office, 0, lines, FRIDAY, MON)
    assert {row["state"] for row in office.rows("deposits")} == {"in_transit"}
    desk = Desk(office, tmp_path / "answers")
    rows = [row for row in desk.rows() if row["reason"] == "CLEARING_AMBIGUOUS"]
    assert len(rows) == 2
    first = office.rows("deposits")[0]["deposit_id"]
    status, message = desk.answer(rows[0], "link", first)
    assert status == "APPLIED", message
    assert desk.answer(rows[1], "link", first)[0] == "ERROR_ACTION"
    office.process(MON)  # nothing is tied any more
    assert {row["state"] for row in office.rows("deposits")} == {"reconciled"}
    assert {row["rule"] for row in office.rows("clearings")} >= {"linked"}
    assert "CLEARING_AMBIGUOUS" not in office.questions()
    assert office.journal()["100", "1010"] == 6000


def test_a_credit_of_the_right_amount_that_names_another_lockbox(
    office: Office, tmp_path: Path
) -> None:
    lockbox(office, 3000, FRIDAY, MON)
    lockbox(office, 4500, FRIDAY, MON, box="0067890", time="1000")
    lines = [("115", 3000, "LOCKBOX 0067890"), ("115", 4500, "LOCKBOX 0067890")]
    bank(office, 0, lines, FRIDAY, MON)
    assert office.asked() == [("CREDIT_ELSEWHERE", 3000)]
    assert clearing_balances(office) == {"1080": 3000}
    (question,) = office.rows("exceptions")
    (open_one,) = (row for row in office.rows("deposits") if row["state"] != "reconciled")
    assert open_one["deposit_id"] in question["message"]
    desk = Desk(office, tmp_path / "answers")
    row = desk.row("CREDIT_ELSEWHERE")
    assert desk.answer(row, "link", open_one["deposit_id"])[0] == "APPLIED"
    assert clearing_balances(office) == {}
    assert office.asked() == []


def test_a_line_of_a_later_day_and_a_line_that_is_shown_cannot_be_linked_yet(
    office: Office, tmp_path: Path
) -> None:
    lockbox(office, 3000, FRIDAY - dt.timedelta(days=4), FRIDAY)
    bank(office, 0, [("399", 2500, "MISC CREDIT")], THU, FRIDAY)
    shown = statement(2500, [("399", 2500, "MISC")], FRIDAY, modifier="4")
    office.take("bank", "shown.bai2", shown, FRIDAY)
    later, same_day = [row["bank_line_id"] for row in office.rows("bank_lines")]
    desk = Desk(office, tmp_path / "answers")
    row = desk.row("DEPOSIT_NOT_CREDITED")
    status, message = desk.answer(row, "link", str(later))
    assert status == "ERROR_ACTION"
    assert "has the value date 2026-03-19 and is in the books from that day on" in message
    assert "shown only" in desk.answer(row, "link", str(same_day))[1]


def test_a_credit_may_be_acknowledged_and_is_not_asked_again(
    office: Office, tmp_path: Path
) -> None:
    bank(office, 0, [("142", 777, "NOBODY KNOWS")], FRIDAY, MON)
    desk = Desk(office, tmp_path / "answers")
    row = desk.row("BANK_CREDIT_UNMATCHED")
    assert desk.answer(row, "acknowledge", note="interest")[0] == "APPLIED"
    office.process(TUE)
    assert office.asked() == []
    assert office.journal()["100", "2100"] == -777
