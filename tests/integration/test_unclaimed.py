"""Credit that nobody claims: its clock, the letter to its owner, what an answer changes (domain
example E52)."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import (
    Office,
    check,
    csv_text,
    lockbox_file,
    receivable,
    receivables_csv,
)
from office import recond as verb
from pydantic import ValidationError
from queueoffice import BOTH, database

from recond.exports.statements import STATEMENTS
from recond.exports.unclaimed import clock
from recond.pipeline.handover import export_letters
from recond.pipeline.monthend import month_of
from recond.sections import Unclaimed
from recond.store.pastbooks import books_at

A = "1000456012"
PAID = dt.date(2023, 5, 15)
JUNE, AUGUST, NOVEMBER = dt.date(2026, 6, 30), dt.date(2026, 8, 3), dt.date(2026, 11, 30)


@pytest.mark.parametrize(
    ("years", "dormant", "report"),
    [(3, dt.date(2026, 5, 15), dt.date(2026, 11, 1)),
     (1, dt.date(2024, 5, 15), dt.date(2024, 11, 1))],
)  # fmt: skip
def test_e52_a_clock_of_one_and_of_three_years(
    years: int, dormant: dt.date, report: dt.date
) -> None:
    found = clock(PAID, Unclaimed(years=years))
    assert (found.dormant, found.report) == (dormant, report)
    assert (report - found.letter_from, report - found.letter_by) == (
        dt.timedelta(120), dt.timedelta(60),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("since", "dormant", "year"),
    [(dt.date(2023, 6, 30), dt.date(2026, 6, 30), 2026),
     (dt.date(2023, 7, 1), dt.date(2026, 7, 1), 2027),
     (dt.date(2020, 2, 29), dt.date(2023, 3, 1), 2023)],
)  # fmt: skip
def test_what_is_dormant_after_the_day_is_of_the_next_years_report(
    since: dt.date, dormant: dt.date, year: int
) -> None:
    found = clock(since, Unclaimed())
    assert (found.dormant, found.report.year) == (dormant, year)


def test_a_letter_has_its_days_before_the_report() -> None:
    for wrong in ({"letter_days_least": 121}, {"dormant_by": "12-01"}):
        with pytest.raises(ValidationError):
            Unclaimed(**wrong)  # type: ignore[arg-type]


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    """An office that holds 242.86 for its payer since 2023-05-15."""
    made = Office(tmp_path / "home", database(request))
    bill = receivable(A, "1W", "WATER", "2023-05-20", 100)
    made.take("receivables", "open.csv", receivables_csv([bill]), PAID)
    made.take("lockbox", "pay.bai", lockbox_file([check(24386, (A, None))], PAID), PAID)
    yield made
    made.prove()
    made.close()


def candidates(office: Office, day: dt.date, today: dt.date | None = None) -> list[dict[str, Any]]:
    """The statement of a day's month, of the books at the end of that day."""
    run, month = office.run(today or day), day.isoformat()[:7]
    with run.store.read() as connection, books_at(connection, day):
        made = STATEMENTS["unclaimed_candidates"](month_of(connection, run, month, [], day))
    assert [tie.difference_cents for tie in made.ties] == [0]
    return list(made.table.to_pylist())


def answer(office: Office, file_id: str, letter: str, status: str, day: dt.date) -> None:
    row = {"file_id": file_id, "posting_id": letter, "status": status}
    outcome = office.take("acks", f"{status}.csv", csv_text([row]), day)
    assert outcome.state == "accepted", outcome.message


@BOTH
def test_e52_the_letter_is_written_once_and_its_answer_starts_the_clock_anew(
    office: Office,
) -> None:
    (row,) = candidates(office, JUNE)
    assert (str(row["amount"]), row["dormant_date"], row["report_date"], row["state"]) == (
        "242.86", dt.date(2026, 5, 15), dt.date(2026, 11, 1), "dormant",
    )  # fmt: skip
    assert export_letters(office.run(JUNE)) is None, "more than 120 days before the report"
    (row,) = candidates(office, AUGUST)
    assert (row["state"], row["letter_date"], row["letter_by"]) == (
        "letter due", None, dt.date(2026, 9, 2),
    )  # fmt: skip
    written = export_letters(office.run(AUGUST))
    assert written is not None
    assert (written.rows, written.total_cents) == (1, 24286)
    (line,) = csv.DictReader(written.path.read_text().splitlines()[1:-1])
    assert (line["account_number"], line["amount"], line["report_date"]) == (
        A, "242.86", "2026-11-01",
    )  # fmt: skip
    assert line["receipt_id"] == office.rows("receipts")[0]["receipt_id"]
    assert export_letters(office.run(AUGUST)) is None, "one letter a report"
    (row,) = candidates(office, AUGUST)
    assert (row["state"], row["letter_date"]) == ("letter written", AUGUST)
    (row,) = candidates(office, NOVEMBER)
    assert (row["state"], row["came_back"]) == ("to be reported", "no")
    answered = dt.date(2026, 9, 14)
    answer(office, written.file_id, line["letter_id"], "ACCEPTED", answered)
    (asked,) = [r for r in office.rows("exceptions") if r["code"] == "UNCLAIMED_ANSWERED"]
    assert str(asked["amount"]) == "242.86"
    assert candidates(office, NOVEMBER) == [], "dormant again on 2029-09-14"
    (row,) = candidates(office, dt.date(2029, 9, 30))
    assert (row["dormant_date"], row["report_date"]) == (
        dt.date(2029, 9, 14), dt.date(2030, 11, 1),
    )  # fmt: skip
    (then,) = candidates(office, AUGUST, NOVEMBER)
    assert then["state"] == "letter written", "the books of August do not know the answer"


def test_a_letter_that_comes_back_and_one_that_was_late(office: Office) -> None:
    late = dt.date(2026, 10, 5)
    (row,) = candidates(office, late)
    assert row["state"] == "letter late"
    written = export_letters(office.run(late))
    assert written is not None
    (line,) = csv.DictReader(written.path.read_text().splitlines()[1:-1])
    answer(office, written.file_id, line["letter_id"], "REJECTED", dt.date(2026, 10, 12))
    assert "UNCLAIMED_ANSWERED" not in office.questions()
    (row,) = candidates(office, NOVEMBER)
    assert (row["state"], row["came_back"]) == ("letter was late", "yes")


def test_the_verb_writes_the_letters(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", office.home.path, "--as-of", "2026-08-03"]
    assert verb("export", "letters", "--dry-run", *home) == 0
    assert not (office.home.path / "exports" / "letters").exists()
    capsys.readouterr()
    assert verb("export", "letters", *home) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.parent.name == "letters"
    assert path.name.startswith("LT")
    assert verb("export", "letters", *home) == 0
    assert capsys.readouterr().out == ""
