"""The shipped units are clean and harden the daemon (skips without systemd, fails so in CI)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
WORST = 20  # exposure in tenths


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing on a machine that must have it")
        pytest.skip(f"{name} is not installed: the units were not verified")
    return found


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with programs that exist here: recond need not be installed system-wide."""
    for source in UNITS.glob("*.service"):
        text = source.read_text()
        for program in ("/usr/local/bin/recond", "/usr/bin/logger"):
            text = text.replace(f"ExecStart={program}", "ExecStart=/bin/true")
        (tmp_path / source.name).write_text(text)
    (tmp_path / "recond-alert@recond.service").symlink_to(tmp_path / "recond-alert@.service")
    return tmp_path


@pytest.mark.parametrize("unit", ["recond.service", "recond-alert@recond.service"])
def test_units_verify_without_a_word(units: Path, unit: str) -> None:
    done = run(tool("systemd-analyze"), "verify", "--man=no", str(units / unit))
    words = [line for line in done.stderr.splitlines() if "recond" in line]
    assert (done.returncode, words) == (0, []), done.stderr


@pytest.mark.parametrize("unit", ["recond.service", "recond-alert@recond.service"])
def test_exposure_is_low(units: Path, unit: str) -> None:
    done = run(
        tool("systemd-analyze"), "security", "--offline=true", f"--threshold={WORST}",
        "--no-pager", str(units / unit),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_the_unit_says_what_the_daemon_does() -> None:
    lines = (UNITS / "recond.service").read_text().splitlines()
    for line in (
        "Type=notify", "WatchdogSec=120", "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure", "RestartPreventExitStatus=2 3 4 5",
        "OnFailure=recond-alert@%n.service", "LimitCORE=0",
    ):  # fmt: skip
        assert line in lines
    assert "PrivateUsers=yes" not in lines, "it would hide who owns a dropped work list"


def test_users_and_folders_are_ones_that_systemd_understands(tmp_path: Path) -> None:
    sysusers = run(
        tool("systemd-sysusers"), f"--root={tmp_path}", "--dry-run", str(UNITS / "recond.sysusers")
    )
    assert sysusers.returncode == 0, sysusers.stderr
    for line in (UNITS / "recond.tmpfiles").read_text().splitlines():
        if line.startswith("#"):
            continue
        kind, path, mode, user, group, age = line.split()
        assert kind in {"d", "z"}
        assert path.startswith("/var/lib/recond")
        assert len(mode) == 4
        assert user in {"root", "recond"}
        assert group in {"recond", "recond-clerks"}
        assert age == "-"
