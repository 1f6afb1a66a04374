"""Fields of fixed width as typed columns straight from their bytes, where all of a block are
written plainly; for others there is the way over texts, which also says what is wrong."""

from __future__ import annotations

import codecs

import numpy as np
import pyarrow as pa

from recond.arrays import Ints
from recond.money import MAX_CENTS
from recond.parsers.columns import SPACE, Bytes, blank_from, packed_rows, text_column
from recond.parsers.figures import MOST_DIGITS, digits, word_of
from recond.parsers.texts import ASCII_LIKE, decoded, trimmed
from recond.parsers.typed import Value, Wrong, date_of
from recond.parsers.words import SIZE

_DELETE = 0x7F


def latin_table(encoding: str) -> bytes | None:
    """What each byte of an encoding is in Latin-1, for those (of EBCDIC) that have a character of
    Latin-1 for every byte; None for others, and where bytes of ASCII are what they are."""
    if codecs.lookup(encoding).name in ASCII_LIKE:
        return None
    try:
        table = bytes(range(256)).decode(encoding).encode("latin-1")
    except UnicodeError:
        return None
    return table if len(set(table)) == 256 else None


def is_plain(view: Bytes, encoding: str) -> bool:
    """Whether an `(n, width)` view holds printable ASCII and nothing else."""
    if codecs.lookup(encoding).name not in ASCII_LIKE or not view.size:
        return False
    view = view if view.flags.c_contiguous else packed_rows(view)
    return int(view.min()) >= SPACE and int(view.max()) < _DELETE


def field_texts(
    view: Bytes, value: Value, name: str, encoding: str, *, plain: bool, kept: int
) -> tuple[pa.Array, list[Wrong], dict[str, Ints]]:
    """The texts of an `(n, width)` view without blanks around them, null where nothing is left,
    and what is not of the encoding, as `texts.decoded` says."""
    if plain:
        return text_column(view, plain=True), [], {}
    packed = packed_rows(view)
    offsets = np.arange(0, packed.size + 1, view.shape[1], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(packed)]
    raw = pa.Array.from_buffers(pa.binary(), len(view), buffers)
    lenient = value.type == "name"
    texts, wrong, rest = decoded(raw, encoding, name, lenient=lenient, kept=kept)
    return trimmed(texts), wrong, rest


def plain_column(view: Bytes, value: Value) -> pa.Array | None:
    """The values of an `(n, width)` view of printable ASCII, or None where one of them is wrong
    or is written in another way than with digits alone.

    Amounts and numbers are digits in every column of the field; of a field that may be blank all
    rows may be. Dates are read once for each different one.
    """
    count, width = view.shape
    if not count or value.type in ("text", "name", "cents"):
        return None
    if view[0, 0] == SPACE and value.blank and blank_from(view, 0):
        return pa.nulls(count, value.arrow)
    if value.type == "date":
        return _dates(view, value)
    if width > MOST_DIGITS or (value.type == "implied" and value.decimals != 2):
        return None
    number, bad = digits(view)
    if bad.any() or (value.type == "implied" and int(number.max()) > MAX_CENTS):
        return None
    return pa.array(number)


def _dates(view: Bytes, value: Value) -> pa.Array | None:
    width = view.shape[1]
    if width > SIZE:
        return None
    coded = pa.array(word_of(view).view(np.int64)).dictionary_encode()
    words = coded.dictionary.to_numpy().view(np.uint64).tolist()
    texts = [word.to_bytes(SIZE, "little")[SIZE - width :].decode("ascii") for word in words]
    read = [date_of(text.strip(" "), value.format) for text in texts]
    if None in read:  # blank, or none
        return None
    return pa.array(read, pa.date32()).take(coded.indices)
