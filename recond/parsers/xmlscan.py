"""XML as columns: expat proves each block well-formed, NumPy finds its elements.

Expat runs without callbacks, so it costs little; what it accepts can be cut at its angle brackets.
The few constructs in which a bracket is text (comments, CDATA, processing instructions, attribute
values) are first overwritten with control characters, which XML itself does not allow: bytes keep
their places, so every offset points into the file. A DOCTYPE is refused before anything of it is
read (reliability.md fault 38).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from recond.parsers.columns import BLOCK, Bytes, Ints, Readable, split_lines
from recond.parsers.notes import Notes

OUTSIDE, UNKNOWN = 0, -1  # above the message's root; below an element that nobody asked for
DEEPEST = 64
LARGEST_UNIT = 48 << 20  # bytes between two places where a block may end

_LT, _GT, _SLASH = 60, 62, 47
_OPEN, _CLOSE, _EMPTY = 0, 1, 2
_UNASKED = -2
_ENCODINGS = {"utf-8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1",
              "iso-8859-15": "iso8859-15", "windows-1252": "cp1252"}  # fmt: skip
_UTF8 = ("utf-8", "ascii")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ODD = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
_TAG = re.compile(rb"""<(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""")
_TEXT = re.compile(rb">[^<]*")
_ERASED = bytes(byte if byte in b"\r\n" else 4 for byte in range(256))
_HIDDEN = bytes.maketrans(b"<>&", b"\x01\x02\x03")
_CONTROLS = bytes(byte for byte in range(1, 32) if byte not in b"\t\n\r")
_MENDED = bytes.maketrans(_CONTROLS, bytes(32 if c == 0x1A else 63 for c in _CONTROLS))
_NAME = re.compile(rb"/?([^\s/]+)")
_CURRENCY = re.compile(rb"""\sCcy\s*=\s*["']([^"']*)["']""")
_BROKEN_OFF = {"no element found", "unclosed token", "unclosed CDATA section"}


class _DoctypeError(Exception):
    """The file has a document type declaration."""


@dataclass(slots=True)
class Paths:
    """Which elements are wanted: numbers from 1 by (number of the parent, local name).

    `roots` are found at any depth outside; what is not wanted is UNKNOWN with all below it.
    `strays` are names that must not be passed over: anywhere else they have the number `stray`,
    but below the elements of `foreign`, where a sender may put what he likes.
    """

    roots: Mapping[str, int]
    children: Mapping[tuple[int, str], int]
    count: int  # the largest number
    strays: frozenset[str] = frozenset()
    stray: int = UNKNOWN
    foreign: Mapping[str, int] = field(default_factory=dict)

    def child(self, parent: int, name: str) -> int:
        """The number of an element of that name below `parent`."""
        if parent in self.foreign.values():
            return parent
        if name in self.foreign:
            return self.foreign[name]
        known = self.roots.get(name) if parent == OUTSIDE else self.children.get((parent, name))
        if known is not None:
            return known
        if name in self.strays:
            return self.stray
        return OUTSIDE if parent == OUTSIDE else UNKNOWN


@dataclass(frozen=True, slots=True)
class Elements:
    """The wanted elements of a block, in file order.

    `start` is the place of an element's `<` in `data`, `end` the one behind its end tag's `>`
    (of an element that a later block closes: the end of its start tag). The text of a leaf is
    `data[low:high]`; of other elements it is empty. `currency` indexes `currencies`.
    """

    data: Bytes
    offset: int
    first_line: int
    line_starts: Ints
    path: Ints
    start: Ints
    end: Ints
    low: Ints
    high: Ints
    currency: Ints
    currencies: tuple[str, ...]
    encoding: str

    def line(self, places: Ints) -> Ints:
        """The physical lines of places."""
        found = np.searchsorted(self.line_starts, places, side="right") - 1
        return self.first_line + found


@dataclass(slots=True)
class _Tags:
    """Every distinct tag that was seen: its kind, local name and currency attribute."""

    codes: dict[bytes, int] = field(default_factory=dict)
    kind: list[int] = field(default_factory=list)
    name: list[int] = field(default_factory=list)
    currency: list[int] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    currencies: dict[str, int] = field(default_factory=lambda: {"": 0})

    def code(self, tag: bytes) -> int:
        found = self.codes.get(tag)
        if found is None:
            found = self.codes[tag] = len(self.kind)
            self.kind.append(
                _CLOSE if tag.startswith(b"/") else _EMPTY if tag.endswith(b"/") else _OPEN
            )
            match = _NAME.match(tag)
            text = match[1].decode("utf-8", "replace") if match else ""
            name = text.rpartition(":")[2]
            self.name.append(self.names.setdefault(name, len(self.names)))
            given = _CURRENCY.search(tag)
            currency = given[1].decode("utf-8", "replace") if given else ""
            self.currency.append(self.currencies.setdefault(currency, len(self.currencies)))
        return found


class Part:
    """`size` bytes of a stream, as a stream."""

    def __init__(self, source: Readable, size: int) -> None:
        self._source, self._left = source, size

    def read(self, size: int = BLOCK, /) -> bytes:
        """At most `size` bytes; none at the end of the part."""
        data = self._source.read(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        return data


class Scanner:
    """One file. `blocks` yields its wanted elements; a fault ends it and is in the notes."""

    def __init__(
        self, source: Readable, paths: Paths, unit: str, notes: Notes,
        place: tuple[int, int] = (0, 1),
    ) -> None:  # fmt: skip
        """`unit`: local name of the repeated element at whose end tag a block may end; `place`:
        byte offset and line at which the document begins."""
        self._source = source
        self._paths = paths
        self._unit = unit.encode() + b">"
        self._unit_tag = re.compile(rb"/?(?:[^\s<>:/]+:)?%b" % self._unit)
        self._notes = notes
        self._parser = expat.ParserCreate()
        self._tags = _Tags()
        self._stack: list[int] = []
        self._known = np.zeros((0, 0), dtype=np.int64)  # by parent + 1 and name; _UNASKED: not yet
        self._encoding = "utf-8"
        self._offset, self._line = place
        self._begin = place
        self.sound = True

    def blocks(self) -> Iterator[Elements]:
        """The wanted elements, block by block."""
        pending, first, searched = b"", True, 0
        while True:
            chunk = self._source.read(BLOCK)
            if first and chunk and not self._begins(chunk):
                return
            first = False
            chunk = self._clean(chunk, len(pending))
            if not self._prove(chunk, final=not chunk):
                return
            pending = _regular(pending + chunk)
            if not chunk:
                if pending:
                    yield from self._scanned(pending)
                return
            cut = self._cut(pending, searched)
            if cut:
                yield from self._scanned(pending[:cut])
                if not self.sound:
                    return
                pending, searched = pending[cut:], 0
            else:
                searched = max(len(pending) - 4096, 0)
            if len(pending) > LARGEST_UNIT:
                self._fault("RECORD_TOO_LONG", f"an entry is longer than {LARGEST_UNIT:,} bytes")
                return

    @property
    def place(self) -> tuple[int, int]:
        """Byte offset and line behind what was read."""
        return self._offset, self._line

    # -- proving -------------------------------------------------------------------------------

    def _refuse(self, *_: object) -> None:
        raise _DoctypeError

    def _fault(self, code: str, what: str, line: int | None = None, at: int | None = None) -> None:
        self.sound = False
        self._notes.add(
            code, f"{what}; ask the bank for a new file", line=self._line if line is None else line,
            byte_offset=self._offset if at is None else at,
        )  # fmt: skip

    def _begins(self, head: bytes) -> bool:
        wide = head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:4]
        declared = _DECLARED.search(head[:400])
        name = "utf-16" if wide else declared[1].decode().lower() if declared else "utf-8"
        if name not in _ENCODINGS:
            self._fault("ENCODING_WRONG", f"the file is {name}; it is read as UTF-8, US-ASCII, "
                        "ISO-8859-1, ISO-8859-15 or Windows-1252")  # fmt: skip
            return False
        self._encoding = _ENCODINGS[name]
        if self._encoding in _UTF8:
            self._parser = expat.ParserCreate("utf-8")  # whatever the declaration says
        self._parser.StartDoctypeDeclHandler = self._refuse
        return True

    def _clean(self, chunk: bytes, before: int) -> bytes:
        """The chunk with bytes that are of no character replaced, which is told (a bad character
        in a name must not lose a file; in a figure it makes the figure unreadable)."""
        if self._encoding in _UTF8:
            for _ in range(3):  # a character may go on in the next chunk
                if not chunk or chunk[-1] < 128:
                    break
                more = self._source.read(1)
                chunk += more
                if not more or more[0] < 128:
                    break
            try:
                chunk.decode("utf-8")
            except UnicodeDecodeError as error:
                self._replaced(before + error.start)
                text = chunk.decode("utf-8", "surrogateescape")
                text = "".join("?" if "\udc80" <= c <= "\udcff" else c for c in text)
                chunk = text.encode("utf-8")
        if len(chunk.translate(None, _CONTROLS)) < len(chunk):
            mended = chunk.translate(_MENDED)
            self._replaced(before + next(i for i in range(len(chunk)) if chunk[i] != mended[i]))
            chunk = mended
        return chunk

    def _replaced(self, place: int) -> None:
        self._notes.add(
            "CHARACTER_REPLACED", "A byte is no character of the file's encoding and was replaced.",
            byte_offset=self._offset + place,
        )  # fmt: skip

    def _prove(self, chunk: bytes, *, final: bool) -> bool:
        try:
            self._parser.Parse(chunk, final)
        except _DoctypeError:
            self._fault("FILE_STRUCTURE", "the file has a document type declaration (DOCTYPE), "
                        "which no bank statement needs and which can do harm: it was not read",
                        self._parser.CurrentLineNumber + self._begin[1] - 1,
                        self._parser.CurrentByteIndex + self._begin[0])  # fmt: skip
        except expat.ExpatError as error:
            words = expat.ErrorString(error.code)
            line = error.lineno + self._begin[1] - 1
            place = max(self._parser.ErrorByteIndex, 0) + self._begin[0]
            if words in _BROKEN_OFF:
                self._fault("FILE_TRUNCATED", "the file ends before its last element", line, place)
            elif b"\0" in chunk:
                self._fault("NUL_BYTES", "the file holds NUL bytes", line, place)
            else:
                self._fault("FILE_STRUCTURE", f"the file is not well-formed XML: {words}", line,
                            place)  # fmt: skip
        return self.sound

    # -- cutting -------------------------------------------------------------------------------

    def _cut(self, data: bytes, searched: int) -> int:
        """Where the block may end: behind the last end tag of the unit, 0 where none is."""
        # What expat has not taken yet (an open quote, say) is not proved: it is not cut either.
        proved = self._parser.CurrentByteIndex - (self._offset - self._begin[0])
        limit = min(_open_end(data), max(proved, 0))
        while (at := data.rfind(self._unit, searched, limit)) >= 0:
            begin, end = data.rfind(b"<", 0, at), at + len(self._unit)
            if self._unit_tag.fullmatch(data, begin + 1, end):
                # At a start tag the unit belongs to the next block.
                return end if data.startswith(b"/", begin + 1) else begin
            limit = at
        return 0

    def _scanned(self, data: bytes) -> Iterator[Elements]:
        view, starts, ends = _brackets(data)
        if len(starts) != len(ends) or bool((ends[:-1] > starts[1:]).any()):
            view, starts, ends = _brackets(_hidden_brackets(data))
        if len(starts) != len(ends) or bool((ends[:-1] > starts[1:]).any()):
            self._fault("FILE_STRUCTURE", "its elements cannot be told apart")
            return
        lines, _ = split_lines(view)
        found = self._elements(view, starts, ends, lines)
        self._offset += len(data)
        self._line += len(lines) - (not data.endswith((b"\n", b"\r")))
        if found is not None:
            yield found

    def _elements(self, view: Bytes, starts: Ints, ends: Ints, lines: Ints) -> Elements | None:
        tags = _tag_codes(view, starts, ends, self._tags)
        kind = np.array(self._tags.kind or [0], dtype=np.int64)[tags]
        name = np.array(self._tags.name or [0], dtype=np.int64)[tags]
        after = len(self._stack) + np.cumsum((kind == _OPEN).astype(np.int64) - (kind == _CLOSE))
        level = after + (kind != _OPEN)
        if len(level) and int(level.max()) > DEEPEST:
            self._fault("FILE_STRUCTURE", f"elements stand more than {DEEPEST} deep")
            return None
        path, closer = self._resolved(kind, name, level)
        kept = np.flatnonzero(path > 0)
        following = np.minimum(kept + 1, len(kind) - 1)
        leaf = (kind[kept] == _OPEN) & (following > kept) & (kind[following] == _CLOSE)
        low = ends[kept] + 1
        high = np.where(leaf, starts[following], low)
        currency = np.array(self._tags.currency or [0], dtype=np.int64)[tags[kept]]
        return Elements(
            view, self._offset, self._line, lines, path[kept], starts[kept],
            ends[closer[kept]] + 1, low, high, currency, tuple(self._tags.currencies),
            self._encoding,
        )  # fmt: skip

    def _resolved(self, kind: Ints, name: Ints, level: Ints) -> tuple[Ints, Ints]:
        """The path number of each start tag, level by level, and the tag that closes it."""
        path = np.full(len(kind), UNKNOWN, dtype=np.int64)
        closer = np.arange(len(kind), dtype=np.int64)
        names = list(self._tags.names)
        parents = np.zeros(0, dtype=np.int64)
        stack = list(self._stack)
        lowest = int(level.min(initial=1))
        for depth in range(lowest, int(level.max(initial=0)) + 1):
            here = np.flatnonzero(level == depth)
            opened = here[kind[here] != _CLOSE]
            before = np.searchsorted(parents, opened) - 1
            carried = stack[depth - 2] if 2 <= depth <= len(stack) + 1 else OUTSIDE
            above = np.full(len(opened), carried, dtype=np.int64)
            inside = before >= 0
            above[inside] = path[parents[before[inside]]]
            path[opened] = self._numbers(above, name[opened], names)
            parents = here[kind[here] == _OPEN]
            closes = here[kind[here] == _CLOSE]
            match = np.searchsorted(closes, parents)
            shut = match < len(closes)
            closer[parents[shut]] = closes[match[shut]]
            if len(closes) and depth <= len(stack):
                del self._stack[depth - 1 :]
            if len(parents) and not shut[-1]:
                self._stack[depth - 1 :] = [int(path[parents[-1]])]
        return path, closer

    def _numbers(self, above: Ints, name: Ints, names: list[str]) -> Ints:
        rows, columns = self._known.shape
        if columns < len(names):
            wider = np.full((self._paths.count + 2, 2 * len(names)), _UNASKED, dtype=np.int64)
            wider[:rows, :columns] = self._known
            self._known = wider
        found = self._known[above + 1, name]
        for place in np.flatnonzero(found == _UNASKED).tolist():  # one a distinct element
            parent, child = int(above[place]), int(name[place])
            if self._known[parent + 1, child] == _UNASKED:
                self._known[parent + 1, child] = self._paths.child(parent, names[child])
        return self._known[above + 1, name]


def _tag_codes(view: Bytes, starts: Ints, ends: Ints, tags: _Tags) -> Ints:
    """The code of each tag; each distinct tag is looked at once a block."""
    count = len(starts)
    bounds = np.empty(2 * count + 1, dtype=np.int32)
    bounds[0:-1:2], bounds[1::2] = starts + 1, ends
    bounds[-1] = ends[-1] if count else 0
    both = pa.BinaryArray.from_buffers(
        pa.binary(), 2 * count, [None, pa.py_buffer(bounds), pa.py_buffer(view)]
    )
    coded = both.take(pa.array(np.arange(0, 2 * count, 2))).dictionary_encode()
    codes = np.array([tags.code(tag) for tag in coded.dictionary.to_pylist()], dtype=np.int64)
    rows = coded.indices.to_numpy(zero_copy_only=False)
    return codes[rows] if count else np.zeros(0, dtype=np.int64)


def _regular(data: bytes) -> bytes:
    """The data with comments, CDATA marks and processing instructions overwritten."""
    if _open_end(data) == len(data):
        return data

    def erased(match: re.Match[bytes]) -> bytes:
        text = match[0]
        if text.startswith(b"<![CDATA["):
            return b"\x04" * 9 + text[9:-3].translate(_HIDDEN) + b"\x04" * 3
        return text.translate(_ERASED)

    return _ODD.sub(erased, data)


def _open_end(data: bytes) -> int:
    """Where a construct begins that does not end within the data; its length where none does."""
    # One byte is found much faster than two, and most blocks hold neither.
    marks = [b"<" + mark for mark in (b"!", b"?") if mark in data]
    return min((place for mark in marks if (place := data.find(mark)) >= 0), default=len(data))


def _brackets(data: bytes) -> tuple[Bytes, Ints, Ints]:
    view = np.frombuffer(data, dtype=np.uint8)
    return view, np.flatnonzero(view == _LT), np.flatnonzero(view == _GT)


def _hidden_brackets(data: bytes) -> bytes:
    """The data with `>` in attribute values and in text, where XML allows it, overwritten."""
    data = _TAG.sub(lambda m: m[0][:-1].replace(b">", b"\x02") + b">", data)
    return _TEXT.sub(lambda m: b">" + m[0][1:].replace(b">", b"\x02"), data)
