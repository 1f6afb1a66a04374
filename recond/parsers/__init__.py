"""The grammars: each one a module that turns bytes into the tables of `model.TABLES`.

A grammar module has a pydantic `Layout` (the `[layout]` table of a format file) and
`parse(source, fmt)`. Modules are imported when they are first used, so that listing the
grammars costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import BinaryIO, cast

from pydantic import BaseModel

from recond.model import Format, Parsed

Parse = Callable[[BinaryIO, Format], Iterator[Parsed]]


@dataclass(frozen=True, slots=True)
class Grammar:
    """One grammar by name; `layout` and `parse` import its module when first asked for."""

    name: str
    module: str
    many: bool = False  # reads a zip of several files, each as one of its own
    balances: bool = False  # proves the balances of every statement itself

    @property
    def layout(self) -> type[BaseModel]:
        """The pydantic model of a format file's `[layout]` table."""
        return cast("type[BaseModel]", import_module(self.module).Layout)

    @property
    def parse(self) -> Parse:
        """`parse(source, fmt)`: chunks of a file as tables and problems; never raises for data."""
        return cast("Parse", import_module(self.module).parse)


_NAMES = ("delimited", "fixed", "lockbox", "bai2", "nacha", "camt", "mt940", "ofx", "x12", "x937")

GRAMMARS: Mapping[str, Grammar] = MappingProxyType(
    {
        name: Grammar(
            name, f"recond.parsers.{name}", name == "camt", name in {"camt", "mt940", "delimited"}
        )
        for name in _NAMES
    }
)
