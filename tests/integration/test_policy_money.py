"""What policies say beside the order of application (domain E10, E11; section 2.1): small
balances, overpayments, prior owners, old numbers by date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import (
    NOW,
    TODAY,
    Office,
    check,
    csv_text,
    lockbox_file,
    receivable,
    receivables_csv,
    recond,
)
from queueoffice import Desk, asker
from sqlalchemy import select
from test_domain_application import ACCOUNT, CURRENT, ITEMS, PAST, pay
from test_monthend import statements

from recond import periods
from recond.exports.explain import explain, render
from recond.matching.policy import Policy, Rules
from recond.pipeline.rematch import rematch
from recond.store import schema

SMALL = """
[[policy]]
name = "forgiving"
small_balance = "0.99"
small_balance_reason = "below what a letter costs"
small_balance_gl = "1295"
"""
WAITS = """
[[policy]]
name = "permits wait"
family = "PERMIT"
overpayment = "suspense"
"""
LEAVE = """
[[policy]]
name = "each pays his own"
prior_owner = "leave"
"""


def made(folder: Path, more: str, url: str | None = None) -> Office:
    return Office(folder / "home", url, more)


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    more, items = request.param
    found = made(tmp_path, more)
    if items:
        found.take("receivables", "open.csv", receivables_csv(items))
    yield found
    found.close()


# --- E10 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("office", [("", ITEMS)], indirect=True)
def test_e10_a_new_home_leaves_the_last_cents_open(office: Office) -> None:
    pay(office, 18800)
    assert office.open_cents() == {"2T": 70}
    assert office.rows("exceptions") == []


@pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
def test_e10_a_small_rest_is_written_off_by_rule(
    tmp_path: Path, request: pytest.FixtureRequest, url: str
) -> None:
    office = made(tmp_path, SMALL, None if url == "sqlite" else request.getfixturevalue(url))
    office.take("receivables", "open.csv", receivables_csv(ITEMS))
    pay(office, 18800)
    assert office.open_cents() == {}
    (question,) = office.rows("exceptions")
    assert (question["code"], question["status"]) == ("SMALL_BALANCE_WRITTEN_OFF", "resolved")
    assert str(question["amount"]) == "0.70"
    assert "by policy forgiving: below what a letter costs" in question["message"]
    journal = office.journal()
    assert journal["550", "1295"] == 70
    assert journal["550", "1110"] == 325 - 70  # what was paid and not forgiven
    (written,) = _register(office)
    assert (written["decided_by"], written["gl_account"], written["note"]) == (
        "recond", "1295", "below what a letter costs")  # fmt: skip
    office.prove()
    office.process()  # nothing is forgiven twice
    assert len(_register(office)) == 1
    office.close()


def test_e10_a_rule_is_explained_and_undone_for_good(tmp_path: Path) -> None:
    office = made(tmp_path, SMALL)
    office.take("receivables", "open.csv", receivables_csv(ITEMS))
    pay(office, 18800)
    (receipt,) = {row["receipt_id"] for row in office.rows("applications")}
    with office.run().store.read() as connection:
        told = render(explain(connection, str(receipt), lambda *_: b""))
    words = "0.70 of account 1000456012 written off by policy forgiving: below what a letter costs"
    assert words in told
    (written,) = office.rows("adjustments")
    assert (written["kind"], str(written["amount"]), written["item_number"]) == (
        "write_off", "-0.70", "2T")  # fmt: skip
    assert written["decided_by"] == "recond"
    said = asker(TODAY)(office, "jane", "undo", str(written["decision_id"]), "owed after all")
    assert office.open_cents() == {"2T": 70}, said
    office.process()  # what a person took back is not forgiven again
    assert office.open_cents() == {"2T": 70}
    assert [str(row["amount"]) for row in office.rows("adjustments")] == ["-0.70", "0.70"]
    office.prove()
    office.close()


@pytest.mark.parametrize("office", [("", ITEMS)], indirect=True)
def test_nothing_is_forgiven_while_the_month_is_closed(office: Office) -> None:
    """The policy is written down when the month of today's payment is closed already."""
    pay(office, 18800)
    with office.run().write() as connection:
        periods.close(connection, "2026-03", periods.Who("ana", NOW, TODAY), None)
    path = office.home.path / "recond.toml"
    path.write_text(path.read_text() + SMALL)
    office.process()
    assert office.open_cents() == {"2T": 70}


