"""What a source of payments may pay: restricted money pays some charges and no others (domain
section 1.C of the capabilities: restricted-fund guard). It is recorded with each file, statements
too, and with the lines of a bank account that a source names, as it was when the file came, so a
later change of recond.toml moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, insert, select

from recond.arrays import ints
from recond.pipeline.run import Run
from recond.store import schema

file, line, limit = schema.file, schema.bank_line, schema.line_limit


def restricted(connection: Connection, run: Run, file_no: int) -> Run:
    """The run with the rules for money of this file."""
    pays_only = connection.scalar(select(file.c.pays_only).where(file.c.file_no == file_no))
    rules = run.rules.restricted(pays_only)
    return run if rules is run.rules else replace(run, rules=rules)


def note_limits(connection: Connection, run: Run, file_no: int, lines: pa.Table) -> None:
    """Note what sources that name bank accounts let the money of this file's BANK_LINES pay."""
    settings = run.home.settings
    if not any(source.bank_accounts for source in settings.source):
        return
    where = select(file.c.inbox, file.c.format, file.c.name).where(file.c.file_no == file_no)
    place = connection.execute(where).one()
    of_file = select(limit.c.bank_account).where(limit.c.file_no == file_no)
    known = set(connection.scalars(of_file))  # a file comes in chunks
    names = sorted(set(pc.unique(lines["bank_account"]).to_pylist()) - known - {None})
    last = connection.scalar(select(func.max(limit.c.limit_no))) or 0
    found = [(name, settings.source_of(*place, name)) for name in names]
    rows = [
        {"file_no": file_no, "bank_account": name, "pays_only": ";".join(source.pays_only)}
        for name, source in found
        if source.bank_accounts
    ]
    if rows:
        numbered = [{"limit_no": last + number, **row} for number, row in enumerate(rows, 1)]
        connection.execute(insert(schema.line_limit), numbered)


def of_receipt(connection: Connection, run: Run, receipt_no: int) -> Run:
    """The run with the rules for the money of this receipt."""
    for allowed, _ in by_restriction(connection, run, pa.array([receipt_no], pa.int64())):
        return allowed
    return run


def by_restriction(
    connection: Connection, run: Run, keys: pa.Array
) -> Iterator[tuple[Run, pa.Array]]:
    """Receipts (keys, ascending) by what their money may pay, the narrowest first and what may
    pay everything last: other money would take what restricted money could have paid, and leave
    that with nothing to pay. In which files, rows or order they came makes no difference."""
    limits = _of_files(connection)
    own = _of_lines(connection, keys)
    if not limits and not own:
        yield run, keys
        return
    numbers = ints(keys)
    files, place = np.unique(numbers >> schema.ORDINAL_BITS, return_inverse=True)
    said = np.array([limits.get(number, "") for number in files.tolist()], dtype=object)[place]
    at = np.flatnonzero(np.isin(numbers, np.fromiter(own, np.int64, len(own))))
    said[at] = [own[number] for number in numbers[at].tolist()]
    told: list[str] = said.tolist()
    for pays_only in sorted(set(told), key=_narrowest):
        mine = keys.filter(pa.array(said == pays_only))
        yield replace(run, rules=run.rules.restricted(pays_only)), mine


def _narrowest(pays_only: str) -> tuple[bool, int, str]:
    return not pays_only, pays_only.count(";"), pays_only


def _of_files(connection: Connection) -> dict[int, str]:
    """What the money of files may pay, where it may not pay everything."""
    told = select(file.c.file_no, file.c.pays_only).where(file.c.pays_only.is_not(None))
    return {number: str(pays_only) for number, pays_only in connection.execute(told)}


def _of_lines(connection: Connection, keys: pa.Array) -> dict[int, str]:
    """What the money of receipts that came as statement lines may pay, where a source names their
    bank account; a receipt of a line has the key that the line has."""
    if not len(keys):
        return {}
    file_no = ints(keys) >> schema.ORDINAL_BITS
    same = (line.c.file_no == limit.c.file_no) & (line.c.bank_account == limit.c.bank_account)
    told = (
        select(line.c.file_no, line.c.ordinal, limit.c.pays_only)
        .join_from(schema.line_limit, schema.bank_line, same)
        .where(limit.c.file_no.between(int(file_no.min()), int(file_no.max())))
    )
    return {
        schema.receipt_key(number, ordinal): str(pays_only)
        for number, ordinal, pays_only in connection.execute(told)
    }
