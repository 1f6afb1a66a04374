"""Bytes of columns as text: the declared encoding, strictly, and blanks taken off."""

from __future__ import annotations

import codecs

import pyarrow as pa
import pyarrow.compute as pc

from recond.parsers.columns import blank_to_null
from recond.parsers.typed import SHOWN, Wrong

_BLANKS = " \t"
ASCII_LIKE = ("ascii", "utf-8", "iso8859-1", "cp1252")


def decoded(
    raw: pa.Array, encoding: str, name: str, *, lenient: bool
) -> tuple[pa.Array, list[Wrong]]:
    """A binary column as text, and the values that are not of the encoding.

    A lenient column (a person's name) gets U+FFFD there and a warning; any other value would be
    a guess, and holds the file (formats.md section 0).
    """
    plain = codecs.lookup(encoding).name
    if plain in ASCII_LIKE:
        try:
            texts = raw.cast(pa.string())  # checks that the bytes are UTF-8
        except pa.ArrowInvalid:
            texts = None
        if texts is not None and (plain == "utf-8" or pc.all(pc.string_is_ascii(texts)).as_py()):
            return texts, []
    return _one_by_one(raw, encoding, name, lenient=lenient)


def _one_by_one(
    raw: pa.Array, encoding: str, name: str, *, lenient: bool
) -> tuple[pa.Array, list[Wrong]]:
    # Only blocks with other than ASCII characters that Arrow cannot read come here.
    texts: list[str | None] = []
    wrong: list[Wrong] = []
    for row, value in enumerate(raw.to_pylist()):
        data = value or b""
        try:
            texts.append(data.decode(encoding))
        except UnicodeDecodeError as error:
            text = data.decode(encoding, "replace")
            texts.append(text)
            code = "CHARACTER_REPLACED" if lenient else "ENCODING_WRONG"
            byte = f"0x{data[error.start]:02x}"
            what = f"{name} '{text[:SHOWN]}' holds the byte {byte}, which is not {encoding}"
            wrong.append(Wrong(row, code, f"{what}; save the file as {encoding}"))
    return pa.array(texts, pa.string()), wrong


def trimmed(texts: pa.Array) -> pa.Array:
    """Text without blanks around it, null where nothing is left."""
    if pc.any(pc.match_substring_regex(texts, r"^[ \t]|[ \t]$")).as_py():
        texts = pc.ascii_trim(texts, characters=_BLANKS)
    return blank_to_null(texts)
