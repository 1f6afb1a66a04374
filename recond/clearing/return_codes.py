"""What the reason codes of returned ACH entries mean for the office (Nacha Operating Rules,
Appendix Four; thresholds: Article Two, 2.17.2). Pure.

R61-R70: the office's own bank refused the return, so the money comes back. R71-R77: the payer's
bank contests that, so it goes again.
"""

from __future__ import annotations

UNAUTHORISED = frozenset(("R05", "R07", "R10", "R11", "R29", "R51"))
ADMINISTRATIVE = frozenset(("R02", "R03", "R04"))
DISHONORED = frozenset(f"R{number}" for number in range(61, 71))
CONTESTED = frozenset(f"R{number}" for number in range(71, 78))

_NO_FUNDS = "may be tried twice more within 180 days of the first debit (text RETRY PYMT)"
_STOP = "stop autopay; ask the payer for "
_ADVICE = {
    "R01": f"not enough funds: {_NO_FUNDS}",
    "R09": f"funds are not collected yet: {_NO_FUNDS}",
    "R02": f"account closed: {_STOP}another account, do not try again",
    "R03": f"no such account: {_STOP}the right account, do not try again",
    "R04": f"account number invalid: {_STOP}the right account, do not try again",
    "R05": f"a consumer's account was debited as a company's: {_STOP}a new authorisation",
    "R07": f"authorisation revoked: {_STOP}another way to pay, never try again",
    "R08": "payment stopped by the payer: try again only with the payer's new order",
    "R10": f"not authorised: {_STOP}a new authorisation, never try again",
    "R11": "not as authorised: correct amount or date; a new entry within 60 days may be sent",
    "R16": f"account frozen: {_STOP}another account, do not try again",
    "R20": f"account takes no debits: {_STOP}another account, do not try again",
    "R29": f"not authorised by the company: {_STOP}a new authorisation, never try again",
    "R51": "a re-presented check is not eligible: do not try again",
}


def advice(code: str) -> str:
    """What to do about a returned entry; empty where the code is no reason code."""
    if code in DISHONORED:
        return "the office's bank refused the return: the money comes back"
    if code in CONTESTED:
        return "the payer's bank contests the refused return: the money goes again"
    if len(code) == 3 and code[0] == "R" and code[1:].isdecimal():
        return _ADVICE.get(code, "ask the payer before another debit")
    return ""
