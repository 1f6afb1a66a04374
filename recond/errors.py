"""Refusals: errors that know their sentence and their exit code (contract section 3).

Bad *data* is never an exception: it becomes `model.Problem` rows. An exception says that recond
itself will not go on, what is wrong, and what to do.
"""


class RecondError(Exception):
    """A refusal with one sentence for a person; `exit_code` is what the process returns."""

    exit_code = 3


class UsageError(RecondError):
    """The command was given wrong words."""

    exit_code = 2


class RefusedError(RecondError):
    """The request is understood and refused; nothing was written."""

    exit_code = 3


class InvariantError(RecondError):
    """The books contradict themselves; nothing more may be posted."""

    exit_code = 4


class ConfigError(RecondError):
    """recond.toml or a format file is wrong; the sentence names file, line and key."""

    exit_code = 5


class UnavailableError(RecondError):
    """A service that recond needs (database, disk) is down; try again later."""

    exit_code = 69


class LockedError(RecondError):
    """Another recond holds this home's lock."""

    exit_code = 75


class PeriodClosedError(RefusedError):
    """The month of the business date is closed, so nothing can be posted on it."""
