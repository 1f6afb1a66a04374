"""Stripe and PayPal downloads (formats.md section 11): synthetic, written from its table."""

from __future__ import annotations

import pytest

from recond.exceptions.codes import CODES
from tests.unit.achfiles import Read
from tests.unit.formatfiles import read, shipped

STRIPE = (
    "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,"
    "reporting_category,description\n"
    "txn_1,2026-11-02 09:30:00,2026-11-04 00:00:00,usd,188.70,5.77,182.93,charge,1000000001\n"
    "txn_2,2026-11-02 10:00:00,2026-11-04 00:00:00,usd,-20.00,0.00,-20.00,refund,1000000002\n"
    "txn_3,2026-11-04 00:10:00,2026-11-04 00:00:00,usd,-162.93,0.00,-162.93,payout,\n"
)
PAYPAL = (
    '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net",'
    '"Transaction ID","Reference Txn ID","Balance","Item Title"\n'
    '"11/2/2026","09:30:00","PST","ANN LEE","Express Checkout Payment","Completed","USD",'
    '"1,653.75","-48.26","1,605.49","T1","","1,605.49","1000000001"\n'
    '"11/2/2026","09:31:00","PST","BO RAY","Express Checkout Payment","Pending","USD",'
    '"5.00","0.00","5.00","T2","","1,605.49","1000000002"\n'
    '"11/2/2026","09:40:00","PST","ANN LEE","Payment Refund","Completed","USD",'
    '"-3.75","0.11","-3.64","T3","T1","1,601.85",""\n'
)


def held(result: Read) -> list[str]:
    return [p.code for p in result.problems if CODES[p.code].severity == "error"]


def outcome(name: str, text: str) -> Read:
    return read(shipped(name), text.encode())


def test_stripe_charges_are_receipts_and_net_is_what_the_bank_credits() -> None:
    result = outcome("stripe_balance", STRIPE)
    assert held(result) == []
    (receipt,) = result.rows("receipts")
    assert (receipt["amount_cents"], receipt["trace_number"]) == (18870, "txn_1")
    assert (str(receipt["received_date"]), str(receipt["deposit_date"])) == (
        "2026-11-02", "2026-11-04",
    )  # fmt: skip
    aside = {(r["kind"], r["amount_cents"]) for r in result.rows("set_aside")}
    assert aside == {("REFUND", -2000), ("FEE", -577)}
    assert 18870 - 2000 - 577 == 16293  # the payout
    assert result.rows("remittances")[0]["reference"] == "1000000001"


def test_paypal_counts_completed_rows_and_fees_are_negative() -> None:
    result = outcome("paypal_activity", PAYPAL)
    assert held(result) == []
    assert [r["amount_cents"] for r in result.rows("receipts")] == [165375]
    aside = {(r["kind"], r["amount_cents"]) for r in result.rows("set_aside")}
    assert aside == {("REFUND", -375), ("FEE", -4826), ("FEE", 11)}


@pytest.mark.parametrize(
    ("name", "text", "old", "new", "code"),
    [
        ("stripe_balance", STRIPE, "182.93,charge", "182.94,charge", "BATCH_STRUCTURE"),
        ("stripe_balance", STRIPE, "txn_2", "txn_1", "ROW_REPEATED"),
        ("stripe_balance", STRIPE, "usd", "eur", "CURRENCY_WRONG"),
        ("stripe_balance", STRIPE, "09:30:00", "9.30", "VALUE_UNREADABLE"),
        ("paypal_activity", PAYPAL, "1,605.49", "1,605.50", "BATCH_STRUCTURE"),
        ("paypal_activity", PAYPAL, "11/2/2026", "13/2/2026", "VALUE_UNREADABLE"),
        ("paypal_activity", PAYPAL, "Pending", "Perhaps", "VALUE_UNREADABLE"),
    ],
)
def test_what_does_not_add_up_is_held(name: str, text: str, old: str, new: str, code: str) -> None:
    assert code in held(outcome(name, text.replace(old, new, 1)))
