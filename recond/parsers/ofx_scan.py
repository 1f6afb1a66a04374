"""OFX: bytes to tags and the values behind them, SGML and XML alike (formats.md section 9).

Tags of leaves need not be closed, headers come in every shape, and labels of encodings lie. So
nothing is parsed as XML: a tag is what looks like one, its value is all up to the next tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from recond.parsers.columns import BLOCK, Ints, split_lines
from recond.parsers.notes import Notes
from recond.parsers.spans import either

LONGEST = 1 << 16  # bytes between two tags: no header and no memo is longer
_TAG = re.compile(rb"<(/?)([A-Za-z][A-Za-z0-9._]{0,31})[ \t\r\n]{0,4}(/?)>")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|nbsp|#[0-9]{1,6});")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}
_WIDE = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag with the bytes behind it. `end` is where the tag itself ends in the file."""

    name: str  # in upper case
    closes: bool
    value: bytes
    line: int
    offset: int
    end: int


def tags(source: BinaryIO, notes: Notes, block: int = BLOCK) -> Iterator[list[Tag]]:
    """The tags of a file, a list for each block of it.

    Problems: NUL_BYTES, ENCODING_WRONG (UTF-16), RECORD_TOO_LONG; at the last two reading stops.
    """
    data, offset, line = b"", 0, 1
    while True:
        chunk = source.read(block)
        data += chunk
        if offset == 0 and data[:2] in _WIDE:
            notes.add(
                "ENCODING_WRONG",
                "The file is UTF-16, which is not read; save it as UTF-8.",
                line=1,
                byte_offset=0,
            )
            return
        matches = list(_TAG.finditer(data))
        # The value of the last tag may go on in the next block.
        cut = len(data) if not chunk else matches[-1].start() if matches else 0
        if chunk and len(data) - cut > LONGEST + block:
            notes.add(
                "RECORD_TOO_LONG",
                f"More than {LONGEST} bytes stand between two tags. The file is not read any "
                "further; ask for it again.",
                line=line,
                byte_offset=offset,
            )
            return
        if cut:
            starts, _ = split_lines(np.frombuffer(data, dtype=np.uint8, count=cut))
            taken = matches if not chunk else matches[:-1]
            yield _found(data[:cut], (offset, line), starts, taken, notes)
            line += len(starts) - (data[cut - 1] not in b"\r\n")
            data, offset = data[cut:], offset + cut
        if not chunk:
            return


def _found(
    data: bytes, place: tuple[int, int], starts: Ints, matches: list[re.Match[bytes]], notes: Notes
) -> list[Tag]:
    offset, line = place
    nul = data.find(b"\0")
    if nul >= 0:
        notes.add(
            "NUL_BYTES",
            f"The file holds NUL bytes, the first at byte {offset + nul}: it was damaged on its "
            "way. Ask the bank to send it again.",
            line=line + int(np.searchsorted(starts, nul, side="right")) - 1,
            byte_offset=offset + nul,
        )
        data = data.replace(b"\0", b" ")
    places = np.array([match.start() for match in matches], dtype=np.int64)
    rows = (np.searchsorted(starts, places, side="right") - 1 + line).tolist()
    ends = [*places[1:].tolist(), len(data)][: len(matches)]
    found = [
        Tag(
            match[2].decode("ascii").upper(), bool(match[1]), data[match.end() : end], row,
            offset + match.start(), offset + match.end(),
        )
        for match, row, end in zip(matches, rows, ends, strict=True)
    ]  # fmt: skip
    for number in reversed([number for number, match in enumerate(matches) if match[3]]):
        found[number : number + 1] = _empty(found[number], notes)
    return found


def _empty(tag: Tag, notes: Notes) -> tuple[Tag, Tag]:
    """A tag that closes itself, as two: what stands behind it is not its value."""
    if tag.value.strip():
        notes.add(
            "RECORD_DEVIATES",
            f"<{tag.name}/> says that it is empty; the text behind it is not read.",
            line=tag.line,
            byte_offset=tag.offset,
            field=tag.name,
        )
    return replace(tag, value=b""), replace(tag, value=b"", closes=True)


def text(value: bytes, encoding: str) -> str:
    """A value as text: UTF-8 where it is, else `encoding`; known entities replaced, so that an
    ampersand that nobody escaped stays."""
    raw = value.strip()
    if raw.startswith(b"<![CDATA[") and raw.endswith(b"]]>"):
        return either(raw[9:-3], encoding).strip()
    found = either(raw, encoding)
    return _ENTITY.sub(_entity, found).strip() if "&" in found else found


def _entity(match: re.Match[str]) -> str:
    name = match[1]
    if name[0] != "#":
        return _NAMED[name]
    number = int(name[1:])
    return chr(number) if 32 <= number < 0xD800 else " "
