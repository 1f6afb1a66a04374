"""What each file of fixtures/problems/ comes to: fixtures/problems/OUTCOMES.tsv.

    python -m tests.problemtable > fixtures/problems/OUTCOMES.tsv

A file CODE.ext holds one fault, in the format of some inbox. A row says what becomes of the
file, and severity, scope, line, field and batch of the first problem of its code. What no file
alone can raise is raised by a test: `python -m tests.problemtable codes` names one for each.
"""

from __future__ import annotations

import ast
import io
import sys
from functools import cache
from pathlib import Path

from recond.exceptions.codes import CODES
from recond.formats import HEAD, Formats, load_home_formats
from recond.model import Format, Problem
from recond.pipeline.reading import read
from tests.sampletable import judged

FOLDER = Path(__file__).parents[1] / "fixtures" / "problems"
FORMATS = {".ach": "nacha", ".bai": "bai_lockbox", ".bai2": "bai2"}  # of files that none claims
COLUMNS = ("file", "outcome", "severity", "scope", "line", "field", "batch")


@cache
def formats() -> Formats:
    """The formats that ship."""
    return load_home_formats(None)


def files() -> list[Path]:
    """The files that a grammar reads, in order; containers are judged before (test_containers)."""
    return sorted(p for p in FOLDER.iterdir() if p.suffix not in {".tsv", ".md", ".gz", ".zip"})


def format_of(path: Path, data: bytes) -> Format | None:
    """The format that claims a file; one that is damaged at its head is read by its ending."""
    claims = [
        fmt
        for fmt in formats().values()
        if formats().identify(fmt.inboxes[0], path.name, data[:HEAD]).format == fmt
    ]
    if len(claims) == 1 and path.suffix not in FORMATS:
        return claims[0]
    return formats().get(FORMATS.get(path.suffix, ""))


def row(path: Path) -> str:
    """The row of one file."""
    data = path.read_bytes()
    fmt = format_of(path, data)
    if not data:
        problems: tuple[Problem, ...] = (Problem("EMPTY_FILE", "."),)
    elif fmt is None:
        problems = (Problem("UNKNOWN_FORMAT", ".", line=1),)
    else:
        problems = read(lambda: io.BytesIO(data), fmt, "0" * 16, 10_000).problems
    name = path.name.split(".")[0]
    told = next((p for p in problems if p.code == name), Problem("", ""))
    code = CODES[name]
    known = (told.line, told.field, told.batch_ord) if told.code else ("", "never told", "")
    cells = (path.name, judged(problems), code.severity, code.scope, *known)
    return "\t".join("" if cell is None else str(cell) for cell in cells)


def in_tests() -> dict[str, str]:
    """The first test that names each code which has no file, as file::test."""
    alone = {path.name.split(".")[0] for path in files()}
    found: dict[str, str] = {}
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("test_*.py")):
        source = path.read_text()
        lines = source.split("\n")
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                text = "\n".join(lines[first - 1 : node.end_lineno])
                named = {code for code in CODES if f'"{code}"' in text} - alone
                for code in named:
                    found.setdefault(code, f"{path.relative_to(folder)}::{node.name}")
    return found


if __name__ == "__main__" and sys.argv[1:] == ["codes"]:
    for code, test in sorted(in_tests().items()):
        sys.stdout.write(f"{code}\t{test}\n")
elif __name__ == "__main__":
    lines = ["\t".join(COLUMNS), *map(row, files())]
    sys.stdout.write("\n".join(lines) + "\n")
