"""Bare columnar kernels: the limit of parsing, without controls, evidence or error reports.

Each takes a path and returns (records, cents), having made Arrow columns of every record.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

BLOCK = 1 << 20
Bytes = np.ndarray[tuple[int], np.dtype[np.uint8]]
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]


def blocks(path: Path) -> Iterator[Bytes]:
    """Whole lines, about one MiB at a time: what fits the processor's cache."""
    rest = b""
    with path.open("rb") as source:
        while data := source.read(BLOCK):
            whole, end, rest_of_line = (rest + data).rpartition(b"\n")
            if end:
                yield np.frombuffer(whole + end, np.uint8)
            rest = rest_of_line
    if rest:
        yield np.frombuffer(rest + b"\n", np.uint8)


def digits(view: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Ints:
    """Rows of digits to integers by arithmetic on bytes."""
    value = np.zeros(len(view), np.int64)
    for column in range(view.shape[1]):
        value *= 10
        value += view[:, column] - np.uint8(48)
    return value


def fixed_text(view: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> pa.Array:
    """Rows of equal width to text, padding taken off."""
    count, width = view.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    packed = np.ascontiguousarray(view)
    array = pa.Array.from_buffers(
        pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(packed)]
    )
    return pc.ascii_rtrim_whitespace(array)


def spans_text(data: Bytes, starts: Ints, ends: Ints) -> pa.Array:
    """Text between places of a block: fields and the gaps between them, then every other one."""
    offsets = np.empty(2 * len(starts), np.int32)
    offsets[0::2], offsets[1::2] = starts, ends
    both = pa.Array.from_buffers(
        pa.string(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return both.take(pa.array(np.arange(0, len(offsets) - 1, 2)))


def spans_integer(data: Bytes, starts: Ints, ends: Ints) -> Ints:
    """Digits between places of a block, of different lengths, to integers."""
    value = np.zeros(len(starts), np.int64)
    if len(starts) == 0:
        return value
    scale = 1
    for step in range(1, int((ends - starts).max()) + 1):
        place = ends - step
        inside = place >= starts
        value += (
            np.where(inside, data[np.maximum(place, 0)] - np.uint8(48), 0).astype(np.int64) * scale
        )
        scale *= 10
    return value


def nacha(path: Path) -> tuple[int, int]:
    count = cents = 0
    for data in blocks(path):
        rows = data.reshape(-1, 95)
        rows = rows[rows[:, 0] == ord("6")]
        amounts = digits(rows[:, 29:39])
        pa.table(
            {
                "amount": amounts,
                "account": fixed_text(rows[:, 12:29]),
                "id": fixed_text(rows[:, 39:54]),
                "name": fixed_text(rows[:, 54:76]),
                "trace": fixed_text(rows[:, 79:94]),
            }
        )
        count += len(rows)
        cents += int(amounts.sum())
    return count, cents


def lockbox(path: Path) -> tuple[int, int]:
    count = cents = 0
    for data in blocks(path):
        ends = np.flatnonzero(data == 10)
        starts = np.concatenate(([0], ends[:-1] + 1))
        kinds = data[starts]
        checks = starts[kinds == ord("6")][:, None] + np.arange(82)
        stubs = starts[kinds == ord("4")][:, None] + np.arange(41)
        rows, over = data[checks], data[stubs]
        amounts = digits(rows[:, 7:17])
        pa.table(
            {
                "batch": fixed_text(rows[:, 1:4]),
                "item": fixed_text(rows[:, 4:7]),
                "amount": amounts,
                "route": fixed_text(rows[:, 17:26]),
                "account": fixed_text(rows[:, 26:36]),
                "check": fixed_text(rows[:, 36:46]),
                "name": fixed_text(rows[:, 52:82]),
            }
        )
        pa.table({"reference": fixed_text(over[:, 11:41])})
        count += len(rows)
        cents += int(amounts.sum())
    return count, cents


def fixed(path: Path) -> tuple[int, int]:
    count = cents = 0
    for data in blocks(path):
        rows = data.reshape(-1, 151)
        amounts = digits(rows[:, 42:60])
        pa.table(
            {
                "account": fixed_text(rows[:, 2:22]),
                "check": fixed_text(rows[:, 23:41]),
                "amount": amounts,
                "issued": fixed_text(rows[:, 61:69]),
                "day": fixed_text(rows[:, 70:78]),
            }
        )
        count += len(rows)
        cents += int(amounts.sum())
    return count, cents


def bai2(path: Path) -> tuple[int, int]:
    count = cents = 0
    for data in blocks(path):
        ends = np.flatnonzero(data == 10)
        starts = np.concatenate(([0], ends[:-1] + 1))
        detail = (data[starts] == ord("1")) & (data[starts + 1] == ord("6"))
        starts, ends = starts[detail], ends[detail]
        commas = np.flatnonzero(data == ord(","))
        first = np.searchsorted(commas, starts)
        place = commas[first[:, None] + np.arange(6)]
        amounts = spans_integer(data, place[:, 1] + 1, place[:, 2])
        pa.table(
            {
                "type": spans_text(data, place[:, 0] + 1, place[:, 1]),
                "amount": amounts,
                "bank": spans_text(data, place[:, 3] + 1, place[:, 4]),
                "customer": spans_text(data, place[:, 4] + 1, place[:, 5]),
                "text": spans_text(data, place[:, 5] + 1, ends),
            }
        )
        count += len(starts)
        cents += int(amounts.sum())
    return count, cents


def mt940(path: Path) -> tuple[int, int]:
    count = cents = 0
    rest = b""
    for block in chain(blocks(path), [None]):
        # An entry goes on until the next one begins: what is unfinished waits.
        data = np.frombuffer(rest + (b"" if block is None else block.tobytes()), np.uint8)
        ends = np.flatnonzero(data == 10)
        starts = np.concatenate(([0], ends[:-1] + 1))
        tagged = data[starts] == ord(":")
        first, second = (data[np.minimum(starts + step, len(data) - 1)] for step in (1, 2))
        sixty = tagged & (first == ord("6")) & (second == ord("1"))
        entries = np.flatnonzero(sixty)
        if block is not None:
            rest = data[starts[entries[-1]] :].tobytes()
            entries = entries[:-1]
        at, end = starts[entries], ends[entries]
        comma = np.flatnonzero(data == ord(","))
        comma = comma[np.searchsorted(comma, at)]
        whole = spans_integer(data, at + 15, comma)
        amounts = whole * 100 + spans_integer(data, comma + 1, comma + 3)
        slash = np.flatnonzero((data[:-1] == ord("/")) & (data[1:] == ord("/")))
        slash = slash[np.searchsorted(slash, at)]
        after = np.flatnonzero(tagged & (first != ord("8")))
        after = np.append(after, len(starts))
        following = after[np.searchsorted(after, entries, side="right")]
        pa.table(
            {
                "date": fixed_text(data[at[:, None] + np.arange(4, 10)]),
                "amount": amounts,
                "type": fixed_text(data[comma[:, None] + np.arange(3, 7)]),
                "customer": spans_text(data, comma + 7, slash),
                "bank": spans_text(data, slash + 2, end),
                "text": spans_text(data, starts[entries + 1] + 4, ends[following - 1]),
            }
        )
        count += len(entries)
        cents += int(amounts.sum())
    return count, cents


def cashier(path: Path) -> tuple[int, int]:
    with path.open("rb") as source:
        names = source.readline().decode().strip().split(",")
    types = dict.fromkeys(names, pa.string()) | {"amount": pa.decimal128(18, 2)}
    convert = pyarrow.csv.ConvertOptions(column_types=types)
    count = cents = 0
    for batch in pyarrow.csv.open_csv(path, convert_options=convert):
        count += batch.num_rows
        cents += int(pc.sum(batch["amount"]).as_py() * 100)
    return count, cents


def camt(path: Path) -> tuple[int, int]:
    """Expat with handlers: what a careful person writes by hand; nothing is checked."""
    wanted = {"Amt", "CdtDbtInd", "Cd", "Dt", "AcctSvcrRef", "EndToEndId", "Nm", "Ustrd", "NtryRef"}
    rows: list[dict[str, str]] = []
    row: dict[str, str] = {}
    text: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal row
        text.clear()
        if name == "Ntry":
            row = {}

    def end(name: str) -> None:
        if name in wanted:
            row.setdefault(name, "".join(text))
        elif name == "Ntry":
            rows.append(row)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text.append
    count = cents = 0
    with path.open("rb") as source:
        while data := source.read(BLOCK):
            parser.Parse(data, False)
            amounts = [int(found["Amt"].replace(".", "")) for found in rows]
            pa.table({name: [found.get(name) for found in rows] for name in sorted(wanted)})
            count, cents = count + len(amounts), cents + sum(amounts)
            rows.clear()
    return count, cents


def x12(path: Path) -> tuple[int, int]:
    """820s, delimiters known beforehand: of each payment amount, day, trace and payer, of each RMR
    reference, amount and which payment it is of."""
    count = cents = sets = 0
    for data in blocks(path):
        places = np.flatnonzero((data == ord("*")) | (data == ord("~")))
        ends = np.flatnonzero(data[places] == ord("~"))
        first = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
        starts = np.concatenate([np.zeros(1, np.int64), places[ends[:-1]] + 2])
        names = data[starts], data[starts + 1]
        of = sets + np.cumsum(_named(names, "ST"))
        bpr, trn, payer, rmr = (first[_named(names, tag)] for tag in ("BP", "TR", "N1", "RM"))
        pa.table({"set": of[_named(names, "BP")], "cents": _cents(data, places, bpr + 1),
                  "day": _element(data, places, bpr + 15)})  # fmt: skip
        pa.table({"set": of[_named(names, "TR")], "trace": _element(data, places, trn + 1)})
        pa.table({"set": of[_named(names, "N1")], "payer": _element(data, places, payer + 1)})
        amounts = _cents(data, places, rmr + 3)
        pa.table({"set": of[_named(names, "RM")], "qualifier": _element(data, places, rmr),
                  "reference": _element(data, places, rmr + 1), "cents": amounts})  # fmt: skip
        count, cents, sets = count + len(rmr), cents + int(amounts.sum()), int(of[-1])
    return count, cents


def _named(names: tuple[Bytes, Bytes], tag: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return (names[0] == ord(tag[0])) & (names[1] == ord(tag[1]))


def _element(data: Bytes, places: Ints, mark: Ints) -> pa.Array:
    return spans_text(data, places[mark] + 1, places[mark + 1])


def _cents(data: Bytes, places: Ints, mark: Ints) -> Ints:
    """Amounts with two places behind the point."""
    end = places[mark + 1]
    part = digits(data[end[:, None] + np.arange(-2, 0)])
    return spans_integer(data, places[mark] + 1, end - 3) * 100 + part


KERNELS = {
    "camt": camt,
    "nacha": nacha,
    "lockbox": lockbox,
    "bai2": bai2,
    "mt940": mt940,
    "cashier": cashier,
    "x12": x12,
    "fixed": fixed,
}
