"""Records of a delimited block, field by field: what `csvscan.scan` must say of every block."""

from __future__ import annotations

import re

import numpy as np

from recond.parsers.columns import LONGEST, Bytes, Ints, split_lines
from recond.parsers.csvscan import Records

Span = tuple[int, int]


def scanned(
    view: Bytes, delimiter: str, quote: str, *, final: bool, line: int = 1, offset: int = 0
) -> Records:
    """Record by record: a field in quotes ends with the quote that a delimiter, a line break or
    the end follows; a record with a field that does not is its first line."""
    data = view.tobytes()
    mark, sign = re.escape(delimiter.encode()), re.escape(quote.encode())
    plain = re.compile(rb"[^%b\r\n]*+" % mark)
    quoted = re.compile(rb"%b(?:[^%b]++|%b%b)*+%b(?=[%b\r\n]|\Z)" % (*[sign] * 5, mark))
    unclosed = re.compile(rb"%b(?:[^%b]++|%b%b)*+\Z" % (*[sign] * 4,))
    line_starts, line_ends = split_lines(view)
    records: list[Span] = []
    fields: list[list[Span]] = []
    drops: list[int] = []
    faulty: list[int] = []
    places: list[int] = []
    position = 0
    while position < len(data):
        found, seconds, wrong, end = _record(data, position, plain, quoted, delimiter, quote)
        if wrong is not None:
            waits = not final and len(data) - position <= LONGEST
            if waits and unclosed.match(data, wrong) is not None:
                break
            end = int(line_ends[np.searchsorted(line_starts, position, side="right") - 1])
            found, seconds = [(position, end)], []
            faulty.append(len(records))
            places.append(wrong)
        records.append((position, end))
        fields.append(found)
        drops += seconds
        position = end + (2 if data[end : end + 2] == b"\r\n" else 1)
    used = min(position, len(data))
    starts = _ints([start for start, _ in records])
    flat = [span for found in fields for span in found]
    return Records(
        view[:used],
        starts,
        _ints([end for _, end in records]),
        line + np.searchsorted(line_starts, starts, side="right") - 1,
        np.concatenate([_ints([0]), np.cumsum(_ints([len(found) for found in fields]))]),
        _ints([low for low, _ in flat]),
        _ints([high for _, high in flat]),
        _ints(drops),
        _ints(faulty),
        _ints(places),
        used,
        int((line_starts < used).sum()),
        offset,
    )


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _record(
    data: bytes,
    start: int,
    plain: re.Pattern[bytes],
    quoted: re.Pattern[bytes],
    delimiter: str,
    quote: str,
) -> tuple[list[Span], list[int], int | None, int]:
    """The fields of the record at `start`, the second quotes in them, where a field opens that
    nothing closes, and the record's end."""
    fields: list[Span] = []
    drops: list[int] = []
    position = start
    sign, mark = quote.encode(), delimiter.encode()
    while True:
        if data.startswith(sign, position):
            match = quoted.match(data, position)
            if match is None or match.end() - position > LONGEST:
                return [], [], position, position
            end = match.end()
            fields.append((position + 1, end - 1))
            at = data.find(sign * 2, position + 1, end - 1)
            while at >= 0:
                drops.append(at + 1)
                at = data.find(sign * 2, at + 2, end - 1)
        else:
            match = plain.match(data, position)
            assert match is not None
            end = match.end()
            fields.append((position, end))
        if not data.startswith(mark, end):
            return fields, drops, None, end
        position = end + 1
