"""Kill a run at each of its durable steps, run again, and see what is left.

A point is the moment before, amid or after one durable step: every call of `recond.durable` and
every commit. A child process runs to point k and ends there with `os._exit`, as by SIGKILL: no
`finally`, no flush, no rollback. What a scenario is and what must hold of it is its own affair.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine.default import DefaultDialect

from recond import durable

KILLED = 137


class Scenario(Protocol):
    """Some work on a home that may be killed at any point and must end well when run again."""

    def make(self, home: Path) -> None:
        """A home with everything dropped and nothing done."""

    def run(self, home: Path) -> None:
        """One run of the program under test; called again after a crash."""

    def check(self, home: Path, complete: bool) -> list[str]:
        """What is wrong, in words; `complete` says that a run has ended since the crash."""


@contextmanager
def commits_are_points() -> Iterator[None]:
    """Commits through SQLAlchemy become points too."""
    real: Callable[..., Any] = DefaultDialect.do_commit

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        durable.fault("before", "commit")
        real(self, connection)
        durable.fault("after", "commit")

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]
    try:
        yield
    finally:
        DefaultDialect.do_commit = real  # type: ignore[method-assign]


def commit(connection: sqlite3.Connection) -> None:
    """The commit of a stand-in, as a point."""
    durable.fault("before", "commit")
    connection.commit()
    durable.fault("after", "commit")


class Points:
    """A hook that counts points, and dies at one of them."""

    def __init__(self, die_at: int | None = None) -> None:
        self.names: list[str] = []
        self._die_at = die_at

    def __call__(self, moment: str, step: str) -> None:
        self.names.append(f"{moment} {step}")
        if len(self.names) == self._die_at:
            os._exit(KILLED)


def child(work: Callable[[], None]) -> int:
    """Run in a forked process; its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # the child must never come back into pytest
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def points_of(scenario: Scenario, home: Path) -> list[str]:
    """The points of one undisturbed run of a home, by name."""
    told = home.with_name(home.name + ".points")

    def work() -> None:
        points = Points()
        with commits_are_points(), durable.faults(points):
            scenario.run(home)
        told.write_text("\n".join(points.names))

    if child(work) != 0:
        raise AssertionError("the run failed without any crash")
    return told.read_text().splitlines()


def run_to(scenario: Scenario, home: Path, point: int | None) -> int:
    """Run a home until a point (or to the end) in a process of its own; the exit code."""

    def work() -> None:
        with commits_are_points(), durable.faults(Points(point)):
            scenario.run(home)

    return child(work)


def crash(
    scenario: Scenario, template: Path, place: Path, points: tuple[int, ...], ends: int = 2
) -> list[str]:
    """Crash a copy of `template` at each of the points in turn (the second during the recovery
    of the first, and so on), then let it run to its end `ends` times: the second must find
    nothing to do. What is wrong, in words."""
    home = place / "home"
    shutil.copytree(template, home, symlinks=True)
    wrong: list[str] = []
    try:
        for point in points:
            code = run_to(scenario, home, point)
            if code not in {0, KILLED}:
                return [*wrong, f"died by itself ({code})"]
            wrong += scenario.check(home, complete=code == 0)
        for _ in range(ends):
            code = run_to(scenario, home, None)
            if code != 0:
                return [*wrong, f"cannot run again ({code})"]
            wrong += scenario.check(home, complete=True)
        return wrong
    finally:
        shutil.rmtree(home)


def explore(
    scenario: Scenario, place: Path, every: int = 1, double: int = 0, *, first_wrong: bool = False
) -> dict[str, Any]:
    """Crash at every point (or every n-th), and at `double` pairs of points spread evenly.

    With `first_wrong`, stop as soon as something is wrong. Returns `points` (how many were tried)
    and `wrong`: point to words.
    """
    template = place / "template"
    scenario.make(template)
    trial = place / "trial"
    shutil.copytree(template, trial, symlinks=True)
    names = points_of(scenario, trial)
    wrong = dict[str, list[str]]()
    tried = 0
    singles = [(k,) for k in range(1, len(names) + 1, every)]
    total = len(names) * len(names)
    pairs = [divmod(n * total // double, len(names)) for n in range(double)] if double else []
    for points in [*singles, *((a + 1, b + 1) for a, b in pairs)]:
        tried += 1
        found = crash(scenario, template, place, points)
        if found:
            wrong[f"{points} {names[points[0] - 1]}"] = found
            if first_wrong:
                break
    return {"points": tried, "names": names, "wrong": wrong}
