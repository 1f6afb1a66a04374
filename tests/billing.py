"""A billing system beside the generated city: it answers posting files and shows what it knows.

It knows nothing of recond but the outside (contract section 5): it reads posting files, keeps its
own open amounts, writes acknowledgements, and puts what it knows into the city's snapshots. On
purpose it rejects some postings, forgets some that it accepted, and answers one file late.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection
from dataclasses import dataclass, field

from oracle import cents

HEADER = (
    "posting_id,type,account_number,item_number,amount,received_date,deposit_date,gl_date,channel,"
    "tender,reference,reverses_posting_id,reason"
)
Key = tuple[str, str]


@dataclass(frozen=True)
class Posted:
    """A posting on an item (no number: on the account as a whole)."""

    posting_id: str
    account: str
    item: str
    cents: int


@dataclass
class Billing:
    """`lone`: accounts of which a posting may be rejected or forgotten without touching another."""

    lone: Collection[str]
    rejects: int
    forgets: int
    paid: dict[Key, int] = field(default_factory=dict)
    credit: dict[str, int] = field(default_factory=dict)
    rejected: list[Posted] = field(default_factory=list)
    forgotten: list[Posted] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    _touched: set[str] = field(default_factory=set)

    def answer(self, text: str) -> tuple[str, bytes]:
        """Take a posting file; the name and the bytes of the acknowledgement."""
        head, names, *lines, last = text.splitlines()
        assert names == HEADER
        file_id = head.split(",")[1]
        told, count, total, digest = last.split(",")
        body = text[: text.index(last)].encode()
        assert (told, digest) == ("#end", hashlib.sha256(body).hexdigest())
        rows = [self._posted(row) for row in csv.DictReader([names, *lines])]
        assert (int(count), cents(total)) == (len(rows), sum(row.cents for row in rows))
        out = io.StringIO()
        write = csv.writer(out, lineterminator="\n")
        write.writerow(("file_id", "posting_id", "status", "code", "billing_transaction_id"))
        for number, row in enumerate(rows):
            assert row.posting_id not in self.seen
            self.seen.add(row.posting_id)
            if self._refuses(row):
                write.writerow((file_id, row.posting_id, "REJECTED", "MOVED", ""))
            else:
                write.writerow((file_id, row.posting_id, "ACCEPTED", "", f"T{number}"))
        return f"ack_{file_id}.csv", out.getvalue().encode()

    def _posted(self, row: dict[str, str]) -> Posted:
        return Posted(
            row["posting_id"], row["account_number"], row["item_number"], cents(row["amount"])
        )

    def _refuses(self, row: Posted) -> bool:
        """Reject it, or accept it; what is accepted is applied unless it is forgotten."""
        fresh = row.account in self.lone and row.account not in self._touched and bool(row.item)
        if fresh and row.cents > 0:
            self._touched.add(row.account)
            if len(self.forgotten) < self.forgets:
                self.forgotten.append(row)
                return False
            if len(self.rejected) < self.rejects:
                self.rejected.append(row)
                return True
        if row.item:
            key = (row.account, row.item)
            self.paid[key] = self.paid.get(key, 0) + row.cents
        else:
            self.credit[row.account] = self.credit.get(row.account, 0) + row.cents
        return False

    def snapshot(self, content: bytes) -> bytes:
        """The city's receivables with what this billing system knows to be open."""
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        out = io.StringIO()
        write = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        write.writeheader()
        for row in rows:
            open_ = cents(row["open_amount"]) - self.paid.get(
                (row["account_number"], row["item_number"]), 0
            )
            assert open_ >= 0, row
            write.writerow(row | {"open_amount": f"{open_ // 100}.{open_ % 100:02d}"})
        return out.getvalue().encode()
