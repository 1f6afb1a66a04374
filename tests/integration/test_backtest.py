"""History again under other rules: what would have been posted, rightly and wrongly."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from office import Office, check, lockbox_file, receivable, receivables_csv, scan_line
from test_domain_application import ACCOUNT, CURRENT, ITEMS, office, plain  # noqa: F401

from recond.cli import main
from recond.errors import ConfigError
from recond.model import ITEM, SUSPENSE
from recond.pipeline import moves
from recond.pipeline.backtest import Backtest, backtest, other_settings
from recond.pipeline.moves import Move, Stand
from recond.store import schema

REPAIR = "[matching]\nocr_repair = true\n"
BILL_FIRST = """
[[policy]]
name = "bill-first"
structures = ["bill"]
[[policy.tiers]]
status = ["penalty"]
[[policy.tiers]]
"""


def misread(amount: int, cents: int = 18870) -> dict[str, object]:
    import datetime as dt

    good = scan_line(ACCOUNT, dt.date.fromisoformat(CURRENT), cents)
    bad = good[:4] + ("6" if good[4] != "6" else "5") + good[5:]
    return check(amount, (bad, None), number=str(amount))


def replayed(office: Office, rules: str, tmp_path: Path) -> Backtest:  # noqa: F811
    path = tmp_path / "rules.toml"
    path.write_text(rules)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run = office.run()
    return backtest(run, other_settings(run.home.settings, path), scratch)


def verdicts(found: Backtest) -> dict[str, int]:
    rows = found.verdicts.to_dict("records")
    return {row["verdict"]: row["receipts"] for row in rows if row["receipts"]}


def assign(office: Office, item: str, cents: int) -> None:  # noqa: F811
    """A person puts the only receipt in suspense on an item."""
    run = office.run()
    person = type(run)(**{**{f: getattr(run, f) for f in run.__slots__}, "actor": "ana"})
    with run.store.write() as connection:
        row = connection.execute(
            schema.item.select().where(schema.item.c.item_number == item)
        ).one()
        number = next(
            stand.receipt_no
            for stand in connection.execute(
                schema.placement.select().where(schema.placement.c.bucket == SUSPENSE)
            )
        )
        owner = moves.standing(connection, [number])[number]
        put = Stand(ITEM, cents, row.account_key, row.item_key, row.charge_type, row.fund)
        rest = owner.amount_cents - cents
        placed = [put, Stand(SUSPENSE, rest)] if rest else [put]
        move = Move(number, "assign", "ana knows the payer", owner.stands, placed, row.account_key)
        moves.write(connection, person, [move], "decision", "assign")


def digest(office: Office) -> str:  # noqa: F811
    """Everything that a back-test must leave alone."""
    names = ("files", "receipts", "applications", "exceptions", "receivables", "journal")
    texts = [json.dumps(office.rows(name), default=str) for name in names]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def test_the_same_rules_change_nothing(office: Office, tmp_path: Path) -> None:  # noqa: F811
    office.take("lockbox", "a.bai", lockbox_file([check(10000, (ACCOUNT, None)), misread(18870)]))
    before = digest(office)
    found = replayed(office, "", tmp_path)
    assert verdicts(found) == {"same": 1, "waits": 1}
    assert digest(office) == before
    assert found.receipts.empty


def test_a_repair_that_nobody_has_judged_is_unproved(office: Office, tmp_path: Path) -> None:  # noqa: F811
    office.take("lockbox", "a.bai", lockbox_file([misread(18870)]))
    found = replayed(office, REPAIR, tmp_path)
    assert verdicts(found) == {"unproved": 1}
    assert found.rules.to_dict("records") == [
        {"rule": "scan_repair", "receipts": 1, "cents": 18870, "false_receipts": 0,
         "false_cents": 0, "proved_receipts": 0}
    ]  # fmt: skip


def test_what_people_decided_otherwise_is_a_false_post(tmp_path: Path) -> None:
    made = Office(tmp_path / "home")
    made.take(
        "receivables", "open.csv",
        receivables_csv([receivable(ACCOUNT, "W", "WATER", CURRENT, 18870),
                         receivable("1000456020", "X", "WATER", CURRENT, 18870)]),
    )  # fmt: skip
    made.take("lockbox", "a.bai", lockbox_file([misread(18870)]))
    assign(made, "X", 18870)
    found = replayed(made, REPAIR, tmp_path)
    assert verdicts(found) == {"wrong": 1}
    (row,) = found.receipts.to_dict("records")
    assert (row["now"], row["people"]) == (f"{ACCOUNT}/W=188.70", "1000456020/X=188.70")
    (rule,) = found.rules.to_dict("records")
    assert (rule["false_receipts"], rule["false_cents"]) == (1, 18870)
    made.close()


def test_what_people_decided_alike_is_proved(tmp_path: Path) -> None:
    made = Office(tmp_path / "home")
    rows = receivables_csv([receivable(ACCOUNT, "W", "WATER", CURRENT, 18870)])
    made.take("receivables", "open.csv", rows)
    made.take("lockbox", "a.bai", lockbox_file([misread(18870)]))
    assign(made, "W", 18870)
    found = replayed(made, REPAIR, tmp_path)
    assert verdicts(found) == {"right": 1}
    assert found.rules["proved_receipts"].tolist() == [1]
    assert verdicts(replayed_again(made, tmp_path)) == {"waits": 1}
    made.close()


def replayed_again(office: Office, tmp_path: Path) -> Backtest:  # noqa: F811
    """Under the office's own rules what people placed waits for people."""
    folder = tmp_path / "again"
    folder.mkdir()
    return replayed(office, "", folder)


