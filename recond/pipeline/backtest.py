"""Back-test: history again under other rules, in a scratch home that is thrown away.

Every archived file is taken again, in the order in which it came and on its own business date, by
the same pipeline; files and batches that people accepted are accepted again, and what people
identified is put where they put it, on the day on which they did, if it still waits. What stands
in the end is compared, receipt by receipt, with what stood then and with what people decided
since (capabilities section 3, row 5). The office's own books are only read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Select, and_, cast, exists, func, select

from recond.config import Settings, parse
from recond.errors import ConfigError, RecondError
from recond.exports.columns import fetch_table
from recond.formats import Formats
from recond.home import Home
from recond.model import CREDIT, ITEM, SUSPENSE, VOIDED
from recond.money import text_from_cents
from recond.pipeline import corrections, moves
from recond.pipeline.moves import Move, Stand, Standing
from recond.pipeline.process import commit, kind_rank
from recond.pipeline.recognition import Arrived, recognise
from recond.pipeline.rematch import rematch
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import open_store
from recond.store.migrate import create_or_upgrade
from recond.tomlcheck import nearest, read_toml

# The tables of recond.toml that say how payments are matched: what a RULES file may hold.
AS_PEOPLE = "as_people"  # the rule of what people identify in the scratch home
SECTIONS = ("matching", "charge_type", "policy", "scan_line")

# What became of a receipt, the worst first. `people` placed it since, or nobody did.
VERDICTS = {
    "wrong": "would be posted otherwise than people decided",
    "lost": "was posted rightly, would wait for a person",
    "moved": "was posted, would be posted elsewhere; nobody has decided",
    "unproved": "waited, would be posted; nobody has decided",
    "right": "would be posted as people decided",
    "waits": "would wait for a person, as it did",
    "same": "would be posted as it was, and nobody has objected",
}

_STOOD = pa.schema(
    [
        pa.field("receipt_no", pa.int64()),
        pa.field("account_number", pa.string()),
        pa.field("item_number", pa.string()),
        pa.field("cents", pa.int64()),
    ]
)
_ASKED = pa.schema(
    [
        pa.field("receipt_no", pa.int64()),
        pa.field("cents", pa.int64()),
        pa.field("rule", pa.string()),
        pa.field("people", pa.int64()),
    ]
)
_RULE = pa.schema([pa.field("receipt_no", pa.int64()), pa.field("rule", pa.string())])


@dataclass(frozen=True, slots=True)
class Backtest:
    """What other rules would have come to. `verdicts`: columns verdict, meaning, receipts, cents;
    `rules`: rule, receipts, cents, false_receipts, false_cents, proved_receipts, the rules with
    false posts first; `receipts`: one row a receipt that is not `same` or `waits`, the worst
    first: receipt_no, verdict, cents, was_rule, now_rule, was, now, people (where its cents stood,
    would stand, and were put by people, as text)."""

    verdicts: pd.DataFrame
    rules: pd.DataFrame
    receipts: pd.DataFrame


def other_settings(settings: Settings, path: Path) -> Settings:
    """The home's settings with the matching rules of a RULES file in their place.

    A table that the file does not hold stays as it is. Raises ConfigError with line and key for
    what is no matching rule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    document = read_toml(text, str(path))
    for name in document.data:
        if name not in SECTIONS:
            hint = nearest(name, list(SECTIONS)) or f"; it may hold {', '.join(SECTIONS)}"
            raise ConfigError(f"{document.place((name,))}: {name} is no matching rule{hint}")
    given = parse(text, str(path), environ={})
    changed = settings.model_copy(update={name: getattr(given, name) for name in document.data})
    changed.rules()
    return changed


def backtest(
    run: Run,
    settings: Settings,
    folder: Path,
    date_from: dt.date | None = None,
    date_to: dt.date | None = None,
    progress: Callable[[str, int, int], None] = lambda words, done, count: None,
) -> Backtest:
    """Replay the home of `run` under `settings` below `folder` (empty, thrown away by the caller)
    and compare the receipts whose effective date lies between the two dates."""
    with run.store.read() as connection:
        asked = _frame(connection, _asked(date_from, date_to), _ASKED)
        was = _standing(connection, version=1)
        stands = _standing(connection)
    scratch = _replay(run, settings, folder, date_to, progress)
    try:
        with scratch.store.read() as connection:
            now = _standing(connection)
            rules = _frame(connection, _last_rule(), _RULE)
    finally:
        scratch.store.close()
    return _compared(asked, was, stands, now, rules)


