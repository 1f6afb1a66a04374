"""What is damaged: the grammars with their small files, and how recond reads one."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa

from recond.controls import compare
from recond.exceptions.codes import CODES
from recond.formats import load_format
from recond.model import Format, Problem, Transmission
from recond.parsers import GRAMMARS
from tests.sampletable import judged
from tests.unit.formatfiles import bank

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
MONEY = ("receipts", "set_aside", "bank_lines", "advices")
SAGUARO = "saguaro_walk_in"  # the invented bank of docs/formats.md: no fixed format ships
_SAGUARO_FILE = (
    f"HSAGUARO{'':32}\nD1000000001110226000010400ANN LEE       \n"
    "D1000000002110226000008365BO RAY        \nT0000020000018765                       \n"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One grammar: its files by format, and the smallest file that holds one of everything."""

    grammar: str
    files: Mapping[str, tuple[str, ...]]  # format: patterns below fixtures/
    smallest: Mapping[str, str]  # format: file below fixtures/; its bytes are flipped one by one
    inputs: int  # mutated inputs in the suite: fewer where a small file takes long to read


SUBJECTS = {
    subject.grammar: subject
    for subject in (
        Subject("nacha", {"nacha": ("nacha/*.ach",)}, {"nacha": "nacha/ppd-credits.ach"}, 3600),
        Subject(
            "lockbox", {"bai_lockbox": ("lockbox/*.bai",)},
            {"bai_lockbox": "lockbox/two-lockboxes.bai"}, 900,
        ),
        Subject("bai2", {"bai2": ("bai2/*.bai2",)}, {"bai2": "bai2/two-accounts.bai2"}, 1000),
        Subject("camt", {"camt": ("camt/*.xml",)}, {"camt": "camt/smallest.xml"}, 400),
        Subject(
            "mt940", {"mt940": ("mt940/*.sta", "mt940/*.942")}, {"mt940": "mt940/smallest.sta"},
            1200,
        ),
        Subject("ofx", {"ofx": ("ofx/*.ofx", "ofx/*.qfx")}, {"ofx": "ofx/smallest.ofx"}, 5500),
        Subject(
            "x12", {"x12_820": ("x12/*.820",), "x12_823": ("x12/*.823",)},
            {"x12_820": "x12/advice.820", "x12_823": "x12/lockbox.823"}, 800,
        ),
        Subject(
            "x937", {"x937": ("x937/*.x937",)}, {"x937": "x937/deposit-lines.x937"}, 5000,
        ),
        Subject(
            "delimited",
            {name: (f"delimited/{name}-small.csv",) for name in (
                "bank_csv", "bank_csv_two_columns", "card_settlement", "cashier_receipts",
                "lockbox_csv", "receivables",
            )},
            {name: f"delimited/{name}-small.csv" for name in (
                "bank_csv", "card_settlement", "cashier_receipts",
            )},
            600,
        ),
        Subject("fixed", {SAGUARO: ()}, {SAGUARO: ""}, 1000),
    )
}  # fmt: skip


@cache
def shipped(name: str) -> Format:
    """A format by its name."""
    return bank() if name == SAGUARO else load_format(ROOT / "formats" / f"{name}.toml")


def smallest(subject: Subject, fmt: str) -> bytes:
    """The bytes of a subject's smallest file of a format."""
    if fmt == SAGUARO:
        return _SAGUARO_FILE.encode()
    return (FIXTURES / subject.smallest[fmt]).read_bytes()


def seeds(subject: Subject) -> list[tuple[str, bytes]]:
    """Format and bytes of every small file of a grammar."""
    found = [
        (name, path.read_bytes())
        for name, patterns in subject.files.items()
        for pattern in patterns
        for path in sorted(FIXTURES.glob(pattern))
    ]
    return found or [(SAGUARO, _SAGUARO_FILE.encode())]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A file as the corridor reads and judges it."""

    tables: Mapping[str, pa.Table]
    problems: tuple[Problem, ...]
    transmission: Transmission

    @property
    def word(self) -> str:
        """What becomes of it, as in tests.sampletable."""
        return judged(self.problems)

    @property
    def held_batches(self) -> set[int | None]:
        """Batches that wait."""
        return {p.batch_ord for p in self.problems if CODES[p.code].severity == "error"}

    def money(self) -> Counter[int]:
        """Amounts without their signs, of every table of money, held batches left out."""
        found: Counter[int] = Counter()
        deposits = self.tables.get("image_deposits")
        if deposits is not None:  # the file's total; its cash letters are parts of it
            found.update(
                row["amount_cents"] for row in deposits.to_pylist() if row["level"] == "FILE"
            )
        for name in MONEY:
            table = self.tables.get(name)
            if table is None:
                continue
            amounts = table["amount_cents"].to_pylist()
            batches = (
                table["batch_ord"].to_pylist() if "batch_ord" in table.schema.names
                else [None] * len(amounts)
            )  # fmt: skip
            held = self.held_batches
            found.update(
                abs(cents) for cents, batch in zip(amounts, batches, strict=True)
                if cents is not None and batch not in held
            )  # fmt: skip
        return found


def outcome(fmt: Format, data: bytes) -> Outcome:
    """Read bytes with a format; nothing may raise."""
    parts: dict[str, list[pa.Table]] = {}
    problems: list[Problem] = []
    sent = Transmission()
    for chunk in GRAMMARS[fmt.grammar].parse(io.BytesIO(data), fmt):
        for name, table in chunk.tables.items():
            parts.setdefault(name, []).append(table)
        problems.extend(chunk.problems)
        sent = chunk.transmission or sent
    tables = {name: pa.concat_tables(found) for name, found in parts.items()}
    if "controls" in tables:
        problems.extend(compare(tables["controls"], fmt.waives))
    return Outcome(tables, tuple(problems), sent)
