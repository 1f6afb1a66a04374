"""One measurement, one process: seconds, peak memory and what was found."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def rss_mb() -> int:
    """The highest resident memory of this process so far, in MB.

    Not `ru_maxrss`, which also knows the parent's memory from before the program was loaded.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def report(work: Callable[[], dict[str, Any]]) -> None:
    """Time `work` and print what it returns as JSON, for `run`. Its own `seconds` win.

    `cpu` is the processor time of all threads: what counts where other work runs beside it.
    """
    started, worked = time.perf_counter(), time.process_time()
    found = work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    print(json.dumps({"seconds": seconds, "cpu": cpu, "rss_mb": rss_mb()} | found))


def run(module: str, *arguments: str) -> dict[str, Any]:
    """What `python -m module arguments` reports; {"error": …} when it fails."""
    # A new process each: its peak of memory is its own, and nothing is warm but the files.
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"error": lines[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
