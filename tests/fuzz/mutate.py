"""Damage with a sense for structure: lines and fields are moved, figures are changed, and half of
the time so that sums still hold; single bytes are the smaller part."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_FIGURE = re.compile(rb"[0-9]+")
_RECORD = re.compile(rb"[^\n~>]*[\n~>]?")
_WORDS = (
    b"0", b"-1", b"+1", b"9" * 10, b"9" * 20, b" ", b",", b"/", b"~", b"*", b":61:", b"<", b"&",
    b"\x00", b"\xff", b"\xc3\xa9", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"JPY", b"EUR", b"1e5",
    b"1_000", "١٢".encode(), b'"', b"'", b"=1+1",
)  # fmt: skip

Dice = random.Random
Damage = Callable[[bytes, Dice], bytes]


def _place(data: bytes, dice: Dice) -> int:
    return dice.randrange(len(data) + 1)


def byte(data: bytes, dice: Dice) -> bytes:
    """One byte is another."""
    at = _place(data, dice)
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]


def lost(data: bytes, dice: Dice) -> bytes:
    """Some bytes are gone."""
    at = _place(data, dice)
    return data[:at] + data[at + dice.choice((1, 1, 2, 10, 80, 94)) :]


def added(data: bytes, dice: Dice) -> bytes:
    """Something stands in between."""
    at = _place(data, dice)
    return data[:at] + dice.choice(_WORDS) + data[at:]


def cut(data: bytes, dice: Dice) -> bytes:
    """The end is gone."""
    return data[: _place(data, dice)]


def _records(data: bytes) -> list[bytes]:
    return [part for part in _RECORD.findall(data) if part]


def gone(data: bytes, dice: Dice) -> bytes:
    """A record is missing."""
    parts = _records(data)
    del parts[dice.randrange(len(parts))]
    return b"".join(parts)


def doubled(data: bytes, dice: Dice) -> bytes:
    """A record stands twice."""
    parts = _records(data)
    at = dice.randrange(len(parts))
    return b"".join([*parts[: at + 1], *parts[at:]])


def moved(data: bytes, dice: Dice) -> bytes:
    """A record stands somewhere else."""
    parts = _records(data)
    part = parts.pop(dice.randrange(len(parts)))
    parts.insert(dice.randrange(len(parts) + 1), part)
    return b"".join(parts)


def figure(data: bytes, dice: Dice) -> bytes:
    """A figure is another, of the same width or not."""
    found = list(_FIGURE.finditer(data))
    if not found:
        return byte(data, dice)
    match = dice.choice(found)
    old = match[0]
    value = int(old[-18:])
    new = dice.choice(
        (
            str(value + dice.choice((-1, 1, 100))).encode().rjust(len(old), b"0"),
            str(dice.randrange(10 ** min(len(old), 18))).encode().rjust(len(old), b"0"),
            old[:-1], old + b"0", b"0" * len(old), b"9" * len(old),
            old[:-2] + old[-2:][::-1], b" " * len(old),
        )
    )  # fmt: skip
    return data[: match.start()] + new + data[match.end() :]


def balanced(data: bytes, dice: Dice) -> bytes:
    """Two figures change by as much, in opposite directions or the same one: a total may hold."""
    found = [m for m in _FIGURE.finditer(data) if 1 < len(m[0]) <= 18]
    if len(found) < 2:
        return figure(data, dice)
    first, second = sorted(dice.sample(found, 2), key=lambda m: m.start())
    step, sign = dice.choice((1, 10, 100)), dice.choice((-1, 1))
    out = data
    for match, change in ((second, sign * step), (first, step)):
        new = str(abs(int(match[0]) + change)).encode().rjust(len(match[0]), b"0")
        out = out[: match.start()] + new + out[match.end() :]
    return out


def everywhere(data: bytes, dice: Dice) -> bytes:
    """One figure changes by as much wherever it stands: a total and its only part together."""
    found = [m for m in _FIGURE.finditer(data) if 1 < len(m[0]) <= 18]
    if not found:
        return byte(data, dice)
    core = dice.choice(found)[0].lstrip(b"0") or b"0"
    new = str(abs(int(core) + dice.choice((1, -1, 1000)))).encode()
    new = new.rjust(len(core), b"0")[-len(core) :]
    return data.replace(core, new)


def ended(data: bytes, dice: Dice) -> bytes:
    """Lines end in another way."""
    return data.replace(b"\n", dice.choice((b"\r\n", b"\r", b"", b"\n\n", b" \n")))


def repeated(data: bytes, dice: Dice) -> bytes:
    """The file stands twice, or a part of it."""
    at = _place(data, dice)
    return data + data[at:] if dice.random() < 0.5 else data + data


def swapped(data: bytes, dice: Dice) -> bytes:
    """Two equally long pieces change places."""
    size = dice.choice((1, 2, 4, 10))
    if len(data) < 2 * size + 1:
        return byte(data, dice)
    a, b = sorted(dice.sample(range(len(data) - size), 2))
    if b < a + size:
        return byte(data, dice)
    return (
        data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]
    )


KINDS: Sequence[Damage] = (
    byte, lost, added, cut, gone, doubled, moved, figure, figure, balanced, balanced, everywhere,
    ended, repeated, swapped,
)  # fmt: skip


def mutated(seeds: Sequence[bytes], dice: Dice) -> bytes:
    """A damaged file: one to three damages, sometimes with a piece of another file."""
    data = dice.choice(seeds)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        if not data:
            break
        data = dice.choice(KINDS)(data, dice)
    if dice.random() < 0.03:
        other = dice.choice(seeds)
        at = _place(data, dice)
        data = data[:at] + other[_place(other, dice) :]
    return data
