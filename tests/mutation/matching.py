"""Does every tier and every gate of matching have a test that notices when it is gone?

    uv run python -m tests.mutation.matching [PART OF A NAME …]

One mutation at a time is made in a scratch copy of the project, and the tests of matching are run
on it. What survives is printed; docs/matching.md says why those that are left may. By hand only:
it takes a quarter of an hour on a quiet machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The quick ones first; the others only where those notice nothing.
QUICK = tuple(f"tests/unit/test_{name}.py" for name in (
    "tiers", "policies", "ordinances", "cascade", "references", "checkdigits", "combine",
    "questions", "names", "allocate"))  # fmt: skip
SLOW = tuple(f"tests/integration/test_{name}.py" for name in (
    "policies", "domain_application", "domain_duplicates", "memory"))  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """What is removed: text of a module of recond/matching, and what stands there instead."""

    name: str
    module: str
    old: str
    new: str


MUTATIONS = (
    # gates
    Mutation("amounts that are no payment", "cascade",
             "aims.code[payments.totals <= 0] = NOT_POSITIVE", "pass"),
    Mutation("bankruptcy waits", "cascade", "aims.code[aims.payment[hit]] = BANKRUPT", "pass"),
    Mutation("closed accounts take money on account", "cascade",
             "barred=accounts.closed[account]", "barred=accounts.closed[account] & False"),
    Mutation("leads never lead to refused accounts", "cascade",
             "refused = np.append(accounts.closed | accounts.bankrupt, False)",
             "refused = np.append((accounts.closed | accounts.bankrupt) & False, False)"),
    Mutation("what only counts in full", "cascade",
             "need[whole & ~accounts.closed[account]] = AT_LEAST", "pass"),
    Mutation("what differs waits", "cascade", "aims.code[differs] = SUM_WRONG", "pass"),
    Mutation("in part waits", "cascade", "aims.code[applied.fate == IN_PART] = IN_FULL", "pass"),
    Mutation("a lead whose due differs at its turn waits", "cascade",
             "aims.code[led.payment[lost]] = led.code[lost]", "pass"),
    Mutation("a lead heals only its own failure", "leads",
             "aims.code[payment] == _HEALS[rule]", "aims.code[payment] == aims.code[payment]"),
    Mutation("a lead needs the due to be the payment", "leads",
             "(due[account] == totals[payment])", "(due[account] == due[account])"),
    Mutation("a lead to refused accounts", "leads", "& ~refused[account]", ""),
    Mutation("two leads lead nowhere", "leads",
             "alone = np.bincount(who, minlength=len(totals))[who] == 1",
             "alone = np.bincount(who, minlength=len(totals))[who] >= 1"),
    Mutation("repairs only where allowed", "repairs", "if not rules.ocr_repair:", "if False:"),
    Mutation("a repaired line has a good check digit", "repairs",
             "good_digits(changed, line) & (digits[:, place] != other)",
             "(digits[:, place] != other)"),
    # what a reference means
    *(
        Mutation(f"tier {name}", "resolve", "    found = _candidates(reading, references, items)\n",
                 "    found = _candidates(reading, references, items)\n"
                 f"    found = found.keep(found.kind != {place})\n")
        for place, name in enumerate(("account number", "old number", "item", "bill"))
    ),
    Mutation("a failed scan line decides nothing", "resolve",
             "outcome[reading.failed] = FAILED", "pass"),
    Mutation("tier scan line", "resolve",
             "resolved.rule[reading.scanned & (outcome == FOUND)] = 0", "pass"),
    Mutation("two candidates mean none", "resolve",
             "outcome[named] = np.where(one, FOUND, AMBIGUOUS)", "outcome[named] = FOUND"),
    Mutation("a number written in full means itself", "resolve",
             "found = found.keep(_not_outdone(found, size))", "pass"),
    Mutation("items inside the named account", "resolve",
             "narrowed = _within_account(found, first, kind, payment)", "narrowed = found"),
    Mutation("an account column names accounts", "resolve", "(found.kind <= 1)",
             "(found.kind <= 9)"),
    Mutation("an item column names items", "resolve",
             '(found.kind == KINDS.index("ITEM"))', "(found.kind >= 0)"),
    # what a payment claims
    Mutation("a doubtful reference stops its payment", "targets",
             "code[who] = _CODE_OF_OUTCOME[outcome[bad[first]]]", "pass"),
    Mutation("references that contradict", "targets",
             "code[payment[wrong]] = CONTRADICT", "pass"),
    Mutation("amounts that do not add up", "targets",
             "code[live & some & every & ((named != totals) | negative)] = SUM_WRONG", "pass"),
    Mutation("amounts below zero", "targets",
             "code[live & some & negative] = SUM_WRONG", "pass"),
    Mutation("hints give way to references", "targets",
             "weak = counted & (kind == 2) & firm[payment]", "weak = counted & (kind == 9)"),
    Mutation("an account beside its items says where to look", "targets",
             "keep &= ~((pool == ACCOUNT_POOL) & ~valued & inside)", "pass"),
    Mutation("an old number counts in its days", "resolve",
             "found = found.keep(_in_force(found, references, day[payment]))", "pass"),
    # where cents go
    Mutation("what is left over waits where the policy says so", "cascade",
             "over &= waits[number] | bool(rules.pays_only)", "over &= False"),
    Mutation("restricted money sees only its charges", "openitems",
             "open_[~np.array([*allowed, False])[charges.charge]] = 0", "pass"),
    Mutation("restricted money never stands on account", "cascade",
             "over &= waits[number] | bool(rules.pays_only)", "over &= waits[number]"),
    Mutation("a prior owner's items are left alone", "allocate",
             "found = found[~(items.prior[found] & leaves[find(touched, items.account[found])])]",
             "pass"),
    Mutation("a prior owner's payment waits", "owners", "aims.code[payment] = PRIOR", "pass"),
    Mutation("a name in two spellings is one owner", "owners",
             "and not alike(payer, now)", "and payer != now"),
    Mutation("deposits are held apart", "allocate",
             "found = found[~items.charges.deposit[found]]", "pass"),
    Mutation("charges that are only paid in full are passed over", "allocate",
             "        if not len(part):\n            return laid",
             "        if len(part) >= 0:\n            return laid"),
    Mutation("a bill that fits twice says nothing", "structure",
             "alone = np.bincount((pair // width)[fits], minlength=len(cents)) == 1",
             "alone = np.bincount((pair // width)[fits], minlength=len(cents)) >= 1"),
    Mutation("credit pays only what came later", "credits",
             'since=int64(credit_lots["placed_entry"])[turn]', "since=np.full(size, -1)"),
    Mutation("credit of closed accounts stays", "credits",
             'BARRED = ("closed", "bankruptcy")', "BARRED: tuple[str, ...] = ()"),
    # suggestions
    Mutation("two combinations are none", "combine",
             "if len(search.found) > 1 or search.blurred:", "if False:"),
    Mutation("a search that gave up says so", "combine", "if search.steps <= 0:", "if False:"),
    Mutation("of a name one word must be whole", "names", "return whole > 0", "return True"),
    # flags
    Mutation("tenfold", "flags",
             "tenfold = (due > 0) & ((cents == 10 * due) | (10 * cents == due))",
             "tenfold = due < 0"),
    Mutation("swapped digits", "flags",
             "swapped = (due > 0) & (cents != due) & _swapped(cents, due) & ~tenfold",
             "swapped = due < 0"),
    Mutation("only payments for one account are judged", "flags",
             "lone & (claims.pool == ACCOUNT_POOL) & posted[claims.payment]",
             "posted[claims.payment]"),
    Mutation("arrangements at risk", "flags", "items.charges.arranged & (items.open > 0)",
             "items.charges.arranged & (items.open < 0)"),
    Mutation("the window of duplicates", "duplicates",
             "near = np.abs(day[mine] - day[theirs]) <= window",
             "near = np.abs(day[mine] - day[theirs]) >= 0"),
)  # fmt: skip


def survives(scratch: Path, mutation: Mutation) -> bool:
    """Whether the tests pass with the mutation made in the scratch copy."""
    path = scratch / "recond" / "matching" / f"{mutation.module}.py"
    before = path.read_text()
    if before.count(mutation.old) != 1:
        raise SystemExit(f"{mutation.name}: stands {before.count(mutation.old)} times in {path}")
    path.write_text(before.replace(mutation.old, mutation.new))
    try:
        return all(_pass(scratch, tests) for tests in (QUICK, SLOW))
    finally:
        path.write_text(before)


def _pass(scratch: Path, tests: tuple[str, ...]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-m", "not postgres",
               "-p", "no:cacheprovider", *tests]  # fmt: skip
    return subprocess.run(command, cwd=scratch, capture_output=True, check=False).returncode == 0


def main() -> None:
    """Try every mutation whose name holds an argument; exit 1 when one survives."""
    parts = sys.argv[1:]
    chosen = [m for m in MUTATIONS if not parts or any(part in m.name for part in parts)]
    left = []
    with tempfile.TemporaryDirectory(prefix="recond-mutation-") as folder:
        scratch = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__")
        shutil.copytree(ROOT, scratch, symlinks=True, ignore=ignored)
        for mutation in chosen:
            alive = survives(scratch, mutation)
            left += [mutation.name] * alive
            print(f"{'SURVIVES' if alive else 'killed  '}  {mutation.name}", flush=True)
    print(f"{len(chosen) - len(left)} of {len(chosen)} killed")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