def _register(office: Office) -> list[dict[str, object]]:
    return list(statements(office, "2026-03", TODAY)["write_offs"].table.to_pylist())


@pytest.mark.parametrize("office", [(SMALL, ITEMS)], indirect=True)
@pytest.mark.parametrize(("cents", "left"), [(18771, 0), (18770, 100)])
def test_no_more_than_the_policy_forgives(office: Office, cents: int, left: int) -> None:
    pay(office, cents)
    assert sum(office.open_cents().values()) == left


@pytest.mark.parametrize("office", [(SMALL, ITEMS)], indirect=True)
def test_payments_of_one_pass_are_laid_before_anything_is_forgiven(office: Office) -> None:
    for number, cents in enumerate((18800, 70)):
        office.drop("lockbox", f"{number}.bai",
                    lockbox_file([check(cents, (ACCOUNT, None))], time=f"090{number}"))  # fmt: skip
    office.process()
    assert office.open_cents() == {}
    assert office.rows("exceptions") == []


BY_FAMILY = """
[[policy]]
name = "utilities in spring"
family = "UTILITY"
effective_from = 2026-03-16
effective_to = 2026-03-16
small_balance = "0.99"
[[policy]]
name = "utilities since"
family = "UTILITY"
effective_from = 2026-03-17
small_balance = "0.50"
"""


def test_e10_small_balances_by_family_and_day(tmp_path: Path) -> None:
    """0.99 on the 16th and 0.50 from the 17th on, for utilities; nothing on other days, and
    nothing of a permit's account."""
    office = made(tmp_path, BY_FAMILY)
    names = ("EARLY", "SPRING", "PERMIT", "LATE", "SMALLER")
    accounts = {name: f"10000000{number:02d}" for number, name in enumerate(names)}
    told = [{"account_number": number, "customer_name": name, "status": "active",
             "family": "PERMIT" if name == "PERMIT" else "UTILITY"}
            for name, number in accounts.items()]  # fmt: skip
    days = [TODAY - dt.timedelta(days=1), TODAY, TODAY + dt.timedelta(days=1)]
    office.take("receivables", "1.csv", csv_text(told), days[0])
    items = [receivable(number, name, "WATER", CURRENT, 10000) for name, number in accounts.items()]
    office.take("receivables", "2.csv", receivables_csv(items), days[0])
    paid = [{"EARLY": 9930}, {"SPRING": 9930, "PERMIT": 9930}, {"LATE": 9930, "SMALLER": 9950}]
    for day, payments in zip(days, paid, strict=True):
        checks = [check(cents, (name, None)) for name, cents in payments.items()]
        office.take("lockbox", f"{day}.bai", lockbox_file(checks, day=day), day)
    assert office.open_cents() == {"EARLY": 70, "PERMIT": 70, "LATE": 70}
    words = [row["message"].partition(" written off by policy ") for row in
             office.rows("exceptions", days[-1])]  # fmt: skip
    assert [(before, after.partition(":")[0]) for before, _, after in words] == [
        (f"0.70 of account {accounts['SPRING']}", "utilities in spring"),
        (f"0.50 of account {accounts['SMALLER']}", "utilities since"),
    ]
    office.prove()
    office.close()


DISPUTED = [{**row, "disputed": "Y"} if row["item_number"] == "2T" else row for row in ITEMS]
PLANNED = [
    {**row, "arrangement_number": "A1", "installment": "1"} if row["item_number"] == "2T" else row
    for row in ITEMS
]


