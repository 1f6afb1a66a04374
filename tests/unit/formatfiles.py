"""Reads small files with a declared format, as the corridor does."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa

from recond.controls import compare
from recond.formats import load_format, read_format
from recond.model import TABLES, Format
from recond.parsers import GRAMMARS
from tests.unit.achfiles import Read

ROOT = Path(__file__).parents[2]

BANK = """
name = "saguaro_walk_in"
title = "Walk-in payments of the First Bank of Saguaro"
grammar = "fixed"
kind = "payments"
inboxes = ["lockbox"]
channel = "LOCKBOX"
tender = "CHECK"
encoding = "ENCODING"

[identify]
names = ["SAG*.txt"]

[layout]
width = 40
tag_columns = "1"

[layout.records.header]
tag = "H"
required = true
fields.bank = { columns = "2-9", constant = "SAGUARO" }

[layout.records.payment]
tag = "D"

[layout.records.payment.fields]
account = { columns = "2-11", blank = false }
day = { columns = "12-17", type = "date", format = "MMDDYY", blank = false }
amount = { columns = "18-26", type = "implied", blank = false }
payer = { columns = "27-40", type = "name" }

[layout.records.trailer]
tag = "T"
required = true

[layout.records.trailer.fields]
count = { columns = "2-7", type = "integer" }
total = { columns = "8-17", type = "implied" }

[[layout.controls]]
record = "trailer"
field = "count"
of = ["payment"]

[[layout.controls]]
record = "trailer"
field = "total"
of = ["payment"]
sum = "amount"

[[layout.rows]]
table = "receipts"
record = "payment"

[layout.rows.fill]
amount_cents = "amount"
received_date = "day"
account_on_item = "account"
payer_name = "payer"

[[layout.rows]]
table = "ignored"
record = "header"

[[layout.rows]]
table = "ignored"
record = "trailer"

[[layout.remittances]]
kind = "ACCOUNT"
reference = "account"
"""


def bank(encoding: str = "ascii", old: str = "", new: str = "") -> Format:
    """The invented bank's format, with one piece of its text replaced."""
    assert old in BANK
    return read_format(BANK.replace("ENCODING", encoding).replace(old, new, 1), "bank.toml")


def shipped(name: str) -> Format:
    """A format that recond ships."""
    return load_format(ROOT / "formats" / f"{name}.toml")


def read(fmt: Format, data: bytes) -> Read:
    """Parse a file and compare its controls."""
    chunks = list(GRAMMARS[fmt.grammar].parse(io.BytesIO(data), fmt))
    assert all(chunk.transmission is None for chunk in chunks[:-1])
    last = chunks[-1].transmission
    assert last is not None
    tables = {name: pa.concat_tables([c.table(name) for c in chunks]) for name in TABLES}
    problems = [problem for chunk in chunks for problem in chunk.problems]
    return Read(tables, problems + compare(tables["controls"], fmt.waives), last)
