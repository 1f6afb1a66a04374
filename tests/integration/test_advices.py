"""An 820 explains what the bank brings, before or after it, and never is money itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, cents, receivable, receivables_csv
from sqlalchemy import select

from recond.exports.explain import explain
from recond.pipeline import corrections
from recond.store import schema
from tests.unit import achfiles, x12files

TRACE = "122099980000001"
DAY = dt.date(2026, 3, 16)
LINES = ("RMR*IV*WA-1*PI*100.00", "RMR*IV*SE-2*PI*4.00")
ITEMS = [
    receivable("1000456021", "WA-1", "WATER", "2026-03-01", 10000),
    receivable("1000456021", "SE-2", "SEWER", "2026-03-05", 400),
    receivable("1000456021", "WA-3", "WATER", "2026-02-01", 10400),
]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    made = Office(tmp_path / "home", url)
    made.take("receivables", "r.csv", receivables_csv(ITEMS))
    yield made
    made.close()


def payment(identity: str = "PAYMENT 77", amount: int = 10400, trace: int = 1) -> bytes:
    entry = achfiles.Entry(cents=amount, identity=identity, trace=trace)
    return achfiles.build([achfiles.Batch([entry], sec="CCD", effective="260316")])


def states(office: Office) -> list[tuple[str, bool]]:
    with office.run().store.read() as connection:
        rows = connection.execute(
            select(schema.advice.c.state, schema.advice.c.receipt_no).order_by(
                schema.advice.c.file_no, schema.advice.c.ordinal
            )
        )
        return [(row.state, row.receipt_no is not None) for row in rows]


def test_alone_it_is_listed_and_moves_nothing(office: Office) -> None:
    before = office.journal()
    outcome = office.take("ach", "a.820", x12files.interchange(x12files.advice(*LINES)))
    assert outcome.state == "accepted"
    assert "1 remittance advices of 104.00" in outcome.message
    assert office.rows("receipts") == []
    assert (office.journal(), office.questions()) == (before, [])
    assert states(office) == [("waiting", False)]
    (row,) = [one for one in office.rows("files") if one["name"] == "a.820"]
    assert (row["declared_count"], cents(row["declared_amount"])) == (1, 10400)
    assert (row["found_count"], cents(row["found_amount"])) == (1, 10400)


@pytest.mark.parametrize("first", ["advice", "payment", "together"])
@pytest.mark.parametrize("trace", [TRACE, "0" + TRACE])
def test_it_pays_what_its_lines_name_whichever_comes_first(
    office: Office, first: str, trace: str
) -> None:
    told = x12files.interchange(x12files.advice(*LINES, trace=trace))
    files = {"z.820": told, "b.ach": payment()}
    names = ["b.ach", "z.820"] if first == "payment" else ["z.820", "b.ach"]
    for name in names:
        office.drop("ach", name, files[name])
        if first != "together":
            office.process()
    office.process()
    assert office.applied() == {"WA-1": 10000, "SE-2": 400}
    assert (office.questions(), states(office)) == ([], [("attached", True)])
    office.prove()


def test_it_rules_over_the_reference_of_its_payment(office: Office) -> None:
    office.take("ach", "a.820", x12files.interchange(x12files.advice(*LINES)))
    office.take("ach", "b.ach", payment("1000456021"))
    assert office.applied() == {"WA-1": 10000, "SE-2": 400}  # not the oldest item of the account


def test_money_that_is_placed_stays_where_it_is(office: Office) -> None:
    office.take("ach", "b.ach", payment("1000456021"))
    assert office.applied() == {"WA-3": 10400}
    office.take("ach", "a.820", x12files.interchange(x12files.advice(*LINES)))
    assert office.applied() == {"WA-3": 10400}
    assert states(office) == [("attached", True)]
    office.prove()


@pytest.mark.parametrize(("amount", "trace"), [(10401, 1), (10400, 2)])
def test_another_amount_or_trace_is_another_payment(
    office: Office, amount: int, trace: int
) -> None:
    office.take("ach", "a.820", x12files.interchange(x12files.advice(*LINES)))
    office.take("ach", "b.ach", payment(amount=amount, trace=trace))
    assert (office.applied(), states(office)) == ({}, [("waiting", False)])


def test_two_advices_for_one_payment_are_none(office: Office) -> None:
    twice = [x12files.advice(*LINES, number=number) for number in ("0001", "0002")]
    office.take("ach", "a.820", x12files.interchange(*twice))
    office.take("ach", "b.ach", payment())
    assert office.applied() == {}
    assert states(office) == [("waiting", False), ("waiting", False)]


def test_lines_that_do_not_add_up_keep_the_payment_in_suspense(office: Office) -> None:
    wrong = x12files.advice("RMR*IV*WA-1*PI*100.00", "RMR*IV*SE-2*PI*3.99")
    outcome = office.take("ach", "a.820", x12files.interchange(wrong))
    assert outcome.state == "accepted"
    assert office.questions() == ["ADVICE_SUM_WRONG"]
    office.take("ach", "b.ach", payment("1000456021"))
    assert office.applied() == {}
    assert "REMITTANCE_SUM_WRONG" in office.questions()
    office.prove()


def test_adjustments_net_their_lines_only_when_that_makes_the_payment(office: Office) -> None:
    lines = ("RMR*IV*WA-1*PI*100.00", "ADX*-10.00*59", "RMR*IV*SE-2*PI*4.00")
    office.take("ach", "a.820", x12files.interchange(x12files.advice(*lines, total="94.00")))
    office.take("ach", "b.ach", payment(amount=9400))
    assert office.applied() == {"WA-1": 9000, "SE-2": 400}


def test_a_held_advice_keeps_its_payment_waiting_until_it_is_accepted(office: Office) -> None:
    lying = x12files.advice(*LINES, count=40)
    outcome = office.take("ach", "a.820", x12files.interchange(lying))
    assert outcome.state == "partly_held"
    office.take("ach", "b.ach", payment("1000456021"))
    assert office.applied() == {}  # the account alone is not what the payer said
    run = office.run()
    with run.store.write() as connection:
        words = corrections.accept(connection, run, outcome.file_id, "0001", "counted again")
    assert "1 advices are tied" in words
    office.process()
    assert office.applied() == {"WA-1": 10000, "SE-2": 400}
    office.prove()


def test_a_rejected_advice_explains_nothing(office: Office) -> None:
    lying = x12files.advice(*LINES, count=40)
    outcome = office.take("ach", "a.820", x12files.interchange(lying))
    run = office.run()
    with run.store.write() as connection:
        corrections.reject(connection, run, outcome.file_id, "nonsense")
    office.take("ach", "b.ach", payment("1000456021"))
    assert (office.applied(), states(office)) == ({"WA-3": 10400}, [("rejected", False)])


def test_a_payment_with_lines_of_its_own_keeps_them(office: Office) -> None:
    office.take("ach", "a.820", x12files.interchange(x12files.advice("RMR*IV*WA-3*PI*104.00")))
    own = "RMR*IV*WA-1*PI*100.00\\RMR*IV*SE-2*PI*4.00\\"
    entry = achfiles.Entry(cents=10400, identity="X", addenda=achfiles.info(own))
    batch = achfiles.Batch([entry], sec="CCD", effective="260316")
    office.take("ach", "b.ach", achfiles.build([batch]))
    assert office.applied() == {"WA-1": 10000, "SE-2": 400}


def test_explain_shows_the_line_in_the_file_of_the_advice(office: Office) -> None:
    lines = ("RMR*IV*NOBODY*PI*100.00", "RMR*IV*NOTHING*PI*4.00")
    data = x12files.interchange(x12files.advice(*lines))
    office.take("ach", "a.820", data)
    office.take("ach", "b.ach", payment())
    (receipt,) = office.rows("receipts")
    run = office.run()
    with run.store.read() as connection:
        told = explain(
            connection, receipt["receipt_id"], lambda sha, at, size: data[at : at + size]
        )
    stub = told["remittances"][1]
    assert (stub["name"], stub["reference"], stub["bytes"]) == ("a.820", "NOBODY", lines[0])


def test_an_823_is_the_lockbox_and_brings_its_checks(office: Office) -> None:
    good = x12files.check(10000, "RMR*IV*WA-1*PI*100.00")
    other = x12files.check(400, "RMR*IV*SE-2*PI*4.00", trace="5002")
    data = x12files.interchange(
        x12files.lockbox([[good], [other]], "104.00", ["100.00", "4.01"]), group="LB"
    )
    outcome = office.take("ach", "box.823", data)
    assert (outcome.state, office.applied()) == ("partly_held", {"WA-1": 10000})
    rows = office.rows("receipts")
    assert [(row["channel"], row["batch"], row["state"]) for row in rows] == [
        ("LOCKBOX", "001", "applied"), ("LOCKBOX", "002", "held"),
    ]  # fmt: skip
    assert rows[0]["received_date"] == DAY
    office.prove()


def test_an_acknowledgement_is_kept_and_health_care_is_held(office: Office) -> None:
    ack = ["ST*997*0001", "AK1*RA*7", "AK9*A*1*1*1", "SE*4*0001"]
    claim = ["ST*835*0001", "BPR*H*0*C*NON", "SE*3*0001"]
    kept = office.take("ach", "ack.x12", x12files.interchange(ack, group="FA", usage="T"))
    health = office.take("ach", "835.x12", x12files.interchange(claim, number="000000002"))
    assert (kept.state, health.state) == ("accepted", "held")
    assert "835" in health.message


def test_images_are_a_deposit_and_no_receipt(office: Office, samples: Path) -> None:
    data = (samples / "x937/moov-io_imagecashletter/valid-ebcdic.x937").read_bytes()
    before = office.journal()
    office.take("bank", "icl.x937", data)
    assert (office.rows("receipts"), office.journal()) == ([], before)
    with office.run().store.read() as connection:
        rows = connection.execute(select(schema.image_deposit)).all()
    assert [(row.level, row.amount_cents, row.items, row.test) for row in rows] == [
        ("CASH_LETTER", 10000, 1, 1), ("FILE", 10000, 1, 1),
    ]  # fmt: skip
