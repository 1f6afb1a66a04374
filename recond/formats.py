"""Declared formats: formats/*.toml → model.Format, and which one claims a file.

A format file says who may claim a file (`[identify]`), with which grammar it is read and how
(`[layout]`, the grammar's own keys). docs/formats.md describes every key and the order in which
claims are evaluated. A mistake refuses the format file with its path, line, key and the nearest
right name.
"""

from __future__ import annotations

import codecs
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field

from recond import regexes
from recond.errors import ConfigError
from recond.exceptions.codes import CODES
from recond.model import KINDS, Format
from recond.parsers import GRAMMARS
from recond.tomlcheck import Document, Strict, nearest, read_toml, validate

HEAD = 8192  # bytes of a file that identification looks at
_FIRST_LINE = 1000  # characters of the first line that a regular expression sees
_BOM = "\ufeff"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Waiver(Strict):
    """A control that this bank is let off, and why."""

    code: str
    reason: str = Field(min_length=1)


class Identify(Strict):
    """What a format claims: all that stands here must hold."""

    names: list[str] = Field(default_factory=lambda: ["*"])
    first_line: str | None = None
    contains: str | None = None
    lacks: str | None = None
    columns: list[str] = Field(default_factory=list)
    without_columns: list[str] = Field(default_factory=list)


class FormatFile(Strict):
    """The keys at the top of a format file."""

    name: str
    title: str
    grammar: str  # a key of parsers.GRAMMARS
    kind: str  # one of model.KINDS
    inboxes: list[str] = Field(min_length=1)
    channel: str | None = None
    tender: str | None = None
    currency: str = "USD"
    encoding: str = "utf-8"
    waives: list[Waiver] = Field(default_factory=list)
    instead_of: list[str] = Field(default_factory=list)
    identify: Identify = Field(default_factory=Identify)
    layout: dict[str, Any] = Field(default_factory=dict)
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """Which format claims a file. `format` is None when none does (UNKNOWN_FORMAT) or several
    do (AMBIGUOUS_FORMAT); `reasons` has one sentence a candidate: why it claims or not."""

    format: Format | None
    code: str | None
    reasons: tuple[str, ...]


class Formats(Mapping[str, Format]):
    """The formats of a home, by name, in the order of their names."""

    def __init__(self, formats: Iterable[Format]) -> None:
        """Raises ConfigError where two formats have one name."""
        found: dict[str, Format] = {}
        for fmt in formats:
            if fmt.name in found:
                raise ConfigError(
                    f"{fmt.path}: name: the format '{fmt.name}' stands already in "
                    f"{found[fmt.name].path}; give one of them another name"
                )
            found[fmt.name] = fmt
        self._formats = MappingProxyType(dict(sorted(found.items())))

    def __getitem__(self, name: str) -> Format:
        return self._formats[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._formats)

    def __len__(self) -> int:
        return len(self._formats)

    def of_inbox(self, inbox: str | None) -> tuple[Format, ...]:
        """The formats that may arrive in an inbox; None: all formats."""
        return tuple(f for f in self._formats.values() if inbox is None or inbox in f.inboxes)

    def identify(self, inbox: str | None, name: str, head: bytes) -> Identified:
        """Which format claims a file of that name whose first bytes are `head` (HEAD is enough).

        Order: inbox, name pattern, first line, what the first bytes hold and lack, columns. Two
        claims are never decided by a preference: the file is held (reliability.md fault 16),
        unless one of the formats says itself that it stands `instead_of` the others.
        """
        candidates = self.of_inbox(inbox)
        refusals = self.refusals(inbox, name, head)
        claims = [fmt for fmt in candidates if refusals[fmt.name] is None]
        reasons = tuple(
            f"{fmt.name}: {refusals[fmt.name] or 'claims the file'}" for fmt in candidates
        )
        if len(claims) == 1:
            return Identified(claims[0], None, reasons)
        code = "AMBIGUOUS_FORMAT" if claims else "UNKNOWN_FORMAT"
        return Identified(None, code, reasons)

    def refusals(self, inbox: str | None, name: str, head: bytes) -> dict[str, str | None]:
        """By name, why each format of an inbox does not claim a file; None where it does."""
        candidates = self.of_inbox(inbox)
        why = {fmt.name: refusal(fmt, name, head) for fmt in candidates}
        stepped = {
            other: fmt.name
            for fmt in candidates
            if why[fmt.name] is None
            for other in fmt.instead_of
            # Each in place of the other is a contradiction, and none steps back.
            if other in self and fmt.name not in self[other].instead_of
        }
        for other, winner in stepped.items():
            if other in why and why[other] is None:
                why[other] = f"{winner} claims the file in its place"
        return why


def refusal(fmt: Format, name: str, head: bytes) -> str | None:
    """Why a format does not claim a file, as a phrase, or None when it does."""
    if not any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in fmt.names):
        return f"the name is not like {' or '.join(fmt.names)}"
    lines = head_lines(fmt, head)
    if fmt.first_line is not None and not re.match(fmt.first_line, lines[0][:_FIRST_LINE]):
        return f"the first line does not match {fmt.first_line}"
    if fmt.contains is not None and not re.search(fmt.contains, "\n".join(lines)):
        return f"its first {HEAD} bytes hold nothing like {fmt.contains}"
    if fmt.lacks is not None and re.search(fmt.lacks, "\n".join(lines)):
        return f"its first {HEAD} bytes hold something like {fmt.lacks}"
    if not fmt.columns and not fmt.without_columns:
        return None
    # Banks print title lines above the header (formats.md section 14): layouts say how many.
    preamble = getattr(fmt.layout, "preamble_lines", 0) + getattr(fmt.layout, "header_within", 0)
    headers = [_names(fmt, line) for line in lines[: 1 + preamble]]
    best = max(headers, key=lambda names: sum(column.casefold() in names for column in fmt.columns))
    missing = [column for column in fmt.columns if column.casefold() not in best]
    if missing:
        return f"the column '{missing[0]}' is missing in the first line"
    extra = [column for column in fmt.without_columns if column.casefold() in best]
    return f"the column '{extra[0]}' belongs to another format" if extra else None


