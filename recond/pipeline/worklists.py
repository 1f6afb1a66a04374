"""Work lists that come back: dropped into `queue/in/`, or named to `queue import`.

The durable order is that of every arrival: claim by rename, archive by SHA-256, read only the
archived copy. Then one transaction a row (a row and its outcome, or neither), the result file,
and the claim goes. A crash anywhere leaves the claim in `work/`, and the next pass goes on with
the rows that have no outcome yet.
"""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from sqlalchemy import func, insert, select, update

from recond import durable, intake
from recond.errors import RefusedError
from recond.exceptions import imports, results
from recond.exceptions.decisions.case import NOT_DECIDED
from recond.exceptions.decisions.deciding import Verdict
from recond.exceptions.imports import Row
from recond.exceptions.sheet_read import MAX_BYTES, SheetError, SheetRow, read_sheet
from recond.ledger import instant
from recond.pipeline.run import Run
from recond.store import schema

log = structlog.get_logger(__name__)

work_file = schema.work_file
OPEN = "in"  # the inbox that belongs to nobody: the owner of a file there is who answers
LOCKS = ("~${}", ".~lock.{}#")


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one work list: its rows, and the result file where one was written."""

    name: str
    person: str
    rows: tuple[Row, ...] = ()
    result: Path | None = None
    refusal: str | None = None


def base_of(run: Run) -> Path:
    """The folder whose `work/` holds claimed work lists, apart from claims of payment files."""
    return run.home.path / "work" / "queue"


def inboxes_of(run: Run, settle_seconds: int) -> list[intake.Inbox]:
    """`queue/in/` and the folders of single people in it."""
    top = run.home.path / "queue" / "in"
    found = [intake.Inbox(OPEN, top, settle_seconds)]
    if top.is_dir():
        found += [
            intake.Inbox(f"by.{name}", top / name, settle_seconds)
            for name in durable.names(top)
            if not name.startswith(".") and (top / name).is_dir() and not (top / name).is_symlink()
        ]
    return found


def take_dropped(
    run: Run, *, wait: bool = False, stop: Callable[[], bool] = lambda: False
) -> tuple[list[Imported], int]:
    """Take every work list that may be taken; how many still rest or are open in a spreadsheet.

    With `wait`, files younger than `settle_seconds` are waited for.
    """
    done: list[Imported] = []
    while True:
        claims, seen = _claims(run)
        for claimed in claims:
            if stop():
                return done, len(seen.waiting)
            done.append(take(run, claimed, _owner(run, claimed)))
        resting = [w.settles_in_ns for w in seen.waiting if w.settles_in_ns is not None]
        if claims:
            continue
        if not (wait and resting) or stop():
            people = [w for w in seen.waiting if not (w.inbox.path / w.name).is_dir()]
            return done, len(people)
        time.sleep((1 + min(min(resting) // 1_000_000, 1000)) / 1000)


def import_file(
    run: Run, path: Path, person: str, *, check: bool = False, all_or_nothing: bool = False
) -> Imported:
    """Take one work list as the answers of `person`.

    With `check` nothing is decided; the result file says what would be. Raises RefusedError when
    the file is no work list.
    """
    rows = _readable(path)
    if check:
        made, data = _tried(run, person, rows)
        result = _beside(run, path.name, ".result.csv")
        _put(result, data)
        return Imported(path.name, person, tuple(made), result)
    _prepare(run, ())
    inbox = intake.Inbox(OPEN, run.home.path / "queue" / "in", 0)
    if path.resolve().parent == inbox.path.resolve():
        candidate = intake.Candidate(inbox, path.name, path.stat().st_size)
    else:
        candidate = intake.copy_in(inbox, path)
    (claimed,) = intake.claim(base_of(run), [candidate], _next_number(run))
    return take(run, claimed, person, all_or_nothing=all_or_nothing)


def write_again(run: Run, name: str, *, dry_run: bool = False) -> Path:
    """Write the result file of the last work list of that name again, byte for byte.

    Raises RefusedError when no work list of that name came or it was refused.
    """
    with run.store.read() as connection:
        row = connection.execute(
            select(work_file.c.work_no, work_file.c.state, work_file.c.message)
            .where(work_file.c.name == Path(name).name)
            .order_by(work_file.c.work_no.desc())
            .limit(1)
        ).first()
        if row is None:
            raise RefusedError(f"no work list {Path(name).name} came back")
        if row.state == "refused":
            raise RefusedError(f"{Path(name).name} was refused: {row.message}")
        data = results.result_csv(connection, row.work_no)
    path = _beside(run, Path(name).name, ".result.csv")
    if not dry_run:
        _put(path, data)
    return path


def try_out(run: Run, path: Path, person: str) -> Imported:
    """What `import_file` would do, without a trace."""
    made, _ = _tried(run, person, _readable(path))
    return Imported(path.name, person, tuple(made))


def _readable(path: Path) -> list[SheetRow]:
    try:
        with path.open("rb") as source:
            return read_sheet(source.read(MAX_BYTES + 1))
    except OSError as error:
        raise RefusedError(f"{path} cannot be read: {error.strerror}") from error
    except SheetError as error:
        raise RefusedError(f"{path}: {error}") from error


def take(
    run: Run, claimed: intake.Claimed, person: str, *, all_or_nothing: bool = False
) -> Imported:
    """The effect of one claimed work list; safe to repeat after a crash."""
    home = run.home.path
    source = intake.keep(home, claimed, MAX_BYTES)
    _note_arrival(run, source, person)
    with run.store.read() as connection:
        person = str(
            connection.scalar(select(work_file.c.owner).where(work_file.c.work_no == source.number))
        )
    refusal, rows = _read(source)
    made: list[Row] = []
    result = None
    if refusal is None:
        made = _decide(replace(run, actor=person), source.number, rows, all_or_nothing)
        result = _publish(run, source.name, source.number, made)
    else:
        _put(_beside(run, source.name, ".refused.txt"), f"{source.name}: {refusal}\n".encode())
    _note_end(run, source.number, refusal)
    intake.finish(home, claimed, source.sha256, source.size, source.stamp, _next_number(run))
    log.info("work list", name=source.name, person=person, rows=len(made), refusal=refusal)
    return Imported(source.name, person, tuple(made), result, refusal)


# --- arrival --------------------------------------------------------------------------------------


def _prepare(run: Run, inboxes: Sequence[intake.Inbox]) -> None:
    intake.prepare(run.home.path, ())
    for folder in (base_of(run), base_of(run) / "work", base_of(run) / "work" / OPEN,
                   *(base_of(run) / "work" / inbox.name for inbox in inboxes)):  # fmt: skip
        with suppress(FileExistsError):
            durable.make_folder(folder)


def _next_number(run: Run) -> int:
    with run.store.read() as connection:
        highest = connection.scalar(select(func.max(work_file.c.work_no))) or 0
    return intake.next_number(base_of(run), highest)


def _claims(run: Run) -> tuple[list[intake.Claimed], intake.Scan]:
    inboxes = inboxes_of(run, run.home.settings.settle_seconds)
    _prepare(run, inboxes)
    left = intake.left_in_work(base_of(run), inboxes)
    seen = intake.scan(inboxes, time.time_ns(), None, _still_open)
    return left + intake.claim(base_of(run), seen.candidates, _next_number(run)), seen


def _still_open(candidate: intake.Candidate) -> str | None:
    """A spreadsheet lays a file beside the one that it has open."""
    name, folder = candidate.name, candidate.inbox.path
    for pattern in LOCKS:
        if (folder / pattern.format(name)).exists():
            return "It is still open in a spreadsheet; close it there."
    return None


def _owner(run: Run, claimed: intake.Claimed) -> str:
    """Who answers with a dropped file: its owner, or the person whose folder it lay in.

    A folder stands for a person only when that person or the home's owner made it; otherwise
    anybody could make a folder with another's name.
    """
    if claimed.inbox == OPEN:
        return user_name(claimed.path.lstat().st_uid)
    person = claimed.inbox.removeprefix("by.")
    folder = run.home.path / "queue" / "in" / person
    owner = folder.lstat().st_uid
    if user_name(owner) == person or owner == run.home.path.stat().st_uid:
        return person
    return user_name(claimed.path.lstat().st_uid)


def user_name(uid: int) -> str:
    """The name of an operating-system user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid{uid}"