def test_another_order_moves_what_nobody_has_objected_to(office: Office, tmp_path: Path) -> None:  # noqa: F811
    office.take("lockbox", "a.bai", lockbox_file([check(10400, (ACCOUNT, None))]))
    found = replayed(office, BILL_FIRST, tmp_path)
    assert verdicts(found) == {"moved": 1}
    assert "2W=42.75" in found.receipts["now"][0]


def test_an_exact_only_charge_loses_a_post(plain: Office, tmp_path: Path) -> None:  # noqa: F811
    plain.take(
        "receivables",
        "open.csv",
        receivables_csv([receivable(ACCOUNT, "P", "WATER", CURRENT, 900)]),
    )
    plain.take("lockbox", "a.bai", lockbox_file([check(500, ("P", None))]))
    rules = '[[charge_type]]\ncode = "WATER"\nfund = "510"\nexact_only = true\n'
    found = replayed(plain, rules, tmp_path)
    assert verdicts(found) == {"lost": 1}


def test_held_files_that_people_accepted_are_accepted_again(
    plain: Office,  # noqa: F811
    tmp_path: Path,
) -> None:
    from recond.pipeline.corrections import accept

    plain.take("receivables", "open.csv", receivables_csv(ITEMS))
    data = lockbox_file([check(10000, (ACCOUNT, None))], totals={1: 10001})
    outcome = plain.take("lockbox", "off.bai", data)
    assert outcome.state in {"held", "partly_held"}
    run = plain.run()
    with run.store.write() as connection:
        batch = None if outcome.state == "held" else "001"
        accept(connection, run, outcome.file_id, batch, "counted by hand")
    assert verdicts(replayed(plain, "", tmp_path)) == {"same": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[inbox]\n", "inbox is no matching rule"),
        ("[macthing]\n", "did you mean 'matching'"),
        ("[matching]\nocr_repare = true\n", "line 2"),
    ],
)
def test_rules_that_are_none_are_refused(
    plain: Office,  # noqa: F811
    tmp_path: Path,
    text: str,
    words: str,
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        other_settings(plain.run().home.settings, path)


def test_the_verb_prints_and_writes_nothing(
    office: Office,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    office.take("lockbox", "a.bai", lockbox_file([misread(18870), check(100, (ACCOUNT, None))]))
    rules = tmp_path / "rules.toml"
    rules.write_text(REPAIR)
    before = sorted(path for path in office.home.path.rglob("*"))
    capsys.readouterr()
    with pytest.raises(SystemExit) as leaving:
        main(["backtest", str(rules), "--home", str(office.home.path), "--json"])
    assert leaving.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["verdict"]: row["receipts"] for row in told["verdicts"]}["unproved"] in {0, 1}
    with pytest.raises(SystemExit):
        main(["backtest", str(rules), "--home", str(office.home.path), "--to", "2020-01-01"])
    assert "by rule, false posts first" in capsys.readouterr().out
    assert sorted(path for path in office.home.path.rglob("*")) == before
