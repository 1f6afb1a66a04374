"""The list of mutations against the source: what is to be taken away stands there, once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import GROUPS
from tests.mutation.mutant import ROOT, Group, Mutation, file_of
from tests.mutation.runner import (
    FAILED,
    HUNG,
    NOT_RUN,
    NOTICED,
    PASSED,
    SURVIVES,
    Ran,
    Runner,
)

EVERY = [pytest.param(group, one, id=one.name) for group in GROUPS for one in group.mutations]


@pytest.mark.parametrize(("group", "mutation"), EVERY)
def test_what_is_taken_away_stands_in_the_source_once(group: Group, mutation: Mutation) -> None:
    source = group.path(mutation).read_text()
    assert source.count(mutation.old) == 1
    changed = source.replace(mutation.old, mutation.new)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))


def test_mutations_have_names_of_their_own_and_tests_that_there_are() -> None:
    names = [(group.package, one.name) for group in GROUPS for one in group.mutations]
    assert len(set(names)) == len(names)
    for group in GROUPS:
        assert all((ROOT / file_of(name)).is_file() for name in (*group.quick, *group.slow))
        for named in {one.by for one in group.mutations if one.by}:
            file, _, test = file_of(named).partition("::")
            assert f"def {test}(" in (ROOT / file).read_text(), named


@pytest.mark.parametrize(
    ("quick", "slow", "word"),
    [
        (FAILED, PASSED, NOTICED),
        (PASSED, FAILED, NOTICED),
        (HUNG, PASSED, NOTICED),
        (PASSED, PASSED, SURVIVES),
        (2, FAILED, NOT_RUN),  # nothing was collected: that is no test that notices
    ],
)
def test_only_a_test_that_ran_notices(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick: int, slow: int, word: str
) -> None:
    module = tmp_path / "recond" / "matching" / "gate.py"
    module.parent.mkdir(parents=True)
    module.write_text("gate = True\n")
    mutation = Mutation("a gate", "gate", "True", "False")
    group = Group("matching", (mutation,), ("unit/quick",), ("unit/slow",))
    ends = {"True": (PASSED, PASSED), "False": (quick, slow)}

    def run(self: Runner, tests: list[str]) -> Ran:
        del self
        stands = module.read_text().split()[-1]
        return Ran(ends[stands]["slow" in tests[0]], "FAILED tests/unit/test_quick.py::test_it - x")

    monkeypatch.setattr(Runner, "_pytest", run)
    verdict = fresh(tmp_path).judge(group, mutation)
    assert verdict.word == word
    assert module.read_text() == "gate = True\n"
    ends["True"] = (FAILED, PASSED)
    with pytest.raises(SystemExit, match="without any mutation pytest ends with 1"):
        fresh(tmp_path).judge(group, mutation)


def fresh(tree: Path) -> Runner:
    """A runner of a small tree that has proved nothing yet."""
    made = Runner(tree.parent / f"{tree.name}-runner")
    made.tree = tree
    return made
