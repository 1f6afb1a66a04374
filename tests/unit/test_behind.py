"""Stubs and addenda stand behind a payment's own record, and are found there."""

from __future__ import annotations

from typing import Any

import pytest

from recond.exports.behind import behind

CHECK = b"60010010000010000091000019  01000000010000001001031226"
ENTRY = b"622021000021566000001        00000104001000456012     J SAMPLE              "


def entry(trace: int, addenda: bool) -> bytes:
    return ENTRY + b"  " + (b"1" if addenda else b"0") + b"12209998%07d" % trace


def addendum(text: str, trace: int) -> bytes:
    return f"705{text:<80}0001{trace:07d}".encode()


def found(records: list[bytes], at: int, ending: bytes) -> list[tuple[int, bytes]]:
    """Line and bytes of what stands behind the record at a place; every offset is right."""
    data = b"".join(record + ending for record in records)
    offset = sum(len(record + ending) for record in records[:at])
    source: dict[str, Any] = {"sha256": "", "line": at + 1, "byte_offset": offset}
    told = behind(source, len(records[at]), lambda _, start, size: data[start : start + size])
    for one in told:
        assert data[one["byte_offset"] :].startswith(one["bytes"].encode())
    return [(one["line"], one["bytes"].encode()) for one in told]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_the_stubs_of_a_check_are_the_records_4_with_its_numbers(ending: bytes) -> None:
    first, last = b"4001001601012345", b"4001001602912346"
    records = [b"5001000", CHECK, first, last, CHECK.replace(b"6001001", b"6001002"),
               b"400100260191"]  # fmt: skip
    assert found(records, 1, ending) == [(3, first), (4, last)]
    assert found([CHECK, b"400100260191"], 0, ending) == []
    assert found([CHECK], 0, ending) == []


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_the_addenda_of_an_ach_entry_are_the_records_7_with_its_number(ending: bytes) -> None:
    records = [entry(1, True), addendum("RMR*IV*W1**104.00", 1), entry(2, True),
               addendum("RMR*IV*W2**104.00", 2), entry(3, False), addendum("stray", 3)]  # fmt: skip
    assert found(records, 0, ending) == [(2, records[1])]
    assert found(records, 2, ending) == [(4, records[3])]
    assert found(records, 4, ending) == []


def test_other_records_and_files_without_line_breaks_have_nothing_behind_them() -> None:
    assert found([b"000001,D1,ann,2026-03-16", b"4001001"], 0, b"\n") == []
    assert found([CHECK, b"4001001601912345"], 0, b"") == []
    gone = behind({"sha256": "", "line": 1, "byte_offset": None}, 5, lambda *_: b"")
    assert gone == []


def test_bytes_that_are_gone_show_nothing() -> None:
    def disposed(*_: object) -> bytes:
        raise OSError("disposed of")

    assert behind({"sha256": "", "line": 1, "byte_offset": 0}, 5, disposed) == []
