"""The checks of one chunk of a lockbox file, as columns; the few other records one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.model import RECEIPTS, SET_ASIDE, Parsed
from recond.parsers.columns import (
    SPACE,
    Bytes,
    Ints,
    LineBlock,
    Mask,
    constant,
    nothing,
    packed_rows,
    text_column,
)
from recond.parsers.dates import NO_DATE, date_column, day_of
from recond.parsers.figures import digits
from recond.parsers.lockbox_dates import check_dates
from recond.parsers.lockbox_overflow import remittances_of
from recond.parsers.lockbox_state import (
    NAMES,
    OneBatch,
    Picked,
    State,
    picked,
    printed,
    text_of,
)
from recond.parsers.lockbox_totals import take_totals, take_trailer
from recond.parsers.pieces import joined_rows
from recond.parsers.spans import repeated

HIGH = 128
_THREE = np.arange(1000)
# Of each three digits of a routing number: the digits by their weights, added up.
_WEIGHED = _THREE // 100 * 3 + _THREE // 10 % 10 * 7 + _THREE % 10
_FAILS = np.arange(3 * int(_WEIGHED.max()) + 1) % 10 != 0
_NO_CHECKS = SET_ASIDE.empty_table()

if TYPE_CHECKING:
    from recond.parsers.lockbox import Columns


def checks_of(state: State, block: LineBlock, view: Bytes, lengths: Ints) -> Parsed:
    """One chunk's receipts, remittances and unreadable checks; `state` takes in the rest."""
    kinds = view[:, 0].copy()  # side by side: they are looked at a dozen times
    before = np.concatenate([np.array([ord(state.last or "\0")], np.uint8), kinds[:-1]])
    _check_order(state, block, kinds, before)
    is_check, is_overflow = kinds == ord("6"), kinds == ord("4")
    opens = kinds == ord("5")
    if state.layout.header_per == "lockbox":  # what follows a batch total is the next batch
        opens |= (is_check | is_overflow) & (before == ord("7"))
    batch_ord = len(state.batches) + np.cumsum(opens)
    _open_batches(state, view, kinds, opens)
    state.add_details(view, is_check | is_overflow)
    checks = picked(view, is_check)
    cents, bad = _amounts(checks.field(state.layout.check.amount))
    _check_numbers(state, checks, batch_ord)
    ordinal = state.ordinal + np.cumsum(is_check)
    state.ordinal = int(ordinal[-1])
    _count(state, batch_ord[checks.rows], cents, bad)
    tables = {"set_aside": _unreadable(state, block, view, checks.rows[bad], batch_ord)}
    stubs = picked(view, is_overflow)
    remittances, spoiled = remittances_of(state, block, checks, stubs, ordinal, batch_ord)
    if bad.any():
        remittances = _without(remittances, ordinal[checks.rows[bad]])
        checks, cents = checks.kept(~bad), cents[~bad]
    tables["receipts"] = _receipts(state, block, checks, lengths, cents, ordinal, batch_ord,
                                   remittances)  # fmt: skip
    tables["remittances"] = _without(remittances, np.array(spoiled, dtype=np.int64))
    take_totals(state, view, kinds, batch_ord)
    state.records += len(kinds)
    take_trailer(state, view, kinds)
    return Parsed(tables, state.notes.drain())


def _without(remittances: pa.Table, ordinals: Ints) -> pa.Table:
    """The remittances that are not of those checks."""
    if not len(ordinals):
        return remittances
    of = pc.is_in(remittances["ordinal"], value_set=pa.array(ordinals))
    return remittances.filter(pc.invert(of))


def _amounts(view: Bytes) -> tuple[Ints, Mask]:
    """Cents of checks. A blank amount is a stub without a check: it counts as zero, and a person
    is asked about it (formats section 2)."""
    cents, bad = digits(view)
    return cents, bad & (view != SPACE).any(axis=1) if bad.any() else bad


def _offset(block: LineBlock, row: int) -> int:
    return block.offset + int(block.starts[row])


