"""X12 segments and the 820's remittance lines (formats section 6)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.parsers import x12_addenda
from recond.parsers.x12_addenda import Remittances, paid_lines, remittances_820
from recond.parsers.x12_amounts import decimal_cents


def said_of(text: str) -> Remittances | None:
    (said,) = remittances_820([text.encode("latin-1", "replace")])
    return said


def read(text: str) -> Remittances:
    said = said_of(text)
    assert said is not None
    return said


def whole(*body: str, count: int | None = None, total: str = "104.00") -> str:
    parts = ["ST*820*0001", f"BPR*C*{total}*C*ACH*CTX", *body]
    number = len(parts) + 1 if count is None else count
    return "".join(f"{part}\\" for part in [*parts, f"SE*{number}*0001"])


@pytest.mark.parametrize(
    ("text", "cents"),
    [("6950.5", 695050), ("-143.76", -14376), ("4", 400), (".5", 50), ("7.", 700), ("0.00", 0),
     ("1.500", 150)],
)  # fmt: skip
def test_a_decimal_is_exact(text: str, cents: int) -> None:
    assert decimal_cents(text) == cents


@pytest.mark.parametrize(
    "text", ["", ".", "-", "1,00", "1.005", "+1", "1e2", "1_0", "١", " 1", "9" * 14, "--1"]
)
def test_what_is_no_decimal_is_none(text: str) -> None:
    assert decimal_cents(text) is None


@given(st.integers(-(10**14), 10**14))
def test_a_decimal_round_trips(cents: int) -> None:
    sign = "-" if cents < 0 else ""
    assert decimal_cents(f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}") == cents


@pytest.mark.parametrize("text", ["", "MAY RENT", "FARMRMR*X", "ST. JOHN CHURCH", "RMR IV 7",
                                  "PAY-GATE payment\\", "ISA ROSE"])  # fmt: skip
def test_free_text_is_no_820(text: str) -> None:
    assert said_of(text) is None


@pytest.mark.parametrize("end", ["\\", "~", "\n", "\r\n", "~\r\n", "|"])
def test_a_bare_line_reads_with_any_terminator(end: str) -> None:
    said = read(f"RMR*IV*WA-1*PI*100.00{end}RMR*IV*SE-2*PI*4.00{end}")
    lines = [(line.reference, line.amount_cents) for line in said.lines]
    assert lines == [("WA-1", 10000), ("SE-2", 400)]
    assert said.faults == ()


def test_a_line_without_terminator_or_amount_reads() -> None:
    (line,) = read("RMR*IV*WA-1").lines
    assert (line.reference, line.amount_cents) == ("WA-1", None)


def test_an_envelope_names_its_own_delimiters() -> None:
    isa = (
        "ISA|00|          |00|          |ZZ|PAYER          |ZZ|CITY           |260505|0512|U"
        "|00401|000000001|0|P|^~"
    )
    text = f"{isa}GS|RA|A|B|20260505|0512|1|X|004010~" + whole("RMR*IV*A*PI*104.00").replace(
        "*", "|"
    ).replace("\\", "~")
    said = read(text + "GE|1|1~IEA|1|000000001~")
    assert said.faults == ()
    assert (said.total_cents, said.lines[0].reference) == (10400, "A")
    assert read(text).faults == ("1 ISA and 0 IEA segments", "1 GS and 0 GE segments")
    assert read(isa[:40]).faults == ("the ISA segment ends before its sixteenth element",)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (whole("RMR*IV*A*PI*104.00", count=9), "SE01 declares 9 segments"),
        ("ST*820*0001\\RMR*IV*A*PI*1\\", "has no SE"),
        ("ST*820*0001\\RMR*IV*A*PI*1\\SE*3*0002\\", "SE02"),
        (whole("RMR*IV*A*PI*1,00"), "RMR04 reads '1,00'"),
        (whole("RMR*IV**PI*1"), "RMR02 is empty"),
        (whole("RMR*IV*A*PI*1", "ADX*x*59"), "ADX01 reads 'x'"),
        (whole("RMR*IV*A*PI*1", total="1O"), "BPR02 reads '1O'"),
    ],
)
def test_what_cannot_be_trusted_is_a_fault(text: str, fault: str) -> None:
    assert any(fault in one for one in read(text).faults)


def test_a_position_points_at_its_segment() -> None:
    text = whole("RMR*IV*A*PI*100", "RMR*IV*B*PI*4")
    for line in read(text).lines:
        assert text[line.position :].startswith(f"RMR*IV*{line.reference}")


def test_adjustments_inside_a_line_are_netted_only_when_that_makes_the_payment() -> None:
    said = read(whole("RMR*IV*A*PI*100.00", "ADX*-10.00*59", "RMR*IV*B*PI*4.00"))
    assert paid_lines(said, 10400) == said.lines
    assert [line.amount_cents for line in paid_lines(said, 9400)] == [9000, 400]
    assert paid_lines(said, 5) == said.lines


def test_adjustments_outside_any_line_leave_the_lines_as_they_are() -> None:
    said = read(whole("ENT*1", "ADX*-10.00*59", "RMR*IV*A*PI*104.00"))
    assert said.outside_cents == -1000
    assert paid_lines(said, 9400) == said.lines
    with_inner = read(whole("ADX*-10.00*59", "RMR*IV*A*PI*104.00", "ADX*-4.00*59"))
    assert [line.amount_cents for line in paid_lines(with_inner, 9000)] == [10000]


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    for start in ("", "RMR*IV*", "ISA*00*", "ST*820*", "BPR*C*"):
        said_of(start + text)


@given(st.lists(st.sampled_from(["RMR*IV*A*PI*1\\", "ST|820|1~RMR|IV|B||2~SE|3|1~", "FREE TEXT",
                                 "ISA*00*", "RMR*IV*C"]), max_size=9))  # fmt: skip
def test_texts_read_together_say_what_each_says_alone(texts: list[str]) -> None:
    together = remittances_820([text.encode() for text in texts])
    assert together == [said_of(text) for text in texts]


SEGMENTS = st.sampled_from(
    ["ISA*00", "IEA*1*1", "GS*RA", "GE*1*1", "ST*820*0001", "ST*820*1", "ST*820", "SE*3*0001",
     "SE*03*1", "SE*2*0001", "SE*4*0001", "SE*3", "SE*x*0001", "SE", "RMR*IV*A*PI*1.00", "ENT*1",
     "BPR*C*1.00", "BPR*C*1.000", "BPR*C", "TRN*1*77", "TRN*1"]
)  # fmt: skip
SETS = st.lists(SEGMENTS, min_size=1, max_size=6).map(lambda body: ["RMR*IV*B*PI*2", *body])
WHOLE = st.tuples(st.lists(SEGMENTS, max_size=2), st.integers(2, 5)).map(
    lambda one: ["ST*820*0001", *one[0], f"SE*{one[1]}*0001"]
)


@settings(deadline=None)
@given(st.lists(st.one_of(SETS, WHOLE), min_size=1, max_size=4))
def test_what_is_plainly_sound_has_no_fault_when_it_is_looked_for(sets: list[list[str]]) -> None:
    texts = ["".join(f"{part}\\" for part in body).encode() for body in sets]
    at_once = remittances_820(texts)
    with pytest.MonkeyPatch.context() as patch:
        none = lambda _found, _owner, count: np.zeros(count, dtype=np.bool_)  # noqa: E731
        patch.setattr(x12_addenda, "_sound_envelopes", none)
        assert remittances_820(texts) == at_once


def test_the_head_of_an_820_is_its_last_order_and_first_trace() -> None:
    said = read(whole("TRN*1", "TRN*1*77", "BPR*I*1.000*C", "TRN*1*78", "RMR*IV*A*PI*1"))
    assert (said.handling, said.total_cents, said.trace) == ("I", 100, "77")


def test_blanks_that_fill_up_the_last_addenda_say_nothing() -> None:
    for text in (whole("RMR*IV*A*PI*104"), "RMR*IV*A*PI*104.00"):
        assert read(text + " " * 61) == read(text)
    (fault,) = read("RMR*IV*" + " " * 73).faults  # not a line that pays nobody's bill
    assert fault.startswith("RMR02 is empty")
