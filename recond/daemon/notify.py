"""systemd's notify protocol: datagrams of KEY=VALUE lines to the socket in NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from structlog import get_logger

log = get_logger(__name__)


class Notifier:
    """Tells systemd how the service is; silent where nobody listens.

    `watchdog_seconds` is how often systemd wants to hear WATCHDOG=1 at the latest, None when it
    does not watch.
    """

    def __init__(self, address: str | None, watchdog_seconds: int | None = None) -> None:
        self._address = address
        self.watchdog_seconds = watchdog_seconds
        self._status = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int) -> Notifier:
        """The notifier that the service manager asks for (sd_notify(3), sd_watchdog_enabled(3))."""
        usec = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        seconds = None
        if usec.isascii() and usec.isdigit() and meant:
            seconds = max(int(usec) // 1_000_000, 1)
        return cls(environment.get("NOTIFY_SOCKET") or None, seconds)

    def ready(self) -> None:
        """Start-up or a reload is done."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """The service is alive."""
        self._send("WATCHDOG=1")

    def status(self, words: str) -> None:
        """One line for `systemctl status`; sent only when it changed."""
        words = " ".join(words.split())
        if words != self._status:
            self._status = words
            self._send(f"STATUS={words}")

    def _send(self, text: str) -> None:
        if self._address is None:
            return
        address = self._address
        if address.startswith("@"):  # the abstract name space
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.settimeout(1)
                out.sendto(text.encode(), os.fsencode(address))
        except OSError as error:  # a deaf service manager is no reason to stop posting
            log.warning("notify failed", error=str(error))
