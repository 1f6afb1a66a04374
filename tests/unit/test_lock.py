"""One recond at a time (contract section 3, exit code 75)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recond.errors import LockedError, UnavailableError
from recond.lock import NAME, locked


def test_the_second_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with locked(tmp_path, "run"), pytest.raises(LockedError) as refused, locked(tmp_path, "clear"):
        pytest.fail("two held the lock at once")
    assert f"process {os.getpid()}, recond run" in str(refused.value)
    assert refused.value.exit_code == 75


def test_the_lock_is_free_again_after_use_and_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "run"):
        raise ZeroDivisionError
    with locked(tmp_path, "process"):
        assert b"recond process" in (tmp_path / NAME).read_bytes()
    assert (tmp_path / NAME).read_bytes() == b""


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib\nfrom recond.lock import locked\n"
        f"with locked(pathlib.Path({str(tmp_path)!r}), 'run'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=f"process {child.pid}"), locked(tmp_path, "process"):
            pytest.fail("two held the lock at once")
        child.send_signal(signal.SIGKILL)
        child.wait()
    with locked(tmp_path, "process"):
        pass


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError), locked(tmp_path, "run"):
        pytest.fail("followed")
    assert not (tmp_path / "elsewhere").exists()
