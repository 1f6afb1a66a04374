"""Watching folders: hints that a look may be worth it, and who watches the watchers.

Events get lost (queue overflow, network mounts, emitters that die silently when their folder is
deleted), so an event only wakes the loop, which lists the folders itself and does so every
`rescan_seconds` anyway (design/operations.md section 2.1).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from structlog import get_logger
from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

log = get_logger(__name__)

EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileMovedEvent, FileModifiedEvent, FileClosedEvent,
]  # fmt: skip
# File systems whose changes by other machines raise no event here.
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "davfs",
     "vboxsf", "virtiofs", "prl_fs", "ncpfs", "fuseblk"}
)  # fmt: skip
POLL_SECONDS = 5


class _Hint(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Wake the loop; an exception here would end the observer's thread."""
        try:
            self._wake()
        except Exception:
            log.exception("hint failed")


class Watch:
    """One folder and its observer, which is made anew whenever it or its folder died."""

    def __init__(self, name: str, path: Path, wake: Callable[[], None], mode: str = "auto") -> None:
        self.name = name
        self.path = path
        self._wake = wake
        self._mode = mode
        self._observer: BaseObserver | None = None
        self._identity: tuple[int, int] | None = None

    def check(self) -> str | None:
        """Make sure that the folder is watched; a sentence when it is missing.

        A missing folder is never made: it may be a mount that comes back.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            self.stop()
            return f"{self.path}: {error.strerror}"
        if not stat.S_ISDIR(status.st_mode):
            self.stop()
            return f"{self.path} is no folder"
        if self._identity != (status.st_dev, status.st_ino) or not self._alive():
            self.stop()
            self._start()
            self._identity = (status.st_dev, status.st_ino)
            self._wake()  # something may have come while nobody watched
        return None

    def _alive(self) -> bool:
        observer = self._observer
        return (
            observer is not None
            and observer.is_alive()
            and bool(observer.emitters)
            and all(emitter.is_alive() for emitter in observer.emitters)
        )

    def _start(self) -> None:
        poll = self._mode == "poll" or (self._mode == "auto" and on_network(self.path, _mounts()))
        try:
            self._observer = self._observe(poll)
        except OSError as error:  # the limit of inotify instances, say: then look regularly
            log.warning("no events", inbox=self.name, error=str(error), instead="polling")
            self._observer = self._observe(poll=True)

    def _observe(self, poll: bool) -> BaseObserver:
        observer: BaseObserver = PollingObserver(timeout=POLL_SECONDS) if poll else Observer()
        observer.schedule(_Hint(self._wake), str(self.path), event_filter=None if poll else EVENTS)
        observer.start()
        log.info("watching", inbox=self.name, path=str(self.path), by="poll" if poll else "event")
        return observer

    def stop(self) -> None:
        """End the observer, if there is one."""
        observer, self._observer, self._identity = self._observer, None, None
        if observer is None:
            return
        try:
            observer.stop()
            observer.join(5)
        except (OSError, RuntimeError) as error:
            log.warning("observer did not stop", inbox=self.name, error=str(error))


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def on_network(path: Path, mounts: str) -> bool:
    """Whether a folder is on a file system that raises no events for what others do.

    `mounts` is the text of /proc/self/mounts; the longest mount point above the folder counts,
    of two with the same name the later.
    """
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _unescape(fields[1])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind in NETWORK or kind.startswith("fuse.")


def _unescape(text: str) -> str:
    r"""Mount points have `\040` for a blank, and so on."""
    for code in ("\\040", "\\011", "\\012", "\\134"):
        text = text.replace(code, chr(int(code[1:], 8)))
    return text
