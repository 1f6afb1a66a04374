"""Every code is raised by something, and every problem of a file is held against a tiny file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from recond.exceptions import codes
from recond.exceptions.codes import CODES
from tests import problemtable

ROOT = Path(__file__).parents[2]
OUTCOMES = (problemtable.FOLDER / "OUTCOMES.tsv").read_text().splitlines()


@pytest.mark.parametrize("path", problemtable.files(), ids=lambda path: path.name)
def test_a_file_with_one_fault_comes_to_what_the_table_says(path: Path) -> None:
    """A new file gets its row by `python -m tests.problemtable > …/OUTCOMES.tsv`; until then it
    must at least raise its code."""
    row = problemtable.row(path)
    known = [line for line in OUTCOMES if line.startswith(f"{path.name}\t")]
    assert known in ([row], [])
    assert "never told" not in row


def test_the_table_has_no_row_of_a_file_that_is_gone() -> None:
    names = {path.name for path in problemtable.files()}
    assert {line.split("\t")[0] for line in OUTCOMES[1:]} <= names


def test_every_file_raises_the_code_that_it_is_named_after() -> None:
    assert [line for line in OUTCOMES if "never told" in line] == []


def test_what_a_severity_and_a_scope_hold_is_what_becomes_of_the_file() -> None:
    for line in OUTCOMES[1:]:
        name, outcome, severity, scope, *_ = line.split("\t")
        if severity == "error":
            assert outcome == ("held" if scope == "FILE" else "a batch held"), name
        else:
            assert outcome.startswith("accepted"), name
        assert severity != "question" or outcome == "accepted, asked", name


def test_every_code_is_held_by_a_file_or_named_by_a_test() -> None:
    proved = {path.name.split(".")[0] for path in problemtable.FOLDER.iterdir()}
    assert set(CODES) - proved - set(problemtable.in_tests()) == set()


def test_every_code_is_raised_somewhere() -> None:
    sources = [*(ROOT / "recond").rglob("*.py"), *(ROOT / "formats").glob("*.toml")]
    text = "".join(p.read_text() for p in sources if p.name != "codes.py")
    assert {code for code in CODES if f'"{code}"' not in text} == set()


def test_no_code_stands_twice_in_the_list() -> None:
    listed = Counter(code.code for code in codes._LIST)
    assert [code for code, count in listed.items() if count > 1] == []
    assert {code.severity for code in codes._LIST} <= {"error", "question", "warning", "note"}
    for code in codes._LIST:
        assert bool(code.answers) == (code.severity in {"error", "question"}), code.code
