"""What every table is made of."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.sql.schema import SchemaItem

SCHEMA_REVISION = "0001"
MAX_CENTS = 10**15
ORDINAL_BITS = 32

INT = BigInteger().with_variant(Integer, "sqlite")
# Compared and sorted by bytes on both databases, whatever locale a server was set up with.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def receipt_key(file_no: int, ordinal: int) -> int:
    """The integer key of a receipt: arrival number and ordinal in one."""
    return (file_no << ORDINAL_BITS) | ordinal


def cents(name: str, *, nullable: bool = False, minimum: int = -MAX_CENTS) -> Column[int]:
    """A column of int64 cents within the range of any payment."""
    check = CheckConstraint(f"{name} BETWEEN {minimum} AND {MAX_CENTS}", name=f"{name}_range")
    return Column(name, INT, check, nullable=nullable)


def text(name: str, *, nullable: bool = True) -> Column[str]:
    """A column of text."""
    return Column(name, TEXT, nullable=nullable)


def place() -> tuple[Column[int], Column[int], Column[int]]:
    """Where in its file a row was read."""
    return Column("line", INT), Column("byte_offset", INT), Column("byte_length", INT)


def keyed_only(table: str, *columns: SchemaItem) -> Table:
    """A table that lives in its primary key (WITHOUT ROWID on SQLite)."""
    return Table(table, metadata, *columns, sqlite_with_rowid=False, sqlite_strict=True)
