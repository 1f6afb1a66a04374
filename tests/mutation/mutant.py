"""What is taken away, and which tests have to notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutation:
    """What is removed: text that stands once in a module, and what stands there instead. `by` is
    the test that is asked first, as `integration/answers::test_twice_is_once`."""

    name: str
    module: str  # below the group's package
    old: str
    new: str
    by: str = ""


@dataclass(frozen=True)
class Group:
    """Mutations of one package below `recond`, and the tests of it by folder and name: `slow`
    ones are only asked where the quick ones notice nothing."""

    package: str
    mutations: tuple[Mutation, ...]
    quick: tuple[str, ...]
    slow: tuple[str, ...] = ()

    def path(self, mutation: Mutation, root: Path = ROOT) -> Path:
        """The module of a mutation in a copy of the project."""
        return root / "recond" / self.package / f"{mutation.module}.py"


def file_of(name: str) -> str:
    """`unit/names` is tests/unit/test_names.py, `unit/names::test_x` a test in it."""
    folder, _, what = name.partition("/")
    module, colons, test = what.partition("::")
    return f"tests/{folder}/test_{module}.py{colons}{test}"
