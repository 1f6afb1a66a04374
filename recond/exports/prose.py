"""An explanation in words for people at a desk."""

from __future__ import annotations

from typing import Any

from recond.durable import printable

Told = dict[str, Any]

_FACTS = {
    "received_date": "received",
    "deposit_date": "deposited",
    "batch": "batch",
    "sequence": "item",
    "account_on_item": "account on item",
    "reference": "reference",
    "check_number": "check",
    "trace_number": "trace",
    "payer_name": "payer",
}
_TENDERS = {"CHECK": "a check", "CASH": "cash", "CARD": "a card payment", "ACH": "an ACH payment",
            "WIRE": "a wire", "MONEY_ORDER": "a money order",
            "CASHIERS_CHECK": "a cashier's check"}  # fmt: skip
_CHANNELS = {"LOCKBOX": "through the lockbox", "CASHIER": "at the counter", "CARD": "by card",
             "ACH_CREDIT": "by ACH", "ACH_DEBIT": "debited by the office itself",
             "BANK": "credited by the bank"}  # fmt: skip
_STATES = {
    "held": "held: nothing has been decided and no money is booked",
    "voided": "voided",
    "returned": "returned by the bank",
    "refunded": "refunded",
    "unidentified": "in suspense until somebody says whose it is",
    "applied": "applied in full",
    "on_account": "on account: credit of a known payer",
    "partial": "part applied, part on account",
}


