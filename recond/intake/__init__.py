"""Durable intake: from a name in an inbox to bytes that are kept for ever.

The order of one run, under the lock of the home (`recond.lock`); every step may be repeated:

    prepare   refuse a home in which files cannot be taken safely
    recover   claims that a crash left: those the database knows are only released
    scan      what may be taken, what waits and why; `tell` lays the reasons beside the files
    claim     rename into work/<inbox>/<number>/
    keep      copy into archive/<ab>/<sha256>; only this copy is parsed
              … the caller parses, matches and commits one row `file` with file_no = number …
    release   the claimed name goes, or the original moves to quarantine/

At every moment the bytes of a file are in the inbox, work/, quarantine/ or archive/.
"""

from recond.intake.claims import (
    Outcome,
    claim,
    copy_in,
    finish,
    hold,
    left_in_work,
    next_number,
    recover,
    release,
)
from recond.intake.folders import (
    NAME_BYTES,
    Candidate,
    Claimed,
    Down,
    Inbox,
    SourceFile,
    Stamp,
    Waiting,
    archived,
    prepare,
)
from recond.intake.keeping import hash_of, keep
from recond.intake.scanning import Scan, Sightings, ignored, scan, tell

__all__ = [
    "NAME_BYTES",
    "Candidate",
    "Claimed",
    "Down",
    "Inbox",
    "Outcome",
    "Scan",
    "Sightings",
    "SourceFile",
    "Stamp",
    "Waiting",
    "archived",
    "claim",
    "copy_in",
    "finish",
    "hash_of",
    "hold",
    "ignored",
    "keep",
    "left_in_work",
    "next_number",
    "prepare",
    "recover",
    "release",
    "scan",
    "tell",
]
