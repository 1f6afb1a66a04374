"""Does every tier and every gate have a test that notices when it is gone?

    uv run python -m tests.mutation [PART OF A NAME …]

One mutation at a time is made in a scratch copy of the project, and the tests of its group are run
on it, on SQLite, once without any mutation: tests that fail anyway notice nothing. Printed is
which test noticed, and what survives; docs/matching.md says why those that are left may. By hand
only: some seconds of a processor a mutation. `tests/unit/test_mutation.py` holds the list against
the source.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.mutation.answers import ANSWERS, LISTS
from tests.mutation.books import DECIDED, SNAPSHOTS
from tests.mutation.comebacks import COMEBACKS, REFUNDS
from tests.mutation.deposits import CLEARING, CLEARING_PASS
from tests.mutation.matching import MATCHING
from tests.mutation.money import MEMORY, SMALL, SOURCES
from tests.mutation.mutant import Group, Mutation, file_of
from tests.mutation.runner import NOTICED, SURVIVES, Runner, Verdict

GROUPS = (
    MATCHING, MEMORY, SOURCES, SMALL, SNAPSHOTS, DECIDED, ANSWERS, LISTS,
    CLEARING, CLEARING_PASS, COMEBACKS, REFUNDS,
)  # fmt: skip


def chosen(parts: Sequence[str]) -> list[tuple[Group, Mutation]]:
    """The mutations whose package and name hold one of the parts; without parts all of them."""
    return [
        (group, mutation)
        for group in GROUPS
        for mutation in group.mutations
        if not parts or any(part in f"{group.package} {mutation.name}" for part in parts)
    ]


def main() -> None:
    """Try the chosen mutations; exit 1 when one survives or could not be tried."""
    wanted = chosen(sys.argv[1:])
    verdicts: list[Verdict] = []
    with Runner() as runner:
        runner.load()
        runner.prove(sorted({file_of(mutation.by) for _, mutation in wanted if mutation.by}))
        for group, mutation in wanted:
            verdict = runner.judge(group, mutation)
            verdicts.append(verdict)
            print(f"{verdict.word:8}  {mutation.name}  {verdict.why}".rstrip(), flush=True)
    noticed = sum(verdict.word == NOTICED for verdict in verdicts)
    survived = sum(verdict.word == SURVIVES for verdict in verdicts)
    print(f"{noticed} of {len(verdicts)} killed, {survived} survived")
    sys.exit(noticed < len(verdicts))


if __name__ == "__main__":
    main()