# --- replay ---------------------------------------------------------------------------------------


def _replay(
    run: Run,
    settings: Settings,
    folder: Path,
    until: dt.date | None,
    progress: Callable[[str, int, int], None],
) -> Run:
    """A scratch home in which every archived file was taken again."""
    url = f"sqlite:///{folder / 'backtest.db'}"
    store = open_store(url)
    create_or_upgrade(store)
    base = replace(
        run, home=Home(folder, settings), store=store, rules=settings.rules(),
        chart=settings.chart(),
    )  # fmt: skip
    with run.store.read() as connection:
        rows = connection.execute(select(schema.file)).all()
    rows = sorted(rows, key=lambda row: (row.arrived_at, kind_rank(row.kind), row.file_no))
    day: str | None = None
    for number, row in enumerate(rows, 1):
        if until is not None and row.business_date > until.isoformat():
            continue
        if day not in {None, row.business_date}:
            _end_of_day(_on(base, day), run)
        day = row.business_date
        _take_again(_on(base, day, row.arrived_at), run, row)
        progress("replaying", number, len(rows))
    if day is not None:
        _end_of_day(_on(base, day), run)
    return base


def _on(base: Run, day: str | None, instant: str | None = None) -> Run:
    """The run as it was on a business date."""
    today = dt.date.fromisoformat(day or base.today.isoformat())
    moment = dt.datetime.fromisoformat(instant) if instant else base.clock()
    return replace(base, today=today, clock=lambda: moment)


def _end_of_day(scratch: Run, run: Run) -> None:
    """Look again at what waits, then do what people did on that day to what still waits."""
    with scratch.store.write() as connection, run.store.read() as books:
        rematch(connection, scratch)
        told = _identified(books, scratch.today)
        owners = moves.standing(connection, told)
        made = [
            Move(number, AS_PEOPLE, "put where people put it", owners[number].stands,
                 _put(connection, owners[number], told[number]), None)
            for number in sorted(owners)
            if owners[number].in_bucket(SUSPENSE)
        ]  # fmt: skip
        moves.write(connection, scratch, made, "match", "as people decided")


Told = dict[int, list[tuple[str, str | None, int]]]  # by receipt: account, item, cents