def _note_arrival(run: Run, source: intake.SourceFile, person: str) -> None:
    with run.store.write() as connection:
        known = connection.scalar(
            select(work_file.c.work_no).where(work_file.c.work_no == source.number)
        )
        if known is None:
            connection.execute(
                insert(work_file).values(
                    work_no=source.number, name=source.name, sha256=source.sha256,
                    size=source.size, owner=person, arrived_at=instant(run.clock()),
                    business_date=run.today.isoformat(),
                    state="taken", message="",
                )
            )  # fmt: skip


def _note_end(run: Run, work_no: int, refusal: str | None) -> None:
    with run.store.write() as connection:
        connection.execute(
            update(work_file)
            .where(work_file.c.work_no == work_no)
            .values(state="refused" if refusal else "done", message=refusal or "")
        )


def _read(source: intake.SourceFile) -> tuple[str | None, list[SheetRow]]:
    if source.refusal is not None:
        return source.refusal.message, []
    try:
        return None, read_sheet(source.path.read_bytes())
    except SheetError as error:
        return str(error), []


# --- rows -----------------------------------------------------------------------------------------


class _NothingError(Exception):
    """Takes back what an all-or-nothing list began."""


def _decide(run: Run, work_no: int, rows: Sequence[SheetRow], all_or_nothing: bool) -> list[Row]:
    key = run.home.secret()
    with run.store.write() as connection:  # staging wants a transaction of its own
        made = imports.understand(connection, key, rows)
        before = imports.written_rows(connection, work_no)
    for row in made:
        row.verdict = before.get(row.number, row.verdict)
    new = [row for row in made if row.number not in before]
    if all_or_nothing:
        _all_or_nothing(run, work_no, new)
        return made
    with run.store.write() as connection:
        for row in new:
            if row.verdict is not None:
                imports.write_row(connection, work_no, row)
    for row in new:
        if row.verdict is None:
            with run.store.write() as connection:
                row.verdict = imports.decide_row(connection, run, row)
                imports.write_row(connection, work_no, row)
    return made


