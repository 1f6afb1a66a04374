"""What becomes of the real sample files: the table in docs/formats.md.

    RECOND_SAMPLES=FOLDER python -m tests.sampletable

Each file is recognised and judged as in its inbox. A row counts the files of one format and one
status of the samples' manifest by the first outcome that fits.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from recond.exceptions.codes import CODES
from recond.formats import HEAD, Formats, load_home_formats
from recond.model import Problem
from recond.pipeline.reading import read

INBOXES = {  # of the manifest's formats
    "ach": "ach",
    "bai2": "bank",
    "bai-lockbox": "lockbox",
    "camt": "bank",
    "check-recon": "bank",
    "csv-bank": "bank",
    "mt940": "bank",
    "ofx": "bank",
    "x12": "ach",
    "x937": "bank",
}
OUTCOMES = ("held", "a batch held", "accepted, asked", "accepted, warned", "accepted")


@cache
def formats() -> Formats:
    """The formats that ship."""
    return load_home_formats(None)


def outcome(data: bytes, inbox: str, name: str) -> str:
    """What becomes of a file that is dropped into an inbox."""
    fmt = formats().identify(inbox, name, data[:HEAD]).format
    if fmt is None:
        return "held"
    return judged(read(lambda: io.BytesIO(data), fmt, "0" * 16, 10_000).problems)


def judged(found: Sequence[Problem]) -> str:
    """What a file with these problems comes to."""
    kinds = {(CODES[p.code].severity, CODES[p.code].scope) for p in found}
    if ("error", "FILE") in kinds:
        return "held"
    if ("error", "BATCH") in kinds:
        return "a batch held"
    severities = {severity for severity, _ in kinds}
    if "question" in severities:
        return "accepted, asked"
    return "accepted, warned" if "warning" in severities else "accepted"


def manifest(folder: Path) -> list[dict[str, str]]:
    """The manifest's rows of the formats in the table."""
    with (folder / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return [row for row in rows if row["format"] in INBOXES]


def digest(folder: Path) -> str:
    """Which samples these are."""
    return hashlib.sha256((folder / "MANIFEST.tsv").read_bytes()).hexdigest()[:12]


def content(path: Path) -> bytes:
    """A sample, unpacked."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def table(folder: Path) -> str:
    """The table as it stands in docs/formats.md."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in manifest(folder):
        path = folder / row["path"]
        found = outcome(content(path), INBOXES[row["format"]], path.name)
        counts.setdefault((row["format"], row["status"]), Counter())[found] += 1
    lines = [
        f"| format | samples of {digest(folder)} | files | {' | '.join(OUTCOMES)} |",
        "|---|---|---|" + "---|" * len(OUTCOMES),
    ]
    for (name, status), found in sorted(counts.items()):
        figures = " | ".join(str(found[word]) for word in OUTCOMES)
        lines.append(f"| {name} | {status} | {found.total()} | {figures} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(Path(os.environ["RECOND_SAMPLES"])) + "\n")
