"""The daemon: the only room that knows watchdog and APScheduler."""

from recond.daemon.loop import Folder, Plan, Report, Turn, run
from recond.daemon.notify import Notifier
from recond.daemon.schedule import Job, Memory, forgetful

__all__ = [
    "Folder",
    "Job",
    "Memory",
    "Notifier",
    "Plan",
    "Report",
    "Turn",
    "forgetful",
    "run",
]
