"""Which rows of a declarative format become which rows of the model: the part of `[layout]` that
`delimited` and `fixed` share. docs/formats.md describes every key.

Nothing here is a language: a condition compares a column with words or looks at a sign, a fill
takes a column, a constant, joined columns, the first that is not blank, or a negated amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import pyarrow as pa
from pydantic import Field, model_validator

from recond.exceptions.codes import CODES
from recond.model import TABLES
from recond.parsers.typed import Value
from recond.tomlcheck import Strict, nearest

Sign = Literal["positive", "zero", "negative", "not_positive", "not_negative", "not_zero"]
Table = Literal[
    "receipts", "set_aside", "bank_lines", "bank_balances", "receivables", "accounts",
    "drawer_closes", "acks", "ignored",
]  # fmt: skip
DERIVED = Value(type="cents")
OWN_TARGETS = ("ordinal", "line", "byte_offset", "byte_length", "batch_ord")


class Condition(Strict):
    """Which rows are meant: all conditions must hold. A blank value is ""."""

    record: str | None = None  # of a fixed format: rows of this record only
    when: dict[str, list[str]] = Field(default_factory=dict)  # column: one of these words
    unless: dict[str, list[str]] = Field(default_factory=dict)  # column: none of these words
    sign: dict[str, Sign] = Field(default_factory=dict)  # of an amount; blank counts as zero

    def columns_used(self) -> set[str]:
        """The columns that the condition looks at."""
        return {*self.when, *self.unless, *self.sign}


class Fill(Strict):
    """Where a value comes from, when it is not simply one column: exactly one of these."""

    constant: str | None = None
    join: list[str] = Field(default_factory=list)  # columns, blanks left out
    between: str = " "  # stands between joined columns
    first: list[str] = Field(default_factory=list)  # the first of these that is not blank
    negative: str | None = None  # an amount column with the sign turned

    @model_validator(mode="after")
    def _one(self) -> Fill:
        given = (self.constant is not None, self.join, self.first, self.negative)
        if sum(map(bool, given)) != 1:
            raise ValueError("give exactly one of constant, join, first and negative")
        return self

    def columns_used(self) -> set[str]:
        """The columns that the value comes from."""
        return {*self.join, *self.first, *([self.negative] if self.negative else [])}


class Ask(Strict):
    """A problem that each row of a rule raises, or all of them once a batch."""

    code: str
    message: str
    once: Literal["row", "batch"] = "row"


class Rule(Condition):
    """Rows that become rows of a table. Each row of the file must be taken by exactly one rule;
    a rule `beside` the others takes what they take once more (a fee beside its sale). Bank lines
    of a `shown` rule are never posted."""

    table: Table
    fill: dict[str, str | Fill] = Field(default_factory=dict)
    beside: bool = False
    shown: bool = False
    ask: Ask | None = None


class Remittance(Condition):
    """What a receipt says that it is for; a blank reference says nothing."""

    kind: Literal["REFERENCE", "ACCOUNT", "ITEM", "HINT"]
    reference: str
    amount: str | None = None


class Check(Condition):
    """Rows that must not be: each of them is a problem."""

    code: str
    column: str
    message: str


class Sum(Condition):
    """An identity that holds in each row: total = sum of plus - sum of minus, to the cent."""

    code: str
    total: str
    plus: list[str] = Field(min_length=1)
    minus: list[str] = Field(default_factory=list)
    name: str  # the column that names the row in the message


class BatchKey(Strict):
    """The columns whose texts together are a batch of a file without batch records."""

    join: list[str] = Field(min_length=1)
    between: str = " "


class Derived(Strict):
    """An amount that other columns make: what is in `plus`, less what is in `minus`.

    Banks write debits in a column of their own with or without a minus: of columns in `absolute`
    the sign is dropped first. `one` allows one of the columns only to be other than zero. With
    `flag`, a column that holds words for credit or debit gives the sign: `agree` holds the file
    where the amount's own sign contradicts it, `flag` and `sign` say which of them counts.
    """

    plus: list[str] = Field(default_factory=list)
    minus: list[str] = Field(default_factory=list)
    absolute: list[str] = Field(default_factory=list)
    one: bool = False
    flag: str | None = None
    credit: list[str] = Field(default_factory=list)
    debit: list[str] = Field(default_factory=list)
    trust: Literal["agree", "flag", "sign"] = "agree"

    @model_validator(mode="after")
    def _whole(self) -> Derived:
        if (self.flag is None) != (not self.credit and not self.debit):
            raise ValueError("flag, credit and debit belong together")
        if set(self.absolute) - {*self.plus, *self.minus}:
            raise ValueError("absolute names columns of plus and minus")
        return self

    def columns_used(self) -> set[str]:
        """The columns that the amount is made of."""
        return {*self.plus, *self.minus, *([self.flag] if self.flag else [])}


class Balance(Strict):
    """A running balance: each row's is that of the row before and its amount. `backward`: the
    newest row comes first. The chain begins anew where `account` changes; a blank is passed
    over."""

    column: str
    amount: str
    order: Literal["forward", "backward"] = "forward"
    account: str | None = None


class Rows(Strict):
    """How rows become tables."""

    derived: dict[str, Derived] = Field(default_factory=dict)
    balance: Balance | None = None
    # Columns that make the identity of a bank line, for downloads that overlap.
    line_identity: list[str] = Field(default_factory=list)
    # The column of the row's currency: other than the format's, a bank line is shown and never
    # posted, and any other row holds the file.
    currency_column: str | None = None
    # Columns that name one receipt: rows that follow with the same are further remittances of it.
    same_receipt: list[str] = Field(default_factory=list)
    rows: list[Rule] = Field(min_length=1)
    remittances: list[Remittance] = Field(default_factory=list)
    checks: list[Check] = Field(default_factory=list)
    sums: list[Sum] = Field(default_factory=list)
    unique: list[list[str]] = Field(default_factory=list)  # columns that no two rows share
    batch: BatchKey | None = None


def mistakes(rows: Rows, columns: Mapping[str, Value], records: Sequence[str]) -> Iterator[str]:
    """What is wrong with rules whose columns and records are those: one sentence each."""
    yield from _wrong_derived(rows, columns)
    columns = {**columns, **dict.fromkeys(rows.derived, DERIVED)}
    for label, used in _used(rows):
        for column in sorted(used - set(columns)):
            yield f"{label}: there is no column '{column}'{nearest(column, list(columns))}"
    for label, condition in _conditions(rows):
        if condition.record is not None and condition.record not in records:
            known = nearest(condition.record, list(records))
            yield f"{label}: there is no record '{condition.record}'{known}"
        for column in condition.sign:
            if column in columns and columns[column].arrow != pa.int64():
                yield f"{label}: sign: '{column}' is no amount"
    for label, code in _codes(rows):
        if code not in CODES:
            yield f"{label}: there is no code '{code}'{nearest(code, list(CODES))}"
    for number, rule in enumerate(rows.rows, 1):
        yield from _wrong_fills(f"rows {number}", rule, columns)


def _wrong_derived(rows: Rows, columns: Mapping[str, Value]) -> Iterator[str]:
    for name, derived in rows.derived.items():
        if name in columns:
            yield f"derived: '{name}' is a column of the file already"
        for column in sorted(derived.columns_used() - set(columns)):
            yield f"derived {name}: there is no column '{column}'{nearest(column, list(columns))}"
        for column in (*derived.plus, *derived.minus):
            if column in columns and columns[column].arrow != pa.int64():
                yield f"derived {name}: '{column}' is no amount"
    known = {**columns, **dict.fromkeys(rows.derived, DERIVED)}
    balance = rows.balance
    for column in (balance.column, balance.amount) if balance else ():
        if column in known and known[column].arrow != pa.int64():
            yield f"balance: '{column}' is no amount"


def _conditions(rows: Rows) -> Iterator[tuple[str, Condition]]:
    lists: Iterable[tuple[str, Sequence[Condition]]] = (
        ("rows", rows.rows), ("remittances", rows.remittances), ("checks", rows.checks),
        ("sums", rows.sums),
    )  # fmt: skip
    for name, conditions in lists:
        for number, condition in enumerate(conditions, 1):
            yield f"{name} {number}", condition


def _used(rows: Rows) -> Iterator[tuple[str, set[str]]]:
    for label, condition in _conditions(rows):
        used = condition.columns_used()
        match condition:
            case Rule():
                for source in condition.fill.values():
                    used |= {source} if isinstance(source, str) else source.columns_used()
            case Remittance():
                used |= {condition.reference, *([condition.amount] if condition.amount else [])}
            case Check():
                used.add(condition.column)
            case Sum():
                used |= {condition.total, *condition.plus, *condition.minus, condition.name}
        yield label, used
    for names in rows.unique:
        yield "unique", set(names)
    if rows.batch is not None:
        yield "batch", set(rows.batch.join)
    if rows.balance is not None:
        given = (rows.balance.column, rows.balance.amount, rows.balance.account)
        yield "balance", {name for name in given if name is not None}
    yield "line_identity", set(rows.line_identity)
    yield "same_receipt", set(rows.same_receipt)
    yield "currency_column", {rows.currency_column} if rows.currency_column else set()


def columns_read(rows: Rows) -> frozenset[str]:
    """The columns that a table of the layout takes, or a rule looks at."""
    named = {name for _, used in _used(rows) for name in used}
    derived = {name for one in rows.derived.values() for name in one.columns_used()}
    tables = {rule.table for rule in rows.rows if rule.table != "ignored"}
    taken = {name for table in tables for name in TABLES[table].names}
    return frozenset(named | derived | taken)


def _codes(rows: Rows) -> Iterator[tuple[str, str]]:
    for number, rule in enumerate(rows.rows, 1):
        if rule.ask is not None:
            yield f"rows {number}: ask", rule.ask.code
    for number, check in enumerate(rows.checks, 1):
        yield f"checks {number}", check.code
    for number, total in enumerate(rows.sums, 1):
        yield f"sums {number}", total.code


def _wrong_fills(label: str, rule: Rule, columns: Mapping[str, Value]) -> Iterator[str]:
    if rule.table == "ignored":
        if rule.fill:
            yield f"{label}: ignored rows have no fill"
        return
    schema = TABLES[rule.table]
    targets = [name for name in schema.names if name not in OWN_TARGETS]
    for target, source in rule.fill.items():
        if target not in targets:
            hint = nearest(target, targets)
            yield f"{label}: {rule.table} has no column '{target}' to fill{hint}"
            continue
        wanted = schema.field(target).type
        for column, given in _given(source, columns):
            if given != wanted:
                yield f"{label}: {target} is {wanted}, and {column} is {given}"


def _given(source: str | Fill, columns: Mapping[str, Value]) -> Iterator[tuple[str, pa.DataType]]:
    """The columns that a fill takes as they are, with their types."""
    if isinstance(source, str):
        names = [source]
    elif source.constant is not None:
        yield "a constant", pa.string()
        return
    elif source.join:
        yield "joined text", pa.string()
        names = []
    else:
        names = source.first or [source.negative or ""]
    for name in names:
        if name in columns:
            yield name, columns[name].arrow
