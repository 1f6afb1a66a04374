"""Numbers of delimited bytes as words, and each fast path of a grammar beside its exact one."""

from __future__ import annotations

import datetime as dt
import io
import random
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recond.parsers import bai2_details, mt940_lines
from recond.parsers.bai2_records import DETAIL, logical_records
from recond.parsers.columns import blank_to_null
from recond.parsers.dates import NO_DATE, days
from recond.parsers.mt940_fields import fields, heads_of
from recond.parsers.notes import Notes
from recond.parsers.records import trimmed
from recond.parsers.spans import edged, gathered, repeated, span_digits
from recond.parsers.words import (
    digits_run,
    first_bytes,
    last_bytes,
    tail_digits,
    word_digits,
    words_at,
    words_before,
)
from recond.parsers.x12_amounts import decimal_cents, span_cents

FIGURES = st.text("0123456789", max_size=20)
ODD = st.text("0123456789,.- /+CDRNTRFa\x80\xff", max_size=14)


def bytes_of(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype=np.uint8)


def packed(texts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts one behind the other, a colon behind each: data, starts, ends."""
    raws = [text.encode("latin-1") for text in texts]
    ends = np.cumsum([len(raw) + 1 for raw in raws]) - 1
    lengths = np.array([len(raw) for raw in raws], dtype=np.int64)
    ends = ends.astype(np.int64)
    return bytes_of(b":".join([*raws, b""])), ends - lengths, ends


@given(st.binary(max_size=30), st.data())
def test_words_are_the_bytes_that_stand_there(data: bytes, dice: st.DataObject) -> None:
    place = dice.draw(st.lists(st.integers(0, len(data)), min_size=1))
    at, before = (
        words(bytes_of(data), np.array(place, dtype=np.int64)) for words in (words_at, words_before)
    )
    for one, behind, ahead in zip(place, at.tolist(), before.tolist(), strict=True):
        assert behind.to_bytes(8, "little") == data[one : one + 8].ljust(8, b"\0")
        assert ahead.to_bytes(8, "little") == data[max(one - 8, 0) : one].rjust(8, b"\0")


@pytest.mark.parametrize("cut", [0, 1, 7, 8])
@pytest.mark.parametrize("size", [1500, 1503])
def test_many_words_are_the_bytes_that_stand_there(size: int, cut: int) -> None:
    data = bytes_of(random.Random(size).randbytes(size + cut))[cut:]  # aligned, and not
    place = np.arange(size + 1)
    raw = bytes(8) + data.tobytes() + bytes(8)
    for words, ahead in ((words_at, 8), (words_before, 0)):
        for places in (place, place[::-1], place[: size - 20]):
            found = words(data, places).tolist()
            assert [one.to_bytes(8, "little") for one in found] == [
                raw[at + ahead :][:8] for at in places.tolist()
            ]


@given(st.lists(st.tuples(st.binary(min_size=8, max_size=8), st.integers(0, 7)), min_size=1))
def test_parts_of_words_and_their_runs_of_digits(rows: list[tuple[bytes, int]]) -> None:
    words = np.array([int.from_bytes(raw, "little") for raw, _ in rows], dtype=np.uint64)
    length = np.array([size for _, size in rows], dtype=np.int64)
    first, last = first_bytes(words, length).tolist(), last_bytes(words, length).tolist()
    values, bad = word_digits(words)
    tails, odd = tail_digits(words, length)
    for at, (raw, size) in enumerate(rows):
        tail = raw[8 - size :]
        assert bool(odd[at]) is not bool(re.fullmatch(rb"[0-9]*", tail))
        assert odd[at] or tails[at] == int(tail or b"0")
        assert first[at].to_bytes(8, "little") == raw[:size].ljust(8, b"0")
        assert last[at].to_bytes(8, "little") == raw[8 - size :].rjust(8, b"0")
        run = re.match(rb"[0-9]*", raw)
        assert digits_run(words)[at] == len(run[0] if run else b"")
        assert bool(bad[at]) is not bool(re.fullmatch(rb"[0-9]{8}", raw))
        assert bad[at] or values[at] == int(raw)


@given(st.lists(st.one_of(FIGURES, ODD), min_size=1), st.integers(1, 18))
def test_digits_of_spans_are_what_python_reads(texts: list[str], most: int) -> None:
    values, bad = span_digits(*packed(texts), most)
    for at, text in enumerate(texts):
        good = bool(re.fullmatch(f"[0-9]{{1,{most}}}", text, re.ASCII))
        assert bool(bad[at]) is not good
        assert values[at] == (int(text) if good else 0)


def test_more_digits_than_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 18"):
        span_digits(*packed(["1"]), 19)


@given(st.lists(st.one_of(FIGURES, ODD, st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{0,3})?",
                                                      fullmatch=True)), min_size=1))  # fmt: skip
@example(["00000000000000", "9999999999999", "10000000000000", "10000000000000.0"])
@example(["0000000000001.00", "9999999999999.99", "-0000000000000001"])
def test_cents_of_spans_are_those_of_the_exact_reading(texts: list[str]) -> None:
    cents, bad = span_cents(*packed(texts))
    exact = [decimal_cents(text.strip(" ")) for text in texts]
    assert bad.tolist() == [one is None for one in exact]
    assert cents.tolist() == [one or 0 for one in exact]


@given(
    st.lists(st.text("0123456789", min_size=6, max_size=6), min_size=1),
    st.sampled_from(["YYMMDD", "MMDDYY"]),
    st.integers(0, 99),
)
def test_days_are_those_of_the_calendar(texts: list[str], order: str, pivot: int) -> None:
    found, bad = days(bytes_of("".join(texts).encode()).reshape(-1, 6), order, pivot)
    for at, text in enumerate(texts):
        year, month, day = (text[order.index(part) :][:2] for part in ("YY", "MM", "DD"))
        century = 2000 if int(year) < pivot else 1900
        try:
            real = (dt.date(century + int(year), int(month), int(day)) - dt.date(1970, 1, 1)).days
        except ValueError:
            real = None
        assert (found[at], bool(bad[at])) == ((NO_DATE, True) if real is None else (real, False))


@given(st.lists(st.text(" \t\x1aab", max_size=6), min_size=1))
def test_blanks_at_edges_are_taken_off_and_told(texts: list[str]) -> None:
    data, start, end = packed(texts)
    begin, stop = trimmed(data, start, end)
    held = data.tobytes().decode()
    found = [held[one:two] for one, two in zip(begin, stop, strict=True)]
    assert found == [text.strip(" \t\x1a") for text in texts]
    assert edged(data, start, end) is (any(text != text.strip(" \t\x1a") for text in texts))


@given(st.lists(st.text("ab", max_size=3), min_size=1))
def test_empty_texts_are_null_and_runs_repeat(texts: list[str]) -> None:
    whole = gathered(*packed(texts)).cast("string")
    assert blank_to_null(whole).to_pylist() == [text or None for text in texts]
    assert blank_to_null(whole.slice(1)).to_pylist() == [text or None for text in texts[1:]]
    for values in (texts, texts * 70):  # put together one by one, and row by row
        sizes = np.array([len(text) for text in values], dtype=np.int64)
        expected = [text for text in values for _ in text]
        assert repeated(values, sizes).to_pylist() == expected
    missing = [None, *texts, None]
    sizes = np.arange(len(missing))
    expected = np.repeat(np.array(missing, dtype=object), sizes).tolist()
    assert repeated(missing, sizes).to_pylist() == expected
    assert repeated([], sizes[:0]).to_pylist() == []


DETAIL_FIELDS = st.tuples(
    st.sampled_from(["165", "699", "16", "1650", "1a5", ""]),
    st.one_of(st.integers(0, 10**14).map(str), st.sampled_from(["", "+5", "-5", "1.0", "00012"])),
    st.sampled_from(["", "Z", "0", "2", "V,260316,", "V,260316,0900", "V,261340,", "S,1,2,3", "Q"]),
    st.text("AB/ ,1", max_size=5), st.text("CD/ 2", max_size=5), st.text("xY/, 3", max_size=8),
)  # fmt: skip


@given(st.lists(DETAIL_FIELDS, min_size=1, max_size=6))
def test_a_detail_of_bai2_is_read_in_columns_as_alone(rows: list[tuple[str, ...]]) -> None:
    lines = [",".join(("16", *row)) for row in rows]
    data = "\n".join(["03,1,,010,,,/", *lines]).encode()
    for records in logical_records(io.BytesIO(data), Notes()):
        heads = np.flatnonzero(records.code == DETAIL)
        if not len(heads):
            continue
        nexts = heads + 1
        found = bai2_details.read_details(records, heads, nexts, "utf-8", 70, Notes())
        for at, head in enumerate(heads.tolist()):
            exact = bai2_details._exact(records, head, head + 1, ("utf-8", 70), Notes())
            assert bool(found.bad[at]) is (exact is None)
            if exact is not None:
                texts = (found.reference, found.customer_reference, found.text)
                assert [found.code[at], found.amount[at], found.day[at]] == [
                    exact.code, exact.amount, exact.day,
                ]  # fmt: skip
                assert [text[at].as_py() for text in texts] == [
                    exact.reference or None, exact.customer_reference or None, exact.text or None,
                ]  # fmt: skip


LINE = st.tuples(
    st.sampled_from(["260316", "261340", "26031"]), st.sampled_from(["", "0317", "03", "9999"]),
    st.sampled_from(["C", "D", "RC", "RD", "EC", "X"]), st.sampled_from(["", "D", "5"]),
    st.one_of(
        st.from_regex(r"[0-9]{1,9},[0-9]{0,4}", fullmatch=True),
        st.sampled_from(["5", "5.10", ",5", "1,2,3", "100000000000,5"]),
    ),
    st.sampled_from(["NTRF", "FMSC", "S103", "NTR", "ntrf"]),
    st.sampled_from(["", "A1", "A1//B2", "A1 //", "//B2", "A/1/B//C//D"]),
)  # fmt: skip


@given(st.lists(LINE, min_size=1, max_size=6))
def test_a_line_of_mt940_is_read_in_columns_as_alone(rows: list[tuple[str, ...]]) -> None:
    data = "\n".join([":20:X", *(":61:" + "".join(row) for row in rows)]).encode()
    for found in fields(io.BytesIO(data), Notes()):
        heads, nexts, is_line = heads_of(found)
        heads, nexts = heads[is_line], nexts[is_line]
        if not len(heads):
            continue
        told = Notes()
        lines = mt940_lines.read_lines(found, heads, nexts, "utf-8", 70, told)
        cut = mt940_lines._cut(found, heads, 70)
        for at, head in enumerate(heads.tolist()):
            read = mt940_lines._exact(found, head, at, cut, ("utf-8", 70), Notes())
            assert bool(lines.bad[at]) is not read
            if read:
                assert [lines.day[at], lines.entry[at] if cut.day[at] == NO_DATE else 0] == [
                    cut.day[at], cut.entry[at] if cut.day[at] == NO_DATE else 0,
                ]  # fmt: skip
                assert [lines.sign[at], lines.by_letter[at], lines.milli[at]] == [
                    cut.sign[at], cut.by_letter[at], cut.milli[at],
                ]  # fmt: skip
                assert lines.expected[at] == cut.expected[at]
                start, end = (int(one[at]) for one in cut.bank)
                bank = found.data[start:end].tobytes().decode() or None
                assert lines.reference[at].as_py() == bank
