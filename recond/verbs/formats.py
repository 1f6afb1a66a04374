"""The verbs of formats: none of them needs a home."""

from __future__ import annotations

import os
from pathlib import Path

from recond import render
from recond.config import Settings
from recond.errors import UsageError
from recond.formats import HEAD, Formats, load_format, load_home_formats
from recond.formats_report import sniff, test
from recond.intake import containers
from recond.parsers import GRAMMARS


def formats_list_verb(home: Path | None, as_json: bool) -> None:
    """`recond formats list`."""
    rows = [
        {
            "name": fmt.name, "kind": fmt.kind, "grammar": fmt.grammar,
            "inboxes": ", ".join(fmt.inboxes), "title": fmt.title, "sample": fmt.sample,
        }
        for fmt in _formats(home).values()
    ]  # fmt: skip
    if as_json:
        render.json_lines(rows)
    else:
        render.text(render.columns(list(rows), list(rows[0])))


def _formats(home: Path | None) -> Formats:
    """The formats of a home where there is one, else those that recond ships."""
    chosen = home or Path(os.environ.get("RECOND_HOME") or ".")
    return load_home_formats(chosen if (chosen / "recond.toml").is_file() else None)


def _sound(file: Path) -> int:
    """How many files a container holds, 1 for a plain file. Raises UsageError for a bad one."""
    fault, members = containers.judge(file, Settings().max_file_megabytes << 20)
    if fault is not None:
        raise UsageError(f"{file}: {fault.code}: {fault.message}")
    return members


def formats_check_verb(file: Path, as_json: bool) -> None:
    """`recond formats check FILE`: ConfigError says what is wrong."""
    fmt = load_format(file)
    if as_json:
        render.json_line({"name": fmt.name, "grammar": fmt.grammar, "kind": fmt.kind})
    else:
        render.say(f"{file}: format {fmt.name} is right")


def formats_sniff_verb(home: Path | None, file: Path, inbox: str | None, as_json: bool) -> None:
    """`recond formats sniff FILE`."""
    if not file.is_file():
        raise UsageError(f"{file} is no file")
    _sound(file)
    head = containers.head_of(file, HEAD)
    rows = [dict(row) for row in sniff(_formats(home), inbox, file.name, head)]
    if as_json:
        render.json_lines(rows)
    else:
        render.text(render.columns(list(rows), list(rows[0]) if rows else ["format"]))


def formats_test_verb(home: Path | None, name: str | None, file: Path, as_json: bool) -> None:
    """`recond formats test [NAME] FILE`."""
    formats = _formats(home)
    if not file.is_file():
        raise UsageError(f"{file} is no file")
    members = _sound(file)
    if name is None:
        found = formats.identify(None, file.name, containers.head_of(file, HEAD))
        if found.format is None:
            raise UsageError(f"{file}: {'; '.join(found.reasons)}")
        fmt = found.format
    elif name in formats:
        fmt = formats[name]
    else:
        raise UsageError(f"there is no format {name!r}; there are {', '.join(formats)}")
    if members > 1 and not GRAMMARS[fmt.grammar].many:
        raise UsageError(f"{file}: {containers.several(members, fmt.name).message}")
    with containers.open_unpacked(file) as source:
        told = test(fmt, source)
    if as_json:
        render.json_line(told)
        return
    for key, value in told.items():
        if key != "problems":
            render.text(f"{key:<16}{render.plain(value)}")
    if told["problems"]:
        render.text(
            render.columns(told["problems"], ["severity", "code", "line", "field", "message"])
        )
