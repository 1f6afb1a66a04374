"""The month-end pack (contract section 5): statements and datasets as CSV and Parquet, one
workbook, a certificate, a manifest and the hashes of them all.

The same books give the same bytes: nothing of clock or machine is in a file. A pack of an open
month may be written again; that of a closed month is frozen: its bytes stand in the archive under
their hashes, and are given out from there for ever.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from recond import __version__, durable
from recond.errors import InvariantError
from recond.exports.certificate import certificate
from recond.exports.datasets import stream
from recond.exports.scope import Scope
from recond.exports.statements import STATEMENTS, Month, Statement
from recond.exports.workbook import workbook
from recond.exports.writers import write_csv, write_parquet
from recond.store.schema import SCHEMA_REVISION

SUMS, MANIFEST = "SHA256SUMS", "manifest.json"
# Datasets of the pack with the column that is its total, if it has one.
DATASETS: Mapping[str, str | None] = {
    "receipts": "amount", "applications": "amount", "journal": "debit", "files": "found_amount",
    "exceptions": None, "receivables": "open_amount", "deposits": "amount",
    "bank_lines": "amount", "clearings": "amount", "returns": "amount", "drawers": None,
    "adjustments": "amount", "charges": "amount", "sources": "debit",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packed:
    """One file of a pack: its rows and cents are 0 where it has none."""

    name: str
    data: bytes
    rows: int = 0
    cents: int = 0

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        return sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Pack:
    """All files of a pack, `manifest.json` and `SHA256SUMS` last."""

    files: tuple[Packed, ...]
    statements: Mapping[str, Statement]

    @property
    def digest(self) -> str:
        """The hash of the pack: of its SHA256SUMS."""
        return self.files[-1].sha256


def pack(month: Month, config_digest: str) -> Pack:
    """Make the pack of a month."""
    made = {name: make(month) for name, make in STATEMENTS.items()}
    files = [one for name, found in made.items() for one in _both(name, found.table, found.cents)]
    files += [one for name, cents in DATASETS.items() for one in _dataset(month, name, cents)]
    title = f"{month.month}"
    files.append(Packed(f"month-end-{title}.xlsx", workbook(month, made)))
    listed = sorted(files, key=lambda one: one.name)
    files.append(Packed(f"certificate-{title}.pdf", certificate(month, made, listed)))
    return finished(month, files, made, config_digest)


def finished(
    month: Month, files: list[Packed], made: Mapping[str, Statement], config_digest: str
) -> Pack:
    """The pack with its manifest and sums."""
    files = sorted(files, key=lambda one: one.name)
    manifest = {
        "month": month.month,
        "recond_version": __version__,
        "config_digest": config_digest,
        "schema_revision": SCHEMA_REVISION,
        "files": [
            {"name": one.name, "rows": one.rows, "cents": one.cents, "sha256": one.sha256}
            for one in files
        ],
    }
    files.append(Packed(MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode()))
    sums = "".join(f"{one.sha256}  {one.name}\n" for one in files)
    files.append(Packed(SUMS, sums.encode()))
    return Pack(tuple(files), made)


def _both(name: str, table: pa.Table, cents: int) -> Iterator[Packed]:
    writers: tuple[tuple[str, Callable[[pa.RecordBatchReader, BinaryIO], int]], ...] = (
        ("csv", write_csv), ("parquet", write_parquet),
    )  # fmt: skip
    for kind, write in writers:
        out = io.BytesIO()
        rows = write(table.to_reader(), out)
        yield Packed(f"{name}.{kind}", out.getvalue(), rows, cents)


def _dataset(month: Month, name: str, column: str | None) -> Iterator[Packed]:
    bounded = name not in {"receivables", "exceptions"}
    scope = Scope(
        today=month.last,
        as_of={"receivables": month.last, "receipts": month.as_of}.get(name),
        date_from=month.first if bounded else None,
        date_to=None if name == "receivables" else month.last,
        chart=month.chart,
        record=True,
        month=month.month,
    )
    table = stream(month.connection, name, scope).read_all()
    cents = 0
    if column is not None and table.num_rows:
        whole = pc.sum(table[column]).as_py() or 0
        cents = int(whole * 100)
    return _both(name, table, cents)


def publish(pack_files: tuple[Packed, ...], folder: Path) -> None:
    """Write a pack into its folder: a folder with SHA256SUMS is complete, for it goes first and
    comes last. Files of an earlier pack of the same month are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMS).unlink(missing_ok=True)
    durable.fsync_folder(folder)
    for one in pack_files:
        partial = folder / f".{one.name}.partial"
        partial.unlink(missing_ok=True)
        descriptor = durable.create(partial, 0o640)
        with open(descriptor, "wb") as out:  # noqa: PTH123 - a descriptor, not a path
            out.write(one.data)
            out.flush()
            durable.fsync(out.fileno(), partial)
        durable.replace(partial, folder / one.name)
    durable.fsync_folder(folder)


def freeze(pack_files: tuple[Packed, ...], archive: Path) -> str:
    """Keep every file of a pack in the archive under its hash; returns the hash of the pack."""
    for one in pack_files:
        folder = archive / one.sha256[:2]
        folder.mkdir(parents=True, exist_ok=True)
        durable.publish(folder / one.sha256, one.data, 0o440)
    return pack_files[-1].sha256


def frozen(digest: str, archive: Path) -> tuple[Packed, ...]:
    """The files of a frozen pack by its hash. Raises InvariantError when one is not there or is
    not what it was."""
    sums = _kept(digest, SUMS, archive)
    files = []
    for row in sums.data.decode().splitlines():
        own, _, name = row.partition("  ")
        files.append(_kept(own, name, archive))
    return (*files, sums)


def _kept(digest: str, name: str, archive: Path) -> Packed:
    path = archive / digest[:2] / digest
    if not path.is_file():
        raise InvariantError(f"{name} of a closed month is not in the archive ({digest})")
    found = Packed(name, path.read_bytes())
    if found.sha256 != digest:
        raise InvariantError(f"{name} of a closed month was changed in the archive ({digest})")
    return found