@pytest.mark.parametrize("office", [(SMALL, [])], indirect=True)
@pytest.mark.parametrize("rows", [DISPUTED, PLANNED], ids=["disputed", "installment"])
def test_what_is_disputed_or_agreed_is_not_forgiven(
    office: Office, rows: list[dict[str, str]]
) -> None:
    columns = [*ITEMS[0], "disputed", "arrangement_number", "installment"]
    office.take("receivables", "open.csv", csv_text(rows, columns))
    pay(office, 18800)
    assert office.open_cents() == {"2T": 70}
    assert "SMALL_BALANCE_WRITTEN_OFF" not in office.questions()


KINDS = """
[[charge_type]]
code = "METERDEP"
fund = "510"
kind = "DEPOSIT"
[[charge_type]]
code = "LICENSE"
fund = "110"
exact_only = true
"""


def test_what_is_never_forgiven_by_rule(tmp_path: Path) -> None:
    """Each account pays its water and is left owing 0.70: of these only plain water of an account
    that nobody else has in hand is written off."""
    office = made(tmp_path, f'{SMALL}prior_owner = "leave"\n{KINDS}')
    charges = {"PLAIN": "WATER", "AGENCY": "WATER", "WHOLE": "LICENSE", "DEPOSIT": "METERDEP",
               "BEFORE": "WATER"}  # fmt: skip
    accounts = {name: f"10000000{number:02d}" for number, name in enumerate(charges)}
    told = [{"account_number": number, "customer_name": "PETER NEWMAN",
             "status": "collections" if name == "AGENCY" else "active"}
            for name, number in accounts.items()]  # fmt: skip
    office.take("receivables", "1.csv", csv_text(told))
    items = [receivable(number, f"W{name}", "WATER", PAST, 5000, name="PETER NEWMAN")
             for name, number in accounts.items()]  # fmt: skip
    items += [
        receivable(accounts[name], name, charge, CURRENT, 70,
                   name="MARTHA OLDHAM" if name == "BEFORE" else "PETER NEWMAN")
        for name, charge in charges.items()
    ]  # fmt: skip
    office.take("receivables", "2.csv", receivables_csv(items))
    checks = [check(5000, (f"W{name}", None)) for name in charges]
    office.take("lockbox", "p.bai", lockbox_file(checks))
    assert office.open_cents() == dict.fromkeys([*charges][1:], 70)
    office.prove()
    office.close()


def test_policies_have_days() -> None:
    one = Policy(name="old", family="UTILITY", effective_to=dt.date(2026, 2, 28), small_balance=50)
    two = Policy(name="new", effective_from=dt.date(2026, 3, 1), small_balance=99)
    rules = Rules(policies=(one, two))
    told = [
        rules.policy_of(family, day).name
        for family, day in [("UTILITY", dt.date(2026, 2, 28)), ("UTILITY", dt.date(2026, 3, 1)),
                            ("MISC", dt.date(2026, 2, 28)), ("MISC", dt.date(2026, 3, 1))]
    ]  # fmt: skip
    assert told == ["old", "new", "new_home", "new"]


# --- overpayment (E11) ---------------------------------------------------------------------------

PERMIT = receivable("2000000001", "BP26-01877", "PERMIT", CURRENT, 87550)
ACCOUNTS = "account_number,customer_name,status,family\n2000000001,A BUILDER,active,PERMIT\n"


@pytest.fixture
def permits(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path / "home")
    config = found.home.path / "recond.toml"
    text = config.read_text()
    before, after = text.split('code = "PERMIT"\n')
    config.write_text(f'{before}code = "PERMIT"\nexact_only = true\n{after}{WAITS}')
    found.take("receivables", "1.csv", ACCOUNTS)
    found.take("receivables", "2.csv", receivables_csv([PERMIT]))
    yield found
    found.close()


