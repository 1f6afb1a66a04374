"""The dates that are written on checks: too old to be sure of, or not come yet.

Both are deposited and posted all the same, for the money is in the bank; the bank may return
them, so they are told (domain section 2.8, I10).
"""

from __future__ import annotations

import numpy as np

from recond.parsers.columns import Bytes, Ints, Mask
from recond.parsers.dates import NO_DATE, days, iso
from recond.parsers.lockbox_state import Picked, State, printed

STALE_DAYS = 180  # a bank need not pay an older check (UCC 4-404: six months)


def _tell_impossible(state: State, checks: Picked, view: Bytes, unread: Mask) -> None:
    """Digits that are no date of the calendar; blanks and zeros are no date at all."""
    digits = ((view >= ord("0")) & (view <= ord("9"))).all(axis=1) & (view != ord("0")).any(axis=1)
    for at in np.flatnonzero(unread & digits):
        span = state.layout.check.date
        state.notes.add(
            "DATE_UNUSUAL",
            f"The date of a check, {view[at].tobytes().decode('ascii')}, is no date of the "
            "calendar; it is not kept.",
            line=int(state.lines[checks.rows[at]]),
            field=printed(span) if span is not None else None,
        )


def check_dates(state: State, checks: Picked, received: Ints) -> None:
    """Warn of checks dated after the day on which they were received, or STALE_DAYS and
    more before it. `received`: that day of each check, NO_DATE where none is known."""
    span = state.layout.check.date
    if span is None or not len(received):
        return
    view = checks.field(span)
    written, unread = days(view, "MMDDYY")
    if unread.any():
        _tell_impossible(state, checks, view, unread)
    known = ~unread & (received != NO_DATE)  # a date that no machine could read says nothing
    for wrong, what in (
        (known & (written > received), "is dated after the day on which it came"),
        (known & (written <= received - STALE_DAYS), f"is {STALE_DAYS} days old or older"),
    ):
        for at in np.flatnonzero(wrong):  # rare, and only the first few are kept
            state.notes.add(
                "DATE_UNUSUAL",
                f"A check of {iso(int(written[at]))} {what}, {iso(int(received[at]))}; it is"
                " deposited and posted, and the bank may return it.",
                line=int(state.lines[checks.rows[at]]),
                field=printed(span),
            )
