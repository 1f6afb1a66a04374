"""X12 segments: blocks whose lines are even are read as all others are, only quicker."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recond.parsers import x12_reader
from recond.parsers.x12_segments import Marks, Segments
from recond.parsers.x12_tokens import even_lines, tokenise
from tests.unit.reading import read
from tests.unit.x12files import advice, interchange

MARKS = Marks(ord("*"), ord("~"))
NAMES = ["RMR*IV*WA-1*PI*100.00", "ST*820*0001", "SE*7*0001", "N1*PR*A\xe4 B ", "ZZ", "ENT*", "GE*"]
LEADS = ["\n", "\r\n"]
TAILS = ["", "\n", "\r\n", "\nRMR*IV", "\n\n \x1a", "A\n"]


def seen(segments: Segments) -> list[tuple[object, ...]]:
    """What is told of each segment."""
    rows = np.arange(len(segments))
    lines, offsets = segments.lines(rows).tolist(), segments.offsets(rows).tolist()
    assert [segments.place(row) for row in rows.tolist()] == list(zip(lines, offsets, strict=True))
    elements = [tuple(segments.text(row, at) for at in range(1, 5)) for row in range(len(segments))]
    lengths = (segments.end - segments.start).tolist()
    names = [segments.name(row) for row in rows.tolist()]
    return list(
        zip(names, elements, segments.tag.tolist(), lines, offsets, lengths, strict=True)
    )  # fmt: skip


def both(raw: bytes, *, by_segment: bool) -> tuple[Segments | None, Segments]:
    cut = raw.rindex(b"~") + 1
    general = tokenise(np.frombuffer(raw[:cut], np.uint8), MARKS, 5, 1000, by_segment=by_segment)
    return even_lines(raw, MARKS, 5, 1000, by_segment=by_segment), general


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=12), st.sampled_from(LEADS),
    st.booleans(), st.booleans(), st.sampled_from(TAILS),
)  # fmt: skip
def test_even_lines_say_what_all_others_do(
    names: list[str], lead: str, first: bool, by_segment: bool, tail: str
) -> None:
    raw = ((lead if first else "") + lead.join(f"{one}~" for one in names) + tail).encode("latin-1")
    found, general = both(raw, by_segment=by_segment)
    if found is None:  # one segment alone has a break behind it or none
        assert len(names) == 1 or "\r" in tail
        return
    assert seen(found) == seen(general)
    part = found.part(1, len(names))
    assert seen(part) == seen(general)[1:]
    assert bytes(found.data) == "".join(f"{one}~" for one in names).encode("latin-1")
    assert found.packed
    assert found.plain


@given(
    st.lists(st.sampled_from(NAMES), min_size=2, max_size=8), st.sampled_from(LEADS),
    st.integers(0, 200), st.sampled_from(["\n", "\r", "\r\n", " ", "~", "~\n", "\n~", "*\n"]),
)  # fmt: skip
@example(["ST*820*0001", "GE*"], "\n", 13, "\r")
def test_lines_that_are_not_even_are_read_one_by_one(
    names: list[str], lead: str, at: int, more: str
) -> None:
    raw = lead.join(f"{one}~" for one in names).encode("latin-1")
    at = min(at, len(raw) - 1)
    raw = raw[:at] + more.encode() + raw[at:]
    found, general = both(raw, by_segment=False)
    if found is not None:  # what was put in makes even lines too
        assert seen(found) == seen(general)
        assert raw.count(b"\n") + raw.count(b"\r") == len(raw) - len(found.data)


def test_lines_with_a_break_inside_or_missing_are_not_even() -> None:
    for raw in (
        b"ST*820*1~\nSE*\n2*1~\nGE*1~", b"ST*820*1~\nSE*2*1~GE*1~", b"ST*820*1~\n\nSE*2*1~\nGE*1~",
        b"ST*820*1~\r\nSE*2*1~\nGE*1~", b"ST*820*1~\n SE*2*1~\nGE*1~", b"ST*820*1~\n~\nGE*1~",
        b"ST*820*1~SE*2*1~GE*1~", b"ST*820*1~\nSE*2\r*1~\nGE*1~",
    ):  # fmt: skip
        assert even_lines(raw, MARKS, 1, 0, by_segment=False) is None, raw


@pytest.mark.parametrize("newline", ["", "\n"])
@pytest.mark.parametrize("block", [300, 1 << 20])
def test_a_set_number_that_comes_back_is_told_whether_or_not_numbers_rise(
    block: int, newline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x12_reader, "BLOCK", block)
    line = "RMR*IV*WA-1*PI*104.00"
    for numbers, again in (
        ("0001 0002 0003 0004", []), ("0001 0002 0003 0002", ["0002"]), ("7 3 5 4", []),
        ("0001 0002 0003 0003", ["0003"]), ("10 02 03 10", ["10"]), ("1 2 03 3", []),
        ("9 10 11 9 12 10", ["9", "10"]), ("A B C B", ["B"]), ("2 1 2 1", ["2", "1"]),
    ):  # fmt: skip
        sets = [advice(line, number=one) for one in numbers.split()]
        result = read("x12_820", interchange(*sets, newline=newline))
        told = [one.message.split()[2] for one in result.problems]
        assert (told, set(result.codes())) == (again, {"SET_REPEATED"} if again else set())


@pytest.mark.parametrize("block", [120, 300, 1 << 20])
def test_a_nul_byte_is_told_once_and_where_it_stands(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x12_reader, "BLOCK", block)
    for newline in ("", "\n", "\r\n"):
        sets = [advice("RMR*IV*WA-1*PI*104.00", number=f"000{at}") for at in range(1, 5)]
        data = interchange(*sets, newline=newline)
        for begin in range(200, len(data), 211):
            place = data.index(b"*", begin) - 1
            spoiled = data[:place] + b"\0" + data[place + 1 :]
            told = [one for one in read("x12_820", spoiled).problems if one.code == "NUL_BYTES"]
            assert [one.byte_offset for one in told] == [place], (newline, place)