def _check_order(state: State, block: LineBlock, kinds: Bytes, before: Bytes) -> None:
    """Every record must be one that may follow the one before it."""
    pairs = before.astype(np.uint16)
    pairs <<= 8
    pairs |= kinds
    allowed = state.follows.take(pairs)
    for row in np.flatnonzero(~allowed)[:50] if not allowed.all() else ():
        here, previous = chr(kinds[row]), chr(before[row])
        what = NAMES.get(here, f"line that begins with {here!r}")
        where = f"behind a {NAMES[previous]}" if previous in NAMES else "at the beginning"
        state.notes.add(
            "FILE_STRUCTURE",
            f"A {what} stands {where}; the order is 1 2 5 6 4 7 8 9. Ask the bank for the file"
            " again.",
            line=int(state.lines[row]),
            byte_offset=_offset(block, int(row)),
            field="1-1",
        )
    state.last = chr(kinds[-1])


def _open_batches(state: State, view: Bytes, kinds: Bytes, opens: Mask) -> None:
    """Records 1 and 5: a loop over headers, of which a batch has one."""
    layout = state.layout
    for row in np.flatnonzero((kinds == ord("1")) | opens):
        line = int(state.lines[row])
        if opens[row] and kinds[row] != ord("5"):
            header = state.batches[-1] if state.batches else OneBatch("", line, None, "")
            state.batches.append(OneBatch("", line, header.day, header.lockbox))
            continue
        if kinds[row] == ord("1"):
            if state.header is None:
                whole = bytes(view[row]).decode("latin-1").rstrip()
                state.header = whole
                state.header_day = day_of(text_of(view, row, layout.header.date), layout.date_order)
            continue
        day = day_of(text_of(view, row, layout.batch.date), layout.date_order)
        if day is None:
            day = state.header_day
            state.notes.add(
                "DATE_UNUSUAL" if day is not None else "BATCH_UNREADABLE",
                "The deposit date is no date of the calendar"
                + ("; the file's own date is taken." if day is not None else "."),
                line=line,
                field=printed(layout.batch.date),
                batch_ord=len(state.batches) + 1,
            )
        state.batches.append(
            OneBatch(
                text_of(view, row, layout.batch.batch), line, day,
                text_of(view, row, layout.batch.lockbox),
            )
        )  # fmt: skip


def _check_numbers(state: State, checks: Picked, batch_ord: Ints) -> None:
    """Checks carry their batch's number, and items ascend in it (999 is followed by 0 or 1)."""
    rows, check = checks.rows, state.layout.check
    if not len(rows) or not state.batches:
        return
    batch = batch_ord[rows]
    first = np.concatenate([np.array([True]), batch[1:] != batch[:-1]])
    for first_row in np.flatnonzero(first).tolist():
        if batch[first_row] > 0:
            state.batches[batch[first_row] - 1].take_number(checks.text(first_row, check.batch))
    number, _ = digits(checks.field(check.batch))
    known = batch > 0
    said = np.array([_number(one.number) for one in state.between(batch)], np.int64)
    other = known & (number != said[batch - batch[0]])
    item, unread = digits(checks.field(check.item))
    before = np.concatenate([np.array([-1]), item[:-1]])
    opening = state.batches[int(batch[0]) - 1].last_item if known[0] else None
    if opening is not None:
        before[0], first[0] = opening, False
    wrapped = (before >= 999) & (item <= 1)
    backwards = ~first & (item <= before) & ~wrapped
    wrong = np.flatnonzero(other | backwards | unread)
    few = state.notes.first_of_each("BATCH_STRUCTURE", batch[wrong])
    for row in wrong[few]:  # of every batch, for each of them must be held
        words = "carries another batch's number" if other[row] else "does not follow the one before"
        span = check.batch if other[row] else check.item
        state.notes.add(
            "BATCH_STRUCTURE",
            f"The check's item number {checks.text(row, span)!r} {words}; ask the"
            " bank, or accept the batch as found.",
            line=int(state.lines[rows[row]]),
            field=printed(span),
            batch_ord=int(batch[row]),
        )
    state.notes.count_others()
    if known[-1]:
        state.batches[int(batch[-1]) - 1].last_item = int(item[-1])


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else -1


