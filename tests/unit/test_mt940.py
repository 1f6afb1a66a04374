"""MT940 and MT942: what is read, what is held and what no control covers."""

from __future__ import annotations

import datetime as dt
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recond.exceptions.codes import CODES
from recond.parsers import mt940, mt940_fields, mt940_state
from recond.parsers.notes import Notes
from tests.unit.achfiles import Read
from tests.unit.formatfiles import ROOT, read, shipped
from tests.unit.statementfiles import (
    FIXTURES,
    PLACES,
    cases,
    content,
    faults,
    outcome,
    rows,
    summary,
)

SMALLEST = (FIXTURES / "mt940" / "smallest.sta").read_text()


def statement(lines: str, closing: str, opening: str = "C260315USD1000,00") -> str:
    return f":20:X\n:25:4711\n:28C:51\n:60F:{opening}\n{lines}:62F:{closing}\n-\n"


def after(number: str) -> str:
    """The statement that follows the smallest one."""
    text = SMALLEST.replace("51/1", number).replace("1020,35", "1040,70")
    return text.replace("1000,00", "1020,35")


def of(text: str) -> Read:
    return outcome("mt940", text)


def amounts(result: Read) -> list[int]:
    return [row["amount_cents"] for row in result.rows("bank_lines")]


@pytest.mark.parametrize("path", cases("mt940"), ids=lambda path: path.name)
def test_a_fixture_reads_as_expected(path: Path) -> None:
    expected = json.loads(path.with_name(path.stem + ".expected.json").read_text())
    assert summary(outcome("mt940", path.read_bytes())) == expected


@pytest.mark.parametrize("path", faults("sta"), ids=lambda path: path.stem)
def test_a_problem_fixture_raises_its_problem(path: Path) -> None:
    problem = outcome("mt940", path.read_bytes()).told(path.stem)
    assert problem.message.endswith((".", "as found"))
    assert path.stem == "NO_ACTIVITY" or problem.byte_offset is not None


def test_there_are_problem_fixtures() -> None:
    assert len(faults("sta")) >= 19


@pytest.mark.parametrize(
    ("mark", "cents"),
    [("C", 1234), ("D", -1234), ("RC", -1234), ("RD", 1234), ("CR", 1234), ("DR", -1234),
     ("CD", 1234), ("RCR", -1234), ("RDD", 1234), ("CF", 1234)],
)  # fmt: skip
def test_the_mark_decides_the_sign_and_a_funds_code_never_does(mark: str, cents: int) -> None:
    closing = f"C260316USD{(100000 + cents) // 100},{(100000 + cents) % 100:02d}"
    result = of(statement(f":61:260316{mark}12,34NTRFNONREF\n", closing))
    assert amounts(result) == [cents]
    assert result.codes() == []


@pytest.mark.parametrize(
    ("written", "cents", "code"),
    [("6800,", 680000, None), ("0,5", 50, None), ("12,340", 1234, None), ("500", 50000, "warned"),
     ("12.34", 1234, "warned"), ("12,345", None, "held"), ("1.234,00", None, "held"),
     ("1,2,3", None, "held"), (",50", None, "held"), ("-5,00", None, "held")],
)  # fmt: skip
def test_amounts_are_read_as_written_or_not_at_all(
    written: str, cents: int | None, code: str | None
) -> None:
    total = 100000 + (cents or 0)
    closing = f"C260316USD{total // 100},{total % 100:02d}"
    result = of(statement(f":61:260316C{written}NTRFX\n", closing))
    if code == "held":
        assert "RECORD_UNREADABLE" in result.codes("error")
        return
    assert amounts(result) == [cents]
    assert result.codes() == ([] if code is None else ["RECORD_DEVIATES"])


def test_references_longer_than_the_standard_and_absent_ones_are_kept() -> None:
    lines = ":61:260316C1,00NOVBNL47INGB9999999999//BANK/1\n:61:260316C1,00NTRF\n"
    first, second = rows(of(statement(lines, "C260316USD1002,00")), "bank_lines")
    assert first["customer_reference"] == "NL47INGB9999999999"
    assert first["reference"] == "BANK/1"
    assert not {"customer_reference", "reference", "text"} & set(second)


def test_a_wrapped_line_goes_on_without_a_blank_and_a_short_one_with_it() -> None:
    full = "W" * 60 + "SPLIT"
    lines = f":61:260316C1,00NTRFX\n:86:{full}REF\nSHORT\n\n:86:SECOND\n"
    (row,) = rows(of(statement(lines, "C260316USD1001,00")), "bank_lines")
    assert row["text"] == f"{full}REFSHORT SECOND"


def test_the_text_after_the_closing_balance_is_the_statements() -> None:
    text = SMALLEST.replace("-\n", ":86:SEASONS GREETINGS\n-\n")
    assert content(of(text)) == content(of(SMALLEST))


