"""Audits of the registers: what is planted in a week is found, nothing else is, and that it was
done is written down for ever (domain 2.10, E62)."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from office import Office, check, lockbox_file, receivable, receivables_csv, recond

from recond import audit as log
from recond.errors import RefusedError, UsageError
from recond.pipeline import registers
from recond.pipeline.register_checks import CHECKS
from recond.pipeline.registers import Audit
from recond.pipeline.run import Run

A, B = "1000456012", "1000456013"
FIRST, SECOND = dt.date(2026, 3, 9), dt.date(2026, 3, 16)  # Mondays
SUNDAY, AFTER = dt.date(2026, 3, 22), dt.date(2026, 4, 2)
HEAD = ("receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,"
        "amount,void_of,approved_by\n")  # fmt: skip
CLOSE = "drawer,cashier,business_date,opening_float,counted_cash,counted_checks,deposit_bag\n"


def counter(day: dt.date, *numbers: int, void: tuple[int, int] | None = None) -> str:
    rows = [f"{n},D1,ana,{day},10:{n:02d},{A},,CASH,5.00,,\n" for n in numbers]
    if void:
        rows.append(f"{void[0]},D1,ana,{day},11:00,{A},,CASH,-5.00,{void[1]},\n")
    return HEAD + "".join(rows)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("pg", marks=pytest.mark.postgres)])
def office(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """A quiet week, and one in which numbers are missing at its start and in its midst, a void is
    nobody's, a drawer is short, no snapshot comes, and old money still waits."""
    url = None
    if request.param == "pg":
        url = request.getfixturevalue("postgres_module_url")
    made = Office(tmp_path_factory.mktemp("registers") / "home", url)
    bills = [receivable(A, "1W", "WATER", "2026-03-28", 9000),
             receivable(B, "2S", "SEWER", "2026-03-28", 9000)]  # fmt: skip
    made.take("receivables", "open.csv", receivables_csv(bills), FIRST)
    checks = [check(700, ("9999999999", None)), check(2000, (B, None))]
    made.take("lockbox", "first.bai", lockbox_file(checks, FIRST), FIRST)
    made.take("cashier", "r1.csv", counter(FIRST, 1, 2, 3), FIRST)
    made.take("cashier", "c1.csv", CLOSE + f"D1,ana,{FIRST},0.00,15.00,0.00,B1\n", FIRST)
    made.take("lockbox", "second.bai", lockbox_file([check(1000, (B, None))], SECOND), SECOND)
    made.take("cashier", "r2.csv", counter(SECOND, 5, 6, 8, void=(9, 8)), SECOND)
    made.take("cashier", "c2.csv", CLOSE + f"D1,ana,{SECOND},0.00,14.00,0.00,B2\n", SECOND)
    yield made
    made.close()


def look(office: Office, kind: str, through: dt.date) -> Audit:
    run = office.run(AFTER)
    with run.store.read() as connection:
        return registers.look(connection, run, kind, through)


def found(audit: Audit) -> dict[str, tuple[str, ...]]:
    return {one.name: one.found for one in audit.checks if one.found}


def supervisor(office: Office) -> Run:
    (name,) = office.home.settings.roles.supervisor
    return replace(office.run(AFTER), actor=name)


@pytest.mark.parametrize(
    ("kind", "through", "first", "last"),
    [("weekly", "2026-03-22", "2026-03-16", "2026-03-22"),
     ("weekly", "2026-03-21", "2026-03-09", "2026-03-15"),
     ("monthly", "2026-03-31", "2026-03-01", "2026-03-31"),
     ("monthly", "2026-03-30", "2026-02-01", "2026-02-28"),
     ("yearly", "2026-06-30", "2025-07-01", "2026-06-30"),
     ("yearly", "2026-06-29", "2024-07-01", "2025-06-30")],
)  # fmt: skip
def test_the_last_whole_week_month_or_fiscal_year(
    kind: str, through: str, first: str, last: str
) -> None:
    days = registers.days_of(kind, dt.date.fromisoformat(through), "06-30")
    assert tuple(str(day) for day in days) == (first, last)


def test_every_check_stands_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "month-end.md").read_text()
    told = {}
    for name, *marks in re.findall(
        r"^\| ([a-z -]+) \| (x?) ?\| (x?) ?\| (x?) ?\|", text, re.MULTILINE
    ):
        told[name] = [bool(mark) for mark in marks]
    named = {made.__name__.replace("_", " "): made for one in CHECKS.values() for made in one}
    names = {"cut off": "cut-off", "overdue bytes": "retention"}
    assert {names.get(name, name): [made in one for one in CHECKS.values()]
            for name, made in named.items()} == told  # fmt: skip


