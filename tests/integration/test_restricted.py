"""Money that may only pay some charges (capabilities 1.C: restricted-fund guard): by its file or
by the bank account that it came to, whoever decides and in whatever order it came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, check, lockbox_file, receivables_csv, statement
from queueoffice import Desk
from sqlalchemy import Connection, delete, select, text, update
from test_domain_application import ACCOUNT, ITEMS

from recond.audit import verify
from recond.config import parse
from recond.errors import ConfigError
from recond.pipeline import corrections
from recond.store import schema

AID = """
[[source]]
name = "energy aid"
inbox = "lockbox"
files = "aid*"
pays_only = ["WATER", "SEWER"]
"""
GRANT, GENERAL = "0044077777", "0044012345"
BY_ACCOUNT = f"""
[[source]]
name = "grants"
inbox = "bank"
bank_accounts = ["{GRANT}"]
pays_only = ["WATER", "SEWER"]
"""


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    more, items = request.param
    found = Office(tmp_path / "home", None, more)
    if items:
        found.take("receivables", "open.csv", receivables_csv(items))
    yield found
    found.close()


@pytest.mark.parametrize("office", [(AID, ITEMS)], indirect=True)
def test_restricted_money_pays_only_its_charges(office: Office) -> None:
    """3150 + 4275 water, 2240 + 3120 sewer are 12785; nothing else of the 188.70 is paid."""
    office.take("lockbox", "aid-march.bai", lockbox_file([check(13000, (ACCOUNT, None))]))
    assert office.applied() == {"1W": 3150, "1S": 2240, "2W": 4275, "2S": 3120}
    (question,) = office.rows("exceptions")
    assert (question["code"], str(question["amount"])) == ("RESTRICTED_MONEY_LEFT", "2.15")
    assert "WATER, SEWER, which is all that this money may pay" in question["message"]
    office.prove()
    office.take("lockbox", "own.bai", lockbox_file([check(6085, (ACCOUNT, None))], time="1000"))
    assert office.open_cents() == {}


@pytest.mark.parametrize("office", [(AID, ITEMS)], indirect=True)
def test_restricted_money_does_not_pay_what_it_names(office: Office) -> None:
    office.take("lockbox", "aid.bai", lockbox_file([check(2680, ("2G", None))]))
    assert office.applied() == {}
    assert office.questions() == ["RESTRICTED_MONEY_LEFT"]
    office.prove()


@pytest.mark.parametrize("office", [(AID, [])], indirect=True)
def test_restricted_money_is_identified_under_its_restriction(office: Office) -> None:
    office.take("lockbox", "aid.bai", lockbox_file([check(13000, (ACCOUNT, None))]))
    office.take("lockbox", "own.bai", lockbox_file([check(500, (ACCOUNT, None))], time="1000"))
    office.take("receivables", "open.csv", receivables_csv(ITEMS))
    assert office.applied() == {
        "PW": 200, "PS": 150, "PG": 150, "1W": 3150, "1S": 2240, "2W": 4275, "2S": 3120,
    }  # fmt: skip
    assert office.questions() == ["RESTRICTED_MONEY_LEFT"]
    office.prove()


WIRES = AID.replace('"lockbox"', '"bank"')


@pytest.mark.parametrize("office", [(WIRES, ITEMS)], indirect=True)
def test_restricted_money_that_comes_as_a_statement_line(office: Office) -> None:
    """A wire of each statement of one pass: the grant pays water and sewer, the other penalties."""
    grant = statement(0, [("195", 13000, f"ENERGY AID ACCT {ACCOUNT}")])
    own = statement(0, [("195", 500, f"WIRE ACCT {ACCOUNT}")], account="0044099999")
    office.drop("bank", "aid-march.bai", grant)
    office.drop("bank", "own.bai", own)
    office.process()
    assert office.open_cents() == {"1G": 2580, "2G": 2680, "2T": 325}
    paid = {row["item_number"]: row["receipt_id"] for row in office.rows("applications")}
    assert len({paid[number] for number in ("1W", "1S", "2W", "2S")}) == 1
    assert len({paid[number] for number in ("PW", "PS", "PG")} - {paid["1W"]}) == 1
    (question,) = office.rows("exceptions")
    assert (question["code"], str(question["amount"])) == ("RESTRICTED_MONEY_LEFT", "2.15")
    office.prove()


@pytest.mark.parametrize("office", [(WIRES, [])], indirect=True)
def test_a_restricted_statement_line_is_identified_under_its_restriction(office: Office) -> None:
    office.take("bank", "aid.bai", statement(0, [("195", 2680, f"ENERGY AID ACCT {ACCOUNT}")]))
    assert office.questions() == ["BANK_CREDIT_UNMATCHED"]
    office.take("receivables", "open.csv", receivables_csv(ITEMS[-1:]))  # storm water alone
    assert office.applied() == {}
    assert office.questions() == ["RESTRICTED_MONEY_LEFT"]
    office.prove()


# --- by bank account -----------------------------------------------------------------------------


def both(general: list[tuple[str, int, str]], grant: list[tuple[str, int, str]]) -> str:
    """One BAI2 file with the lines of two bank accounts, the general one first."""
    parts = [
        statement(0, lines, account=account).splitlines()
        for account, lines in ((GENERAL, general), (GRANT, grant))
    ]
    records = [record for part in parts for record in part[2:-2]]
    control = sum(int(part[-2].split(",")[1]) for part in parts)
    inside = len(records) + 2
    ends = [f"98,{control},2,{inside}/", f"99,{control},1,{inside + 2}/"]
    return "\n".join([*parts[0][:2], *records, *ends]) + "\n"


OWN_AND_AID = both(
    [("195", 6085, f"WIRE ACCT {ACCOUNT}")], [("195", 13000, f"ENERGY AID ACCT {ACCOUNT}")]
)


@pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
def test_one_statement_has_restricted_money_and_other_money(
    tmp_path: Path, request: pytest.FixtureRequest, url: str
) -> None:
    """The grant's wire stands behind the other and pays before it: 12785 of water and sewer; all
    the rest of the 188.70 is 6085."""
    found = None if url == "sqlite" else request.getfixturevalue(url)
    office = Office(tmp_path / "home", found, BY_ACCOUNT)
    office.take("receivables", "open.csv", receivables_csv(ITEMS))
    assert office.take("bank", "both.bai", OWN_AND_AID).state == "accepted"
    assert office.open_cents() == {}
    paid = {row["item_number"]: row["receipt_id"] for row in office.rows("applications")}
    assert len({paid[number] for number in ("1W", "1S", "2W", "2S")}) == 1
    assert len(set(paid.values())) == 2
    assert office.asked() == [("RESTRICTED_MONEY_LEFT", 215)]
    office.prove()
    office.close()


@pytest.mark.parametrize("office", [(BY_ACCOUNT, [])], indirect=True)
def test_a_line_keeps_what_its_money_may_pay(office: Office, tmp_path: Path) -> None:
    """Whatever recond.toml says later, whoever decides; the other account's lines pay anything."""
    office.take("bank", "both.bai", both([("195", 325, "WIRE ACCT NONE1")],
                                         [("195", 2680, "WIRE ACCT NONE2")]))  # fmt: skip
    config = office.home.path / "recond.toml"
    config.write_text(config.read_text().replace(BY_ACCOUNT, ""))
    office.take("receivables", "open.csv", receivables_csv(ITEMS))
    desk = Desk(office, tmp_path / "clerk")
    own, grant = sorted(desk.rows(), key=lambda row: len(row["amount"]))
    status, words = desk.answer(grant, "assign", "2G")
    assert (status, "may only pay WATER, SEWER" in words) == ("ERROR_ACTION", True)
    assert desk.answer(grant, "assign", ACCOUNT)[0] == "APPLIED"
    assert office.applied() == {"1W": 2680}
    assert desk.answer(own, "assign", "2T")[0] == "APPLIED"
    assert office.applied() == {"1W": 2680, "2T": 325}
    office.prove()


@pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
def test_what_lines_may_pay_stands_in_the_log(
    tmp_path: Path, request: pytest.FixtureRequest, url: str
) -> None:
    """A statement that was held is read under its limits when it is accepted; whoever lifts a
    limit in the database is found."""
    found = None if url == "sqlite" else request.getfixturevalue(url)
    office = Office(tmp_path / "home", found, BY_ACCOUNT)
    wrong = statement(0, [("195", 13000, f"AID ACCT {ACCOUNT}")], closing=1, account=GRANT)
    held = office.take("bank", "wrong.bai", wrong)
    assert (held.state, faults(office)) == ("held", [])
    run = office.run()
    with run.store.write() as connection:
        corrections.accept(connection, run, held.file_id, None, "the bank called")
    office.take("bank", "both.bai", OWN_AND_AID)
    limits = schema.line_limit
    with office.run().store.read() as connection:
        rows = [
            tuple(row) for row in connection.execute(select(limits).order_by(limits.c.limit_no))
        ]
    assert rows == [(1, 1, GRANT, "WATER;SEWER"), (2, 2, GRANT, "WATER;SEWER")]
    assert faults(office) == []
    with pytest.raises(Exception, match="only ever added to"), run.store.write() as connection:
        connection.execute(update(limits).values(pays_only=""))
    with run.store.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE line_limit DISABLE TRIGGER USER"))
        for name in office_triggers(connection):
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(update(limits).where(limits.c.limit_no == 1).values(pays_only=""))
        connection.execute(delete(limits).where(limits.c.limit_no == 2))
    assert faults(office) == ["line_limit 1 was changed", "line_limit 2 is gone"]
    office.close()