def test_each_account_has_the_currency_and_minor_units_of_its_own() -> None:
    yen = statement(":61:260316C250,NTRFX\n", "C260316JPY1250,", "C260315JPY1000,")
    result = of(yen.replace("4711", "4712") + SMALLEST)
    assert [(r["amount_cents"], r["same_day"]) for r in result.rows("bank_lines")] == [
        (25000, True), (10400, False), (-8365, False),
    ]  # fmt: skip
    assert of(yen.replace("250,N", "250,5N")).codes("error") == ["RECORD_UNREADABLE"]  # fmt: skip
    dinar = statement(":61:260316C1,234NTRFX\n", "C260316BHD1001,234", "C260315BHD1000,")
    assert of(dinar).codes() == ["CURRENCY_WRONG"]


def test_an_own_currency_of_three_places_is_in_its_minor_units() -> None:
    dinar = statement(":61:260316C1,234NTRFX\n", "C260316BHD1001,234", "C260315BHD1000,")
    fmt = shipped("mt940")
    home = type(fmt)(**{f: getattr(fmt, f) for f in fmt.__slots__} | {"currency": "BHD"})
    result = read(home, dinar.encode())
    assert (amounts(result), result.codes()) == ([1234], [])


def test_a_balance_that_is_off_by_one_cent_says_so_to_a_clerk() -> None:
    problem = of(SMALLEST.replace("1020,35", "1020,34")).told("BALANCE_WRONG")
    assert problem.message == (
        "closing balance of statement 51/1 of account 021000021/4711: declares 1,020.34, holds "
        "1,020.35, difference -0.01; ask the bank for a corrected file or accept the file as found"
    )
    assert (problem.line, problem.field) == (9, "62F")


def test_pages_must_join_to_the_cent_and_all_be_there() -> None:
    text = (FIXTURES / "mt940" / "accounts-pages-reversals.sta").read_text()
    assert of(text).codes("error") == []
    other = text.replace(":60M:C260316USD1000,00", ":60M:C260316USD1000,01")
    assert of(other).codes("error") == ["BALANCE_WRONG"]
    first = text[: text.index("{1:F01FIRSTUS33AXXX0001000002")]
    assert of(first).told("FILE_TRUNCATED").field == "62M"
    second = text[text.index("{1:F01FIRSTUS33AXXX0001000002") :]
    assert of(second).told("FILE_TRUNCATED").field == "60M"


def test_statements_of_other_accounts_do_not_break_a_chain() -> None:
    other = SMALLEST.replace("/4711", "/4712").replace("1000,00", "0,00")
    other = other.replace("1020,35", "20,35")
    following = after("52/1")
    assert of(SMALLEST + other + following).codes() == []


def test_a_new_year_begins_its_numbers_again() -> None:
    last = SMALLEST.replace("51/1", "250/1").replace("2603", "2512")
    assert of(last + after("1/1")).codes() == []


def test_an_impossible_day_falls_back_to_the_entry_date_and_then_to_the_opening() -> None:
    lines = ":61:2602300301C1,00NTRFX\n:61:260230C1,00NTRFX\n:61:2602300230C1,00NTRFX\n"
    result = of(statement(lines, "C260231USD1003,00"))
    days = [row["value_date"] for row in result.rows("bank_lines")]
    assert days == [dt.date(2026, 3, 1), dt.date(2026, 3, 15), dt.date(2026, 3, 15)]
    assert [row["as_of_date"] for row in result.rows("bank_balances")] == [dt.date(2026, 3, 15)] * 2
    assert "260230" in result.told("DATE_UNUSUAL").message
    assert result.codes() == ["DATE_UNUSUAL"]


def test_expected_entries_of_a_statement_are_shown_and_not_counted() -> None:
    result = of(statement(":61:260316EC5,00NTRFX\n:61:260316C1,00NTRFY\n", "C260316USD1001,00"))
    assert [row["same_day"] for row in result.rows("bank_lines")] == [True, False]
    assert result.codes() == ["RECORD_DEVIATES"]


def test_reversals_in_an_interim_report_count_by_effect_or_by_letter() -> None:
    lines = ":20:X\n:25:4711\n:28C:1\n:34F:USD0,\n:61:260316C5,00NTRFX\n:61:260316RC2,00NTRFX\n"
    assert of(lines + ":90C:2USD7,00\n-\n").codes() == []
    assert of(lines + ":90D:1USD2,00\n:90C:1USD5,00\n-\n").codes() == []
    assert of(lines + ":90C:1USD3,00\n-\n").codes("error") == ["FILE_TOTAL_WRONG"]
    assert of(lines).codes("error") == ["FILE_TRUNCATED", "NO_STATEMENT"]


def test_the_identity_is_account_and_number_and_never_a_total() -> None:
    changed = SMALLEST.replace("104,00", "105,00").replace("1020,35", "1021,35")
    assert of(changed).transmission == of(SMALLEST).transmission
    next_year = SMALLEST.replace("2603", "2703")
    assert of(next_year).transmission != of(SMALLEST).transmission
    unnumbered = SMALLEST.replace("51/1", "0")
    tomorrow = unnumbered.replace("USD1020", "USD1020").replace("62F:C260316", "62F:C260317")
    assert of(unnumbered).transmission != of(tomorrow).transmission
    assert of(unnumbered).transmission.identity == "mt940:021000021/4711:0:260316"


