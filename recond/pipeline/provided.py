"""What an auditor's request list asks for ("provided by client"), as one ZIP: datasets and
statements of some days, a sample with its evidence, and an index that says of every file what it
is, of which days, its rows, its control total and its SHA-256.

Statements are monthly: those of each month that the days touch. Of a closed month they are the
frozen bytes that its certificate names. The same books and the same request give the same bytes.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from recond import __version__, audit, periods
from recond.closing import checklist
from recond.errors import RefusedError, UsageError
from recond.exports import monthend, sampling
from recond.exports.datasets import DATASETS, stream
from recond.exports.scope import Scope
from recond.exports.statements import STATEMENTS
from recond.exports.writers import write_csv
from recond.intake.containers import slice_of
from recond.ledger import closed_through
from recond.money import format_cents
from recond.pipeline.monthend import frozen, month_of
from recond.pipeline.run import Run
from recond.store.schema import SCHEMA_REVISION

# What each dataset is, as an auditor asks for it, and the column that is its control total.
PROVIDED: Mapping[str, tuple[str, str | None]] = {
    "receipts": ("payments by GL date, each with where its cents stand", "amount"),
    "applications": ("money on receivables, reversals negative", "amount"),
    "journal": ("lines of the general ledger", "debit"),
    "sources": ("what each line of the ledger is made of, down to the bytes", "debit"),
    "files": ("files that arrived, with their SHA-256 and totals", "found_amount"),
    "exceptions": ("questions that were opened", None),
    "receivables": ("every open or paid item as it stood at the end of the days", "open_amount"),
    "deposits": ("deposits by business date", "amount"),
    "bank_lines": ("lines of the bank's statements by value date", "amount"),
    "clearings": ("which line of the bank brought which deposit", "amount"),
    "returns": ("payments that came back", "amount"),
    "charges": ("charges that billing was asked to make", "amount"),
    "adjustments": ("debt that was written off, recovered, or paid out of deposits", "amount"),
    "drawers": ("closes of drawers, counted against their receipts", None),
}
INDEX, REQUEST, SUMS = "index.csv", "request.json", "SHA256SUMS"
COLUMNS = ("file", "what", "from", "to", "state", "rows", "total_of", "total", "sha256")


@dataclass(frozen=True, slots=True)
class Request:
    """The days, what of them (nothing: everything), and the sample (`n` 0: none)."""

    first: dt.date
    last: dt.date
    only: Sequence[str] = ()
    n: int = 0
    seed: str = ""
    method: str = "attribute"

    def wanted(self, names: Mapping[str, Any]) -> list[str]:
        """Which of some datasets or statements are asked for."""
        return [name for name in names if not self.only or name in self.only]


class _Hashed(io.RawIOBase):
    """Bytes on their way into a file of the ZIP."""

    def __init__(self, out: Any) -> None:
        self.out, self.digest = out, sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return int(self.out.write(data))


class _Bundle:
    """A ZIP that knows what it holds."""

    def __init__(self, out: BinaryIO) -> None:
        self.archive = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)
        self.sums: dict[str, str] = {}
        self.listed: list[dict[str, Any]] = []

    def stream(self, name: str, write: Callable[[BinaryIO], int], **told: Any) -> None:
        """A file of the index; `write` returns its rows."""
        with self.archive.open(sampling.member(name), "w", force_zip64=True) as target:
            out = _Hashed(target)
            rows = write(out)  # type: ignore[arg-type]
        self.sums[name] = out.digest.hexdigest()
        self.listed.append({"file": name, "rows": rows, **told, "sha256": self.sums[name]})

    def put(self, name: str, data: bytes, **told: Any) -> None:
        """A file that stands ready; in the index when something is told of it."""
        self.archive.writestr(sampling.member(name), data)
        self.sums[name] = sha256(data).hexdigest()
        if told:
            self.listed.append({"file": name, **told, "sha256": self.sums[name]})

    def close(self, about: Mapping[str, Any]) -> None:
        """The request, the index and the hashes of all."""
        self.put(REQUEST, (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode(),
                 what="what was asked for, of which books")  # fmt: skip
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.listed)
        self.put(INDEX, out.getvalue().encode())
        sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.sums.items()))
        self.archive.writestr(sampling.member(SUMS), sums.encode())
        self.archive.close()


def provide(run: Run, request: Request, out: BinaryIO) -> list[dict[str, Any]]:
    """Write the ZIP; returns the rows of its index.

    Raises UsageError for days or names that there are not, RefusedError for days to come.
    """
    known = {*PROVIDED, *STATEMENTS}
    if unknown := [name for name in request.only if name not in known]:
        raise UsageError(f"there is no {unknown[0]!r}; there are {', '.join(sorted(known))}")
    if request.first > request.last:
        raise UsageError("--from is after --to")
    if request.last > run.today:
        raise RefusedError(f"{request.last} is yet to come; nothing was written")
    bundle = _Bundle(out)
    with run.store.read() as connection:
        for name in request.wanted(PROVIDED):
            _dataset(connection, run, request, name, bundle)
        told = [
            _month(connection, run, month, request.wanted(STATEMENTS), bundle)
            for month in _months(request)
        ]
        sample = _sample(connection, run, request, bundle) if request.n else None
        bundle.close({
            "from": str(request.first), "to": str(request.last), "only": list(request.only),
            "sample": sample, "as_of": str(run.today), "recond_version": __version__,
            "config_digest": run.home.settings.digest(), "schema_revision": SCHEMA_REVISION,
            "audit_head": audit.head(connection), "months": told,
        })  # fmt: skip
    return bundle.listed


def _months(request: Request) -> list[str]:
    found, month = [], request.first.isoformat()[:7]
    while month <= request.last.isoformat()[:7]:
        found.append(month)
        month = (periods.last_day(month) + dt.timedelta(days=1)).isoformat()[:7]
    return found


def _dataset(
    connection: Connection, run: Run, request: Request, name: str, bundle: _Bundle
) -> None:
    whole = name == "receivables"  # items have no date of their own: as they stood at the end
    scope = Scope(
        today=request.last,
        as_of=request.last if whole else None,
        date_from=None if whole else request.first,
        date_to=None if whole else request.last,
        chart=run.chart,
        record=True,
    )
    what, column = PROVIDED[name]
    sums: list[int] = []

    def batches(found: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in found:
            if column is not None:
                sums.append(int((pc.sum(batch[column]).as_py() or 0) * 100))
            yield batch

    def write(target: BinaryIO) -> int:
        found = stream(connection, name, scope)
        schema = DATASETS[name].schema
        return write_csv(pa.RecordBatchReader.from_batches(schema, batches(found)), target)

    bundle.stream(f"datasets/{name}.csv", write, what=what)
    listed = {"from": "" if whole else request.first, "to": request.last, "state": "of the books"}
    if column is not None:
        listed |= {"total_of": column, "total": format_cents(sum(sums))}
    bundle.listed[-1] |= listed


def _month(
    connection: Connection, run: Run, month: str, names: Sequence[str], bundle: _Bundle
) -> dict[str, Any]:
    """The statements of a month, frozen or as the books stand; what `request.json` says of it."""
    place = f"statements/{month}"
    days = {"from": periods.first_day(month), "to": periods.last_day(month)}
    if not names:
        return {"month": month, "state": periods.state(connection, month, run.today)}
    pack = _pack(connection, run, month)
    if pack is None:
        asked = month_of(connection, run, month, checklist(connection, run, month))
        for name in names:
            one = STATEMENTS[name](asked)
            bundle.stream(f"{place}/{name}.csv", partial(write_csv, one.table.to_reader()),
                          what=one.title, **days, state="as the books stand",
                          total=format_cents(one.cents))  # fmt: skip
        return {"month": month, "state": periods.state(connection, month, run.today)}
    files = {one.name: one.data for one in pack}
    said = {one["name"]: one for one in json.loads(files[monthend.MANIFEST])["files"]}
    for name in names:
        if (data := files.get(f"{name}.csv")) is not None:
            told = said[f"{name}.csv"]
            bundle.put(f"{place}/{name}.csv", data, what=_title(name), **days, state="as closed",
                       rows=told["rows"], total=format_cents(told["cents"]))  # fmt: skip
    for name, what in ((f"certificate-{month}.pdf", "the certificate to sign"),
                       (monthend.SUMS, "hashes of the whole pack")):  # fmt: skip
        bundle.put(f"{place}/{name}", files[name], what=what, **days, state="as closed")
    return {"month": month, "state": "closed", "pack_sha256": pack[-1].sha256}


def _pack(connection: Connection, run: Run, month: str) -> tuple[monthend.Packed, ...] | None:
    """The frozen pack of a closed month; None for an open one, and where a later month's close
    took it along."""
    if month > closed_through(connection):
        return None
    try:
        return frozen(connection, run, month)
    except RefusedError:
        return None


def _title(name: str) -> str:
    """What a frozen statement is: the first sentence of how it is made."""
    words = " ".join((STATEMENTS[name].__doc__ or name).split())
    return words.partition(". ")[0].rstrip(".")


def _sample(connection: Connection, run: Run, request: Request, bundle: _Bundle) -> dict[str, Any]:
    days = (request.first, request.last)
    items = sampling.population(connection, days)
    chosen = sampling.choose(items, request.n, request.seed, request.method)

    def read_source(digest: str, offset: int, length: int) -> bytes:
        return slice_of(run.archived(digest), offset, length)

    told = {"method": request.method, "n": request.n, "seed": request.seed,
            "population": len(items),
            "population_amount": format_cents(sum(i.amount_cents for i in items))}  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("item", "receipt_id", "amount"))
    for number, item in enumerate(chosen, 1):
        writer.writerow((number, item.receipt_id, format_cents(item.amount_cents)))
    amount = format_cents(sum(item.amount_cents for item in chosen))
    bundle.put("sample/sample.csv", out.getvalue().encode(), rows=len(chosen), total_of="amount",
               what=f"receipts chosen by {request.method}, seed {request.seed}", total=amount,
               **{"from": request.first, "to": request.last}, state="of the books")  # fmt: skip
    for item in chosen:
        for name, data in sampling.evidence(connection, item, read_source):
            bundle.put(f"sample/{name}", data, what=f"evidence of {item.receipt_id}")
    return told