def _all_or_nothing(run: Run, work_no: int, rows: Sequence[Row]) -> None:
    fixed = {row.number for row in rows if row.verdict is not None}
    try:
        with run.store.write() as connection:
            for row in rows:
                row.verdict = imports.decide_row(connection, run, row)
                imports.write_row(connection, work_no, row)
            if any(row.verdict and row.verdict.status in results.AGAIN for row in rows):
                raise _NothingError  # noqa: TRY301 - it is how a rollback is asked for
    except _NothingError:
        refused = [row for row in rows if row.verdict and row.verdict.status in results.AGAIN]
        for row in rows:
            if row not in refused and row.number not in fixed:
                row.verdict = Verdict(
                    NOT_DECIDED, f"nothing was done: {len(refused)} rows of the file are refused"
                )
        with run.store.write() as connection:
            for row in rows:
                imports.write_row(connection, work_no, row)


def _tried(run: Run, person: str, rows: Sequence[SheetRow]) -> tuple[list[Row], bytes]:
    """What a work list would do, and its result file; nothing stays."""
    asking = replace(run, actor=person)
    made: list[Row] = []
    data = b""
    with asking.write(dry_run=True) as connection:
        made = imports.understand(connection, run.home.secret(), rows)
        number = (connection.scalar(select(func.max(work_file.c.work_no))) or 0) + 1
        for row in made:
            row.verdict = imports.decide_row(connection, asking, row)
            imports.write_row(connection, number, row)
        data = results.result_csv(connection, number)
    return made, data


# --- results --------------------------------------------------------------------------------------


def _beside(run: Run, name: str, suffix: str) -> Path:
    raw = os.fsencode(name)[: intake.NAME_BYTES - 20]
    return run.home.path / "queue" / "out" / (os.fsdecode(raw) + suffix)


def _publish(run: Run, name: str, work_no: int, rows: Sequence[Row]) -> Path:
    """Write `NAME.result.csv`, and `NAME.fix.xlsx` where rows have to be answered again."""
    with run.store.write() as connection:
        data = results.result_csv(connection, work_no)
        fix = results.fix_workbook(connection, run.home.secret(), rows, name)
    result, again = _beside(run, name, ".result.csv"), _beside(run, name, ".fix.xlsx")
    if fix is not None:
        _put(again, fix)
    elif again.exists():
        durable.remove(again)
    _put(result, data)
    return result


def _put(path: Path, data: bytes) -> None:
    """Write a file of recond's own complete or not at all, over an earlier one of that name."""
    unfinished = path.with_name(f".{path.name[:200]}.tmp")
    unfinished.unlink(missing_ok=True)
    descriptor = durable.create(unfinished, 0o640)
    try:
        durable.write(descriptor, data, unfinished)
        durable.fsync(descriptor, unfinished)
    finally:
        os.close(descriptor)
    durable.replace(unfinished, path)
    durable.fsync_folder(path.parent)
