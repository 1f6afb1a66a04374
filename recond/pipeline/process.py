"""One pass over the inboxes: take, keep, recognise, and give each file its effect.

The durable order is that of reliability section 3: claim by rename, archive by SHA-256, parse
only the archived copy, one transaction, finish. Restart begins at the top; a claim whose number
the database knows is finished and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from sqlalchemy import Connection, delete, func, insert, select

from recond import durable, intake
from recond.errors import PeriodClosedError, RecondError, RefusedError, UsageError
from recond.formats import HEAD
from recond.intake import containers
from recond.ledger import instant
from recond.model import KINDS, Problem
from recond.pipeline import clear, expected, filings, handover, mirror, rematch
from recond.pipeline.recognition import MANIFEST_SUFFIX, Arrived, Recognised, recognise
from recond.pipeline.run import Run
from recond.pipeline.take import Effect, take
from recond.store import schema

log = structlog.get_logger(__name__)

Progress = Callable[[str, int, int], None]  # words, done, of how many


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one arrival: its number in the `file` table, name and state."""

    file_no: int
    file_id: str
    inbox: str
    name: str
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did."""

    files: tuple[FileOutcome, ...]
    waiting: int  # names in the inboxes that are not taken yet


def _nobody(words: str, done: int, count: int) -> None:
    """Nobody looks on."""


def inboxes_of(run: Run) -> list[intake.Inbox]:
    """The home's inboxes as intake watches them."""
    settle = run.home.settings.settle_seconds
    return [
        intake.Inbox(inbox.name, run.home.inbox(inbox.name), settle)
        for inbox in run.home.settings.inbox
    ]


def process(
    run: Run,
    files: Sequence[Path] = (),
    inbox: str | None = None,
    *,
    wait: bool = True,
    progress: Progress = _nobody,
    stop: Callable[[], bool] = lambda: False,
    sightings: intake.Sightings | None = None,
) -> Pass:
    """Take everything that may be taken until the inboxes are empty, then match what waits.

    `files` are copied into `inbox` (or the one inbox whose formats claim them) and not waited
    for. With `wait`, files that are younger than `settle_seconds` are waited for. `stop` is asked
    between files. Raises UsageError for a FILE that no inbox takes.
    """
    sightings = sightings or intake.Sightings()
    outcomes: list[FileOutcome] = []
    at_once = {(c.inbox.name, c.name) for c in (_copy_in(run, path, inbox) for path in files)}
    home = run.home.path
    intake.prepare(home, tuple(inboxes_of(run)))
    while True:
        claims = _recovered(run)
        seen = intake.scan(
            inboxes_of(run), time.time_ns(), sightings, _hold_back(run), frozenset(at_once)
        )
        _note_waiting(run, seen)
        first = intake.next_number(home, _highest(run))
        claims += intake.claim(home, seen.candidates, first)
        if not claims:
            if wait and seen.settles_in_ns is not None and not stop():
                time.sleep(min(seen.settles_in_ns / 1e9, 1.0) + 0.001)
                continue
            break
        arrivals = _kept(run, claims, progress)
        following = max(claimed.number for claimed in claims) + 1
        for number, (source, recognised) in enumerate(arrivals, 1):
            if stop():
                return Pass(tuple(outcomes), len(seen.waiting))
            progress("posting", number, len(arrivals))
            outcome, late = _give_effect(run, source, recognised, following)
            outcomes.append(outcome)
            following += int(late)
    # the room of answers imports this package's moves: imported at the top, the two would wait
    # for each other
    from recond.exceptions.decisions.drafts import draft_refunds  # noqa: PLC0415
    from recond.exceptions.decisions.smallbalances import write_off_small  # noqa: PLC0415
    from recond.pipeline import worklists  # noqa: PLC0415

    _, lists = worklists.take_dropped(run, wait=wait, stop=stop)
    with run.store.write() as connection:
        rematch.rematch(connection, run)
        write_off_small(connection, run)
        clear.clear(connection, run)
        handover.ask_for_answers(connection, run)
        expected.ask(connection, run)
        filings.ask(connection, run)
        draft_refunds(connection, run)
    return Pass(tuple(outcomes), len(seen.waiting) + lists)


