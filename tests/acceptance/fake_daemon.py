"""A daemon whose work is to note what it sees: `python fake_daemon.py HOME`.

Every pass appends the names in the inboxes to HOME/seen; a file named `slow` takes a second,
`bad` raises once, and so on. HOME/plan says which inboxes there are, or nonsense.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from recond import daemon, log
from recond.durable import FsyncError
from recond.errors import ConfigError, InvariantError, RecondError

home = Path(sys.argv[1])


def note(*words: str) -> None:
    with (home / "seen").open("a") as seen:
        seen.write(" ".join(words) + "\n")


def work(turn: daemon.Turn) -> daemon.Report:
    for inbox in sorted((home / "inbox").iterdir()):
        for path in sorted(inbox.iterdir()):
            if turn.stopping():
                return daemon.Report("stopping")
            turn.beat()
            path.rename(home / "done" / path.name)
            note("began", path.name)
            if path.name == "slow":
                time.sleep(1)
            if path.name == "bad":
                raise ZeroDivisionError("a bad file")
            if path.name == "contradiction":
                raise InvariantError("debits are not credits")
            if path.name == "lost":
                raise FsyncError("the disk lost it")
            note("ended", path.name)
    return daemon.Report("0 exceptions")


def load() -> daemon.Plan:
    names = (home / "plan").read_text().split()
    if "nonsense" in names:
        raise ConfigError("recond.toml line 1: nonsense is no inbox")
    note("plan", *names)
    job = daemon.Job("morning", {"hour": "6"}, lambda: note("job"))
    folders = [daemon.Folder(name, home / "inbox" / name) for name in names]
    return daemon.Plan(folders, work, jobs=(job,), rescan_seconds=3600)


log.configure(json=True)
try:
    sys.exit(daemon.run(home, load))
except RecondError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
