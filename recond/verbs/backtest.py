"""The verb of back-tests."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from recond import ids, render
from recond.money import text_from_cents
from recond.session import open_run
from recond.store import schema
from recond.verbs.common import progress_bar

SHOWN = 20  # receipts of each bad verdict that are printed; --json has them all


def backtest_verb(
    home: Path | None,
    rules: Path,
    date_from: dt.date | None,
    date_to: dt.date | None,
    as_json: bool,
) -> None:
    """`recond backtest RULES`: nothing is written but a scratch folder that is thrown away."""
    from recond.pipeline.backtest import backtest, other_settings

    run = open_run(home)
    settings = other_settings(run.home.settings, rules)
    with tempfile.TemporaryDirectory(prefix="recond-backtest-") as folder, progress_bar() as bar:
        found = backtest(run, settings, Path(folder), date_from, date_to, bar)
    receipts = _named(run, found.receipts)
    if as_json:
        told = {
            "verdicts": _rows(found.verdicts), "rules": _rows(found.rules),
            "receipts": _rows(receipts),
        }  # fmt: skip
        render.json_line(told)
        return
    _print(found.verdicts, ["receipts", "amount"])
    render.text("\nby rule, false posts first")
    _print(found.rules, ["receipts", "amount", "false_receipts", "false_amount",
                         "proved_receipts"])  # fmt: skip
    shown = receipts.groupby("verdict", sort=False).head(SHOWN)
    if len(shown):
        render.text(f"\nreceipts to look at ({len(shown)} of {len(receipts)}; --json has all)")
        _print(shown, ["amount"])


def _named(run: Any, receipts: pd.DataFrame) -> pd.DataFrame:
    """Receipts by their ids instead of their keys."""
    low = (1 << schema.ORDINAL_BITS) - 1
    with run.store.read() as connection:
        files = ids.files_of(connection, {n >> schema.ORDINAL_BITS for n in receipts["receipt_no"]})
    names = [
        ids.receipt_id(files[number >> schema.ORDINAL_BITS], number & low)
        for number in receipts["receipt_no"]
    ]
    named = receipts.drop(columns=["receipt_no"])
    named.insert(0, "receipt_id", names)
    return named


def _rows(frame: pd.DataFrame) -> list[Mapping[str, Any]]:
    """Rows with amounts as decimal text."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for place, name in enumerate(table.column_names):
        if name == "cents" or name.endswith("_cents"):
            amounts = text_from_cents(table[name].cast(pa.int64()))
            table = table.set_column(place, name.removesuffix("cents") + "amount", amounts)
    rows: list[Mapping[str, Any]] = table.to_pylist()
    return rows


def _print(frame: pd.DataFrame, right: list[str]) -> None:
    rows = _rows(frame)
    if rows:
        render.text(render.columns(rows, list(rows[0]), right=right))