def test_doctor_tells_of_families_that_no_account_has(
    permits: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    home = permits.home.path
    (home / "recond.toml").write_text(
        (home / "recond.toml").read_text() + '\n[[policy]]\nname = "shops"\nfamily = "RETAIL"\n'
    )
    assert recond("doctor", "--home", home) == 0
    told = capsys.readouterr().err
    assert "warning: recond.toml: policy.1.family: no account is of family 'RETAIL'\n" in told
    assert "policy.0" not in told  # PERMIT, which an account has


def test_e11_a_short_payment_of_a_permit_waits(permits: Office) -> None:
    permits.take("lockbox", "p.bai", lockbox_file([check(87000, ("BP26-01877", None))]))
    assert permits.applied() == {}
    assert permits.questions() == ["EXACT_AMOUNT_REQUIRED"]
    assert permits.journal()["100", "2100"] == -87000
    permits.prove()


def test_e11_what_is_too_much_waits_where_the_family_says_so(permits: Office) -> None:
    permits.take("lockbox", "p.bai", lockbox_file([check(88000, ("BP26-01877", None))]))
    assert permits.applied() == {"BP26-01877": 87550}
    (receipt,) = permits.rows("receipts")
    assert (receipt["state"], str(receipt["suspense_amount"])) == ("unidentified", "4.50")
    assert receipt["exception_code"] == "OVERPAID"
    (question,) = permits.rows("exceptions")
    assert (question["code"], str(question["amount"])) == ("OVERPAID", "4.50")
    assert "4.50 is left over and waits in suspense" in question["message"]
    assert permits.journal()["100", "2100"] == -450
    with permits.run().write() as connection:  # looking again moves nothing
        assert rematch(connection, permits.run()).identified == 0
    permits.prove()


def test_other_families_keep_the_rest_on_account(permits: Office) -> None:
    rows = [PERMIT, receivable("1000000001", "W1", "WATER", CURRENT, 5000)]
    permits.take("receivables", "3.csv", receivables_csv(rows))
    permits.take("lockbox", "w.bai", lockbox_file([check(6000, ("1000000001", None))]))
    assert permits.questions() == []
    assert permits.journal()["100", "2110"] == -1000


def test_what_is_identified_later_is_left_over_too(permits: Office) -> None:
    later = receivable("2000000001", "BP26-01900", "PERMIT", CURRENT, 10000)
    permits.take("lockbox", "p.bai", lockbox_file([check(11000, ("BP26-01900", None))]))
    assert permits.questions() == ["ACCOUNT_NOT_FOUND"]
    permits.take("receivables", "4.csv", receivables_csv([PERMIT, later]))
    assert permits.applied() == {"BP26-01900": 10000}
    assert permits.questions() == ["OVERPAID"]
    permits.prove()


def test_what_a_person_holds_is_looked_at_again_when_its_day_comes(
    permits: Office, tmp_path: Path
) -> None:
    later = receivable("2000000001", "BP26-01900", "PERMIT", CURRENT, 10000)
    permits.take("lockbox", "p.bai", lockbox_file([check(10000, ("BP26-01900", None))]))
    desk = Desk(permits, tmp_path / "clerk")
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "hold", note="asked, until 2026-03-18")[0] == "APPLIED"
    permits.take("receivables", "4.csv", receivables_csv([PERMIT, later]))
    assert permits.applied() == {}
    permits.process(dt.date(2026, 3, 18))
    assert permits.applied() == {"BP26-01900": 10000}


# --- prior owners --------------------------------------------------------------------------------

OLD = receivable(ACCOUNT, "OLD1", "WATER", PAST, 5000, name="MARTHA OLDHAM")
NEW = receivable(ACCOUNT, "NEW1", "WATER", CURRENT, 4000, name="PETER NEWMAN")
OWNED = f"account_number,customer_name,status\n{ACCOUNT},PETER NEWMAN,active\n"


