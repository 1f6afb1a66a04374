"""The list of mutations against the source: what is to be taken away stands there, once."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.__main__ import GROUPS
from tests.mutation.mutant import ROOT, Group, Mutation, file_of

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
