"""Whatever the moment at which intake dies, nothing is lost, doubled or half done afterwards."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import faults
import pytest
import standin

from recond import durable


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory where there is one: a crash is not a power cut, and it is faster."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_every_point_of_an_intake(place: Path) -> None:
    done = faults.explore(standin.Right(), place)
    assert done["wrong"] == {}
    assert done["points"] > 100
    kinds = {name.split()[1] for name in done["names"]}
    assert kinds >= {"create", "write", "fsync", "rename", "replace", "mkdir", "unlink", "rmdir",
                     "commit"}  # fmt: skip


def test_a_second_crash_while_recovering_from_the_first(place: Path) -> None:
    assert faults.explore(standin.Right(), place, every=10**6, double=60)["wrong"] == {}


@pytest.mark.long
def test_every_pair_of_points(place: Path) -> None:
    assert faults.explore(standin.Right(), place, double=20_000)["wrong"] == {}


@pytest.mark.parametrize("wrong", standin.WRONG, ids=lambda wrong: wrong.__name__)
def test_the_harness_finds_each_wrong_protocol(
    place: Path, wrong: type[standin.Right], capfd: pytest.CaptureFixture[str]
) -> None:
    done = faults.explore(wrong(), place, every=3, first_wrong=True)
    capfd.readouterr()  # what the wrong ones say when they die by themselves
    assert done["wrong"], f"{wrong.__doc__} passed {done['points']} points"


def test_everything_is_synced_before_the_commit(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill keeps what the kernel has in memory, so a missing fsync shows only in the order."""
    home = place / "home"
    scenario = standin.Right()
    scenario.make(home)
    steps: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        steps.append(str(Path(path).relative_to(home)))
        real(descriptor)

    def hook(moment: str, step: str) -> None:
        if (moment, step) == ("before", "commit"):
            steps.append("COMMIT")

    monkeypatch.setattr(os, "fsync", fsync)
    with durable.faults(hook):
        scenario.run(home)
    first = steps[: steps.index("COMMIT")]
    name = standin.sha(standin.FILES["a.txt"])
    order = ["work/box/00000001", "work/box", "inbox/box", "archive/.tmp/00000001", "archive",
             f"archive/{name[:2]}"]  # fmt: skip
    claims = [first.index(path, 2) for path in order[:3]]  # after `prepare`, which syncs two
    assert claims == sorted(claims), "new folder first, then the old one"
    kept = [first.index(path, claims[-1]) for path in order[3:]]
    assert kept == sorted(kept), "bytes first, then their name"


def test_a_commit_is_a_point_wherever_it_is_made(place: Path) -> None:
    connection = sqlite3.connect(place / "db")
    connection.execute("CREATE TABLE t(x)")
    code = faults.child(lambda: _insert_and_die(place / "db"))
    assert code == faults.KILLED
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


def _insert_and_die(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO t VALUES(1)")
    with durable.faults(faults.Points(1)):
        faults.commit(connection)