def render(told: Told) -> str:
    """The explanation that `explain.explain` made, as lines of text."""
    lines = [_heading(told)]
    if "question" in told:
        lines += ["", *_question(told["question"])]
    if "source" in told:
        lines += ["", *_source(told["source"])]
    for problem in told.get("problems", ()):
        lines += ["", *_problem(problem)]
    if "read" in told:
        lines += ["", *_read(told)]
    if "tried" in told:
        lines += ["", *_tried(told)]
    closed = any(question["code"] == "ACCOUNT_CLOSED" for question in told["questions"])
    for decision in told["decisions"]:
        lines += ["", *_decision(decision, closed)]
    mine = told.get("question", {}).get("exception_id")
    for question in told["questions"]:
        if question["exception_id"] != mine:
            lines += ["", *_question(question)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _one_line(text: object) -> str:
    return printable(" / ".join(str(text).splitlines()))


def _heading(told: Told) -> str:
    if told["kind"] == "application":
        place = told["application"]
        text = (
            f"Application {told['id']}: {place['amount']} of receipt {told['receipt_id']} on item"
            f" {_one_line(place['item_number'])} of account {place['account_number']}."
        )
        if place["reverses_id"]:
            text += f" It takes back {place['reverses_id']}."
        if place["reversed_by"]:
            text += f" It was taken back by {', '.join(place['reversed_by'])}."
        return text
    if told["kind"] == "exception":
        about = f" about receipt {told['receipt_id']}" if "receipt_id" in told else ""
        return f"Question {told['id']}{about}."
    stands = told["stands"]
    return f"Receipt {told['id']}: {told['read']['amount']}, {_STATES[stands['state']]}."


def _source(source: Told) -> list[str]:
    first = (
        f"Where it came from: file {_one_line(source['name'])} ({source['file_id']}), inbox"
        f" {source['inbox']}, read as {source['format'] or 'no format'}, arrived"
        f" {source['arrived_at']}, now {source['state']}"
    )
    lines = [first, f"  sha256 {source['sha256']}"]
    if source["message"]:
        lines.append(f"  {_one_line(source['message'])}")
    records = [source, *source.get("behind", [])]
    return lines + [line for record in records for line in _bytes(record)]


def _bytes(place: Told) -> list[str]:
    if place.get("bytes") is None:
        return []
    return [
        f"  line {place['line']}, byte offset {place['byte_offset']}:",
        f"  | {place['bytes']}",
    ]


def _problem(problem: Told) -> list[str]:
    field = f" (columns {problem['field']})" if problem["field"] else ""
    return [f"Problem {problem['code']}{field}: {_one_line(problem['message'])}", *_bytes(problem)]


def _read(told: Told) -> list[str]:
    read = told["read"]
    tender = _TENDERS.get(read["tender"], read["tender"])
    channel = _CHANNELS.get(read["channel"], read["channel"])
    lines = [f"What was read: {read['amount']}, {tender}, {channel}"]
    for name, label in _FACTS.items():
        told_already = name == "reference" and read[name] == read["account_on_item"]
        if read[name] and not told_already:
            lines.append(f"  {label}: {_one_line(read[name])}")
    for stub in told["remittances"]:
        amount = f" for {stub['amount']}" if stub["amount"] else ""
        where = f"line {stub['line']}" + (
            f" of {_one_line(stub['name'])}" if "name" in stub else ""
        )
        what = "word of the text" if stub["kind"] == "WORD" else "remittance"
        lines.append(f"  {what} on {where}: {_one_line(stub['reference'])}{amount}")
    stands = told["stands"]
    parts = [
        f"{stands[name]} {words}"
        for name, words in (("applied_amount", "on items"), ("on_account_amount", "on account"),
                            ("suspense_amount", "in suspense"))
        if stands[name] != "0.00"
    ]  # fmt: skip
    amounts = f" ({', '.join(parts)})" if parts else ""
    return [*lines, "", f"Where it stands: {_STATES[stands['state']]}{amounts}"]


def _tried(told: Told) -> list[str]:
    lines = ["What each rule says, strongest first, by the books and rules as they stand now:"]
    lines += [f"  {one['rule']}: {_one_line(one['says'])}" for one in told["tried"]]
    if "order" in told:
        lines.append(f"  items of an account are paid in the order of {_one_line(told['order'])}")
    return lines


def _decision(decision: Told, closed: bool) -> list[str]:
    first = (
        f"Decision {decision['version']} by {_one_line(decision['decided_by'])} at"
        f" {decision['posted_at']} (business date {decision['business_date']}, effective"
        f" {decision['effective_date']})"
    )
    rule = "no rule decides" if decision["rule"] == "none" else f"rule {decision['rule']}"
    lines = [first, f"  {rule}: {_one_line(decision['evidence'])}"]
    if decision["customer_name"]:
        name = _one_line(decision["customer_name"])
        lines.append(f"  account {decision['account_number']}: {name}")
    for step, place in enumerate(decision["placements"], 1):
        left = "" if place["left"] in {None, "0.00"} else f"; {place['left']} of it left"
        amount = place["amount"].removeprefix("-")
        why = _why_credit(place, closed) if decision["version"] == 1 else ""
        lines.append(f"  {step}. {amount} {_where(place)}{left}{why}")
    return lines + _journal(decision)


def _journal(decision: Told) -> list[str]:
    """The entry line by line; of one that posted many payments only its sums."""
    if not decision["journal"]:
        return []
    whole = f"  journal entry {decision['entry_id']} ({_one_line(decision['description'])})"
    if decision["shared_with"]:
        total = decision["entry_total"]
        more = decision["shared_with"]
        others = "one other payment" if more == 1 else f"{more} other payments"
        each = f"debits and credits are {total} each, what the pool owes the funds included"
        return [f"{whole} posts it with {others}; its {each}"]
    lines = [f"{whole}:"]
    for line in decision["journal"]:
        side = f"debit {line['debit']}" if line["debit"] != "0.00" else f"credit {line['credit']}"
        lines.append(f"    fund {line['fund']} account {line['gl_account']}: {side}")
    return lines


def _why_credit(place: Told, closed: bool) -> str:
    """Why matching, whose decision is the first, left cents on account."""
    if place["to"] != "on_account":
        return ""
    return f", {'which is closed' if closed else 'for nothing more was open that it may pay'}"


def _where(place: Told) -> str:
    back = place["amount"].startswith("-")
    if place["to"] != "applied":
        if place["to"] == "on_account":
            how = "off the credit of" if back else "as credit on"
            return f"{how} account {place['account_number']}"
        return (
            f"{'out of' if back else 'in'} suspense"
            if place["to"] == "suspense"
            else (f"{'no longer ' if back else ''}{place['to']}")
        )
    due = f", due {place['due_date']}" if place["due_date"] else ""
    taken = f", taking back {place['reverses_id']}" if place["reverses_id"] else ""
    item = _one_line(place["item_number"])
    return (
        f"{'off' if back else 'on'} item {item} of account {place['account_number']}"
        f" ({place['charge_type']}, fund {place['fund']}{due}){taken}"
    )


def _question(question: Told) -> list[str]:
    first = (
        f"Question {question['exception_id']} ({question['code']}), {question['status']},"
        f" opened {question['opened_at']}:"
    )
    lines = [first, f"  {_one_line(question['message'])}"]
    lines += [f"  could be {_one_line(why)}" for why in question["candidates"]]
    lines += [f"  looked at {_one_line(why)}" for why in question["refused"]]
    if question["resolved_at"]:
        lines.append(
            f"  answered by {_one_line(question['resolved_by'])} at {question['resolved_at']}:"
            f" {_one_line(question['resolution'])}"
        )
    elif question["answers"]:
        lines.append(f"  it may be answered with {', '.join(question['answers'])}")
    return lines