def _copy_in(run: Run, path: Path, inbox: str | None) -> intake.Candidate:
    if not path.is_file():
        raise UsageError(f"{path} is no file")
    chosen = inbox or _inbox_for(run, path)
    for candidate in inboxes_of(run):
        if candidate.name == chosen:
            return intake.copy_in(candidate, path)
    names = ", ".join(i.name for i in run.home.settings.inbox)
    raise UsageError(f"there is no inbox {chosen!r}; this home has {names}")


def _inbox_for(run: Run, path: Path) -> str:
    """The one inbox whose formats claim a file."""
    if path.name.endswith(MANIFEST_SUFFIX):
        return "receivables"
    head = containers.head_of(path, HEAD)
    claiming = {
        inbox.name: fmt
        for inbox in run.home.settings.inbox
        if (fmt := run.formats.identify(inbox.name, path.name, head).format) is not None
    }
    if claiming and len({fmt.name for fmt in claiming.values()}) == 1:
        # one format that may arrive in several inboxes: the first that it names is its own
        (fmt, *_) = claiming.values()
        return min(claiming, key=fmt.inboxes.index)
    what = f"inboxes {', '.join(claiming)} could take" if claiming else "no inbox takes"
    raise UsageError(f"{what} {path}; name one with --inbox")


def _highest(run: Run) -> int:
    with run.store.read() as connection:
        return connection.scalar(select(func.max(schema.file.c.file_no))) or 0


def _recovered(run: Run) -> list[intake.Claimed]:
    """Claims that a crash left: those that the database knows are finished, the rest begins at
    the top."""
    left: list[intake.Claimed] = []
    for claimed in intake.recover(run.home.path, inboxes_of(run)):
        outcome = _outcome(run, claimed.number)
        if outcome is None:
            left.append(claimed)
            continue
        following = intake.next_number(run.home.path, _highest(run))
        late = intake.release(run.home.path, claimed, outcome, following)
        if late is not None:
            left.append(late)
    return left


def _outcome(run: Run, number: int) -> intake.Outcome | None:
    file = schema.file.c
    with run.store.read() as connection:
        row = connection.execute(
            select(file.file_id, file.state, file.sha256, file.size, file.message).where(
                file.file_no == number
            )
        ).first()
    return intake.Outcome(*row) if row else None


def _hold_back(run: Run) -> Callable[[intake.Candidate], str | None]:
    """Receivables wait for their manifest once manifests are used (contract section 4)."""
    limits = run.home.settings.receivables
    with run.store.read() as connection:
        wanted = limits.manifest == "required" or mirror.manifests_seen(connection)
    if not wanted:
        return lambda candidate: None

    def reason(candidate: intake.Candidate) -> str | None:
        name = candidate.name
        if candidate.inbox.name != "receivables" or name.endswith(MANIFEST_SUFFIX):
            return None
        path = candidate.inbox.path / name
        if any((candidate.inbox.path / one).exists() for one in mirror.manifest_names(name)):
            return None
        if time.time() - path.lstat().st_ctime > limits.manifest_wait_minutes * 60:
            return None  # it is taken, and held for want of its manifest
        return None if _vouched(run, name) else f"waits for {name}{MANIFEST_SUFFIX}"

    return reason


def _vouched(run: Run, name: str) -> bool:
    with run.store.read() as connection:
        return not mirror.lacks_manifest(connection, name)


def _note_waiting(run: Run, seen: intake.Scan) -> None:
    """Make what waits visible: in the database, and beside the file."""
    intake.tell(seen)
    rows = {(w.inbox.name, durable.printable(w.name)): w for w in seen.waiting}
    table = schema.waiting
    with run.store.read() as connection:
        known = {
            (row.inbox, row.name): (row.reason, row.since_at)
            for row in connection.execute(select(table))
        }
    if {key: w.reason for key, w in rows.items()} == {k: v[0] for k, v in known.items()}:
        return
    now = instant(run.clock())
    with run.store.write() as connection:
        connection.execute(delete(table))
        values = [
            {
                "inbox": key[0],
                "name": key[1],
                "size": waiting.size,
                "since_at": known[key][1] if key in known else now,
                "reason": waiting.reason,
            }
            for key, waiting in rows.items()
        ]
        if values:
            connection.execute(insert(table), values)


