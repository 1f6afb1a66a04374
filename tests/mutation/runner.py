"""A scratch copy of the project in which one thing at a time is taken away, and what the tests say.

Three answers of pytest are told apart: a test failed (it noticed), all passed (the mutation
survives), and everything else, which shows nothing: a list of tests that cannot be collected must
not look like a test that notices. A test that hangs notices too.

The tests run in forks of a process that has the libraries in memory already: of the seconds of a
mutation most would go into loading them.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.mutation.mutant import ROOT, Group, Mutation, file_of

LIBRARIES = (
    "pytest", "hypothesis", "numpy", "pyarrow.compute", "pyarrow.parquet", "pyarrow.csv",
    "pydantic_settings", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql",
    "rapidfuzz.process", "alembic.command", "typer", "structlog", "rich.console",
)  # fmt: skip
NOTICED, SURVIVES, NOT_RUN = "killed", "SURVIVES", "NOT RUN"
PASSED, FAILED = 0, 1  # exit codes of pytest; it has others for what it could not begin
HUNG, NEVER_BEGAN = -1, 70
SECONDS = 900  # a mutation that takes longer hangs: the tests of a group take less together


@dataclass(frozen=True, slots=True)
class Verdict:
    """NOTICED, SURVIVES or NOT_RUN, and by which test or why."""

    word: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """The exit code of pytest, and what it printed."""

    code: int
    said: str


class Runner:
    """The scratch copy. The tests that noticed a mutation of a module come first for the next
    one: it is mostly one of the same file."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.mkdtemp(prefix="recond-mutation-"))
        self.tree = self._folder / "tree"
        self._liked: dict[tuple[str, str], list[str]] = {}
        self._proved: set[str] = set()
        self._written = 0

    def __enter__(self) -> Self:
        ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, self.tree, symlinks=True, ignore=ignored)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder)

    def load(self) -> None:
        """Load the libraries, and stop unless the tests run the copy and not another recond."""
        for name in LIBRARIES:
            importlib.import_module(name)
        marked = self.tree / "recond" / "__init__.py"
        before = marked.read_text()
        self._write(marked, f"{before}\nraise RuntimeError('the copy runs')\n")
        if "the copy runs" not in self._pytest(["tests/unit/test_money.py"]).said:
            raise SystemExit("the tests would run another recond than the scratch copy")
        self._write(marked, before)

    def prove(self, tests: Sequence[str]) -> None:
        """Stop unless these tests pass as they are: others notice nothing."""
        if not self._proved.issuperset(tests):
            ran = self._pytest(tests)
            if ran.code != PASSED:
                raise SystemExit(f"without any mutation pytest ends with {ran.code}:\n{ran.said}")
            self._proved.update(tests)

    def judge(self, group: Group, mutation: Mutation) -> Verdict:
        """Make the mutation, run the tests of its group until one fails, and take it back."""
        path = group.path(mutation, self.tree)
        before = path.read_text()
        if before.count(mutation.old) != 1:
            raise SystemExit(f"{mutation.name}: stands {before.count(mutation.old)} times")
        mutated = before.replace(mutation.old, mutation.new)
        for tests in self._in_order(group, mutation):
            self.prove(tests)
            self._write(path, mutated)
            ran = self._pytest(tests)
            self._write(path, before)
            if ran.code == HUNG:
                return Verdict(NOTICED, f"hangs: more than {SECONDS} s")
            if ran.code == FAILED:
                noticed = _test_of(ran.said)
                self._like(group, mutation, noticed)
                return Verdict(NOTICED, noticed)
            if ran.code != PASSED:
                return Verdict(NOT_RUN, f"pytest ended with {ran.code}")
        return Verdict(SURVIVES)

    def _in_order(self, group: Group, mutation: Mutation) -> list[list[str]]:
        """The test that should notice, and the tests of the group: what noticed other mutations
        of the module, the quick, the slow."""
        quick, slow = ([file_of(name) for name in names] for names in (group.quick, group.slow))
        first = self._liked.get((group.package, mutation.module), [])
        parts = [first, *([name for name in part if name not in first] for part in (quick, slow))]
        named = [file_of(mutation.by)] if mutation.by else []
        return [part for part in (named, *parts) if part]

    def _like(self, group: Group, mutation: Mutation, noticed: str) -> None:
        liked = self._liked.setdefault((group.package, mutation.module), [])
        file = noticed.partition("::")[0]
        if file in liked:
            liked.remove(file)
        if file.startswith("tests/"):
            liked.insert(0, file)
        del liked[2:]

    def _write(self, path: Path, text: str) -> None:
        """Write a module; no two versions of it have one time, by which Python knows whether it
        has compiled a module already."""
        path.write_text(text)
        self._written += 1
        os.utime(path, (self._written, self._written))

    def _pytest(self, tests: Sequence[str]) -> Ran:
        words = ["-q", "-x", "-n", "0", "-m", "not postgres", "-p", "no:cacheprovider",
                 "-p", "tests.mutation.hasty", "-W", "ignore::pytest.PytestAssertRewriteWarning",
                 *tests]  # fmt: skip
        said = self._folder / "said"
        child = os.fork()
        if not child:
            self._run(words, said)
        end = time.monotonic() + SECONDS
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return Ran(HUNG, "")
            time.sleep(0.02)
        return Ran(os.waitstatus_to_exitcode(ended[1]), said.read_text(errors="replace"))

    def _run(self, words: Sequence[str], said: Path) -> None:
        """Be pytest in the copy, and end."""
        code = NEVER_BEGAN
        try:
            with said.open("w") as out:
                os.dup2(out.fileno(), 1)
                os.dup2(out.fileno(), 2)
            os.chdir(self.tree)
            sys.path.insert(0, str(self.tree))
            for name in [*sys.modules]:
                if name.partition(".")[0] in {"recond", "tests"}:
                    del sys.modules[name]
            import pytest

            code = int(pytest.main([*words]))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # nothing of the parent is to be cleaned up here


def _test_of(output: str) -> str:
    """The first test that pytest says has failed, or could not be set up."""
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return found[1] if found else "a test"
