"""OFX: amounts and dates as banks write them, never guessed (formats.md section 9)."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

_PLAIN = re.compile(r"^([+-]?)([0-9]{0,15})(?:[.,]([0-9]{0,20}))?$", re.ASCII)
_GROUPED = re.compile(
    r"^[+-]?[0-9]{1,3}(?:(?:,[0-9]{3}){1,4}\.[0-9]{1,3}|(?:\.[0-9]{3}){1,4},[0-9]{1,3})$", re.ASCII
)
_TIME = re.compile(
    r"^(?:[0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:\.[0-9]{1,6})?)?)?)?"
    r" ?(?:\[[+-]?[0-9]{1,2}(?:\.[0-9]{1,2})?(?::[A-Za-z]{0,9})?\])?$",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """Minor units of a currency; `grouped`: with separators of thousands; `rounded`: it had
    fractions of a minor unit, and half a unit was rounded away from zero."""

    units: int
    grouped: bool
    rounded: bool


def minor_units(text: str, places: int) -> Amount | str:
    """An amount of a currency with `places` decimal places, or what is wrong with it as a phrase.

    Point or comma is the decimal mark. One mark with three digits behind it may be either a
    decimal mark or a separator of thousands: that is not decided here.
    """
    grouped = _GROUPED.match(text) is not None
    if grouped:
        mark = max(text.rfind(","), text.rfind("."))
        text = text[:mark].replace(",", "").replace(".", "") + "." + text[mark + 1 :]
    match = _PLAIN.match(text)
    if match is None or not (match[2] or match[3]):
        return f"'{text[:30]}' is no amount"
    part = match[3] or ""
    if len(part) == 3 and places != 3 and not grouped:
        return f"'{text[:30]}' may mean thousands or thousandths"
    units = int(match[2] or "0") * 10**places + int((part + "0" * places)[:places] or "0")
    units += part[places : places + 1] >= "5"
    rounded = bool(part[places:].strip("0"))
    return Amount(-units if match[1] == "-" else units, grouped, rounded)


def day(text: str) -> tuple[dt.date, bool] | None:
    """The day of a date and time in the bank's own zone, and whether its form deviates; None
    where it is no date of the calendar. The zone is not applied: a bank's booking day is its
    own."""
    head = text[:8]
    if len(head) < 8 or not (head.isascii() and head.isdigit()):
        return None
    try:
        found = dt.date(int(head[:4]), int(head[4:6]), int(head[6:8]))
    except ValueError:
        return None
    return found, _TIME.match(text[8:]) is None
