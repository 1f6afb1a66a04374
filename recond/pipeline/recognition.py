"""Which kind and format a file in the archive is of, before anything is decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from recond.intake import containers
from recond.model import Format, Problem
from recond.parsers import GRAMMARS
from recond.pipeline.run import Run

HEAD_BYTES = 65_536
MANIFEST_SUFFIX = ".manifest.json"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file in the archive about which nothing was decided yet."""

    file_no: int  # the number of its claim
    inbox: str
    name: str
    sha256: str
    size: int
    path: Path  # the archived copy
    refusal: Problem | None = None  # why it may not be read at all

    def open(self) -> BinaryIO:
        """The bytes, unpacked."""
        return containers.open_unpacked(self.path)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file with its kind and the one format that claims it, or why none does."""

    arrived: Arrived
    kind: str | None
    fmt: Format | None
    problem: Problem | None = None


def recognise(run: Run, arrived: Arrived) -> Recognised:
    """Find the one format that claims a file; two claims are none."""
    if arrived.refusal is not None:
        return Recognised(arrived, None, None, arrived.refusal)
    if arrived.size == 0:
        words = "the file has no bytes; ask its sender for the whole file"
        return Recognised(arrived, None, None, Problem("EMPTY_FILE", words))
    if arrived.inbox == "receivables" and arrived.name.endswith(MANIFEST_SUFFIX):
        return Recognised(arrived, "manifest", None)
    fault, members = containers.judge(arrived.path, run.home.settings.max_file_megabytes << 20)
    if fault is not None:
        return Recognised(arrived, None, None, fault)
    head = containers.head_of(arrived.path, HEAD_BYTES)
    if not head:
        words = "the packed file holds no bytes; ask its sender for the whole file"
        return Recognised(arrived, None, None, Problem("EMPTY_FILE", words))
    found = run.formats.identify(arrived.inbox, arrived.name, head)
    if found.format is None:
        words = "; ".join(found.reasons) or "no format may arrive in this inbox"
        problem = Problem(found.code or "UNKNOWN_FORMAT", words, line=1, byte_offset=0)
        return Recognised(arrived, None, None, problem)
    if members > 1 and not GRAMMARS[found.format.grammar].many:
        problem = containers.several(members, found.format.name)
        return Recognised(arrived, None, None, problem)
    return Recognised(arrived, found.format.kind, found.format)
