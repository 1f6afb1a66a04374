"""Every tier and gate by which deposits meet statement lines, gone."""

from __future__ import annotations

from tests.mutation.mutant import Group, Mutation

CLEARING = Group(
    "clearing",
    (
        *(
            Mutation(f"tier {rule}", "cascade", f'        ("{rule}", {chosen}),\n', "")
            for rule, chosen in (
                ("named", "pairs.own"), ("stream_day", "pairs.stream & same_day"),
                ("stream", "pairs.stream"), ("day", "right & same_day"), ("window", "right"),
            )
        ),
        Mutation("tier together", "cascade", "        sums.together(sides)\n", ""),
        Mutation("tier several", "cascade", "        sums.several(sides)\n", ""),
        Mutation("tier differs", "cascade", "    _differing(sides, pairs)\n", ""),
        Mutation("two candidates of a line are none", "cascade",
                 "        once = joins.once(deposit) & joins.once(line)",
                 "        once = joins.first(line)"),
        Mutation("a line that names another source contradicts", "cascade",
                 "~pairs.against\n    tiers", "pairs.against | True\n    tiers"),
        Mutation("days have to fit", "cascade",
                 "inside = (days >= -sides.limits.before) & (days <= sides.limits.after)",
                 "inside = days == days"),
        Mutation("the amount of another deposit is no difference", "cascade",
                 "kept = ~np.isin(line, elsewhere)\n", "kept = line >= 0\n"),
        Mutation("ties are asked about", "cascade", "    _tied(sides, pairs)\n", ""),
        Mutation("a held deposit keeps its amount", "cascade",
                 "sound = ~sides.touched[deposit] & ~sides.held[deposit]",
                 "sound = ~sides.touched[deposit]"),
        Mutation("kinds of money have to fit", "sides",
                 "return np.asarray((self.line_kinds[line] & self.deposit_kind[deposit]) != 0,"
                 " np.bool_)",
                 "return np.ones(len(line), np.bool_)"),
        Mutation("a group that two lines could bring", "sums",
                 "    kept = ~np.isin(line, tied)\n", "    kept = line >= 0\n"),
        Mutation("one credit brings one kind of money", "sums",
                 "elif chosen and not _splits_kinds(sides, found[list(chosen)]):",
                 "elif chosen:"),
        Mutation("two sums are none", "subsets", "    if count != 1:\n        return None if count",
                 "    if count < 1:\n        return None if count"),
    ),
    ("unit/clearing", "unit/clearing_reference"),
    ("integration/domain_bank", "integration/domain_cards"),
)  # fmt: skip

CLEARING_PASS = Group(
    "pipeline",
    (
        Mutation("checks that a line names go before deposits", "clear",
                 "lines, named = _named_items(connection, run, every)", "lines, named = every, 0"),
        Mutation("credits of replaced files are carried", "clear",
                 "    _carry(connection, run)\n", ""),
        Mutation("a line that is only shown is not linked", "clear",
                 "    if row.same_day:\n", "    if False:\n"),
        Mutation("a line of a day to come is not linked", "clear",
                 "    if row.value_date > run.today.isoformat():\n", "    if False:\n"),
        Mutation("a reconciled deposit is not linked", "clear",
                 "    if deposits.left_of(connection, deposit_no) == 0:\n", "    if False:\n"),
        Mutation("deposits without a credit are asked about", "clear",
                 "    done = suspense.take(connection, run, left, doubts | repeated)\n"
                 "    asked = deposit_questions.ask_late(connection, run)\n",
                 "    done = suspense.take(connection, run, left, doubts | repeated)\n"
                 "    asked = 0\n"),
    ),
    ("integration/domain_bank", "integration/domain_deposits"),
    ("integration/domain_returns", "integration/bank_statements", "integration/answers",
     "integration/month_bank"),
)  # fmt: skip
