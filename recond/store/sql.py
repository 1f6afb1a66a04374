"""SQL that many rooms write."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, cast, func

from recond.store import schema


def total(column: Any) -> ColumnElement[int]:
    """A sum as an integer of 64 bits (PostgreSQL's own is a decimal), zero of nothing."""
    return cast(func.coalesce(func.sum(column), 0), schema.INT)
