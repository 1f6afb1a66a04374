"""MT940 and OFX through the corridor: what is posted, held, skipped, asked, and never doubled."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from recond.pipeline import corrections
from recond.store import schema
from tests.office import Office
from tests.unit.formatfiles import ROOT

SAMPLES = os.environ.get("RECOND_SAMPLES", "")
STATEMENT = (ROOT / "fixtures" / "mt940" / "smallest.sta").read_text()
DOWNLOAD = (ROOT / "fixtures" / "ofx" / "smallest.ofx").read_text()


@pytest.fixture
def office(tmp_path: Path) -> Any:
    made = Office(tmp_path / "home")
    yield made
    made.close()


def lines(office: Office) -> list[tuple[str, int, int]]:
    line = schema.bank_line.c
    with office.run().store.read() as connection:
        wanted = select(line.bank_account, line.amount_cents, line.same_day)
        found = connection.execute(wanted.order_by(line.file_no, line.ordinal))
        return [tuple(row) for row in found]


def following(text: str) -> str:
    return text.replace("51/1", "52/1").replace("1020,35", "1040,70").replace("1000,00", "1020,35")


def about_statements(office: Office) -> list[str]:
    """Open questions about the statement itself: what its lines are for is clearing's to ask."""
    clearing = {"BANK_CREDIT_UNMATCHED", "BANK_DEBIT_UNKNOWN"}
    return [code for code in office.questions() if code not in clearing]


def test_statements_become_lines_and_balances(office: Office) -> None:
    taken = office.take("bank", "monday.sta", STATEMENT)
    assert (taken.state, taken.message) == ("accepted", "2 bank lines, 2 bank balances")
    assert lines(office) == [("021000021/4711", 10400, 0), ("021000021/4711", -8365, 0)]
    assert office.take("bank", "tuesday.sta", following(STATEMENT)).state == "accepted"
    office.prove()


def test_a_repeated_statement_with_other_bytes_is_held(office: Office) -> None:
    office.take("bank", "a.sta", STATEMENT)
    changed = STATEMENT.replace("104,00", "105,00").replace("1020,35", "1021,35")
    again = office.take("bank", "b.sta", changed)
    assert again.state == "held"
    assert again.message.startswith("TRANSMISSION_CONFLICT")
    assert office.take("bank", "c.sta", STATEMENT).state == "duplicate"
    assert len(lines(office)) == 2


def test_what_an_accepted_file_makes_people_ask_is_not_closed_with_what_held_it(
    office: Office,
) -> None:
    """A line under a known identity with another amount, and a statement that does not join."""
    office.take("bank", "a.sta", STATEMENT)
    changed = STATEMENT.replace("104,00", "105,00").replace("1020,35", "1021,35")
    gap = following(STATEMENT).replace("1020,35", "1020,36").replace("1040,70", "1040,71")
    held = office.take("bank", "b.sta", changed)
    again = office.take("bank", "c.sta", gap.replace("1040,71", "1040,72") + gap)
    assert (held.state, again.state) == ("held", "held")
    run = office.run()
    for one in (held, again):
        with run.store.write() as connection:
            corrections.accept(connection, run, one.file_id, None, "the bank called")
    asked = about_statements(office)
    assert "BANK_LINE_CONFLICT" in asked
    assert "TRANSMISSION_CONFLICT" not in asked
    assert "STATEMENT_CHAIN_BROKEN" in asked


def test_a_statement_that_comes_again_with_the_next_one_is_not_doubled(office: Office) -> None:
    office.take("bank", "a.sta", STATEMENT)
    both = office.take("bank", "b.sta", STATEMENT + following(STATEMENT))
    assert (both.state, both.message) == (
        "accepted", "2 bank lines, 4 bank balances, 2 bank lines seen before and skipped",
    )  # fmt: skip
    assert [cents for _, cents, _ in lines(office)] == [10400, -8365, 10400, -8365]


