"""The first sheet of a work list: what a clerk has to know, in one page."""

from __future__ import annotations

README = (
    "How to answer this list",
    (
        "One row is one question. Fill only the yellow columns: action, to_account,"
        " amount_to_apply, note. All else is for reading; row_key and check say which row it is."
    ),
    (
        "Save the file under any name, in any format your spreadsheet offers, into queue/in/. Rows"
        " without an action stay open. The same file again does nothing twice."
    ),
    "accept_1, accept_2, accept_3: the suggestion of that number is right.",
    (
        "assign: the money belongs to the account or item in to_account. An item number pays that"
        " item; an account number pays its open items in the office's order. What is left over goes"
        " on account."
    ),
    (
        "split: several accounts or items in to_account, as 00456789=50.00; 00456790=34.10. The"
        " parts have to add up."
    ),
    "on_account: the money stays as credit of the account in to_account, or where it stands.",
    "amount_to_apply: only where less than the whole is meant; the rest stays where it is.",
    "refund, write_off: another person has to approve; a note says why.",
    "return_item: the bank took this payment back. duplicate: the payment was recorded twice.",
    "not_duplicate: two equal payments are two payments.",
    "hold: not yet; a note says why. 'until 2026-12-01' in the note ends the hold on that day.",
    "acknowledge: seen, nothing moves; a note says what was found out.",
    (
        "link: to_account is the id of the deposit, bank line, receipt or return it belongs to; of"
        " a debit of the bank also the word fee."
    ),
    "approve, deny: only where somebody else asked for something; deny needs a note.",
    "The answers come back as NAME.result.csv in queue/out/: a status and a sentence for each row.",
)
