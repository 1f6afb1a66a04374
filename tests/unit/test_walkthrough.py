"""The walk-through of docs/formats.md: its files and commands, run as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recond.cli import app
from recond.home import init
from tests.unit.formatfiles import ROOT

PAGE = ROOT / "docs" / "formats.md"
SECTION = re.compile(r"^## A new bank in ten minutes\n(.*?)(?=^## )", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def steps() -> list[tuple[str, str, str]]:
    """(file name, kind of block, text) of the walk-through, in order."""
    section = SECTION.search(PAGE.read_text())
    assert section is not None
    return FENCE.findall(section[1])


def told(command: str) -> str:
    """What a command of the page prints."""
    words = shlex.split(command)
    assert words[0] == "recond"
    result = CliRunner().invoke(app, words[1:])
    assert result.exception is None, result.exception
    return "".join(f"{line.rstrip()}\n" for line in result.output.splitlines())


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of a console block with what the page says that it prints."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def test_the_walk_through_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "office"
    init(home, "America/Phoenix", "tester", None)
    monkeypatch.chdir(home)
    monkeypatch.delenv("RECOND_HOME", raising=False)
    monkeypatch.setenv("COLUMNS", "400")
    ran = 0
    for name, kind, text in steps():
        if name:
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).write_text(text)
        elif kind == "console":
            for command, expected in commands(text):
                if "sniff" in command:  # the page shows some of the formats
                    words = [line.split() for line in told(command).splitlines()]
                    shown = [line.split() for line in expected.splitlines() if line != "…"]
                    assert all(line in words for line in shown), command
                else:
                    assert told(command) == expected, command
                ran += 1
    assert ran >= 6