def _kept(
    run: Run, claims: Sequence[intake.Claimed], progress: Progress
) -> list[tuple[intake.SourceFile, Recognised]]:
    """Claims in the archive, in the order in which their kinds are processed."""
    limit = run.home.settings.max_file_megabytes << 20
    found = []
    for number, claimed in enumerate(claims, 1):
        progress("taking", number, len(claims))
        source = intake.keep(run.home.path, claimed, limit)
        arrived = Arrived(
            source.number,
            source.inbox,
            source.name,
            source.sha256,
            source.size,
            source.path,
            source.refusal,
        )
        found.append((source, recognise(run, arrived)))
    return sorted(found, key=lambda pair: _rank(pair[1]))


def kind_rank(kind: str | None) -> int:
    """The place of a kind of file in the order of one pass; what no format claims comes last."""
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def _rank(recognised: Recognised) -> tuple[int, str, str, int]:
    arrived = recognised.arrived
    return kind_rank(recognised.kind), arrived.name, arrived.inbox, arrived.file_no


def _give_effect(
    run: Run, source: intake.SourceFile, recognised: Recognised, following: int
) -> tuple[FileOutcome, bool]:
    """The outcome of one file, and whether late bytes became a claim numbered `following`."""
    effect = commit(run, recognised)
    outcome = intake.Outcome(
        effect.file_id, effect.state, source.sha256, source.size, effect.message
    )
    late = intake.release(run.home.path, source.claimed, outcome, following, source.stamp)
    log.info(
        "file", file_id=effect.file_id, inbox=source.inbox, name=source.name, state=effect.state,
        message=effect.message,
    )  # fmt: skip
    named = FileOutcome(
        source.number, effect.file_id, source.inbox, source.name, effect.state, effect.message
    )
    return named, late is not None


def commit(run: Run, recognised: Recognised) -> Effect:
    """One file, one transaction. What recond itself cannot cope with is held, and what would post
    into a closed month, and the others go on; so is a file that something below refuses. A
    contradiction in the books or a database that is down stops everything."""
    try:
        with run.store.write() as connection:
            return take(connection, run, recognised)
    except PeriodClosedError as error:
        refused = replace(recognised, problem=Problem("PERIOD_CLOSED", str(error)))
        with run.store.write() as connection:
            return take(connection, run, refused)
    except Exception as error:
        if isinstance(error, RecondError) and not isinstance(error, RefusedError):
            raise
        log.exception("file failed", name=recognised.arrived.name)
        why = str(error) if isinstance(error, RefusedError) else type(error).__name__
        words = f"recond failed on this file and posted nothing of it ({why})"
        failed = Problem("FILE_FAILED", f"{words}; tell whoever looks after recond")
        held = Recognised(recognised.arrived, recognised.kind, None, failed)
        with run.store.write() as connection:
            return take(connection, run, held)


def try_out(run: Run, files: Sequence[Path] = (), inbox: str | None = None) -> list[FileOutcome]:
    """What `process` would do now, without a trace: files are read where they stand and the one
    transaction is rolled back."""
    seen = intake.scan(inboxes_of(run), time.time_ns(), None, _hold_back(run), ())
    named = [(c.inbox.name, c.inbox.path / c.name) for c in seen.candidates]
    named += [(inbox or _inbox_for(run, path), path) for path in files]
    first = _highest(run) + 1
    arrived = [_unclaimed(number, *pair) for number, pair in enumerate(named, first)]
    recognised = sorted((recognise(run, one) for one in arrived), key=_rank)
    outcomes: list[FileOutcome] = []
    with run.write(dry_run=True) as connection:
        _take_all(connection, run, recognised, outcomes)
    return outcomes


def _take_all(
    connection: Connection, run: Run, files: Iterable[Recognised], outcomes: list[FileOutcome]
) -> None:
    for one in files:
        effect = take(connection, run, one)
        arrived = one.arrived
        outcomes.append(
            FileOutcome(
                arrived.file_no, effect.file_id, arrived.inbox, arrived.name, effect.state,
                effect.message,
            )
        )  # fmt: skip
    rematch.rematch(connection, run)
    clear.clear(connection, run)


def _unclaimed(number: int, inbox: str, path: Path) -> Arrived:
    name = durable.printable(path.name)
    status = path.lstat()
    if not path.is_file() or path.is_symlink():
        refusal = Problem("NOT_A_FILE", f"{name} is no plain file")
        return Arrived(number, inbox, name, "", status.st_size, path, refusal)
    sha256 = intake.hash_of(path)
    return Arrived(number, inbox, name, sha256, status.st_size, path)