def test_a_wrong_balance_is_held_until_a_person_accepts_it_as_found(office: Office) -> None:
    taken = office.take("bank", "a.sta", STATEMENT.replace("1020,35", "1020,36"))
    assert taken.state == "held"
    assert office.questions() == ["BALANCE_WRONG"]
    assert lines(office) == []
    run = office.run()
    with run.store.write() as connection:
        said = corrections.accept(connection, run, taken.file_id, None, "the bank called")
    assert "2 bank lines" in said
    assert office.questions() == ["BALANCE_WRONG"]  # the difference stays a question
    assert len(lines(office)) == 2


def test_a_broken_chain_is_accepted_with_a_question(office: Office) -> None:
    gap = following(STATEMENT).replace("1020,35", "1020,36").replace("1040,70", "1040,71")
    taken = office.take("bank", "a.sta", STATEMENT + gap)
    assert taken.state == "accepted"
    assert about_statements(office) == ["STATEMENT_CHAIN_BROKEN"]
    assert len(lines(office)) == 4


def test_overlapping_downloads_bring_each_line_once(office: Office) -> None:
    office.take("bank", "a.ofx", DOWNLOAD)
    later = DOWNLOAD.replace("20260316120000<LANG", "20260317120000<LANG").replace(
        "</BANKTRANLIST>",
        "<STMTTRN><TRNTYPE>DEP<DTPOSTED>20260317<TRNAMT>5.00<FITID>F3</STMTTRN></BANKTRANLIST>",
    )
    taken = office.take("bank", "b.ofx", later)
    assert (taken.state, taken.message) == (
        "accepted", "1 bank lines, 2 bank balances, 2 bank lines seen before and skipped",
    )  # fmt: skip
    assert [cents for _, cents, _ in lines(office)] == [10400, -8365, 500]
    assert about_statements(office) == []


def test_a_known_identity_with_another_amount_is_shown_and_asked_about(office: Office) -> None:
    office.take("bank", "a.ofx", DOWNLOAD)
    taken = office.take("bank", "b.ofx", DOWNLOAD.replace("104.00", "105.00"))
    assert taken.state == "accepted"
    assert about_statements(office) == ["BANK_LINE_CONFLICT"]
    assert lines(office)[2:] == [("4711", 10500, 1)]


def test_a_correction_of_the_bank_is_shown_and_asked_about(office: Office) -> None:
    corrected = DOWNLOAD.replace("<FITID>F2", "<FITID>F2<CORRECTFITID>F0<CORRECTACTION>DELETE")
    assert office.take("bank", "a.ofx", corrected).state == "accepted"
    assert about_statements(office) == ["LINE_CORRECTED"]
    assert [shown for _, _, shown in lines(office)] == [0, 1]


def test_an_error_of_the_bank_is_held_with_its_words(office: Office) -> None:
    failed = (ROOT / "fixtures" / "problems" / "BANK_REFUSED.ofx").read_text()
    taken = office.take("bank", "a.ofx", failed)
    assert taken.state == "held"
    assert "15500: Signon invalid" in taken.message


def manifest() -> list[dict[str, str]]:
    if not SAMPLES:
        return []
    with (Path(SAMPLES) / "MANIFEST.tsv").open(encoding="utf-8") as rows:
        return [r for r in csv.DictReader(rows, delimiter="\t") if r["format"] in ("mt940", "ofx")]


@pytest.mark.skipif(not SAMPLES, reason="RECOND_SAMPLES is not set: the folder of real samples")
@pytest.mark.parametrize("row", manifest(), ids=lambda row: row["path"])
def test_a_sample_in_a_home_of_its_own(row: dict[str, str], office: Office) -> None:
    taken = office.take("bank", Path(row["path"]).name, (Path(SAMPLES) / row["path"]).read_bytes())
    good = row["status"] == "valid" and not row["path"].endswith("gv_codes.sta")
    assert taken.state == ("accepted" if good else "held"), taken.message
    if not good:
        assert lines(office) == []