def owned(folder: Path, more: str) -> Office:
    office = made(folder, more)
    office.take("receivables", "1.csv", OWNED)
    office.take("receivables", "2.csv", receivables_csv([OLD, NEW]))
    return office


def test_a_new_home_pays_the_oldest_whoever_owes_it(tmp_path: Path) -> None:
    office = owned(tmp_path, "")
    pay(office, 4500)
    assert office.applied() == {"OLD1": 4500}
    office.close()


def test_a_new_owner_never_pays_for_the_one_before(tmp_path: Path) -> None:
    office = owned(tmp_path, LEAVE)
    pay(office, 4500)
    assert office.applied() == {"NEW1": 4000}
    (question,) = office.rows("exceptions")
    assert (question["code"], str(question["amount"])) == ("PRIOR_OWNER_BALANCE", "5.00")
    assert "owes 50.00 of MARTHA OLDHAM, who had it before" in question["message"]
    # and neither does the credit, when a snapshot comes again
    office.take("receivables", "3.csv", receivables_csv([OLD, NEW]))
    assert office.applied() == {"NEW1": 4000}
    office.prove()
    office.close()


def test_the_owner_before_pays_what_she_names_and_is_asked_about_otherwise(tmp_path: Path) -> None:
    office = owned(tmp_path, LEAVE)
    hers = lockbox_file([check(5000, (ACCOUNT, None), payer="M OLDHAM MARTHA")])
    office.take("lockbox", "hers.bai", hers)
    assert office.applied() == {}
    (question,) = office.rows("exceptions")
    assert question["code"] == "PRIOR_OWNER_BALANCE"
    assert "had the account before and left 50.00 open" in question["message"]
    office.take("lockbox", "named.bai", lockbox_file([check(5000, ("OLD1", None))], time="1000"))
    # with her debt paid the first payment is still hers, and not the new owner's
    assert office.applied() == {"OLD1": 5000}
    assert office.questions() == ["PRIOR_OWNER_BALANCE"]
    office.prove()
    office.close()


def test_a_name_in_two_spellings_is_one_owner(tmp_path: Path) -> None:
    office = made(tmp_path, LEAVE)
    office.take("receivables", "1.csv", OWNED)
    spelt = {**OLD, "customer_name": "Newman, Peter"}
    office.take("receivables", "2.csv", receivables_csv([spelt, NEW]))
    pay(office, 9000)
    assert office.applied() == {"OLD1": 5000, "NEW1": 4000}
    office.close()


# --- old numbers by date -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (dt.date(2025, 12, 31), "1000000001"),
        (dt.date(2026, 1, 1), "1000000001"),
        (dt.date(2026, 1, 2), None),
        (dt.date(2026, 2, 1), "1000000002"),
    ],
)
def test_an_old_number_means_an_account_in_its_days(
    tmp_path: Path, day: dt.date, expected: str | None
) -> None:
    """The number 88001 was one account's until New Year and is another's from February on."""
    office = Office(tmp_path / "home")
    rows = [
        ("1000000001", "A", "active", "88001", "", "2026-01-01"),
        ("1000000002", "B", "active", "88001", "2026-02-01", ""),
    ]
    columns = ("account_number", "customer_name", "status", "old_account_number",
               "old_number_from", "old_number_until")  # fmt: skip
    told = [dict(zip(columns, row, strict=True)) for row in rows]
    office.take("receivables", "1.csv", csv_text(told, columns))
    office.take("lockbox", "p.bai", lockbox_file([check(700, ("88001", None))], day=day))
    (receipt,) = office.rows("receipts")
    if expected is None:
        assert receipt["exception_code"] == "ACCOUNT_NOT_FOUND"
    else:
        assert receipt["rule"] == "old_number"
        with office.run().store.read() as connection:
            account = schema.account.c
            decided = select(account.account_number).join(
                schema.decision, schema.decision.c.account_key == account.account_key
            )
            assert connection.scalar(decided) == expected
    office.close()
