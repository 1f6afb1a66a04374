"""OFX and QFX: what is read, what is held and what no control covers."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recond.exceptions.codes import CODES
from recond.parsers import ofx, ofx_scan
from recond.parsers.notes import Notes
from recond.parsers.ofx_values import Amount, day, minor_units
from tests.unit.achfiles import Read
from tests.unit.formatfiles import shipped
from tests.unit.statementfiles import FIXTURES, cases, content, faults, outcome, rows, summary

SMALLEST = (FIXTURES / "ofx" / "smallest.ofx").read_text()
BODY = SMALLEST[SMALLEST.index("<OFX>") :]


def of(text: str) -> Read:
    return outcome("ofx", text)


@pytest.mark.parametrize("path", cases("ofx"), ids=lambda path: path.name)
def test_a_fixture_reads_as_expected(path: Path) -> None:
    expected = json.loads(path.with_name(path.stem + ".expected.json").read_text())
    assert summary(outcome("ofx", path.read_bytes())) == expected


@pytest.mark.parametrize("path", faults("ofx"), ids=lambda path: path.stem)
def test_a_problem_fixture_raises_its_problem(path: Path) -> None:
    problem = outcome("ofx", path.read_bytes()).told(path.stem)
    assert problem.message.endswith(".")
    assert path.stem == "NO_ACTIVITY" or problem.line or problem.byte_offset is not None


def test_there_are_problem_fixtures() -> None:
    assert len(faults("ofx")) >= 19


@pytest.mark.parametrize(
    ("written", "units"),
    [("104.00", 10400), ("-80", -8000), ("+12,5", 1250), (".50", 50), ("-0.00", 0), ("5.", 500),
     ("1.0000", 100)],
)  # fmt: skip
def test_amounts_with_point_or_comma(written: str, units: int) -> None:
    assert minor_units(written, 2) == Amount(units, grouped=False, rounded=False)


@pytest.mark.parametrize(
    "written",
    ["", " ", ".", "-", "$120", "            .  ", "1.040", "1,234", "1,23,456.00", "1.2.3",
     "12-", "1e5", "١٢", "(5.00)", "--5", "1 000.00"],
)  # fmt: skip
def test_what_could_be_two_amounts_is_none(written: str) -> None:
    assert isinstance(minor_units(written, 2), str)


def test_separators_of_thousands_are_read_where_both_marks_stand() -> None:
    for written in ("1,234,567.89", "1.234.567,89"):
        assert minor_units(written, 2) == Amount(123456789, grouped=True, rounded=False)


def test_places_follow_the_currency() -> None:
    assert minor_units("250", 0) == Amount(250, grouped=False, rounded=False)
    assert minor_units("1.234", 3) == Amount(1234, grouped=False, rounded=False)
    assert minor_units("-197.1063", 2) == Amount(-19711, grouped=False, rounded=True)


@given(st.integers(-(10**12), 10**12), st.sampled_from(",."))
def test_any_cents_are_read_as_written(cents: int, mark: str) -> None:
    text = f"{'-' if cents < 0 else ''}{abs(cents) // 100}{mark}{abs(cents) % 100:02d}"
    assert minor_units(text, 2) == Amount(cents, grouped=False, rounded=False)


@pytest.mark.parametrize(
    ("written", "found"),
    [("20260316", "2026-03-16"), ("20260316235959.000[-8:PST]", "2026-03-16"),
     ("202603161200", "2026-03-16"), ("20260316120000[0:GMT]", "2026-03-16")],
)  # fmt: skip
def test_a_day_is_the_banks_own_whatever_its_zone(written: str, found: str) -> None:
    told = day(written)
    assert told is not None
    assert (told[0].isoformat(), told[1]) == (found, False)


@pytest.mark.parametrize("written", ["", "2026", "20260230", "201120000000", "2026-03-16"])
def test_what_is_no_day(written: str) -> None:
    assert day(written) is None


@pytest.mark.parametrize(
    "header",
    ["", "\n\n\n", "OFXHEADER:100\n\nDATA:OFXSGML\n\n\nVERSION:103\n",
     "<?xml version='1.0'?><?OFX OFXHEADER='200' VERSION='211'?>", "<!-- OFXHEADER:100 -->\n",
     "OFXHEADER:100 DATA:OFXSGML VERSION:102 ENCODING:UTF-8\r\n", "\ufeff"],
)  # fmt: skip
def test_a_header_of_any_shape_makes_no_difference(header: str) -> None:
    result = of(header + BODY)
    assert content(result) == content(of(SMALLEST))
    assert result.codes() == []


def test_closed_and_indented_tags_make_no_difference() -> None:
    closed = re.sub(r"<([A-Z.]+)>([^<\n]+)", r"\n  <\1>\2</\1>\n", BODY)
    assert "</TRNAMT>" in closed
    assert content(of(closed)) == content(of(SMALLEST))


@pytest.mark.parametrize("path", cases("ofx"), ids=lambda path: path.name)
@pytest.mark.parametrize("end", ["\r\n", "\r", " "])
def test_line_ends_make_no_difference(path: Path, end: str) -> None:
    text = path.read_text()
    other = of(text.replace("\n", end))
    assert content(other) == content(of(text))
    assert other.codes() == of(text).codes()


def test_text_is_utf8_where_it_is_and_cp1252_else() -> None:
    for encoding in ("utf-8", "cp1252"):
        data = SMALLEST.replace("IRIS IBARRA", "IRIS IBÁÑEZ & CO €").encode(encoding)
        assert outcome("ofx", data).rows("bank_lines")[0]["text"].startswith("IRIS IBÁÑEZ & CO €")


def test_the_same_identity_in_two_accounts_is_two_lines() -> None:
    two = BODY[BODY.index("<STMTRS>") : BODY.index("</STMTRS>") + 9]
    result = of(BODY.replace("</STMTRS>", "</STMTRS>" + two.replace("4711", "4712"), 1))
    assert result.codes() == []
    assert len(result.rows("bank_lines")) == 4


def test_a_statement_with_an_error_beside_a_good_one_is_held() -> None:
    failed = "<STMTTRNRS><TRNUID>2<STATUS><CODE>2003<SEVERITY>ERROR</STATUS></STMTTRNRS>"
    result = of(BODY.replace("</BANKMSGSRSV1>", failed + "</BANKMSGSRSV1>"))
    assert result.codes("error") == ["BANK_REFUSED"]
    assert "2003" in result.told("BANK_REFUSED").message


def test_a_transaction_in_another_currency_is_shown_and_never_posted() -> None:
    text = BODY.replace("<FITID>F1", "<FITID>F1<CURRENCY><CURRATE>1.3<CURSYM>CAD</CURRENCY>", 1)
    first, second = rows(of(text), "bank_lines")
    assert (first["same_day"], second["same_day"]) == (True, False)
    original = text.replace("CURRENCY>", "ORIGCURRENCY>")
    assert [row["same_day"] for row in rows(of(original), "bank_lines")] == [False, False]


@pytest.mark.parametrize(
    ("behind", "said"),
    [(SMALLEST, "1 more download."), (SMALLEST * 3, "3 more downloads."),
     ("<TRNAMT>5.00", "1 tags that are no download.")],
)  # fmt: skip
def test_what_follows_a_download_is_held_and_told_once(behind: str, said: str) -> None:
    (problem,) = of(SMALLEST + behind).problems
    assert (problem.code, problem.line) == ("FILE_STRUCTURE", SMALLEST.count("\n") + 1 + (
        behind[: behind.index("<")].count("\n")))  # fmt: skip
    assert f"goes on with {said} Part the file" in problem.message


@pytest.mark.parametrize(
    ("lost", "owner"),
    [("</STMTTRN>", "STMTTRN"), ("</LEDGERBAL>", "LEDGERBAL"), ("</STMTRS>", "STMTRS")],
)
def test_what_is_open_at_the_end_was_never_closed(lost: str, owner: str) -> None:
    # A transaction would be passed over with all that the file says behind it.
    text = BODY.replace(lost, "", 1) if lost == "</STMTRS>" else BODY[: BODY.index(lost)] + "</OFX>"
    problem = of(text).told("FILE_STRUCTURE")
    assert problem.message == f"</OFX> stands before </{owner}>."


def test_what_stands_behind_an_empty_tag_is_not_its_value() -> None:
    memo = of(BODY.replace("<MEMO>", "<MEMO/>"))
    assert [row.get("text") for row in rows(memo, "bank_lines")] == ["IRIS IBARRA", None]
    told = memo.told("RECORD_DEVIATES")
    assert (told.field, told.message) == (
        "MEMO", "<MEMO/> says that it is empty; the text behind it is not read.",
    )  # fmt: skip
    assert of(BODY.replace("<TRNAMT>-", "<TRNAMT/>-")).told("RECORD_UNREADABLE").field == "TRNAMT"
    empty = of(BODY.replace("<STMTTRN>", "<STMTTRN/>", 1))
    assert {"RECORD_UNREADABLE", "FILE_STRUCTURE"} <= set(empty.codes("error"))
    blank = of(BODY.replace("<MEMO>WATER 1000456021", "<MEMO/>\n  "))
    assert blank.problems == []


def test_a_comment_could_hide_a_transaction() -> None:
    assert of(BODY.replace("<BANKTRANLIST>", "<!-- x --><BANKTRANLIST>")).codes("error")


def test_blocks_of_any_size_give_the_same_tags() -> None:
    data = (FIXTURES / "ofx" / "xml-accounts.qfx").read_bytes().replace(b"\n", b"\r\n")
    whole = [tag for block in ofx_scan.tags(io.BytesIO(data), Notes()) for tag in block]
    assert [tag.line for tag in whole] == [data[: tag.offset].count(b"\n") + 1 for tag in whole]
    for size in (1, 7, 64, 500):
        found = [tag for block in ofx_scan.tags(io.BytesIO(data), Notes(), size) for tag in block]
        assert found == whole


def test_endless_text_between_two_tags_is_refused_in_bounded_memory() -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return b"x" * (size or 1)

    notes = Notes()
    assert list(ofx_scan.tags(Endless(), notes, 1 << 12)) == []
    assert [problem.code for problem in notes.drain()] == ["RECORD_TOO_LONG"]


@given(st.binary(max_size=60), st.integers(0, len(SMALLEST)), st.integers(0, 60))
def test_damage_never_raises(junk: bytes, place: int, gone: int) -> None:
    data = SMALLEST.encode()
    result = outcome("ofx", data[:place] + junk + data[place + gone :])
    assert all(CODES[problem.code] for problem in result.problems)


def test_a_format_without_its_layout_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError):
        list(ofx.parse(io.BytesIO(b""), shipped("mt940")))
