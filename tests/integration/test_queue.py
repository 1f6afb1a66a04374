"""The queue is listed, shown and written for clerks; a spreadsheet may save it as it likes."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recond.errors import RefusedError
from recond.exceptions import sheet
from recond.exceptions.codes import CODES
from recond.exceptions.decisions.actions import allowed_actions
from recond.exceptions.questions import exception_id, read_row_key
from recond.exceptions.queue import export, list_questions, show, work_list
from recond.store.engine import Store
from tests.integration.viewbooks import SHA, TUESDAY, write_books

KEY = b"a secret of the home"
FIRST = exception_id("ACCOUNT_NOT_FOUND", "1")


@pytest.fixture
def books(store: Store) -> Store:
    with store.write() as connection:
        write_books(connection)
    return store


def test_the_list_takes_filters(books: Store) -> None:
    def codes(**filters: object) -> list[str]:
        with books.read() as connection:
            found = list_questions(connection, today=TUESDAY, **filters)  # type: ignore[arg-type]
        listed: list[str] = found["code"].to_pylist()
        return listed

    assert codes() == [
        "ACCOUNT_NOT_FOUND", "ACCOUNT_CLOSED", "BATCH_TOTAL_WRONG", "REVERSED", "NO_REFERENCE",
    ]  # fmt: skip
    assert codes(status=("on_hold",)) == ["REVERSED"]
    assert codes(status=("resolved",)) == ["SUSPECTED_DUPLICATE_PAYMENT"]
    assert codes(code="REVERSED") == ["REVERSED"]
    assert codes(severity="error") == ["BATCH_TOTAL_WRONG"]
    assert codes(scope="BATCH", severity="question") == []
    assert codes(file_id="F333333333333") == ["NO_REFERENCE"]
    assert codes(receipt_id=f"R{SHA[:12]}-7") == ["REVERSED"]


def test_one_question_shows_what_answering_needs(books: Store) -> None:
    with books.read() as connection:
        found = show(connection, FIRST, today=TUESDAY)
    assert found["question"] == CODES["ACCOUNT_NOT_FOUND"].sentence
    assert found["allowed_actions"][:2] == ["accept_1", "assign"]
    assert found["age_days"] == 1
    assert [c["account_number"] for c in found["candidates"]] == ["0000456012"]
    assert found["candidates"][0]["due"] == "104.00"
    assert "closed account" in found["refused"][0]["why"]
    assert found["answer_with"] == ""


def test_a_question_about_a_file_names_its_command(books: Store) -> None:
    with books.read() as connection:
        found = show(connection, exception_id("BATCH_TOTAL_WRONG", "3"), today=TUESDAY)
    assert found["answer_with"] == f"recond files accept|reject F{SHA[:12]} --reason …"
    assert found["allowed_actions"] == ["hold"]


def test_a_resolved_question_takes_no_answer_and_an_unknown_one_is_refused(books: Store) -> None:
    with books.read() as connection:
        found = show(connection, exception_id("SUSPECTED_DUPLICATE_PAYMENT", "6"), today=TUESDAY)
        assert found["allowed_actions"] == []
        with pytest.raises(RefusedError, match="no question XNONE"):
            show(connection, "XNONE", today=TUESDAY)


def test_actions_are_those_of_the_contract() -> None:
    for code in CODES.values():
        assert set(allowed_actions(code.code, 3)) <= sheet.ACTIONS
    assert "accept_2" not in allowed_actions("NO_REFERENCE", 1)
    assert "accept_2" in allowed_actions("NO_REFERENCE", 2)
    assert allowed_actions("UNHEARD_OF", 3) == ["hold"]


def exported(books: Store, folder: Path) -> list[dict[str, str]]:
    with books.read() as connection:
        paths = export(connection, folder, today=TUESDAY, key=KEY)
        again = export(connection, folder, today=TUESDAY, key=KEY)
    path, book = paths
    assert paths == again
    assert (path.stem, book.suffix) == (book.stem, ".xlsx")
    assert path.name.startswith("recond-queue_2026-03-17_B")
    data = path.read_bytes()
    assert data.startswith(b'\xef\xbb\xbf"row_key"')
    assert data.count(b"\n") == data.count(b"\r\n") == 6
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_the_work_list(books: Store, tmp_path: Path) -> None:
    rows = exported(books, tmp_path)
    assert tuple(rows[0]) == sheet.COLUMNS
    first, closed, held, reversed_, _ = rows
    assert read_row_key(first["row_key"]) == (FIRST[:8], 1)
    assert first["exception_id"] == FIRST
    assert first["receipt_id"] == f"R{SHA[:12]}-2"
    assert first["reason"] == "ACCOUNT_NOT_FOUND"
    assert first["received"] == "2026-03-16"
    assert first["source"] == "lockbox"
    assert first["file"] == "lb1.txt"
    assert first["batch"] == "batch 001"
    assert first["item"] == "item 002"
    assert first["payer"] == "Sampel, Jane"
    assert first["account_on_item"] == "acct 0000456013"
    assert first["check_number"] == "chk 0000004712"
    assert first["amount"] == "104.00 USD"
    assert first["reason_text"].count("No account, item or bill has") == 1  # said once
    assert first["suggest_1"] == "acct 0000456012 due 104.00 USD"
    assert first["suggest_1_why"].startswith("acct 0000456012: one digit differs")
    assert first["allowed_actions"].split()[0] == "accept_1"
    assert [first[name] for name in sheet.ANSWER] == ["", "", "", ""]
    assert closed["payer"] == '\'=HYPERLINK("http://x","pay, now")'
    assert "recond files accept|reject" in held["reason_text"]
    assert held["receipt_id"] == ""
    assert reversed_["reason_text"].endswith("@SUM(A1) / says jane")
    assert reversed_["row_key"].endswith("-2")


def test_no_questions_no_file(store: Store, tmp_path: Path) -> None:
    with store.read() as connection:
        assert export(connection, tmp_path, today=TUESDAY, key=KEY) == []
    assert not list(tmp_path.glob("*.csv"))


def test_the_check_changes_with_key_evidence_and_suggestions(books: Store) -> None:
    with books.read() as connection:
        mine = work_list(connection, key=KEY, today=TUESDAY)["check"].to_pylist()
        other = work_list(connection, key=b"other", today=TUESDAY)["check"].to_pylist()
    assert len(set(mine)) == len(mine)
    assert not set(mine) & set(other)
    base = sheet.check(KEY, ("X1", "1", "a"), ("acct",))
    assert base[:6] == sheet.check(KEY, ("X1", "1", "a"), ("other",))[:6]
    assert base[6:] != sheet.check(KEY, ("X1", "1", "a"), ("other",))[6:]
    assert base[:6] != sheet.check(KEY, ("X1", "1a", ""), ("acct",))[:6]
    assert set(base) <= set(sheet.CHECK_LETTERS)


@pytest.mark.parametrize(
    ("column", "text", "cell"),
    [
        ("payer", "=1+1", "'=1+1"),
        ("payer", "  +1-555", "'  +1-555"),
        ("payer", '"-5', "'\"-5"),
        ("payer", "＝1", "'＝1"),
        ("payer", "－1", "'－1"),
        ("payer", "＠SUM", "'＠SUM"),
        ("payer", "\tx", "'\tx"),
        ("payer", "a\r\nb\u2028c", "a / b / c"),
        ("payer", "\n=1", " / =1"),
        ("payer", "O'Brien = Sons", "O'Brien = Sons"),
        ("payer", "a\0b", "a b"),
        ("account_on_item", "123456", "123456"),
        ("account_on_item", "0123456", "acct 0123456"),
        ("account_on_item", "123456789012", "acct 123456789012"),
        ("account_on_item", "1E5", "acct 1E5"),
        ("account_on_item", "1-2", "acct 1-2"),
        ("account_on_item", "-5", "acct -5"),
        ("check_number", "000", "chk 000"),
        ("trace_number", "091000010000001", "trace 091000010000001"),
        ("batch", "٠١", "٠١"),
    ],
)
def test_cells_a_spreadsheet_would_change(column: str, text: str, cell: str) -> None:
    assert sheet.guarded(column, pa.array([text]))[0].as_py() == cell


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=8))
def test_no_cell_is_ever_a_formula_or_two_lines(texts: list[str]) -> None:
    cells = sheet.guarded("payer", pa.array(texts, pa.string())).to_pylist()
    for cell in cells:
        assert not cell.lstrip(' \t"').startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
        assert not set(cell) & set("\r\n\0")


def test_amounts_are_no_numbers() -> None:
    assert sheet.amount_text(123450) == "1,234.50 USD"
    assert sheet.amount_text(-5) == "-0.05 USD"
    assert sheet.amount_text(None) == ""
