"""Bytes of columns as text: the declared encoding, strictly, and blanks taken off."""

from __future__ import annotations

import codecs

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import Bools, Ints, bools
from recond.parsers.columns import SPACE, Bytes, blank_to_null
from recond.parsers.typed import SHOWN, Wrong

_BLANKS = " \t"
_TEXT = pa.string()
_TAB, _ASCII_END = 9, 128
_REPLACED = "\ufffd"
ASCII_LIKE = ("ascii", "utf-8", "iso8859-1", "cp1252")
_BYTEWISE = (*ASCII_LIKE, "cp037")  # no byte of a control character is a part of another's
_APART = range(1, 32)  # one of these bytes stands between values while they are read together


def decoded(
    raw: pa.Array, encoding: str, name: str, *, lenient: bool, kept: int | None = None
) -> tuple[pa.Array, list[Wrong], dict[str, Ints]]:
    """A binary column as text, and the values that are not of the encoding.

    A lenient column (a person's name) gets U+FFFD there and a warning; any other value would be
    a guess, and holds the file (formats.md section 0). With `kept` only so many get a sentence,
    of the others the rows come by their code.
    """
    plain = codecs.lookup(encoding).name
    if plain in ASCII_LIKE:
        try:
            texts = raw.cast(pa.string())  # checks that the bytes are UTF-8
        except pa.ArrowInvalid:
            texts = None
        if texts is not None and (plain == "utf-8" or is_plain(raw, encoding)):
            return texts, [], {}
    texts, bad = _read(raw, plain)
    code = "CHARACTER_REPLACED" if lenient else "ENCODING_WRONG"
    rows = np.flatnonzero(bad)
    told = rows if kept is None else rows[:kept]
    wrong = []
    for row in told.tolist():
        byte = _strange(raw[row].as_py(), encoding)
        what = (
            f"{name} '{texts[row].as_py()[:SHOWN]}' holds the byte {byte}, which is not {encoding}"
        )
        wrong.append(Wrong(row, code, f"{what}; save the file as {encoding}"))
    return texts, wrong, {code: rows[len(told) :]} if len(told) < len(rows) else {}


def is_plain(raw: pa.Array, encoding: str) -> bool:
    """Whether a binary column of that encoding has no bytes but those of ASCII."""
    return (
        codecs.lookup(encoding).name in ASCII_LIKE and int(_bytes(raw).max(initial=0)) < _ASCII_END
    )


def _bytes(values: pa.Array) -> Bytes:
    """The bytes of a binary or text column, one value after the other."""
    offsets = np.frombuffer(values.buffers()[1], dtype=np.int32)
    first, last = int(offsets[values.offset]), int(offsets[values.offset + len(values)])
    data = values.buffers()[2]
    return np.frombuffer(b"" if data is None else data, dtype=np.uint8)[first:last]


def _read(raw: pa.Array, encoding: str) -> tuple[pa.Array, Bools]:
    """A binary column as text, U+FFFD where it is none of the encoding, and which values are not.

    All values are read as one text, with a byte between them that stands in none.
    """
    free = np.flatnonzero(np.bincount(_bytes(raw), minlength=_APART.stop)[: _APART.stop] == 0)
    free = free[free >= _APART.start]
    if encoding not in _BYTEWISE or not len(free) or not len(raw):
        texts = pa.array([value.decode(encoding, "replace") for value in raw.to_pylist()], _TEXT)
    else:
        apart = bytes([int(free[0])])
        whole = pc.binary_join(pa.ListArray.from_arrays([0, len(raw)], raw), apart)[0].as_py()
        values = whole.decode(encoding, "replace").split(apart.decode(encoding))
        texts = pa.array(values, _TEXT)
    bad = bools(pc.match_substring(texts, _REPLACED))
    if encoding.startswith("utf") and bad.any():  # the file itself may hold that character
        bad &= ~bools(pc.equal(texts.cast(pa.binary()), raw))
    return texts, bad


def _strange(value: bytes, encoding: str) -> str:
    """The first byte of a value that is not of the encoding."""
    try:
        value.decode(encoding)
    except UnicodeDecodeError as error:
        return f"0x{value[error.start]:02x}"
    return ""


def trimmed(texts: pa.Array) -> pa.Array:
    """Text without blanks around it, null where nothing is left."""
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)
    ends = offsets[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    filled = np.flatnonzero(ends[1:] > ends[:-1])
    first, last = data[ends[:-1][filled]], data[ends[1:][filled] - 1]
    if ((first == SPACE) | (first == _TAB) | (last == SPACE) | (last == _TAB)).any():
        texts = pc.ascii_trim(texts, characters=_BLANKS)
    return blank_to_null(texts)
