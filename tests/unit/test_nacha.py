"""NACHA files: what is read, what is refused, and at which level (formats section 5)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.exceptions.codes import CODES
from recond.formats import load_format
from recond.parsers.columns import LARGE_BLOCK
from recond.parsers.nacha import Layout
from tests.unit.achfiles import (
    Batch,
    Entry,
    Read,
    build,
    changed,
    info,
    international,
    make_format,
    read,
    records,
    returned,
    sums,
)

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "fixtures" / "nacha").glob("*.ach"))
FAULTS = sorted((ROOT / "fixtures" / "problems").glob("*.ach"))
SMALLEST = [Batch([Entry(), Entry("32", 8365, "412207", "JAMES JONES")], service="220")]
PLACES = {"line", "byte_offset", "byte_length"}


def two_batches(**second: Any) -> list[Batch]:
    return [Batch([Entry()]), Batch([Entry(cents=5000)], number=2, **second)]


def held_batches(result: Read) -> set[int | None]:
    return {p.batch_ord for p in result.problems if CODES[p.code].severity == "error"}


def summary(result: Read) -> dict[str, Any]:
    def kept(name: str) -> list[dict[str, Any]]:
        return [
            {
                key: value.isoformat() if isinstance(value, dt.date) else value
                for key, value in row.items()
                if value is not None
            }
            for row in result.rows(name)
        ]

    sent = result.transmission
    return {
        **{name: kept(name) for name in ("receipts", "remittances", "set_aside", "batches")},
        "problems": [[p.code, p.line, p.field, p.batch_ord] for p in result.problems],
        "transmission": {
            "identity": sent.identity,
            "declared": [sent.declared_count, sent.declared_cents],
            "found": [sent.found_count, sent.found_cents],
        },
    }


def without_places(result: Read) -> dict[str, Any]:
    rows = {
        name: [{k: v for k, v in row.items() if k not in PLACES} for row in result.rows(name)]
        for name in ("receipts", "remittances", "set_aside", "batches")
    }
    return {**rows, "transmission": result.transmission}


# fixtures


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_fixture_reads_as_expected(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert summary(read(path.read_bytes())) == expected


def test_there_are_fixtures() -> None:
    assert len(CASES) >= 7
    assert len(FAULTS) >= 25


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_a_problem_fixture_raises_its_problem(path: Path) -> None:
    result = read(path.read_bytes())
    problem = result.told(path.stem)
    assert problem.message.rstrip(".") != ""
    if CODES[path.stem].scope == "BATCH":
        assert problem.batch_ord == 1


def test_the_shipped_format_is_the_default_layout() -> None:
    fmt = load_format(ROOT / "formats" / "nacha.toml")
    assert fmt.layout == Layout()
    assert (fmt.channel, fmt.tender, fmt.inboxes) == ("ACH_CREDIT", "ACH", ("ach",))
    assert len(fmt.sample) == 94


# wrappers


def wrapped(lines: list[str]) -> dict[str, bytes]:
    whole = "".join(lines)
    return {
        "crlf": "\r\n".join(lines).encode(),
        "cr": "\r".join(lines).encode() + b"\r",
        "no line breaks": whole.encode(),
        "no line breaks but the last": whole.encode() + b"\r\n",
        "a line break each block of ten": "\n".join(
            "".join(lines[at : at + 10]) for at in range(0, len(lines), 10)
        ).encode(),
        "trailing blanks": "".join(f"{line}   \n" for line in lines).encode(),
        "uneven trailing blanks": "".join(
            f"{line}{' ' * (n % 50)}\n" for n, line in enumerate(lines)
        ).encode(),
        "blank lines": "\n\n".join(lines).encode() + b"\n\n\n",
        "^Z behind the last record": "\n".join(lines).encode() + b"\x1a",
        "^Z on a line of its own": "\n".join(lines).encode() + b"\n\x1a\n",
        "trimmed": "\n".join(line.rstrip() for line in lines).encode(),
        "byte order mark": b"\xef\xbb\xbf" + "\n".join(lines).encode(),
    }


WRAPPERS = sorted(wrapped(["x"]))


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("case", ["ctx-remittances", "returns-and-notices"])
def test_another_wrapper_changes_nothing_that_was_sent(name: str, case: str) -> None:
    data = (ROOT / "fixtures" / "nacha" / f"{case}.ach").read_bytes()
    lines = data.decode().splitlines()
    plain, other = read(data), read(wrapped(lines)[name])
    assert without_places(other) == without_places(plain)
    assert other.codes("error") == []
    assert set(other.codes()) - set(plain.codes()) <= {"RECORD_PADDED", "RECORD_DEVIATES"}


@pytest.mark.parametrize("name", WRAPPERS)
def test_places_point_at_the_records(name: str) -> None:
    lines = records(SMALLEST)
    data = wrapped(lines)[name]
    rows = read(data).rows("receipts")
    assert [row["amount_cents"] for row in rows] == [10400, 8365]
    for row, line in zip(rows, lines[2:4], strict=True):
        start = row["byte_offset"]
        found = data[start : start + row["byte_length"]].decode()
        assert found.rstrip() == line.rstrip()


def test_without_line_breaks_the_line_is_the_number_of_the_record() -> None:
    result = read("".join(records(SMALLEST)).encode())
    assert [row["line"] for row in result.rows("receipts")] == [3, 4]
    assert [row["byte_offset"] for row in result.rows("receipts")] == [188, 282]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
@pytest.mark.parametrize("breaks", ["\n", ""])
def test_names_that_are_not_ascii_are_counted_in_characters(encoding: str, breaks: str) -> None:
    text = breaks.join(records(SMALLEST)).replace("IRIS IBARRA", "ÍRIS ÑUÑEZ ")
    result = read(text.encode(encoding))
    first, second = result.rows("receipts")
    assert first["payer_name"] == "ÍRIS ÑUÑEZ"
    assert (first["trace_number"], second["amount_cents"]) == ("122099980000001", 8365)
    assert result.codes() == ["RECORD_DEVIATES"]


def test_a_file_of_several_blocks_reads_as_one() -> None:
    entries = [
        Entry(cents=100 + n, identity=f"{n:010d}", addenda=info("FREE TEXT") if n % 3 == 0 else ())
        for n in range(20_000)
    ]
    batches = [Batch(entries), Batch([Entry("27", 77)], number=2)]
    data = build(batches)
    assert len(data) > LARGE_BLOCK
    for version in (data, data.replace(b"\n", b"")):
        result = read(version)
        assert result.codes() == ["NOT_YET_HANDLED"]
        rows = result.tables["receipts"]
        assert rows["ordinal"].to_pylist() == list(range(1, 20_001))
        assert rows["amount_cents"].to_pylist() == [entry.cents for entry in entries]
        assert result.transmission.found_count == sum(sums(b)["count"] for b in batches)


# money and its remittances


def test_a_credit_is_a_receipt_of_the_effective_date() -> None:
    (row,) = read(build([Batch([Entry()])])).rows("receipts")
    assert row["amount_cents"] == 10400
    assert row["received_date"] == row["deposit_date"] == dt.date(2026, 5, 5)
    assert (row["channel"], row["tender"]) == ("ACH_CREDIT", "ACH")
    assert row["payer_account"] == "021000021566000001"
    assert row["trace_number"] == "122099980000001"


@pytest.mark.parametrize("effective", ["", "260231", "26O505"])
def test_a_date_that_is_none_is_the_files_with_a_warning(effective: str) -> None:
    result = read(build([Batch([Entry()], effective=effective)]))
    assert result.codes() == ["DATE_UNUSUAL"]
    assert result.rows("receipts")[0]["received_date"] == dt.date(2026, 5, 5)


def test_money_without_any_date_is_held() -> None:
    result = read(build([Batch([Entry()], effective="")], date="269999"))
    assert result.told("BATCH_STRUCTURE").field == "70-75"
    assert result.rows("receipts")[0]["received_date"] is None


@pytest.mark.parametrize("sec", ["PPD", "CCD", "WEB", "TEL", "CIE"])
@pytest.mark.parametrize("code", ["22", "32", "42", "52"])
def test_credits_of_the_six_classes_are_receipts(sec: str, code: str) -> None:
    result = read(build([Batch([Entry(code)], sec=sec)]))
    assert len(result.rows("receipts")) == 1
    assert result.problems == []


@pytest.mark.parametrize("code", ["21", "23", "24", "26", "27", "28", "29", "37", "55", "56"])
def test_everything_else_moves_no_money_and_asks_once_a_batch(code: str) -> None:
    cents = 0 if code[1] in "3489" else 10400
    result = read(build([Batch([Entry(code, cents), Entry(code, cents)])]))
    assert result.rows("receipts") == []
    assert len(result.rows("set_aside")) == 2
    assert [p.code for p in result.problems] == ["NOT_YET_HANDLED"]
    assert result.problems[0].batch_ord == 1


def test_credits_of_other_classes_are_set_aside_not_lost() -> None:
    result = read(build([Batch([Entry()], sec="POP")]))
    assert [row["kind"] for row in result.rows("set_aside")] == ["CREDIT"]
    assert "1 credit of 104.00" in result.told("NOT_YET_HANDLED").message
    narrowed = read(build([Batch([Entry()])]), make_format(receipts=("CTX",)))
    assert narrowed.rows("receipts") == []


def test_a_return_keeps_reason_and_original_trace() -> None:
    data = build([Batch([Entry("26", addenda=returned("R01", "122099990000041"))])])
    (row,) = read(data).rows("set_aside")
    assert (row["kind"], row["code"], row["original"]) == ("RETURN", "R01", "122099990000041")
    notice = changed("C05", "122099990000042", "22")
    (row,) = read(build([Batch([Entry("21", 0, addenda=notice)], sec="COR")])).rows("set_aside")
    assert (row["kind"], row["code"], row["original"]) == ("NOC", "C05", "122099990000042")


def test_without_remittance_lines_the_individual_id_is_the_reference() -> None:
    result = read(build([Batch([Entry(addenda=info("MAY RENT"))], sec="CCD")]))
    (row,) = result.rows("remittances")
    assert (row["kind"], row["reference"]) == ("REFERENCE", "1000456021")
    assert row["amount_cents"] is None
    assert result.rows("receipts")[0]["reference"] == "1000456021"


def test_remittance_lines_make_the_individual_id_a_hint() -> None:
    text = "RMR*IV*WA-1*PI*100.00\\RMR*IV*SE-2*PI*4\\"
    result = read(build([Batch([Entry(addenda=info(text))], sec="CCD")]))
    rows = [(r["kind"], r["reference"], r["amount_cents"]) for r in result.rows("remittances")]
    assert rows == [
        ("REFERENCE", "WA-1", 10000), ("REFERENCE", "SE-2", 400), ("HINT", "1000456021", None)
    ]  # fmt: skip
    assert result.rows("receipts")[0]["reference"] == "WA-1;SE-2"


def test_an_820_that_runs_over_addenda_keeps_its_inner_blanks() -> None:
    text = "ST*820*0001\\N1*PR*" + "ANY  NAME " * 6 + "\\RMR*IV*A  B*PI*104.00\\SE*4*0001\\"
    result = read(build([Batch([Entry(addenda=info(text))], sec="CTX")]))
    assert result.codes() == []
    line, hint = result.rows("remittances")
    assert (line["reference"], line["amount_cents"], line["line"]) == ("A  B", 10400, 5 - 1)
    assert hint["kind"] == "HINT"


def test_a_remittance_that_cannot_be_read_asks_and_the_receipt_stays() -> None:
    text = "RMR*IV*WA-1*PI*100,00\\"
    result = read(build([Batch([Entry(addenda=info(text))], sec="CCD")]))
    problem = result.told("REMITTANCE_UNREADABLE")
    assert (problem.ordinal, problem.line, problem.field) == (1, 4, "4-83")
    rows = [(r["kind"], r["reference"], r["amount_cents"]) for r in result.rows("remittances")]
    assert rows == [("REFERENCE", None, 10400), ("HINT", "1000456021", None)]
    assert [r["amount_cents"] for r in result.rows("receipts")] == [10400]


def test_a_truncated_820_is_never_half_believed() -> None:
    text = "ST*820*0001\\BPR*C*104.00*C*ACH*CTX\\RMR*IV*WA-1*PI*100.00\\RMR*IV*SE-"
    result = read(build([Batch([Entry(addenda=info(text))], sec="CTX")]))
    assert result.codes() == ["REMITTANCE_UNREADABLE"]
    rows = [(r["kind"], r["reference"]) for r in result.rows("remittances")]
    assert rows == [("REFERENCE", None), ("HINT", "1000456021")]


# controls


@pytest.mark.parametrize("measure", ["count", "hash", "debit", "credit"])
def test_a_wrong_batch_is_held_alone(measure: str) -> None:
    code = {"count": "BATCH_COUNT_WRONG", "hash": "BATCH_HASH_WRONG"}.get(
        measure, "BATCH_TOTAL_WRONG"
    )
    result = read(build(two_batches(off={measure: 1})))
    assert result.codes() == [code]
    assert held_batches(result) == {2}


@pytest.mark.parametrize("measure", ["batches", "count", "hash", "debit", "credit"])
def test_a_wrong_file_total_holds_the_file(measure: str) -> None:
    code = {"debit": "FILE_TOTAL_WRONG", "credit": "FILE_TOTAL_WRONG", "hash": "FILE_HASH_WRONG"}
    result = read(build(two_batches(), {measure: 1}))
    assert result.codes() == [code.get(measure, "FILE_COUNT_WRONG")]
    assert held_batches(result) == {None}


def test_a_file_total_of_what_was_found_is_right_beside_a_wrong_batch() -> None:
    result = read(build(two_batches(off={"credit": 1}), {"credit": -1}))
    assert result.codes() == ["BATCH_TOTAL_WRONG"]
    both_wrong = read(build(two_batches(off={"credit": 1}), {"credit": 1}))
    assert both_wrong.codes() == ["BATCH_TOTAL_WRONG", "FILE_TOTAL_WRONG"]


def test_batches_and_transmission_say_declared_and_found() -> None:
    result = read(build(two_batches(off={"credit": 1})))
    first, second = result.rows("batches")
    assert (first["declared_cents"], first["found_cents"]) == (10400, 10400)
    assert (second["declared_cents"], second["found_cents"]) == (5001, 5000)
    sent = result.transmission
    assert (sent.declared_count, sent.found_count) == (2, 2)
    assert (sent.declared_cents, sent.found_cents) == (15401, 15400)


def test_the_block_count_is_only_a_warning() -> None:
    assert read(build(SMALLEST, {"blocks": 1})).codes() == ["BLOCKING_WRONG"]
    unblocked = "\n".join(line for line in records(SMALLEST) if set(line) != {"9"})
    assert read(unblocked.encode()).codes() == ["BLOCKING_WRONG"]


def test_identity_is_the_headers_and_the_digest_survives_rewrapping() -> None:
    one, other = read(build(SMALLEST)), read(build(SMALLEST, {"credit": 5}))
    assert one.transmission.identity == "nacha:122099986:122099999:260505:0512:A"
    assert other.transmission.identity == one.transmission.identity
    later = read(build(SMALLEST).replace(b"0512A", b"0613B"))
    assert later.transmission.identity != one.transmission.identity
    assert later.transmission.detail_digest == one.transmission.detail_digest
    changed_cents = read(build([Batch([Entry(cents=1)])]))
    assert changed_cents.transmission.detail_digest != one.transmission.detail_digest
    assert read(build([])).transmission.detail_digest is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["22", "27", "32", "37", "26", "21"]),
                st.integers(1, 9_999_999_999),
            ),
            max_size=5,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_cent_is_a_receipt_or_set_aside(plan: list[list[tuple[str, int]]]) -> None:
    batches = [
        Batch([Entry(code, cents) for code, cents in part], number=n)
        for n, part in enumerate(plan, 1)
    ]
    result = read(build(batches))
    assert result.codes("error") == []
    kept = [row["amount_cents"] for row in result.rows("receipts")]
    aside = [row["amount_cents"] for row in result.rows("set_aside")]
    assert sum(kept) + sum(aside) == sum(cents for part in plan for _, cents in part)
    assert result.transmission.found_cents == sum(sums(batch)["credit"] for batch in batches)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 3), st.integers(29, 38), st.sampled_from("0123456789X -"))
def test_a_changed_digit_of_an_amount_is_always_held(row: int, column: int, digit: str) -> None:
    lines = records(SMALLEST)
    if lines[row][column] != digit:
        lines[row] = lines[row][:column] + digit + lines[row][column + 1 :]
        assert "BATCH_TOTAL_WRONG" in read("\n".join(lines).encode()).codes("error")


# structure


STRUCTURE: dict[str, tuple[list[Batch], str]] = {
    "a debit in a batch of credits": ([Batch([Entry("27")], service="220")], "2-4"),
    "a credit in a batch of debits": ([Batch([Entry()], service="225")], "2-4"),
    "a service class that is none": ([Batch([Entry()], service="100")], "2-4"),
    "another class in the control": ([Batch([Entry()], control_service="220")], "2-4"),
    "another number in the control": ([Batch([Entry()], control_number=9)], "88-94"),
    "a trace number twice": ([Batch([Entry(trace=7), Entry(trace=7)])], "80-94"),
    "a trace number twice, apart": (
        [Batch([Entry(trace=7), Entry(trace=9), Entry(trace=7)])], "80-94"
    ),
    "addenda that are not announced": (
        [Batch([Entry(addenda=info("X"), indicator="0")], sec="CCD")], "79-79"
    ),
    "addenda that do not come": ([Batch([Entry(indicator="1")])], "79-79"),
    "a gap in the addenda": (
        [Batch([Entry(addenda=(info("A" * 81)[1],))], sec="CCD")], "84-87"
    ),
    "addenda of another entry": (
        [Batch([Entry(addenda=(f"705{'X':<80}00010000009",))], sec="CCD")], "88-94"
    ),
    "a type of addenda that is none": (
        [Batch([Entry(addenda=(f"777{'X':<80}0001{{seq}}",))], sec="CCD")], "2-3"
    ),
    "another number of addenda than declared": (
        [Batch([Entry(middle=f"{'ID':<15}0002{'NAME':<16}    ", addenda=info("X"))], sec="CTX")],
        "55-58",
    ),
    "an international entry without its addenda": (
        [Batch([Entry(addenda=international()[:6])], sec="IAT", iat=True)], "1-94"
    ),
    "a prenote with an amount": ([Batch([Entry("23", 100)])], "30-39"),
    "a telephone entry without a name": ([Batch([Entry(name="")], sec="TEL")], "55-76"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(STRUCTURE))
def test_records_that_contradict_each_other_hold_their_batch(name: str) -> None:
    batches, columns = STRUCTURE[name]
    good = Batch([Entry()], number=2)
    result = read(build([*batches, good]))
    assert result.codes("error") == ["BATCH_STRUCTURE"]
    assert result.told("BATCH_STRUCTURE").field == columns
    assert held_batches(result) == {1}


WARNED: dict[str, tuple[list[Batch], str]] = {
    "another company in the control": ([Batch([Entry()], control_company="9")],
                                       "ORIGINATOR_MISMATCH"),
    "traces that do not ascend": ([Batch([Entry(trace=2), Entry(trace=1)])], "TRACE_REPEATED"),
    "a trace of another bank": ([Batch([Entry(odfi="09100001")])], "TRACE_REPEATED"),
    "a trace that is no number": ([Batch([Entry(odfi="AB100001")])], "RECORD_DEVIATES"),
    "an effective date years away": ([Batch([Entry()], effective="010101")], "DATE_UNUSUAL"),
    "a batch without entries": ([Batch([])], "BATCH_WARNING"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WARNED))
def test_what_banks_are_known_for_is_a_warning(name: str) -> None:
    batches, code = WARNED[name]
    assert read(build(batches)).codes() == [code]


def test_the_same_trace_in_two_batches_is_nothing() -> None:
    assert read(build(two_batches())).problems == []


def test_notices_of_change_may_stand_in_another_class_than_the_control_says() -> None:
    notice = Entry("21", 0, addenda=changed("C01", "122099990000042", "1"))
    batch = Batch([notice], sec="COR", service="225", control_service="200")
    assert read(build([batch])).codes() == ["NOT_YET_HANDLED"]


def test_an_entry_that_cannot_be_read_stays_in_its_place_and_holds_its_batch() -> None:
    text = info("RMR*IV*WA-1*PI*1.00\\")
    batches = [
        Batch([Entry(cents=1), Entry(cents=77777), Entry(cents=3, addenda=text)], sec="CCD"),
        Batch([Entry(cents=4)], number=2),
    ]
    result = read(build(batches).replace(b"0000077777", b"00000777O7"))
    problem = result.told("BATCH_UNREADABLE")
    assert (problem.line, problem.field, problem.batch_ord) == (4, "30-39", 1)
    assert "00000777O7" in problem.message
    assert [row["amount_cents"] for row in result.rows("receipts")] == [1, 3, 4]
    (aside,) = result.rows("set_aside")
    assert (aside["kind"], aside["amount_cents"], aside["line"]) == ("UNREADABLE", None, 4)
    said = [(r["ordinal"], r["reference"]) for r in result.rows("remittances")]
    assert said == [(1, "1000456021"), (2, "WA-1"), (2, "1000456021"), (3, "1000456021")]
    assert held_batches(result) == {1}


def test_an_unknown_transaction_code_holds_its_batch() -> None:
    result = read(build(two_batches()).replace(b"\n622", b"\n692", 1))
    assert result.told("BATCH_UNREADABLE").field == "2-3"
    assert held_batches(result) == {1}


def test_a_control_character_holds_the_batch_and_names_its_column() -> None:
    result = read(build(two_batches()).replace(b"IRIS IBARRA", b"IRIS\x1aIBARRA", 1))
    problem = result.told("BATCH_UNREADABLE")
    assert (problem.line, problem.field, problem.batch_ord) == (3, "59-59", 1)


ORDERS = {
    "no header": [1, 2, 3, 4, 5],
    "header twice": [0, 0, 1, 2, 3, 4, 5],
    "an entry before any batch": [0, 2, 1, 2, 3, 4, 5],
    "a batch in a batch": [0, 1, 2, 1, 2, 3, 4, 5],
    "a control twice": [0, 1, 2, 3, 4, 4, 5],
    "no batch control": [0, 1, 2, 3, 5],
    "a batch behind the file control": [0, 1, 2, 3, 4, 5, 1, 2, 3, 4],
    "an entry behind the file control": [0, 1, 2, 3, 4, 5, 2],
    "another file behind the first": [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5],
}


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_records_out_of_order_refuse_the_file(name: str) -> None:
    lines = records(SMALLEST)
    result = read("\n".join(lines[at] for at in ORDERS[name]).encode())
    assert "FILE_STRUCTURE" in result.codes("error")
    assert result.told("FILE_STRUCTURE").field == "1-1"


# truncation


def test_no_prefix_by_line_is_accepted_as_complete() -> None:
    batches = [*two_batches(), Batch([Entry(addenda=info("X" * 200))], sec="CTX", number=3)]
    lines = records(batches)
    control = next(n for n, line in enumerate(lines) if line[0] == "9")
    for count in range(control + 1):
        result = read("".join(f"{line}\n" for line in lines[:count]).encode())
        assert {"FILE_TRUNCATED", "EMPTY_FILE"} & set(result.codes("error")), count
    for count in range(control + 1, len(lines)):  # only filler is missing
        result = read("".join(f"{line}\n" for line in lines[:count]).encode())
        assert result.codes() == ["BLOCKING_WRONG"]


@pytest.mark.parametrize("breaks", ["\n", ""])
def test_no_prefix_by_byte_is_accepted_as_complete(breaks: str) -> None:
    lines = records([Batch([Entry()])])
    data = breaks.join(lines).encode()
    totals = data.index(b"9000001") + 55  # the end of the last total of the file control
    for size in range(0, totals, 1 if breaks else 5):  # every byte of the usual wrapper
        assert read(data[:size]).codes("error"), size
    for size in range(totals, len(data), 7):
        assert read(data[:size]).codes("error") == []
        assert {"BLOCKING_WRONG", "RECORD_PADDED"} & set(read(data[:size]).codes())


def test_filler_in_place_of_the_file_control_is_a_truncated_file() -> None:
    lines = records(SMALLEST)
    lines[5] = "9" * 94
    assert read("\n".join(lines).encode()).codes("error") == ["FILE_TRUNCATED"]


def test_partial_return_files_are_read_where_the_format_allows_them() -> None:
    back = Batch([Entry("26", addenda=returned("R02", "122099990000041"))], control=False)
    lines = [line for line in records([back, back]) if line[0] not in "19"]
    data = "\n".join(lines).encode()
    assert "FILE_STRUCTURE" in read(data).codes("error")
    result = read(data, make_format(partial=True))
    assert result.codes() == ["NOT_YET_HANDLED", "RECORD_DEVIATES"]
    assert [row["code"] for row in result.rows("set_aside")] == ["R02", "R02"]
    assert [row["declared_count"] for row in result.rows("batches")] == [None, None]
    credit = [line for line in records([Batch([Entry()], control=False)]) if line[0] in "56"]
    held = read("\n".join(credit).encode(), make_format(partial=True))
    assert held.codes("error") == ["BATCH_STRUCTURE"]


# bad data never raises


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_never_raise_and_never_lose_their_problems(data: st.DataObject) -> None:
    raw = bytearray(build(two_batches()))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        what = data.draw(st.sampled_from(["set", "cut", "add"]))
        if what == "set":
            raw[at] = data.draw(st.integers(0, 255))
        elif what == "cut":
            del raw[at : at + data.draw(st.integers(1, 120))]
        else:
            raw[at:at] = data.draw(st.binary(max_size=30))
        if not raw:
            break
    result = read(bytes(raw))
    for problem in result.problems:
        assert problem.code in CODES
        assert problem.message


@pytest.mark.parametrize("junk", [b"", b"\n\n", b" " * 500, b"\x00" * 300, b"hello", b"\xff" * 200])
def test_what_is_no_ach_file_is_refused(junk: bytes) -> None:
    assert read(junk).codes("error")


def test_a_thousand_faults_of_a_kind_are_counted_not_listed() -> None:
    entries = [Entry(cents=1, indicator="1") for _ in range(1000)]
    result = read(build([Batch(entries), Batch([Entry(indicator="1")], number=2)]))
    told = [p for p in result.problems if p.code == "BATCH_STRUCTURE"]
    assert [p.batch_ord for p in told].count(2) == 1
    assert 20 < len(told) < 40
    assert any("975 more" in p.message for p in told)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 6),
    st.integers(1, 93),
    st.sampled_from(list(" 09A\x0b~")),
    st.sampled_from(["\n", "\r\n"]),
)
def test_the_straight_way_through_a_block_finds_what_a_second_look_does(
    row: int, column: int, character: str, ending: str
) -> None:
    lines = records(two_batches(sec="PPD"))
    lines[row] = lines[row][:column] + character + lines[row][column + 1 :]
    marked = [lines[0][:93] + "\xe9", *lines[1:]]  # nobody reads it, and it is not ASCII
    straight = read("".join(f"{line}{ending}" for line in lines).encode("latin-1"))
    looked_at = read("".join(f"{line}{ending}" for line in marked).encode("latin-1"))
    for name in ("receipts", "remittances", "set_aside", "batches", "controls"):
        assert straight.rows(name) == looked_at.rows(name)
    assert straight.transmission == looked_at.transmission
    more = [p for p in looked_at.problems if (p.code, p.line) != ("RECORD_DEVIATES", 1)]
    told = [p for p in straight.problems if (p.code, p.line) != ("RECORD_DEVIATES", 1)]
    assert told == more
