"""What a score compares: the truth of a generated month, and what a home decided by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Select, and_, func, select

from recond.errors import UsageError
from recond.exceptions.suggest import suggestions
from recond.exports.columns import fetch_table
from recond.model import CREDIT, ITEM
from recond.store import schema

COMEBACKS = ("returned", "paid_again")  # rules of moves: the payment was posted rightly before
RANKS = 3


@dataclass(frozen=True, slots=True)
class Truth:
    """`truth/*.csv` of a generated month as frames; amounts in int64 cents."""

    receipts: pd.DataFrame
    planted: pd.DataFrame
    deposits: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> Truth:
        """From the month's folder or its `truth` folder. Raises UsageError where there is none."""
        inner = folder / "truth" if (folder / "truth").is_dir() else folder
        try:
            return cls(*(_csv(inner / f"{name}.csv") for name in cls.__slots__))
        except FileNotFoundError as error:
            raise UsageError(f"{error.filename} is missing: {folder} holds no truth") from error


@dataclass(frozen=True, slots=True)
class Books:
    """What a home decided by itself. `placed`: file, line, version, account, item, bill, cents,
    one row a placement on an item or on account; `rules`: file, line, rule; `asked`: file, line
    (-1: about the file or batch), code, status, opened (a date), suggest_1 to suggest_3. `pairs`:
    file of the deposit or of what came back, statement and line that brought or took it."""

    placed: pd.DataFrame
    rules: pd.DataFrame
    asked: pd.DataFrame
    pairs: pd.DataFrame


def _csv(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in ("cents", "line", "held", "voided", "found"):
        if name in frame:
            frame[name] = frame[name].astype("int64")
    return frame


def books(connection: Connection, automatic: str) -> Books:
    """What `automatic` decided, from one moment of the books."""
    placed, decision, entry = schema.placement.c, schema.decision.c, schema.entry.c
    receipt, item, account = schema.receipt.c, schema.item.c, schema.account.c
    mine = and_(decision.receipt_no == placed.receipt_no, decision.version == placed.version)
    placements = (
        select(placed.receipt_no, receipt.line, placed.version,
               account.account_number.label("account"), item.item_number.label("item"),
               item.bill_number.label("bill"), placed.cents)
        .select_from(schema.placement)
        .join(schema.decision, mine)
        .join(schema.entry, entry.entry_no == decision.entry_no)
        .join(schema.receipt, receipt.receipt_no == placed.receipt_no)
        .join(schema.account, account.account_key == placed.account_key)
        .outerjoin(schema.item, item.item_key == placed.item_key)
        .where(placed.bucket.in_([ITEM, CREDIT]), entry.decided_by == automatic,
               decision.rule.not_in(COMEBACKS))
        .order_by(placed.receipt_no, placed.version, placed.line)
    )  # fmt: skip
    decided = (
        select(decision.receipt_no, receipt.line, decision.rule)
        .join(schema.entry, entry.entry_no == decision.entry_no)
        .join(schema.receipt, receipt.receipt_no == decision.receipt_no)
        .where(entry.decided_by == automatic, decision.rule.not_in(("none", *COMEBACKS)))
        .order_by(decision.receipt_no, decision.version)
    )
    files = _files(connection)
    rules = _frame(connection, decided)
    for frame in (placed_ := _frame(connection, placements), rules):
        frame["file"] = (frame["receipt_no"] // (1 << schema.ORDINAL_BITS)).map(files)
    return Books(
        placed_,
        rules.drop_duplicates("receipt_no"),
        _asked(connection, files),
        _pairs(connection, files),
    )


def _pairs(connection: Connection, files: pd.Series) -> pd.DataFrame:
    """What clearing paired: the file of each deposit with the statement and line of its credit."""
    clearing, line, deposit = schema.clearing.c, schema.bank_line.c, schema.deposit.c
    at = and_(line.file_no == clearing.file_no, line.ordinal == clearing.ordinal)
    statement = (
        select(clearing.file_no, line.line, deposit.file_no.label("deposit_file_no"))
        .join(schema.bank_line, at)
        .join(schema.deposit, deposit.deposit_no == clearing.deposit_no)
    )
    found = _frame(connection, statement)
    named = {"file": "deposit_file_no", "statement": "file_no"}
    for name, number in named.items():
        found[name] = found[number].map(files)
    return found[["file", "statement", "line"]].drop_duplicates()


def _frame(connection: Connection, statement: Select[Any]) -> pd.DataFrame:
    """Rows of a query; columns whose name says so are numbers, all others text."""
    numbers = {"receipt_no", "exception_no", "file_no", "deposit_file_no", "line",
               "version", "cents"}  # fmt: skip
    names = [column.name for column in statement.selected_columns]
    shape = [(name, pa.int64() if name in numbers else pa.string()) for name in names]
    return fetch_table(connection, statement, pa.schema(shape)).to_pandas()


def _files(connection: Connection) -> pd.Series:
    """Names of files by number."""
    file = schema.file.c
    frame = _frame(connection, select(file.file_no, file.name).order_by(file.file_no))
    return frame.set_index("file_no")["name"]


def _asked(connection: Connection, files: pd.Series) -> pd.DataFrame:
    question, receipt = schema.exception.c, schema.receipt.c
    statement = (
        select(question.exception_no, func.coalesce(question.receipt_no, -1).label("receipt_no"),
               func.coalesce(question.file_no, -1).label("file_no"),
               func.coalesce(receipt.line, -1).label("line"), question.code, question.status,
               question.opened_date.label("opened"))
        .outerjoin(schema.receipt, receipt.receipt_no == question.receipt_no)
        .order_by(question.exception_no)
    )  # fmt: skip
    asked = _frame(connection, statement)
    of_receipt = asked["receipt_no"] // (1 << schema.ORDINAL_BITS)
    asked["file"] = of_receipt.where(asked["receipt_no"] >= 0, asked["file_no"]).map(files)
    asked["file"] = asked["file"].fillna("")
    found = suggestions(connection).candidates.select(["exception_no", "rank", "account_number"])
    ranked = found.to_pandas()
    for rank in range(1, RANKS + 1):
        one = ranked[ranked["rank"] == rank].set_index("exception_no")["account_number"]
        asked[f"suggest_{rank}"] = asked["exception_no"].map(one).fillna("")
    return asked
