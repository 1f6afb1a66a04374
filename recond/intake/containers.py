"""gzip and zip around a file: sniffed by content, judged before anything is read from it.

The archive keeps the packed bytes; everything that reads a file reads it unpacked, and offsets
count there. A container is walked once, as a stream with a cap on bytes and on their ratio to what
is packed, before its file is recognised (reliability.md fault 41). Names inside say in which order
several files are read, and nothing else: nothing is ever unpacked to a path.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from recond.model import Problem

MOST_MEMBERS = 1_000
MOST_RATIO = 200  # no file of a bank packs better; deflate itself reaches 1,032
SLACK = 1 << 20  # small files may be mostly repetition
CHUNK = 1 << 16

_GZIP, _ZIP, _EMPTY_ZIP = b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06"
_PACKED = (
    _GZIP,
    _ZIP,
    _EMPTY_ZIP,
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END_BYTES = 22 + 0xFFFF  # a zip's end record and its comment


class Parts(io.RawIOBase):
    """Some members of a zip as one stream, in the order of their names. `sizes` are their bytes,
    for grammars that read each of them as a file of its own."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        """`file` is closed with the stream."""
        super().__init__()
        self._file = file
        self._left = sorted(_files(file), key=lambda member: member.filename)
        self.sizes = tuple(member.file_size for member in self._left)
        self._part: BinaryIO | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """The next bytes; none at the end of the last member."""
        view = memoryview(cast("bytearray", buffer))
        while True:
            if self._part is None:
                if not self._left:
                    return 0
                self._part = cast("BinaryIO", self._file.open(self._left.pop(0)))
            data = self._part.read(len(view))
            if data:
                view[: len(data)] = data
                return len(data)
            self._part.close()
            self._part = None

    def close(self) -> None:
        """Close the stream and the zip."""
        if self._part is not None:
            self._part.close()
        self._file.close()
        super().close()


class _PartsReader(io.BufferedReader):
    """A buffered stream that tells the sizes of its members."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, CHUNK)
        self.sizes = parts.sizes


def packed_as(path: Path) -> str | None:
    """`gzip`, `zip`, or None for a file that is not packed."""
    with path.open("rb") as source:
        head = source.read(4)
    if head.startswith(_GZIP):
        return "gzip"
    return "zip" if head in (_ZIP, _EMPTY_ZIP) else None


def open_unpacked(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked where it is packed. Only for files that `judge` found sound:
    a damaged one raises while it is read."""
    kind = packed_as(path)
    if kind == "gzip":
        return cast("BinaryIO", gzip.open(path, "rb"))
    if kind == "zip":
        return _PartsReader(Parts(zipfile.ZipFile(path)))
    return path.open("rb")


def head_of(path: Path, size: int) -> bytes:
    """The first bytes, unpacked where that is possible."""
    try:
        with open_unpacked(path) as source:
            return source.read(size)
    except _DAMAGE:
        with path.open("rb") as source:
            return source.read(size)


def slice_of(path: Path, offset: int, length: int) -> bytes:
    """Bytes of the unpacked file, for showing where something came from."""
    with open_unpacked(path) as source:
        if source.seekable():
            source.seek(offset)
        else:
            left = offset
            while left and (skipped := source.read(min(left, CHUNK))):
                left -= len(skipped)
        return source.read(length)


def judge(path: Path, most_bytes: int) -> tuple[Problem | None, int]:
    """What is wrong with a container (None: nothing), and how many files it holds (1 for a file
    that is not packed).

    PACKED_BROKEN, PACKED_TOO_LARGE, PACKED_NESTED, PACKED_ENCRYPTED, PACKED_MEMBERS (none, or more
    than any bank sends). Memory and time are bounded whatever the container claims of itself.
    """
    kind = packed_as(path)
    if kind is None:
        return None, 1
    most = min(most_bytes, path.stat().st_size * MOST_RATIO + SLACK)
    try:
        if kind == "gzip":
            with gzip.open(path, "rb") as source:
                return _walk(cast("BinaryIO", source), most)[0], 1
        return _judge_zip(path, most)
    except _DAMAGE as error:
        words = f"the {kind} file is damaged ({type(error).__name__}); ask for it again"
        return Problem("PACKED_BROKEN", words), 1


def _walk(source: BinaryIO, most: int) -> tuple[Problem | None, int]:
    """Unpack a stream to nowhere; what is wrong with it, and how many bytes it has."""
    size = 0
    while data := source.read(CHUNK):
        if size == 0 and data.startswith(_PACKED):
            words = "inside the packed file stands a packed file; unpack it and drop what it holds"
            return Problem("PACKED_NESTED", words), size
        size += len(data)
        if size > most:
            words = (
                f"unpacked it is larger than {most:,} bytes, which no file of its packed size is;"
                " it was not read further. Ask its sender what it is"
            )
            return Problem("PACKED_TOO_LARGE", words), size
    return None, size


def _judge_zip(path: Path, most: int) -> tuple[Problem | None, int]:
    count = _declared_members(path)
    if not 1 <= count <= MOST_MEMBERS:
        words = f"the zip holds {count:,} files; send one file in each"
        return Problem("PACKED_MEMBERS", words), count
    with zipfile.ZipFile(path) as file:
        members = _files(file)
        if not members:
            words = "the zip holds folders and no file; send one file in each"
            return Problem("PACKED_MEMBERS", words), 0
        for member in members:
            fault = _wrong_member(member)
            if fault is not None:
                return fault, len(members)
        left = most
        for member in members:
            with file.open(member) as source:
                fault, size = _walk(cast("BinaryIO", source), left)
            if fault is not None:
                return fault, len(members)
            left -= size
    return None, len(members)


def _files(file: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members without the entries of folders, which hold no bytes."""
    return [one for one in file.infolist() if not (one.is_dir() and one.file_size == 0)]


def _wrong_member(member: zipfile.ZipInfo) -> Problem | None:
    if member.flag_bits & 0x41:
        return Problem("PACKED_ENCRYPTED", "the zip is encrypted; send the file without a password")
    if member.compress_type not in _METHODS:
        return Problem("PACKED_BROKEN", "the zip is not packed with deflate; pack it so again")
    return None


def several(members: int, name: str) -> Problem:
    """Why a zip of several files is held whose format reads one file at a time."""
    words = f"the zip holds {members} files, and the format {name} reads one; send one file in each"
    return Problem("PACKED_MEMBERS", words)


def _declared_members(path: Path) -> int:
    """How many members the end record declares: read before the directory, which may be huge."""
    with path.open("rb") as source:
        source.seek(max(path.stat().st_size - _END_BYTES, 0))
        tail = source.read()
    at = tail.rfind(_EMPTY_ZIP)
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("no end record")
    count = int.from_bytes(tail[at + 10 : at + 12], "little")
    size = int.from_bytes(tail[at + 12 : at + 16], "little")
    return count if size < MOST_MEMBERS * 1024 else MOST_MEMBERS + 1