def _count(state: State, batch_ord: Ints, cents: Ints, bad: Mask) -> None:
    """Add the checks to their batches: a loop over the batches of the chunk."""
    starts = np.flatnonzero(np.diff(batch_ord, prepend=-1))
    counts = np.diff(starts, append=len(batch_ord)).tolist()
    sums = np.add.reduceat(cents, starts).tolist() if len(starts) else []
    for number, count, total in zip(batch_ord[starts].tolist(), counts, sums, strict=True):
        if number:
            state.batches[number - 1].found_count += count
            state.batches[number - 1].found_cents += total
    state.checks += len(cents)
    state.cents += int(cents.sum())
    state.unreadable += int(bad.sum())


def _unreadable(
    state: State, block: LineBlock, view: Bytes, rows: Ints, batch_ord: Ints
) -> pa.Table:
    """Checks whose amount cannot be read: kept in their place, their batch is held."""
    if not len(rows):
        return _NO_CHECKS
    span, name = state.layout.check.amount, state.layout.check.remitter
    for place in state.notes.first_of_each("BATCH_UNREADABLE", batch_ord[rows]):
        row = int(rows[place])
        state.notes.add(
            "BATCH_UNREADABLE",
            f"The amount of a check reads {text_of(view, row, span)!r}, which is no amount in"
            " cents; ask the bank for the file again.",
            line=int(state.lines[row]),
            byte_offset=_offset(block, row) + span[0],
            field=printed(span),
            batch_ord=int(batch_ord[row]),
        )
    state.notes.count_others()
    first = state.unreadable - len(rows) + 1
    columns = {
        "ordinal": np.arange(first, first + len(rows)),
        "line": state.lines[rows],
        "byte_offset": block.offset + block.starts[rows],
        "byte_length": block.ends[rows] - block.starts[rows],
        "batch_ord": batch_ord[rows],
        "kind": constant("UNREADABLE", len(rows)),
        "payer_name": [text_of(view, row, name) or None for row in rows],
    }
    arrays = [
        pa.array(columns[one.name], one.type)
        if one.name in columns
        else pa.nulls(len(rows), one.type)
        for one in SET_ASIDE
    ]
    return pa.Table.from_arrays(arrays, schema=SET_ASIDE)


def _receipts(
    state: State, block: LineBlock, checks: Picked, lengths: Ints, cents: Ints, ordinal: Ints,
    batch_ord: Ints, remittances: pa.Table,
) -> pa.Table:  # fmt: skip
    rows, count = checks.rows, len(checks.rows)
    check, fmt = state.layout.check, state.fmt
    batch, starts = batch_ord.take(rows), block.starts.take(rows)
    batches = state.between(batch)
    of = batch - batch[0] if count else batch
    day = np.array([NO_DATE if one.day is None else one.day for one in batches], np.int64)[of]
    labels = [one.number or None for one in batches]
    deposited = date_column(day)
    routing = _clean(state, checks, check.routing, "routing number")
    account = _clean(state, checks, check.account, "account number")
    _check_routing(state, checks, check.routing)
    check_dates(state, checks, day)
    payer = joined_rows([routing, account], ":")
    if payer is None:
        parts = (pc.fill_null(routing, ""), pc.fill_null(account, ""))
        payer = pc.binary_join_element_wise(*parts, ":")
        payer = pc.if_else(pc.equal(payer, ":"), pa.scalar(None, pa.string()), payer)
    told = _joined(remittances, ordinal[rows])
    if count and int(lengths[rows].min()) < check.number[1] and state.notes.first("RECORD_PADDED"):
        short = int(np.flatnonzero(lengths[rows] < check.number[1])[0])
        state.notes.add("RECORD_PADDED", "Checks end before their check number and are padded.",
                        line=int(state.lines[rows[short]]))  # fmt: skip
    columns = {
        "ordinal": pa.array(ordinal.take(rows)),
        "line": pa.array(state.lines.take(rows)),
        "byte_offset": pa.array(starts + block.offset),
        "byte_length": pa.array(block.ends.take(rows) - starts),
        "batch_ord": pa.array(batch.astype(np.int32)),
        "batch": repeated(labels, np.bincount(of, minlength=len(labels))),
        "sequence": text_column(checks.field(check.item)),
        "channel": constant(fmt.channel or "LOCKBOX", count),
        "tender": constant(fmt.tender or "CHECK", count),
        "amount_cents": pa.array(cents),
        "received_date": deposited,
        "deposit_date": deposited,
        "account_on_item": told,
        "reference": told,
        "check_number": _clean(state, checks, check.number, "check number"),
        "payer_name": _names(checks.field(check.remitter)),
        "payer_account": payer,
    }
    arrays = [
        columns[field.name] if field.name in columns else nothing(field.type, count)
        for field in RECEIPTS
    ]
    return pa.Table.from_arrays(arrays, schema=RECEIPTS)


