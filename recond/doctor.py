"""`recond doctor`: versions, limits of the machine, and the settings in force."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import select

from recond import __version__, render
from recond.errors import RecondError
from recond.pipeline.run import Run
from recond.session import open_run
from recond.store import schema
from recond.tomlcheck import nearest

PACKAGES = (
    "pyarrow", "pandas", "numpy", "sqlalchemy", "alembic", "watchdog", "apscheduler", "structlog",
    "pydantic", "typer", "rapidfuzz", "psycopg",
)  # fmt: skip
SAFE_SQLITE = (3, 51, 3)  # earlier ones can lose a WAL that two writers reset at once
INOTIFY = ("max_user_watches", "max_user_instances", "max_queued_events")


def doctor_verb(home: Path | None, as_json: bool) -> None:
    """Print what an administrator is asked for first; needs no home."""
    told: dict[str, object] = {"recond": __version__, "python": sys.version.split()[0]}
    told |= {"system": platform.platform(), "sqlite": sqlite3.sqlite_version}
    told |= {name: _version(name) for name in PACKAGES}
    told |= {f"inotify_{name}": _inotify(name) for name in INOTIFY}
    told["open_files_limit"] = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    warnings = list(_warnings())
    try:
        told |= _of_home(home, warnings)
    except RecondError as error:
        told["home"] = f"none: {error}"
    told["warnings"] = warnings
    if as_json:
        render.json_line(told)
        return
    for name, value in told.items():
        if name != "warnings":
            render.text(f"{name:<28}{value}")
    for warning in warnings:
        render.say(f"warning: {warning}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _inotify(name: str) -> str:
    try:
        path = Path("/proc/sys/fs/inotify") / name
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _warnings() -> list[str]:
    if sqlite3.sqlite_version_info < SAFE_SQLITE:
        return [
            (
                f"SQLite {sqlite3.sqlite_version} has the WAL-reset fault that 3.51.3 mends;"
                " recond keeps one writer under its lock: let nothing else write to the database"
            )
        ]
    return []


def _of_home(path: Path | None, warnings: list[str]) -> dict[str, object]:
    run = open_run(path)
    home = run.home
    disk = os.statvfs(home.path)
    free = disk.f_bavail * disk.f_frsize
    if free < 1 << 30:
        warnings.append(f"only {free >> 20} MiB are free where the home stands")
    warnings += _families_of_nobody(run)
    return {
        "home": str(home.path.resolve()),
        "database": run.store.dialect,
        "timezone": home.settings.timezone,
        "business_date": run.today.isoformat(),
        "settle_seconds": home.settings.settle_seconds,
        "settings_digest": home.settings.digest(),
        "formats": ", ".join(run.formats),
        "free_mib": free >> 20,
    }


def _families_of_nobody(run: Run) -> list[str]:
    """Families that recond.toml names and no account has: such a policy never counts."""
    account = schema.account.c
    with run.store.read() as connection:
        found = set(connection.scalars(select(account.family).distinct()))
    settings, known = run.home.settings, sorted(family for family in found if family)
    return [
        f"recond.toml: {'.'.join(map(str, where))}: no account is of family {family!r}"
        f"{nearest(family, known)}"
        for where, family in settings.named_families()
        if known and family not in found
    ]
