"""The docs cannot lag: each verb, setting and code stands in them, and none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from recond.cli import app
from recond.config import Settings
from recond.exceptions.codes import CODES
from recond.exceptions.decisions.actions import PLANNERS
from recond.exceptions.decisions.case import STATUSES
from recond.exceptions.sheet import ACTIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def verbs() -> list[str]:
    found = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [f"recond {name} {sub}" for sub in inner] if inner else [f"recond {name}"]
    return sorted(found)


def settings(model: type[BaseModel] = Settings, prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = [
            one
            for one in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(one, type) and issubclass(one, BaseModel)
        ]
        if name in {"charge_type", "policy", "scan_line", "tiers", "delegation"}:
            found.append(f"[[{name}]]" if name != "tiers" else name)
        elif inner:
            found += settings(inner[0], f"{name}.")
        else:
            found.append(prefix + name)
    return found


@pytest.mark.parametrize("verb", verbs())
def test_each_verb_is_documented(verb: str) -> None:
    assert f"`{verb}`" in (DOCS / "operations.md").read_text()


@pytest.mark.parametrize("key", settings())
def test_each_setting_is_documented(key: str) -> None:
    assert f"`{key}`" in (DOCS / "operations.md").read_text()


def test_no_verb_setting_or_exit_code_is_documented_twice() -> None:
    rows = re.findall(r"^\| (`.+?`|[0-9]+) \|", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert len(rows) > 100
    assert sorted({row for row in rows if rows.count(row) > 1}) == []


@pytest.mark.parametrize("key", ["charge_type", "policy", "scan_line", "delegation"])
def test_keys_of_repeated_tables_are_documented(key: str) -> None:
    text = (DOCS / "operations.md").read_text()
    (model,) = Settings.model_fields[key].annotation.__args__[:1]  # type: ignore[union-attr]
    for name in model.model_fields:
        assert name in text, f"[[{key}]] {name}"


def test_every_code_is_documented_with_its_sentence_and_answers() -> None:
    text = (DOCS / "queue.md").read_text()
    for code in CODES.values():
        row = f"| `{code.code}` | {code.severity} | {code.scope} | {code.sentence} |"
        assert row in text, code.code
        line = next(line for line in text.split("\n") if line.startswith(row))
        assert tuple(re.findall(r"`(\w+)`", line[len(row) :])) == code.answers, code.code


def test_every_answer_of_a_code_says_what_happens_and_can_be_given() -> None:
    text = (DOCS / "queue.md").read_text()
    told = text[text.index("## Answers") : text.index("## Two pairs of eyes")]
    rows = {word for line in told.split("\n") if line.startswith("| `")
            for word in re.findall(r"`(\w+)`", line.split("|")[1])}  # fmt: skip
    given = {answer for code in CODES.values() for answer in code.answers}
    assert given - {"accept", "reject"} == rows
    by_verb = {"transfer", "recover", "release", "undo"}
    assert rows == ACTIONS == {*PLANNERS} - by_verb | {"approve", "deny"}


def test_no_code_that_is_gone_is_documented() -> None:
    for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        for word in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", page.read_text()):
            known = (
                word in CODES
                or word in STATUSES
                or word.startswith("RECOND_")
                or word == "NOTIFY_SOCKET"
            )
            assert known, f"{page.name}: {word}"


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split("\n")) <= 150