def _names(view: Bytes) -> pa.Array:
    """Names as UTF-8 where that is what the bytes are, else as Latin-1."""
    if not view.size or int(view.max()) < HIGH:
        return text_column(view, plain=True)
    names = []
    for row in view:  # only of a chunk that holds other letters than those of ASCII
        raw = row.tobytes().rstrip()
        try:
            names.append(raw.decode("utf-8").strip() or None)
        except UnicodeDecodeError:
            names.append(raw.decode("latin-1").strip() or None)
    return pa.array(names, pa.string())


def _clean(state: State, checks: Picked, span: Columns, what: str) -> pa.Array:
    """Digits that a machine read from the check; what it could not read is left blank."""
    part = packed_rows(checks.field(span))
    text = text_column(part)
    figures = part - np.uint8(ord("0"))
    if not part.size or int(figures.max()) < 10:
        return text
    if bool(((figures < 10) | (part == SPACE) | (part == ord("-"))).all()):
        return text
    dirty = pc.fill_null(pc.match_substring_regex(text, "[^0-9 -]"), False)
    if not pc.any(dirty).as_py():
        return text
    row = int(checks.rows[int(pc.index(dirty, True).as_py())])
    found = int(pc.sum(dirty).as_py())
    state.once.add("CHARACTER_REPLACED", what, found, int(state.lines[row]), printed(span))
    return pc.if_else(dirty, pa.scalar(None, pa.string()), text)


def _check_routing(state: State, checks: Picked, span: Columns) -> None:
    """ABA check digit: weights 3, 7, 1; money orders and foreign items fail it, so it warns."""
    part = checks.field(span)
    if part.shape[1] != 9 or not len(part):
        return
    number, unread = digits(part)
    upper = number // 1000
    most = upper // 1000
    total = _WEIGHED.take(most) + _WEIGHED.take(upper - most * 1000)
    total += _WEIGHED.take(number - upper * 1000)
    wrong = np.flatnonzero(~unread & _FAILS.take(total))
    if len(wrong):
        line = int(state.lines[checks.rows[wrong[0]]])
        text = checks.text(int(wrong[0]), span)
        state.once.add("CHECK_DIGIT_WRONG", text, len(wrong), line, printed(span))


def _joined(remittances: pa.Table, ordinals: Ints) -> pa.Array:
    """References of each receipt as read, several joined by ';'; null where there are none."""
    told = remittances
    if told["reference"].null_count:
        told = told.filter(pc.is_valid(told["reference"]))
    owner = told["ordinal"].combine_chunks().to_numpy(zero_copy_only=False)
    texts = told["reference"].combine_chunks()
    if bool((owner[1:] > owner[:-1]).all()):  # one a check, as most have
        first, joined = owner, texts
    else:
        first, counts = np.unique(owner, return_counts=True)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int32)
        joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), texts), ";")
    if len(first) == len(ordinals) and bool((first == ordinals).all()):
        return joined
    place = np.searchsorted(first, ordinals)
    inside = place < len(first)
    inside[inside] = first[place[inside]] == ordinals[inside]
    return joined.take(pa.array(np.where(inside, place, 0), mask=~inside))
