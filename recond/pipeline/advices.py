"""Remittance advices (X12 820): kept until the bank brings their payment, then its explanation.

An advice belongs to the one receipt that has its trace number (leading zeros apart) and its
amount; two candidates on either side are none. Its lines then stand in place of what the receipt
itself says: the receipt's own reference becomes a hint, as beside an 820 in the addenda. A
receipt that brings lines of its own keeps them. No advice ever moves money that is placed.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    case,
    delete,
    exists,
    func,
    literal,
    null,
    select,
    update,
)

from recond.arrays import Ints, ints
from recond.model import REMITTANCES, Parsed
from recond.store import schema
from recond.store.engine import fetch_arrow, insert_table, stage

advice, advice_line, receipt = schema.advice, schema.advice_line, schema.receipt
remittance, decision = schema.remittance, schema.decision

UNDECIDED = "none"  # as matching calls the rule of a receipt that it could not place
_PAIRS = pa.schema(
    [(name, pa.int64()) for name in ("receipt_no", "file_no", "ordinal", "lines", "believed")]
)
_OWN = pa.schema(
    [REMITTANCES.field(name) for name in ("ordinal", "sequence", "kind", "amount_cents")]
)
EXTENDED = REMITTANCES.append(pa.field("file_no", pa.int64()))


def keep(connection: Connection, file_no: int, chunk: Parsed, held: frozenset[int] | None) -> int:
    """Keep the advices of a chunk; `held` are the batches that are held, None: all of them.

    Returns the cents of their payments: listed, nobody's money.
    """
    table = chunk.table("advices")
    insert_table(
        connection, advice_line, chunk.table("advice_lines"), constants={"file_no": file_no}
    )
    if not table.num_rows:
        return 0
    wrong = pa.array(sorted(held or ()), pa.int32())
    waits = pc.is_in(table["batch_ord"], value_set=wrong)
    state = pa.repeat("held", table.num_rows) if held is None else pc.if_else(
        waits, "held", "waiting")  # fmt: skip
    table = table.append_column("trace_key", _key(table["trace_number"]))
    table = table.append_column("state", state)
    insert_table(connection, advice, table, constants={"file_no": file_no})
    return int(pc.sum(table["amount_cents"]).as_py() or 0)


def _key(traces: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.ascii_ltrim(pc.utf8_upper(traces), characters="0")


def explain_new(connection: Connection, receipts: pa.Table, remittances: pa.Table) -> pa.Table:
    """Remittances of receipts that are about to be placed, with the lines of their advices.

    `ordinal` is the receipt's key in all tables. The result has one more column, `file_no`: the
    file in which a line stands when it is not the receipt's own.
    """
    own = remittances.append_column("file_no", pa.nulls(remittances.num_rows, pa.int64()))
    waiting = connection.scalar(select(exists().where(advice.c.receipt_no.is_(None))))
    if not waiting or not receipts.num_rows:
        return own
    known = pc.and_(
        pc.is_valid(receipts["trace_number"]), pc.equal(receipts["channel"], "ACH_CREDIT")
    )
    asked = receipts.filter(pc.fill_null(known, False))
    staged = stage(
        connection,
        "traced",
        pa.table(
            {
                "receipt_no": asked["ordinal"],
                "trace_key": _key(asked["trace_number"]),
                "amount_cents": asked["amount_cents"],
            }
        ),
    )
    columns = staged.c.receipt_no, staged.c.trace_key, staged.c.amount_cents
    pairs = _pairs(connection, *columns)
    if not pairs.num_rows:
        return own
    pairs = pairs.filter(pc.invert(pc.is_in(pairs["receipt_no"], value_set=_with_lines(own))))
    told = _lines(connection, pairs)
    muted = _muted(pairs)
    _link(connection, pairs)
    quiet = pc.and_(pc.is_in(own["ordinal"], value_set=muted), pc.equal(own["kind"], "WORD"))
    own = own.filter(pc.invert(quiet))
    hint = pc.is_in(own["ordinal"], value_set=muted)
    kind = pc.if_else(hint, "HINT", own["kind"])
    own = own.set_column(own.schema.get_field_index("kind"), "kind", kind)
    both = pa.concat_tables([own, told.cast(own.schema)])
    return both.sort_by([("ordinal", "ascending"), ("sequence", "ascending")]).combine_chunks()


def _with_lines(remittances: pa.Table) -> pa.Array:
    """Receipts that say themselves, line by line, what they pay; words of a text are no lines."""
    more = pc.or_(pc.greater(remittances["sequence"], 1), pc.is_valid(remittances["amount_cents"]))
    more = pc.and_(more, pc.not_equal(remittances["kind"], "WORD"))
    return pc.unique(remittances["ordinal"].filter(more)).cast(pa.int64())


def _pairs(
    connection: Connection, number: ColumnElement[int], key: ColumnElement[str],
    cents: ColumnElement[int], *conditions: ColumnElement[bool],
) -> pa.Table:  # fmt: skip
    """Receipts and advices that belong together: one on either side."""
    explained = advice.alias("explained")
    found = fetch_arrow(
        connection,
        select(
            number.label("receipt_no"), advice.c.file_no, advice.c.ordinal, advice.c.lines,
            case((advice.c.state == "waiting", 1), else_=0).label("believed"),
        )
        .join_from(
            number.table, advice, (advice.c.trace_key == key) & (advice.c.amount_cents == cents)
        )
        .where(
            advice.c.receipt_no.is_(None),
            advice.c.state.in_(["waiting", "held"]),
            advice.c.amount_cents > 0,
            ~exists().where(explained.c.receipt_no == number),
            *conditions,
        )
        .order_by(number, advice.c.file_no, advice.c.ordinal),
        _PAIRS,
    )  # fmt: skip
    receipts = ints(found["receipt_no"])
    advices = ints(found["file_no"]) << schema.ORDINAL_BITS | ints(found["ordinal"])
    return found.filter(pa.array(_alone(receipts) & _alone(advices)))


def _alone(keys: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which keys stand once."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] == 1)


def _muted(pairs: pa.Table) -> pa.Array:
    """Receipts whose own reference is a hint from now on: their advice has lines, or is held,
    so that what the payer says waits for a person."""
    quiet = pc.or_(pc.greater(pairs["lines"], 0), pc.equal(pairs["believed"], 0))
    return pairs["receipt_no"].filter(quiet).combine_chunks()


def _lines(connection: Connection, pairs: pa.Table) -> pa.Table:
    """The lines of advices as remittances, numbered behind the receipt's own (1).

    A held advice is one line that names nothing: the payment waits until somebody decides.
    """
    believed = pc.equal(pairs["believed"], 1)
    told = _believed_lines(connection, pairs.filter(believed))
    staged = stage(connection, "advised", pairs.filter(pc.invert(believed)))
    columns = [
        staged.c.receipt_no.label("ordinal"),
        literal(2).label("sequence"),
        *(advice.c[name] for name in ("line", "byte_offset", "byte_length")),
        literal("REFERENCE").label("kind"),
        null().label("reference"),
        advice.c.amount_cents,
        advice.c.file_no,
    ]
    same = (advice.c.file_no == staged.c.file_no) & (advice.c.ordinal == staged.c.ordinal)
    waiting = select(*columns).join_from(staged, advice, same).order_by(staged.c.receipt_no)
    return pa.concat_tables([told, fetch_arrow(connection, waiting, EXTENDED)])


def _believed_lines(connection: Connection, pairs: pa.Table) -> pa.Table:
    staged = stage(connection, "advised", pairs)
    net = advice_line.c.amount_cents + advice_line.c.adjusted_cents
    columns = [
        staged.c.receipt_no.label("ordinal"),
        (advice_line.c.sequence + 1).label("sequence"),
        *(advice_line.c[name] for name in ("line", "byte_offset", "byte_length")),
        literal("REFERENCE").label("kind"),
        advice_line.c.reference,
        case((advice.c.netted == 1, net), else_=advice_line.c.amount_cents).label("amount_cents"),
        advice_line.c.file_no,
    ]
    return fetch_arrow(
        connection,
        select(*columns)
        .join_from(
            staged, advice,
            (advice.c.file_no == staged.c.file_no) & (advice.c.ordinal == staged.c.ordinal),
        )
        .join(
            advice_line,
            (advice_line.c.file_no == advice.c.file_no)
            & (advice_line.c.ordinal == advice.c.ordinal),
        )
        .order_by(staged.c.receipt_no, advice_line.c.sequence),
        EXTENDED,
    )  # fmt: skip


def _link(connection: Connection, pairs: pa.Table) -> None:
    """Note which receipt an advice explains; held ones are linked when they are accepted."""
    staged = stage(connection, "linked", pairs.filter(pc.equal(pairs["believed"], 1)))
    same = (staged.c.file_no == advice.c.file_no) & (staged.c.ordinal == advice.c.ordinal)
    connection.execute(
        update(advice)
        .where(exists().where(same))
        .values(
            state="attached",
            receipt_no=select(staged.c.receipt_no).where(same).scalar_subquery(),
        )
    )


def explain_stored(connection: Connection, file_no: int) -> int:
    """Tie the advices of a file to receipts that came before them; returns how many.

    What waits (held, due later, in suspense undecided) gets the lines, and matching looks at it
    again; what is placed stays as it is.
    """
    mine = advice.c.file_no == file_no
    if not connection.scalar(select(exists().where(mine, advice.c.receipt_no.is_(None)))):
        return 0
    key = func.ltrim(func.upper(receipt.c.trace_number), "0")
    # every receipt is looked at, once a file of advices: an index would cost each posting
    pairs = _pairs(
        connection, receipt.c.receipt_no, key, receipt.c.amount_cents, mine,
        receipt.c.channel == "ACH_CREDIT",
    )  # fmt: skip
    if not pairs.num_rows:
        return 0
    staged = stage(connection, "advised_receipts", pairs.select(["receipt_no"]))
    kept = fetch_arrow(
        connection,
        select(
            *(remittance.c["receipt_no" if name == "ordinal" else name].label(name)
              for name in _OWN.names),
        )
        .where(remittance.c.file_no.is_(None))
        .join(staged, staged.c.receipt_no == remittance.c.receipt_no),
        _OWN,
    )  # fmt: skip
    silent = pairs.filter(pc.invert(pc.is_in(pairs["receipt_no"], value_set=_with_lines(kept))))
    silent = silent.filter(pc.is_in(silent["receipt_no"], value_set=_undecided(connection, staged)))
    told = _lines(connection, silent)
    _mute(connection, _muted(silent))
    insert_table(connection, remittance, told.rename_columns({"ordinal": "receipt_no"}))
    _link(connection, pairs)
    return int(pc.sum(pairs["believed"]).as_py() or 0)


def _undecided(connection: Connection, staged: Table) -> pa.Array:
    """Of some receipts those that nothing has placed."""
    later = decision.alias()
    last = select(func.max(later.c.version)).where(later.c.receipt_no == staged.c.receipt_no)
    rows = connection.execute(
        select(staged.c.receipt_no)
        .outerjoin_from(
            staged,
            decision,
            (decision.c.receipt_no == staged.c.receipt_no)
            & (decision.c.version == last.scalar_subquery()),
        )
        .where(decision.c.rule.is_(None) | (decision.c.rule == UNDECIDED))
    )
    return pa.array([row.receipt_no for row in rows], pa.int64())


def _mute(connection: Connection, receipts: pa.Array) -> None:
    """Make the receipts' own reference a hint, and forget what a held advice left there, and the
    words of a text."""
    staged = stage(connection, "muted", pa.table({"receipt_no": receipts}))
    chosen = remittance.c.receipt_no.in_(select(staged.c.receipt_no))
    gone = remittance.c.file_no.is_not(None) | (remittance.c.kind == "WORD")
    connection.execute(delete(remittance).where(chosen, gone))
    connection.execute(
        update(remittance).where(chosen, remittance.c.kind == "REFERENCE").values(kind="HINT")
    )


def believe(connection: Connection, file_no: int, batch_ord: int | None, state: str) -> int:
    """A held file or batch was decided: its advices wait for their payments, or never will.

    Returns how many were tied to a payment that is there already.
    """
    held = (advice.c.file_no == file_no) & (advice.c.state == "held")
    if batch_ord is not None:
        held &= advice.c.batch_ord == batch_ord
    connection.execute(update(advice).where(held).values(state=state))
    return explain_stored(connection, file_no) if state == "waiting" else 0