def head_lines(fmt: Format, head: bytes) -> list[str]:
    """The lines of a file's first bytes in the format's encoding, never empty."""
    encoding = "utf-16" if head.startswith(_WIDE_MARKS) else fmt.encoding
    text = head[:HEAD].decode(encoding, errors="replace").removeprefix(_BOM)
    return re.split(r"\r\n|\r|\n", text) or [""]


def _names(fmt: Format, line: str) -> set[str]:
    delimiter = getattr(fmt.layout, "delimiter", ",")
    return {part.strip().strip('"').strip().casefold() for part in line.split(delimiter)}


def bundled() -> Traversable:
    """The folder of formats that ship with recond: the same in a checkout and in a wheel."""
    return files("recond") / "_bundled" / "formats"


def load_formats(folders: Sequence[Path | Traversable]) -> Formats:
    """All formats of some folders; a folder that does not exist holds none.

    Raises ConfigError for a wrong format file (path, line, key, what is wrong), for a name that
    two files give and for one that stands instead of a format that there is not.
    """
    formats = Formats(load_format(path) for folder in folders for path in _toml_files(folder))
    for fmt in formats.values():
        others = [other for other in formats if other != fmt.name]
        for name in fmt.instead_of:
            if name not in others:
                said = f"there is no other format '{name}'{nearest(name, others)}"
                raise ConfigError(f"{fmt.path}: instead_of: {said}")
    return formats


def load_home_formats(home: Path | None) -> Formats:
    """The bundled formats and, after them, those of HOME/formats."""
    return load_formats([bundled(), *([] if home is None else [home / "formats"])])


def load_format(path: Path | Traversable) -> Format:
    """One format file. Raises ConfigError with path, line and key for every mistake in it."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: a format file is UTF-8 text: {error}") from error
    fmt = read_format(text, str(path))
    return replace(fmt, digest=hashlib.sha256(raw).hexdigest())


@functools.lru_cache(maxsize=256)  # a daemon reads its formats again and again; values never change
def read_format(text: str, path: str) -> Format:
    """A format from the text of its file; `path` is for messages. Raises ConfigError."""
    document = read_toml(text, path)
    top = validate(FormatFile, document)
    _check(top, document)
    layout = GRAMMARS[top.grammar].layout
    document.data.setdefault("layout", {})
    return Format(
        name=top.name,
        title=top.title,
        grammar=top.grammar,
        kind=top.kind,
        inboxes=tuple(top.inboxes),
        layout=validate(layout, document, "layout"),
        channel=top.channel,
        tender=top.tender,
        currency=top.currency,
        encoding=top.encoding,
        waives=frozenset(waiver.code for waiver in top.waives),
        names=tuple(top.identify.names),
        first_line=top.identify.first_line,
        contains=top.identify.contains,
        lacks=top.identify.lacks,
        columns=tuple(top.identify.columns),
        without_columns=tuple(top.identify.without_columns),
        instead_of=tuple(top.instead_of),
        sample=top.sample,
        path=path,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _check(top: FormatFile, document: Document) -> None:
    """What a type cannot say: names, known codes, encodings, harmless expressions."""
    wrong: list[tuple[tuple[str | int, ...], str]] = []
    if not _NAME.fullmatch(top.name):
        wrong.append((("name",), f"'{top.name}' is not lower-case letters, digits and _"))
    if not _CURRENCY.fullmatch(top.currency):
        wrong.append((("currency",), f"'{top.currency}' is not a currency code such as USD"))
    try:
        codecs.lookup(top.encoding)
    except LookupError:
        wrong.append((("encoding",), f"there is no encoding '{top.encoding}'"))
    lists: list[tuple[tuple[str | int, ...], str, Iterable[str]]] = [
        (("grammar",), top.grammar, GRAMMARS),
        (("kind",), top.kind, KINDS),
        *((("waives", at, "code"), w.code, CODES) for at, w in enumerate(top.waives)),
    ]
    for key, word, words in lists:
        if word not in words:
            known = sorted(words)
            hint = nearest(word, known) or (f"; known are {', '.join(known[:9])}")
            wrong.append((key, f"there is no {key[-1]} '{word}'{hint}"))
    expressions = (("first_line", regexes.MAX_OPEN_QUANTIFIERS), ("contains", 0), ("lacks", 0))
    for key_name, most in expressions:
        expression = getattr(top.identify, key_name)
        fault = None if expression is None else regexes.lint(expression, most)
        if fault is not None:
            wrong.append((("identify", key_name), fault))
    if wrong:
        raise ConfigError(
            "\n".join(
                f"{document.place(key)}: {'.'.join(map(str, key))}: {fault}" for key, fault in wrong
            )
        )


def _toml_files(folder: Path | Traversable) -> list[Path | Traversable]:
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)
