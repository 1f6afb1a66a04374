"""The clerk's work list as text that survives a spreadsheet (contract section 6, clerk-sheet 3.2).

Only the row key, the check and the columns that the clerk fills are ever read back; everything
else is for reading. What a spreadsheet would take for a number, a date or a formula is written
so that it does not: numbers get a word before them, texts that begin like a formula an
apostrophe, amounts a currency behind them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac

import pyarrow as pa
import pyarrow.compute as pc

from recond.exceptions.questions import base32
from recond.exports.writers import csv_lines, quoted
from recond.money import format_grouped

EVIDENCE = (
    "row_key", "check", "exception_id", "receipt_id", "reason", "reason_text", "received",
    "source", "file", "batch", "item", "payer", "account_on_item", "check_number",
    "trace_number", "amount", "suggest_1", "suggest_2", "suggest_3", "suggest_1_why",
    "allowed_actions",
)  # fmt: skip
ANSWER = ("action", "to_account", "amount_to_apply", "note")
COLUMNS = EVIDENCE + ANSWER
SHEET = pa.schema([pa.field(name, pa.string()) for name in COLUMNS])
# What the contract's work list can be answered with; files are accepted and rejected elsewhere.
ACTIONS = frozenset(
    ("accept_1", "accept_2", "accept_3", "assign", "split", "on_account", "refund", "write_off",
     "return_item", "duplicate", "not_duplicate", "hold", "acknowledge", "link", "approve", "deny")
)  # fmt: skip

# Consonants without vowels and digits: no word, month, number or exponent can come out.
CHECK_LETTERS = "BCDFGHJKMNPQRSTVWXYZ"
EVIDENCE_LETTERS, SUGGESTION_LETTERS = 6, 4

# The word before a number, by column: `acct 00123456` (clerk-sheet 3.2).
WORDS = {
    "account_on_item": "acct",
    "check_number": "chk",
    "trace_number": "trace",
    "batch": "batch",
    "item": "item",
}
_NUMERIC = r"^[0-9\s.,;:/eE+\-]+$"
# up to 11 digits without a leading zero every spreadsheet keeps
_PLAIN = r"^[1-9][0-9]{0,10}$|^0$"
# also after blanks and quotes, and the full-width forms
_FORMULA = r"^[\s\"'\x{ff02}\x{3000}]*[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]|^[\t\r\n]"
_BREAKS = r"[\r\n\x{85}\x{2028}\x{2029}]+"
BOM = "\ufeff".encode()


def check(key: bytes, evidence: tuple[str, ...], suggested: tuple[str, ...]) -> str:
    """Ten letters that only this home can make: six over what identifies the row and what the
    clerk decides on, four over the accounts that are suggested.

    Six that differ mean an edited or stale row; four that differ alone mean that `accept_N` is
    no longer what the clerk saw.
    """
    return _letters(key, evidence, EVIDENCE_LETTERS) + _letters(
        key, (*evidence, "suggested", *suggested), SUGGESTION_LETTERS
    )


def _letters(key: bytes, parts: tuple[str, ...], length: int) -> str:
    message = b"".join(f"{len(part.encode())}:{part}".encode() for part in parts)
    number = int.from_bytes(hmac.new(key, message, hashlib.sha256).digest(), "big")
    letters = []
    for _ in range(length):
        number, letter = divmod(number, len(CHECK_LETTERS))
        letters.append(CHECK_LETTERS[letter])
    return "".join(letters)


def amount_text(cents: int | None, currency: str = "USD") -> str:
    """`1,234.50 USD`: no spreadsheet takes it for a number."""
    return "" if cents is None else f"{format_grouped(cents)} {currency}"


def guarded(name: str, cells: pa.Array) -> pa.Array:
    """Cells of a column as a spreadsheet may see them: one line, no number, no formula."""
    text = pc.fill_null(cells, "")
    text = pc.replace_substring_regex(text, _BREAKS, " / ")
    text = pc.replace_substring(text, "\0", " ")
    if name in WORDS:
        numeric = pc.match_substring_regex(text, _NUMERIC)
        plain = pc.match_substring_regex(text, _PLAIN)
        needs = pc.and_(numeric, pc.invert(plain))
        text = pc.if_else(needs, pc.binary_join_element_wise(WORDS[name], text, " "), text)
    formula = pc.match_substring_regex(text, _FORMULA)
    return pc.if_else(formula, pc.binary_join_element_wise("'", text, ""), text)


def work_list_csv(rows: pa.Table) -> bytes:
    """The work list (SHEET) as CSV: UTF-8 with BOM, CRLF, every field quoted and guarded."""
    names = [quoted(pa.array([name])) for name in rows.column_names]
    cells = [quoted(guarded(name, rows[name].combine_chunks())) for name in rows.column_names]
    return BOM + csv_lines(names, "\r\n") + csv_lines(cells, "\r\n")


def file_stem(rows: pa.Table, today: dt.date) -> str:
    """`recond-queue_2026-11-22_B7K2M9QF4`: the same questions on the same day, the same name."""
    digest = hashlib.sha256(work_list_csv(rows)).digest()
    return f"recond-queue_{today.isoformat()}_B{base32(digest, 8)}"