def _identified(books: Connection, day: dt.date) -> Told:
    """Receipts that people moved on a day, and where their posted cents stand in the end."""
    decision, entry = schema.decision, schema.entry
    moved = (
        select(decision.c.receipt_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(
            decision.c.version > 1,
            entry.c.decided_by != "recond",
            entry.c.business_date == day.isoformat(),
        )
    )
    told: Told = {}
    for row in books.execute(_stood().where(schema.placement.c.receipt_no.in_(moved))):
        told.setdefault(row[0], []).append((row[1], row[2], row[3]))
    return told


def _put(
    connection: Connection, owner: Standing, told: list[tuple[str, str | None, int]]
) -> list[Stand]:
    """The same cents in the scratch books: on items as far as they are open there, the rest on
    account; what is left over stays in suspense."""
    account, item, balance = schema.account.c, schema.item.c, schema.item_balance.c
    placed: list[Stand] = []
    left = sum(stand.cents for stand in owner.stands)
    for number, item_number, cents in told:
        key = connection.scalar(select(account.account_key).where(account.account_number == number))
        found = connection.execute(
            select(item.item_key, balance.open_cents, item.charge_type, item.fund)
            .select_from(schema.item_and_balance)
            .where(item.account_key == key, item.item_number == item_number)
        ).first()
        if key is None or cents <= 0 or cents > left:
            continue
        left -= cents
        paid = min(cents, found.open_cents) if found else 0
        if found and paid:
            placed.append(Stand(ITEM, paid, key, found.item_key, found.charge_type, found.fund))
        if cents > paid:
            placed.append(Stand(CREDIT, cents - paid, key))
    return [*placed, Stand(SUSPENSE, left)] if left else placed


def _take_again(scratch: Run, run: Run, row: Any) -> None:
    """One archived file, and what people accepted of it."""
    path = run.archived(row.sha256)
    if not path.exists():  # refused before it was kept: links, pipes, files that are too large
        return
    arrived = Arrived(row.file_no, row.inbox, row.name, row.sha256, row.size, path)
    effect = commit(scratch, recognise(_known_formats(scratch, row), arrived))
    if effect.state not in {"held", "partly_held"} or row.state in {"held", "rejected"}:
        return
    batch = schema.batch.c
    with run.store.read() as connection:
        accepted = connection.execute(
            select(batch.batch_ord, batch.batch).where(
                batch.file_no == row.file_no, batch.state == "accepted"
            )
        ).all()
    labels = [None] if effect.state == "held" else [one.batch for one in accepted]
    for label in labels:
        _accept(_reading_archive(scratch, run), effect.file_id, label)


def _known_formats(scratch: Run, row: Any) -> Run:
    """The file is read by the format that read it then, whatever else could claim it today."""
    fmt = scratch.formats.get(row.format or "")
    return replace(scratch, formats=Formats([fmt])) if fmt else scratch


def _reading_archive(scratch: Run, run: Run) -> Run:
    """Accepting reads a file again: from the office's archive, which is never written to."""
    return replace(scratch, home=Home(run.home.path, scratch.home.settings))


def _accept(run: Run, file_id: str, label: str | None) -> None:
    with run.store.write() as connection:
        try:
            corrections.accept(connection, run, file_id, label, "as history did")
        except RecondError:
            return  # the other rules do not hold it, or it cannot be accepted: it stays as it is


# --- comparison -----------------------------------------------------------------------------------


def _frame(connection: Connection, statement: Select[Any], to: pa.Schema) -> pd.DataFrame:
    return fetch_table(connection, statement, to).to_pandas()


def _asked(date_from: dt.date | None, date_to: dt.date | None) -> Select[Any]:
    """Receipts of the time asked about, with the rule that first placed them and whether a person
    has moved them since. Voided receipts are nobody's any more."""
    first, later = schema.decision.alias(), schema.decision.alias()
    entry, own = schema.entry.alias(), schema.entry.alias()
    receipt, placement = schema.receipt.c, schema.placement
    moved = (
        select(func.count())
        .select_from(later)
        .join(own, own.c.entry_no == later.c.entry_no)
        .where(
            later.c.receipt_no == first.c.receipt_no,
            later.c.version > 1,
            own.c.decided_by != "recond",
        )
        .scalar_subquery()
    )
    voided = exists().where(
        placement.c.receipt_no == first.c.receipt_no, placement.c.bucket == VOIDED
    )
    chosen = [first.c.version == 1, ~voided]
    if date_from is not None:
        chosen.append(entry.c.effective_date >= date_from.isoformat())
    if date_to is not None:
        chosen.append(entry.c.effective_date <= date_to.isoformat())
    return (
        select(
            first.c.receipt_no, receipt.amount_cents.label("cents"), first.c.rule,
            moved.label("people"),
        )
        .select_from(first)
        .join(entry, entry.c.entry_no == first.c.entry_no)
        .join(schema.receipt, receipt.receipt_no == first.c.receipt_no)
        .where(and_(*chosen))
        .order_by(first.c.receipt_no)
    )  # fmt: skip


def _last_rule() -> Select[Any]:
    every, decision = schema.decision.alias(), schema.decision.c
    last = select(func.max(every.c.version)).where(every.c.receipt_no == decision.receipt_no)
    return select(decision.receipt_no, decision.rule).where(
        decision.version == last.scalar_subquery()
    )


def _stood() -> Select[Any]:
    """Posted cents by receipt, account and item."""
    placement, account, item = schema.placement.c, schema.account.c, schema.item.c
    cents = cast(func.sum(placement.cents), schema.INT)
    return (
        select(placement.receipt_no, account.account_number, item.item_number, cents)
        .outerjoin(schema.account, account.account_key == placement.account_key)
        .outerjoin(schema.item, item.item_key == placement.item_key)
        .where(placement.bucket.in_([ITEM, CREDIT]))
        .group_by(placement.receipt_no, account.account_number, item.item_number)
        .having(func.sum(placement.cents) != 0)
        .order_by(placement.receipt_no, account.account_number, item.item_number)
    )


def _standing(connection: Connection, version: int | None = None) -> pd.Series:
    """Where the cents of each receipt stand that are posted, as text by receipt_no: items and
    accounts with their amounts, in order. `version`: as that version placed them."""
    statement = _stood()
    if version is not None:
        statement = statement.where(schema.placement.c.version == version)
    rows = _frame(connection, statement, _STOOD)
    place = rows["account_number"].fillna("?") + rows["item_number"].map(
        lambda number: f"/{number}", na_action="ignore"
    ).fillna("")
    amounts = text_from_cents(pa.array(rows["cents"], pa.int64())).to_pylist()
    rows["place"] = place + "=" + pd.Series(amounts, index=rows.index, dtype="str")
    return rows.groupby("receipt_no", sort=True)["place"].agg("; ".join).astype("str")


def _compared(
    asked: pd.DataFrame, was: pd.Series, stands: pd.Series, now: pd.Series, rules: pd.DataFrame
) -> Backtest:
    table = asked.rename(columns={"rule": "was_rule"})
    table = table.merge(
        rules.rename(columns={"rule": "now_rule"}), how="left", on="receipt_no"
    ).fillna({"now_rule": "none"})
    for name, found in (("was", was), ("stands", stands), ("now", now)):
        table[name] = found.reindex(table["receipt_no"]).fillna("").to_numpy()
    table.loc[table["now_rule"] == AS_PEOPLE, "now"] = ""  # people placed it, no rule did
    by_people = table["people"] > 0
    table["people"] = table["stands"].where(by_people, "")
    table["verdict"] = "same"
    posted, stood = table["now"] != "", table["was"] != ""
    table.loc[~posted & ~stood, "verdict"] = "waits"
    table.loc[posted & ~stood & ~by_people, "verdict"] = "unproved"
    table.loc[posted & stood & (table["now"] != table["was"]) & ~by_people, "verdict"] = "moved"
    table.loc[~posted & stood & (~by_people | (table["was"] == table["stands"])), "verdict"] = (
        "lost"
    )
    table.loc[~posted & stood & by_people & (table["was"] != table["stands"]), "verdict"] = "waits"
    table.loc[posted & by_people & (table["now"] == table["stands"]), "verdict"] = "right"
    table.loc[posted & by_people & (table["now"] != table["stands"]), "verdict"] = "wrong"
    return Backtest(_by_verdict(table), _by_rule(table), _worth_a_look(table))


def _by_verdict(table: pd.DataFrame) -> pd.DataFrame:
    counted = table.groupby("verdict")["cents"].agg(receipts="count", cents="sum")
    counted = counted.reindex(list(VERDICTS), fill_value=0).rename_axis("verdict").reset_index()
    counted.insert(1, "meaning", counted["verdict"].map(VERDICTS))
    return counted


def _by_rule(table: pd.DataFrame) -> pd.DataFrame:
    """Rates by rule, false posts first: no rate stands without its false posts."""
    posted = table[table["now"] != ""]
    false, proved = posted["verdict"] == "wrong", posted["verdict"] == "right"
    counted = (
        posted.assign(
            false_receipts=false.astype("int64"),
            false_cents=posted["cents"].where(false, 0),
            proved_receipts=proved.astype("int64"),
            receipts=1,
        )
        .groupby("now_rule")[
            ["receipts", "cents", "false_receipts", "false_cents", "proved_receipts"]
        ]
        .sum()
        .rename_axis("rule")
        .reset_index()
    )
    return counted.sort_values(
        ["false_cents", "false_receipts", "receipts", "rule"], ascending=[False, False, False, True]
    ).reset_index(drop=True)


def _worth_a_look(table: pd.DataFrame) -> pd.DataFrame:
    order = {name: place for place, name in enumerate(VERDICTS)}
    chosen = table[~table["verdict"].isin(["same", "waits", "right"])].copy()
    chosen["_order"] = chosen["verdict"].map(order)
    chosen = chosen.sort_values(["_order", "cents", "receipt_no"], ascending=[True, False, True])
    names = ["receipt_no", "verdict", "cents", "was_rule", "now_rule", "was", "now", "people"]
    return chosen[names].reset_index(drop=True)
