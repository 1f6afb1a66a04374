"""The walls between the rooms (docs/architecture.md), read from the imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import recond

ROOT = Path(recond.__file__).parent
PURE = ("model", "money", "balances", "calendar", "clearing", "formats", "parsers", "controls",
        "matching", "posting", "arrays", "exceptions/codes", "exceptions/questions", "regexes",
        "tomlcheck")  # fmt: skip
MODULES = sorted(p for p in ROOT.rglob("*.py") if "_bundled" not in p.parts)
SPREADSHEETS = {"openpyxl", "xlsxwriter", "python_calamine"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix()


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def pure(path: Path) -> bool:
    return any(name_of(path) == room or name_of(path).startswith(f"{room}/") for room in PURE)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_walls(path: Path) -> None:
    used = imports(path)
    roots = {name.split(".")[0] for name in used}
    if pure(path):
        assert not roots & {"sqlalchemy", "time", "random", "uuid", "secrets", "watchdog"}
        assert not any(name.startswith(("recond.store", "recond.ledger")) for name in used)
    if not name_of(path).startswith(("daemon", "service", "watching")):
        assert not roots & {"watchdog", "apscheduler"}, "only the daemon watches and schedules"
    assert name_of(path).startswith("cli/") or not any(
        name == "recond.cli" or name.startswith("recond.cli.") for name in used
    ), "nobody imports the command line"
    assert not roots & SPREADSHEETS or name_of(path).startswith(("exports/", "exceptions/sheet"))
    if not name_of(path).startswith(("pipeline/", "verbs/", "demo", "service", "daemon")):
        assert not any(name.startswith("recond.pipeline.process") for name in used)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_float_touches_money(path: Path) -> None:
    """No float(), no float literal and no float type but for seconds of waiting."""
    allowed = {
        "daemon",
        "service",
        "watching",
        "notify",
        "intake/scanning",
        "pipeline/process",
        "tomlcheck",
    }
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "float", f"line {node.lineno}: float()"
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"float64", "float32", "double"}, f"line {node.lineno}"
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            assert name_of(path).split("/")[0] in allowed or name_of(path) in allowed, (
                f"line {node.lineno}: {node.value}"
            )


WRITES = re.compile(
    r"(insert_table\(\s*(self\.)?connection,\s*|insert\(|update\(|delete\()"
    r"(schema\.)?(entry|decision|placement|journal_line|receipt)\b"
)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_money_tables_have_one_writer(path: Path) -> None:
    found = WRITES.search(path.read_text())
    assert (found is not None) == (name_of(path) == "ledger"), found
