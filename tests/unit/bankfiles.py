"""Builds small BAI2 statements, right in every total unless told otherwise."""

from __future__ import annotations

from functools import cache

from recond.formats import read_format
from recond.model import Format
from tests.unit.achfiles import Read
from tests.unit.formatfiles import ROOT
from tests.unit.formatfiles import read as read_as

HEADER = "01,121140399,9999999999,260316,0630,7,,,2/"


def account(records: list[str], total: int, number: str = "0123456789", summary: str = "") -> str:
    """Records 03, 16 and 88, and the 49 with `total`; `records` without line ends."""
    lines = [f"03,{number},,{summary}/", *records]
    return "\n".join([*lines, f"49,{total},{len(lines) + 1}/"])


def group(
    accounts: list[str], total: int, status: str = "1", modifier: str = "2", currency: str = ""
) -> str:
    """Records 02 to 98 around some accounts."""
    lines = "\n".join([f"02,9999999999,121140399,{status},260315,2400,{currency},{modifier}/",
                       *accounts])  # fmt: skip
    return f"{lines}\n98,{total},{len(accounts)},{len(lines.splitlines()) + 1}/"


def statement(groups: list[str], total: int, header: str = HEADER) -> str:
    """A whole file."""
    lines = "\n".join([header, *groups])
    return f"{lines}\n99,{total},{len(groups)},{len(lines.splitlines()) + 1}/\n"


def one(*records: str, total: int, **more: str) -> str:
    """A file of one account with those records."""
    return statement([group([account(list(records), total)], total, **more)], total)


@cache
def profile(extra: str = "") -> Format:
    """The format that ships, with lines put in front of its [layout]'s."""
    shipped = (ROOT / "formats" / "bai2.toml").read_text()
    for line in extra.splitlines():
        key = line.split("=")[0]
        shipped = "\n".join(x for x in shipped.split("\n") if not x.startswith(key))
    return read_format(shipped.replace("[layout]", f"[layout]\n{extra}", 1), "bai2.toml")


def read(text: str | bytes, fmt: Format | None = None) -> Read:
    """Parse a file and compare its controls as the corridor does."""
    return read_as(fmt or profile(), text.encode("utf-8") if isinstance(text, str) else text)