def test_another_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="no daily audit"):
        registers.days_of("daily", SUNDAY, "06-30")


def test_what_is_planted_in_a_week_is_found_and_nothing_else(office: Office) -> None:
    audit = look(office, "weekly", SUNDAY)
    (waits,) = found(audit)["suspense"]
    assert found(audit) == {
        "snapshots": ("no receivables file came",),
        "receipt numbers": ("D1 4", "D1 7"),
        "voids": ("2026-03-16 D1 9 8 -5.00 void without effect",),
        "drawers": ("2026-03-16 D1 ana 0.00 1.00",),
        "suspense": (waits,),
    }
    assert "2026-03-09 7.00 ACCOUNT_NOT_FOUND" in waits
    looked = {one.name: one.looked for one in audit.checks}
    assert (looked["control totals"], looked["receipt numbers"], looked["sample"]) == (1, 3, 4)
    (pick,) = next(one.listed for one in audit.checks if one.name == "drawers")
    assert pick == "to be counted by surprise: D1"


def test_a_quiet_week_has_nothing_but_its_money_without_an_owner(office: Office) -> None:
    assert set(found(look(office, "weekly", dt.date(2026, 3, 15)))) == {"suspense"}


def test_the_sample_is_the_same_and_finds_bytes_that_were_changed(office: Office) -> None:
    first = look(office, "weekly", SUNDAY)
    assert first.report() == look(office, "weekly", SUNDAY).report()
    path = next(p for p in office.home.archive.glob("*/*") if b"6001" in p.read_bytes()[:400]
                and SECOND.strftime("%y%m%d").encode() in p.read_bytes())  # fmt: skip
    data, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(data.replace(b"A PAYER", b"A THIEF"))
    (wrong,) = found(look(office, "weekly", SUNDAY))["sample"]
    path.write_bytes(data)
    path.chmod(mode)
    assert wrong.endswith("its bytes were changed in the archive")
    assert "sample" not in found(look(office, "weekly", SUNDAY))


def test_the_month_and_the_year(office: Office) -> None:
    month = look(office, "monthly", dt.date(2026, 3, 31))
    assert set(found(month)) == {"receipt numbers", "voids", "drawers", "suspense"}
    ties = next(one for one in month.checks if one.name == "statements")
    assert ties.looked > 40
    run = office.run(dt.date(2026, 7, 2))
    with run.store.read() as connection:
        year = registers.look(connection, run, "yearly", dt.date(2026, 6, 30))
    months = [f"2026-0{number} is open" for number in (3, 4, 5, 6)]
    assert found(year) == {"packs": tuple(months)}
    cut = next(one for one in year.checks if one.name == "cut-off")
    assert (cut.looked, len(cut.listed)) == (4, 4)


def test_findings_need_words_and_what_is_recorded_stays(office: Office) -> None:
    run, audit = supervisor(office), look(office, "weekly", SUNDAY)
    assert ("weekly", SECOND, SUNDAY) in _due(office)
    with pytest.raises(RefusedError, match="6 things were found"), run.write() as connection:
        registers.record(connection, run, audit, None)
    other = replace(run, actor="jane")
    with pytest.raises(RefusedError, match="jane is neither"), other.write() as connection:
        registers.record(connection, other, audit, "all explained")
    with run.write() as connection:
        name = registers.record(connection, run, audit, "all explained")
    path = registers.publish(run, name, audit)
    assert path.name == "RA000001-weekly-2026-03-22.csv"
    with run.store.read() as connection:
        (row,) = registers.recorded(connection)
        assert log.verify(connection) == []
    assert (row.done_by, row.found, row.note) == (run.actor, 6, "all explained")
    assert sha256(path.read_bytes()).hexdigest() == row.sha256
    assert run.archived(row.sha256).read_bytes() == path.read_bytes()
    assert ("weekly", SECOND, SUNDAY) not in _due(office)
    assert ("weekly", FIRST, dt.date(2026, 3, 15)) in _due(office)


def _due(office: Office) -> list[tuple[str, dt.date, dt.date]]:
    run = office.run(AFTER)
    with run.store.read() as connection:
        return registers.due(connection, run)


def test_the_verb(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", office.home.path, "--as-of", AFTER]
    capsys.readouterr()
    assert recond("audit", "register", "weekly", "--dry-run", "--json", *home) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["check"] for one in told} >= {"control totals", "voids", "log"}
    assert recond("audit", "register", "daily", *home) == 2
    assert recond("audit", "register", "weekly", "--through", AFTER, *home) == 3
    assert recond("audit", "register", "--json", *home) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"kind": "monthly", "from": "2026-03-01", "to": "2026-03-31", "state": "due"} in rows