def test_a_line_is_known_again_in_a_file_with_other_statements() -> None:
    following = after("52/1")
    alone = [row["line_id"] for row in of(SMALLEST).rows("bank_lines")]
    both = [row["line_id"] for row in of(SMALLEST + following).rows("bank_lines")]
    assert both[:2] == alone
    assert len(set(both)) == 4


@pytest.mark.parametrize("path", cases("mt940"), ids=lambda path: path.name)
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_make_no_difference(path: Path, end: str) -> None:
    text = path.read_text()
    first, second = of(text), of(text.replace("\n", end))
    assert content(second) == content(first)
    assert (second.codes(), second.transmission) == (first.codes(), first.transmission)


def test_the_marks_of_swift_around_a_message_are_no_part_of_it() -> None:
    text = (FIXTURES / "mt940" / "smallest.sta").read_text()
    marked = "\x01" + text.rstrip().removesuffix("-") + "-\x03\n"
    assert content(of(marked)) == content(of(text))
    assert of(marked).codes() == of(text).codes()


def test_blocks_of_any_size_give_the_same_rows() -> None:
    data = (FIXTURES / "mt940" / "accounts-pages-reversals.sta").read_bytes() * 3
    whole = list(mt940_fields.fields(io.BytesIO(data), Notes()))
    assert len(whole) == 2
    for block in (64, 100, 257, 1000):
        notes = Notes()
        parts = list(mt940_fields.fields(io.BytesIO(data), notes, block))
        told = [
            (part.offset + int(place), int(tag), int(line))
            for part in parts
            for place, tag, line in zip(part.start, part.code, part.line, strict=True)
        ]
        assert told == [
            (part.offset + int(place), int(tag), int(line))
            for part in whole
            for place, tag, line in zip(part.start, part.code, part.line, strict=True)
        ]
        for part in parts[1:]:
            assert int(part.code[0]) != mt940_fields.INFORMATION


@given(st.binary(max_size=60), st.integers(0, len(SMALLEST)), st.integers(0, 40))
def test_damage_never_raises_and_never_moves_money_unseen(
    junk: bytes, place: int, gone: int
) -> None:
    data = SMALLEST.encode()
    result = outcome("mt940", data[:place] + junk + data[place + gone :])
    for problem in result.problems:
        assert CODES[problem.code]
    if not result.codes("error"):
        closed = [r for r in result.rows("bank_balances") if r["type_code"] == "015"]
        opened = [r for r in result.rows("bank_balances") if r["type_code"] == "010"]
        posted = sum(r["amount_cents"] for r in result.rows("bank_lines") if not r["same_day"])
        change = sum(r["amount_cents"] for r in closed) - sum(r["amount_cents"] for r in opened)
        assert posted == change


@pytest.mark.parametrize(
    ("before", "this", "follow"),
    [("51", "52", True), ("51/3", "52/1", True), ("51/1", "51/2", True), ("365", "1", True),
     ("1", "1", True), ("51", "53", False), ("51", "51", False), ("51/1", "51/3", False),
     ("52", "51", False)],
)  # fmt: skip
def test_which_numbers_follow_each_other(before: str, this: str, follow: bool) -> None:
    numbers = [mt940_state.numbered(one) for one in (before, this)]
    assert numbers[0]
    assert numbers[1]
    assert mt940_state.follows(numbers[0], numbers[1]) == follow


def test_what_is_no_number() -> None:
    assert [mt940_state.numbered(one) for one in ("", "0", "00000/001", "A1", "1/2/3")] == [
        None
    ] * 5


@pytest.mark.parametrize(
    ("said", "ends", "compared"),
    [("year", ":26", True), ("month", ":2603", True), ("day", ":260316", False),
     ("free", ":26", False)],
)  # fmt: skip
def test_a_bank_may_number_its_statements_otherwise(said: str, ends: str, compared: bool) -> None:
    fmt = shipped("mt940")
    layout = fmt.layout.model_copy(update={"statement_numbers": said})
    result = read(replace(fmt, layout=layout), (SMALLEST + after("53/1")).encode())
    numbers = {row["statement_number"] for row in result.rows("bank_balances")}
    assert numbers == ({"51/1", "53/1"} if compared else {None})
    assert ("STATEMENT_SEQUENCE" in result.codes()) == compared
    assert read(replace(fmt, layout=layout), SMALLEST.encode()).transmission.identity == (
        f"mt940:021000021/4711:51/1{ends}"
    )


def test_a_format_without_its_layout_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError):
        list(mt940.parse(io.BytesIO(b""), shipped("ofx")))


def test_the_shipped_formats_do_not_claim_each_others_files() -> None:
    from recond.formats import Formats

    formats = Formats(shipped(path.stem) for path in (ROOT / "formats").glob("*.toml"))
    for folder in ("mt940", "ofx"):
        for path in cases(folder):
            found = formats.identify("bank", path.name, path.read_bytes())
            assert found.format is not None, found.reasons
            assert found.format.name == folder
    assert PLACES
