"""What a source of payments may pay: restricted money pays some charges and no others (domain
section 1.C of the capabilities: restricted-fund guard). It is recorded with each file, statements
too, as it was when the file came, so a later change of recond.toml moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, select

from recond.arrays import ints
from recond.pipeline.run import Run
from recond.store import schema

file = schema.file


def restricted(connection: Connection, run: Run, file_no: int) -> Run:
    """The run with the rules for money of this file."""
    pays_only = connection.scalar(select(file.c.pays_only).where(file.c.file_no == file_no))
    rules = run.rules.restricted(pays_only)
    return run if rules is run.rules else replace(run, rules=rules)


def by_restriction(
    connection: Connection, run: Run, keys: pa.Array
) -> Iterator[tuple[Run, pa.Array]]:
    """Receipts (keys, ascending) by what their money may pay: unrestricted money first."""
    limits = dict(
        connection.execute(
            select(file.c.file_no, file.c.pays_only).where(file.c.pays_only.is_not(None))
        ).all()
    )
    if not limits:
        yield run, keys
        return
    owners = ints(keys) >> schema.ORDINAL_BITS
    told = np.array([limits.get(number, "") for number in owners.tolist()], dtype=object)
    for pays_only in sorted(set(told.tolist())):
        mine = keys.filter(pa.array(told == pays_only))
        yield replace(run, rules=run.rules.restricted(pays_only)), mine
