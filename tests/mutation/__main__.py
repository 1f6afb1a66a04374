"""Does every tier and every gate have a test that notices when it is gone?

    uv run python -m tests.mutation [PART OF A NAME …]

One mutation at a time is made in a scratch copy of the project, and the tests of its package are
run on it, on SQLite. What survives is printed; docs/matching.md says why those that are left may.
By hand only: it takes half an hour on a quiet machine. `tests/unit/test_mutation.py` holds the
list against the source.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutation.comebacks import COMEBACKS, REFUNDS
from tests.mutation.deposits import CLEARING, CLEARING_PASS
from tests.mutation.matching import MATCHING
from tests.mutation.mutant import ROOT, Group, Mutation, file_of

GROUPS = (MATCHING, CLEARING, CLEARING_PASS, COMEBACKS, REFUNDS)


def survives(scratch: Path, group: Group, mutation: Mutation) -> bool:
    """Whether the tests pass with the mutation made in the scratch copy."""
    path = group.path(mutation, scratch)
    before = path.read_text()
    if before.count(mutation.old) != 1:
        raise SystemExit(f"{mutation.name}: stands {before.count(mutation.old)} times in {path}")
    path.write_text(before.replace(mutation.old, mutation.new))
    try:
        return all(_pass(scratch, tests) for tests in (group.quick, group.slow) if tests)
    finally:
        path.write_text(before)


def _pass(scratch: Path, tests: tuple[str, ...]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-m", "not postgres",
               "-p", "no:cacheprovider", *map(file_of, tests)]  # fmt: skip
    code = subprocess.run(command, cwd=scratch, capture_output=True, check=False).returncode
    if code not in {0, 1}:  # not even run: nothing is shown by that
        raise SystemExit(f"pytest ended with {code}: {' '.join(command)}")
    return code == 0


def main() -> None:
    """Try every mutation whose name holds an argument; exit 1 when one survives."""
    parts = sys.argv[1:]
    chosen = [
        (group, mutation)
        for group in GROUPS
        for mutation in group.mutations
        if not parts or any(part in f"{group.package} {mutation.name}" for part in parts)
    ]
    left = []
    with tempfile.TemporaryDirectory(prefix="recond-mutation-") as folder:
        scratch = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__")
        shutil.copytree(ROOT, scratch, symlinks=True, ignore=ignored)
        for group, mutation in chosen:
            alive = survives(scratch, group, mutation)
            left += [mutation.name] * alive
            print(f"{'SURVIVES' if alive else 'killed  '}  {mutation.name}", flush=True)
    print(f"{len(chosen) - len(left)} of {len(chosen)} killed")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