def office_triggers(connection: Connection) -> list[str]:
    """What keeps the limits from being changed on SQLite."""
    if connection.dialect.name != "sqlite":
        return []
    named = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'line_limit'"
    return list(connection.scalars(text(named)))


def faults(office: Office) -> list[str]:
    with office.run().store.read() as connection:
        return [fault.says for fault in verify(connection)]


def test_a_source_of_bank_accounts_is_no_source_of_files() -> None:
    settings = parse(BY_ACCOUNT, "recond.toml", {})
    assert settings.source_of("bank", "bai2", "x.bai").pays_only == ()
    assert settings.source_of("bank", "bai2", "x.bai", GENERAL).pays_only == ()
    assert settings.source_of("bank", "bai2", "x.bai", GRANT).pays_only == ("WATER", "SEWER")
    with pytest.raises(ConfigError, match="source grants: posted_by is said of whole files"):
        parse(BY_ACCOUNT + 'posted_by = "billing"\n', "recond.toml", {})


# --- in which order ------------------------------------------------------------------------------


@pytest.mark.parametrize("office", [(AID, [])], indirect=True)
@pytest.mark.parametrize("names", [("own", "aid"), ("aid", "own")])
def test_of_what_is_identified_together_restricted_money_pays_first(
    office: Office, names: tuple[str, str]
) -> None:
    """Else the other 6085 would pay water too, and leave the aid with nothing to pay."""
    cents = {"own": 6085, "aid": 12785}
    for number, name in enumerate(names):
        one = check(cents[name], (ACCOUNT, None))
        office.take("lockbox", f"{name}.bai", lockbox_file([one], time=f"100{number}"))
    assert office.questions() == ["ACCOUNT_NOT_FOUND"] * 2
    office.take("receivables", "open.csv", receivables_csv(ITEMS))
    assert office.open_cents() == {}
    assert office.questions() == []
    office.prove()


NARROW = AID + AID.replace("energy aid", "water aid").replace("aid*", "water*").replace(
    '"WATER", "SEWER"', '"WATER"'
)


@pytest.mark.parametrize("office", [(NARROW, [])], indirect=True)
def test_what_may_pay_the_least_pays_first(office: Office) -> None:
    """7425 of water for the one that may pay nothing else; 5360 of sewer for the other."""
    for number, (name, amount) in enumerate((("aid", 5360), ("water", 7425), ("own", 6085))):
        one = check(amount, (ACCOUNT, None))
        office.drop("lockbox", f"{name}.bai", lockbox_file([one], time=f"100{number}"))
    office.process()
    office.take("receivables", "open.csv", receivables_csv(ITEMS))
    assert office.open_cents() == {}
    assert office.questions() == []


def test_a_source_may_only_name_charges_that_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"line \d+: source\.0\.pays_only: there is no charge type"
    ):
        parse(AID.replace("SEWER", "GAS"), "recond.toml", {})
