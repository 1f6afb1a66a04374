"""The three identities of a file, and batches that repeat a posted one (contract section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from sqlalchemy import Connection, case, select

from recond.model import Problem, Transmission
from recond.pipeline.reading import Reading
from recond.store import schema

file, receipt, batch = schema.file, schema.receipt, schema.batch


@dataclass(frozen=True, slots=True)
class Earlier:
    """A file that came before."""

    file_no: int
    file_id: str
    name: str
    arrived_at: str


_EARLIER = (file.c.file_no, file.c.file_id, file.c.name, file.c.arrived_at)


def same_bytes(connection: Connection, sha256: str) -> Earlier | None:
    """The arrival of the same bytes that counts, whatever became of it: the one that was read
    again after its first reading was rejected, else the first."""
    row = connection.execute(
        select(*_EARLIER)
        .where(file.c.sha256 == sha256, file.c.duplicate_of.is_(None))
        .order_by(case((file.c.state == "rejected", 1), else_=0), file.c.file_no)
        .limit(1)
    ).first()
    return Earlier(*row) if row else None


def resent(connection: Connection, transmission: Transmission) -> list[Problem]:
    """The same transmission with other bytes, else the same details in another wrapper.

    Files that were rejected do not count: what comes after them is their correction.
    """
    for code, column, value, words in (
        ("TRANSMISSION_CONFLICT", file.c.transmission, transmission.identity,
         "the same transmission came before with other bytes"),
        ("SUSPECTED_RESEND", file.c.detail_digest, transmission.detail_digest,
         "the same detail records came before in another wrapper"),
    ):  # fmt: skip
        if value is None:
            continue
        row = connection.execute(
            select(*_EARLIER)
            .where(column == value, file.c.state != "rejected", file.c.duplicate_of.is_(None))
            .order_by(file.c.file_no)
            .limit(1)
        ).first()
        if row is not None:
            earlier = Earlier(*row)
            return [
                Problem(
                    code,
                    f"{words}: {earlier.name} ({earlier.file_id}, {earlier.arrived_at});"
                    " reject it, accept it as new money, or accept it with --replace",
                    line=1,
                )
            ]
    return []


def repeated_box_days(connection: Connection, reading: Reading) -> list[Problem]:
    """Batches whose own identity (lockbox, day and number) came before in another transmission:
    a warning, because banks number their batches anew (formats section 0)."""
    rows = reading.batches.filter(pc.is_valid(reading.batches["identity"]))
    known = dict[str, Earlier]()
    wanted = rows["identity"].to_pylist()
    for start in range(0, len(wanted), 500):
        found = connection.execute(
            select(batch.c.identity, *_EARLIER)
            .join(file, file.c.file_no == batch.c.file_no)
            .where(batch.c.identity.in_(wanted[start : start + 500]), file.c.state != "rejected")
            .order_by(file.c.file_no.desc())
        )
        known |= {row[0]: Earlier(*row[1:]) for row in found}
    again = [row for row in rows.to_pylist() if row["identity"] in known]
    if not again:
        return []
    first, earlier = again[0], known[again[0]["identity"]]
    others = f", as did {len(again) - 1} more batches of the file" if len(again) > 1 else ""
    return [
        Problem(
            "REPEATED_BOX_DAY",
            f"lockbox, day and batch {first['identity']} came before in {earlier.name}"
            f" ({earlier.file_id}){others}",
            line=first["line"],
        )
    ]


def repeated_batches(connection: Connection, reading: Reading) -> list[Problem]:
    """Batches of two or more items that all repeat items of one posted batch.

    The first item of each batch is looked up; only where that is known the whole batch is.
    """
    batches = {
        number: keys
        for number, keys in reading.repeat_keys.items()
        if len(keys) >= 2 and np.all(keys != 0)
    }
    suspects = {number: int(keys[0]) for number, keys in batches.items()}
    lines = dict(zip(*(reading.batches[n].to_pylist() for n in ("batch_ord", "line")), strict=True))
    known = set(_batches_with(connection, list(suspects.values())))
    problems = []
    for number, first in suspects.items():
        for file_no, batch_ord in sorted({row[1:] for row in known if row[0] == first}):
            posted = _keys_of(connection, file_no, batch_ord)
            if _contains(posted, batches[number]):
                place = number, lines.get(number)
                problems.append(_repeated(connection, place, file_no, len(batches[number])))
                break
    return problems


def _batches_with(connection: Connection, keys: list[int]) -> list[tuple[int, int, int]]:
    """(repeat key, file, batch) of posted batches that hold one of the keys."""
    found: list[tuple[int, int, int]] = []
    for start in range(0, len(keys), 500):
        rows = connection.execute(
            select(receipt.c.repeat_key, receipt.c.receipt_no, receipt.c.batch_ord)
            .join(
                schema.decision,
                (schema.decision.c.receipt_no == receipt.c.receipt_no)
                & (schema.decision.c.version == 1),
            )
            .where(receipt.c.repeat_key.in_(keys[start : start + 500]))
        )
        found.extend((row[0], row[1] >> schema.ORDINAL_BITS, row[2]) for row in rows)
    return found


def _keys_of(connection: Connection, file_no: int, batch_ord: int) -> npt.NDArray[np.int64]:
    rows = connection.scalars(
        select(receipt.c.repeat_key).where(
            receipt.c.receipt_no.between(
                schema.receipt_key(file_no, 0), schema.receipt_key(file_no + 1, 0) - 1
            ),
            receipt.c.batch_ord == batch_ord,
            receipt.c.repeat_key.is_not(None),
        )
    )
    return np.array(list(rows), np.int64)


def _contains(posted: npt.NDArray[np.int64], keys: npt.NDArray[np.int64]) -> bool:
    """Whether every key, as often as it stands here, stands there too."""
    wanted, counts = np.unique(keys, return_counts=True)
    there, available = np.unique(posted, return_counts=True)
    place = np.searchsorted(there, wanted)
    place[place == len(there)] = 0
    return bool(np.all((there[place] == wanted) & (available[place] >= counts)))


def _repeated(
    connection: Connection, place: tuple[int, int | None], file_no: int, items: int
) -> Problem:
    row = connection.execute(select(*_EARLIER).where(file.c.file_no == file_no)).one()
    earlier = Earlier(*row)
    return Problem(
        "DUPLICATE_BATCH",
        f"all {items} items repeat payer, amount and number of a batch that was posted from"
        f" {earlier.name} ({earlier.file_id}); reject it, or accept it as new money",
        batch_ord=place[0],
        line=place[1],
    )
