"""The records that stand behind a payment's own and belong to it: stubs and addenda.

A lockbox check is one record 6 and a record 4 for each stub; an ACH entry one record 6 and a
record 7 for each addendum. What a payment is for often stands only there, and of a payment that
was posted nothing but the evidence in words is kept. So `explain` looks behind the payment's own
record in the archive. Only records that say themselves whose they are count, and only where the
file has line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from recond.durable import printable

SHOWN = 20  # records; an advice can be longer than anybody wants to read here
RECORD = 200  # bytes that a record has at most, its line break included
_CHECK = re.compile(rb"6(\d{6})\d{10}")  # a lockbox check: batch, item, cents
_ENTRY = re.compile(rb"6[2-5]\d.{75}1\d{8}(\d{7})$")  # an ACH entry with addenda: its number


def behind(
    source: dict[str, Any], length: int, read_source: Callable[[str, int, int], bytes]
) -> list[dict[str, Any]]:
    """`{line, byte_offset, bytes}` of the records that belong to the record of `source`
    (`sha256`, `line`, `byte_offset`; `length` bytes), in order; none where there are none."""
    offset = source["byte_offset"]
    if offset is None or not length:
        return []
    try:
        data = read_source(source["sha256"], offset, length + SHOWN * RECORD)
    except OSError:
        return []
    first = data[:length].rstrip(b"\r\n")
    lines = data[len(first) :].lstrip(b"\r\n")
    at = offset + len(data) - len(lines)
    mine = _belongs(first.rstrip())
    if mine is None or at == offset + len(first):
        return []
    answer: list[dict[str, Any]] = []
    for number, line in enumerate(lines.splitlines(keepends=True)[:SHOWN], source["line"] + 1):
        if not mine(line.rstrip()):
            break
        text = printable(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))
        answer.append({"line": number, "byte_offset": at, "bytes": text})
        at += len(line)
    return answer


def _belongs(record: bytes) -> Callable[[bytes], bool] | None:
    """What tells the records of this payment; None for records that have no others."""
    entry = _ENTRY.match(record)
    if entry is not None:
        return lambda line: line[:1] == b"7" and len(line) == 94 and line.endswith(entry[1])
    check = _CHECK.match(record)
    if check is not None:
        return lambda line: line[:1] == b"4" and line[1:7] == check[1]
    return None
