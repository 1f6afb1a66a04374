"""The cities of the suite by rule, summed, as docs/matching.md shows them. By hand:

uv run python tests/ruletable.py
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from citymonth import CITIES, process_city, recond
from oracle import cents

COUNTS = ("false", "unsafe", "posted", "right", "either")
WHOLE = ("payments", "posted", "unsafe", "answers", "codes_due", "codes_missed",
         "codes_on_another_day", "codes_false", "flags_unplanned", "deposits_credited",
         "deposits_right")  # fmt: skip


def money(value: int) -> str:
    return f"{value // 100:,}.{value % 100:02d}"


def main() -> None:
    """False posts first: of each rule, and the rules that have any before the others."""
    rules: dict[str, Counter[str]] = defaultdict(Counter)
    whole = Counter[str]()
    for name in CITIES:
        with tempfile.TemporaryDirectory(prefix="recond-city-") as folder:
            month = process_city(name, Path(folder))
            done = recond("score", str(month.home), str(month.truth.root), "--json")
        told = json.loads(done.out)
        whole.update({key: told["summary"][key] for key in WHOLE})
        whole["amount"] += cents(told["summary"]["posted_amount"])
        print(name, CITIES[name], {key: told["summary"][key] for key in
              ("recall", "precision_of_money", "hit_1", "hit_3", "deposits_f1")})  # fmt: skip
        for row in told["rules"]:
            rules[row["rule"]].update({key: row[key] for key in COUNTS})
            rules[row["rule"]]["false_amount"] += cents(row["false_amount"])
            rules[row["rule"]]["amount"] += cents(row["posted_amount"])
    print(dict(whole) | {"amount": money(whole["amount"])})
    print("| rule | false | false amount | unsafe | payments | amount | right | either |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for rule, row in sorted(rules.items(), key=lambda one: (-one[1]["false_amount"], one[0])):
        print(f"| {rule} | {row['false']} | {money(row['false_amount'])} | {row['unsafe']} |"
              f" {row['posted']} | {money(row['amount'])} | {row['right']} |"
              f" {row['either']} |")  # fmt: skip


if __name__ == "__main__":
    main()
