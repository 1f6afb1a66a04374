"""Statements of the bank whose balances must add up: opening and lines make the closing balance.

Pure. MT940, camt and CSV prove each statement while they are read (`Grammar.balances`); here are
the others (BAI2, OFX), whose balances and lines stand apart from each other in a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recond.model import Format, Parsed, Problem
from recond.money import format_cents
from recond.parsers import GRAMMARS

OPENING, CLOSING = ("010", "60F", "60M", "OPBD", "PRCD"), ("015", "62F", "62M", "CLBD")
TOTAL, ITEM_OF_TOTAL = "115", "116"

# What is looked at of BANK_LINES and BANK_BALANCES; dates as the database keeps them.
LINES = pa.schema(
    [
        pa.field("ordinal", pa.int64()),
        pa.field("bank_account", pa.string()),
        pa.field("value_date", pa.string()),
        pa.field("type_code", pa.string()),
        pa.field("amount_cents", pa.int64()),
        pa.field("same_day", pa.bool_()),
    ]
)
BALANCES = pa.schema(
    [
        pa.field("line", pa.int64()),
        pa.field("byte_offset", pa.int64()),
        pa.field("bank_account", pa.string()),
        pa.field("as_of_date", pa.string()),
        pa.field("type_code", pa.string()),
        pa.field("amount_cents", pa.int64()),
    ]
)


def parts_of_totals(lines: pa.Table) -> pa.ChunkedArray:
    """Which lines are items of a total that stands beside them: on an account and day with lines
    of type 115, the 116 that come to no more than those."""
    key = pc.binary_join_element_wise(
        pc.fill_null(lines["bank_account"], ""), pc.fill_null(lines["value_date"], ""), "|"
    )
    code, cents = lines["type_code"], lines["amount_cents"]
    item, total = (pc.fill_null(pc.equal(code, one), False) for one in (ITEM_OF_TOTAL, TOTAL))
    sums = pa.table(
        {
            "key": key,
            "items": pc.if_else(item, cents, 0),
            "totals": pc.if_else(total, cents, 0),
        }
    ).group_by("key").aggregate([("items", "sum"), ("totals", "sum")])  # fmt: skip
    within = pc.and_(
        pc.greater(sums["totals_sum"], 0), pc.less_equal(sums["items_sum"], sums["totals_sum"])
    )
    chosen = sums["key"].filter(within)
    return pc.and_(item, pc.is_in(key, value_set=chosen.combine_chunks()))


class Proof:
    """Gathers lines and balances of a file chunk by chunk; `problems` at its end."""

    def __init__(self, fmt: Format) -> None:
        self._waived = "BALANCE_WRONG" in fmt.waives
        self._wanted = fmt.kind == "bank" and not GRAMMARS[fmt.grammar].balances
        self._lines: list[pa.Table] = []
        self._balances: list[pa.Table] = []

    def look(self, chunk: Parsed) -> None:
        """Take what a chunk has of them."""
        if self._wanted:
            self._lines.append(_plain(chunk.table("bank_lines"), LINES))
            self._balances.append(_plain(chunk.table("bank_balances"), BALANCES))

    def problems(self) -> list[Problem]:
        """Accounts whose opening balance and lines do not make their closing balance (domain E39).

        Only where the file gives both balances and at least one line of the account: a report of
        summaries alone proves nothing.
        """
        if not any(table.num_rows for table in self._balances):
            return []
        problems = []
        lines, balances = pa.concat_tables(self._lines), pa.concat_tables(self._balances)
        for one in of_accounts(lines, balances):
            if one["opening"] is None or one["closing"] is None or not one["count"]:
                continue
            if one["opening"] + one["sum"] != one["closing"]:
                problems.append(self._wrong(one))
        return problems

    def _wrong(self, one: dict[str, Any]) -> Problem:
        made = format_cents(one["opening"] + one["sum"])
        line, byte_offset, code = one["place"]
        told = (
            f"account {one['account']}: opening {format_cents(one['opening'])} and lines of"
            f" {format_cents(one['sum'])} make {made}, the statement closes with"
            f" {format_cents(one['closing'])}; "
        )
        if self._waived:
            what, told = "CONTROL_WAIVED", f"{told}the format file waives BALANCE_WRONG"
        else:
            what, told = "BALANCE_WRONG", f"{told}ask the bank"
        return Problem(what, told, line=line, byte_offset=byte_offset, field=f"balance {code}")


def _plain(table: pa.Table, to: pa.Schema) -> pa.Table:
    return pa.table([table[one.name].cast(one.type) for one in to], schema=to)


def of_accounts(lines: pa.Table, balances: pa.Table) -> Iterator[dict[str, Any]]:
    """Of each account with balances: first opening, last closing and its place, days, sum of its
    lines. `lines` is of LINES, `balances` of BALANCES."""
    counted = lines.filter(pc.invert(pc.or_(lines["same_day"], parts_of_totals(lines))))
    shown = set(pc.unique(lines["bank_account"].filter(lines["same_day"])).to_pylist())
    sums = counted.group_by("bank_account").aggregate(
        [("amount_cents", "sum"), ("amount_cents", "count")]
    )
    of = {row["bank_account"]: row for row in sums.to_pylist()}
    found: dict[str, dict[str, Any]] = {}
    for row in balances.sort_by("as_of_date").to_pylist():  # a few rows an account and day
        account, day = row["bank_account"] or "", row["as_of_date"]
        if day is None or (account in shown and account not in of):
            continue
        one = found.setdefault(
            account,
            {"account": account, "first": day, "opening": None, "closing": None, "day": day,
             "sum": of.get(account, {}).get("amount_cents_sum") or 0,
             "count": of.get(account, {}).get("amount_cents_count") or 0},
        )  # fmt: skip
        one["day"] = day
        if row["type_code"] in OPENING and one["opening"] is None:
            one["opening"] = row["amount_cents"]
        if row["type_code"] in CLOSING:
            one["closing"] = row["amount_cents"]
            one["place"] = row["line"], row["byte_offset"], row["type_code"]
    yield from found.values()
