"""Regular expressions that people write into configuration: refused when they could take
exponential time on a hostile file name or line (no nested quantifiers)."""

from __future__ import annotations

import re

MAX_LENGTH = 300
MAX_OPEN_QUANTIFIERS = 3  # `.*.*.*` over one short line is the worst that may be asked for
_MANY = 16  # {n,m} with a wider span than this counts as open
_ENDLESS = 10**6
_SIMPLE = {"*": (0, _ENDLESS), "+": (1, _ENDLESS), "?": (0, 1)}
_BRACES = re.compile(r"\{([0-9]{0,6})(,?)([0-9]{0,6})\}")


def lint(pattern: str, most: int = MAX_OPEN_QUANTIFIERS) -> str | None:
    """What is wrong with a pattern, as a sentence, or None.

    Refused: what `re` cannot compile, more than 300 characters, back references, a repeated
    group that itself repeats or holds alternatives (`(a+)+`, `(a|aa)+`), and more than `most`
    open quantifiers.
    """
    if len(pattern) > MAX_LENGTH:
        return f"the expression is longer than {MAX_LENGTH} characters"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"this is not a regular expression: {error}"
    if re.search(r"\\[1-9]|\(\?P=|\(\?\(", pattern):
        return "back references and conditions are not allowed"
    return _nested(pattern, most)


def _nested(pattern: str, most: int) -> str | None:
    # One entry an open group: whether it repeats something or holds alternatives.
    risky = [False]
    opened = 0
    closed_risky = False  # the group that has just been closed
    position = 0
    while position < len(pattern):
        character = pattern[position]
        width, low, high = _quantifier(pattern, position)
        if width:
            if high > 1 and closed_risky:
                return "a repeated group repeats or chooses inside: it could take for ever"
            opened += high - low > _MANY
            risky[-1] = risky[-1] or (high > 1 and high > low)
            closed_risky = False
            position += width
            continue
        closed_risky = False
        if character == "\\":
            position += 1
        elif character == "[":
            position = _class_end(pattern, position)
        elif character == "(":
            risky.append(False)
        elif character == ")":
            closed_risky = risky.pop()
            risky[-1] = risky[-1] or closed_risky
        elif character == "|":
            risky[-1] = True
        position += 1
    if opened > most:
        return f"more than {most} open quantifiers; write {{0,9}} instead of *"
    return None


def _quantifier(pattern: str, position: int) -> tuple[int, int, int]:
    """(width with its ? or +, least, most) of a quantifier; width 0: there is none."""
    character = pattern[position]
    if position == 0 or pattern[position - 1] == "(":
        return 0, 0, 0
    if character in _SIMPLE:
        low, high = _SIMPLE[character]
        width = 1
    else:
        braces = _BRACES.match(pattern, position)
        if braces is None or not (braces[1] or braces[3]):
            return 0, 0, 0
        low = int(braces[1] or "0")
        high = int(braces[3]) if braces[3] else (_ENDLESS if braces[2] else low)
        width = len(braces[0])
    return width + (pattern[position + width : position + width + 1] in ("?", "+")), low, high


def _class_end(pattern: str, position: int) -> int:
    """The position of the `]` that closes the class opened at `position`."""
    position += 1
    if pattern[position] == "^":
        position += 1
    if pattern[position] == "]":
        position += 1
    while pattern[position] != "]":
        position += 2 if pattern[position] == "\\" else 1
    return position
