"""How well a home decided a generated month, measured against the month's truth.

What counts is what was posted without anybody's help. A payment is right when every cent of it
stands on the account, and on the items, that its truth names; a post on a payment whose evidence
cannot decide is unsafe, even where it happens to be right (domain.md section 6). Rates are cut
off, never rounded up, so that 100.00 means all.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from recond.score_inputs import RANKS, Books, Truth

AUTO_OK, MUST_EXCEPT, EITHER = "AUTO_OK", "MUST_EXCEPT", "EITHER"
# Flags about posted money that may rise unplanned: people do pay the same amount twice, and
# amounts that are a bill with two digits swapped.
FLAGS = ("SUSPECTED_DUPLICATE_PAYMENT", "KEYING_SUSPECTED")
COUNTS = ("due", "raised", "missed", "on_another_day", "unplanned")


@dataclass(frozen=True, slots=True)
class Score:
    """Tables of the score; amounts in cents, rates as text in percent."""

    summary: dict[str, int | str]
    channels: pd.DataFrame
    rules: pd.DataFrame
    codes: pd.DataFrame
    suggested: pd.DataFrame
    wrong: pd.DataFrame  # payments posted wrongly or unsafely, the largest first


def score(truth: Truth, found: Books) -> Score:
    """Compare: pure, the same frames give the same score."""
    payments = _judged(truth.receipts, found)
    codes = _codes(truth, found.asked)
    suggested = _suggested(truth.receipts, found.asked)
    wrong = payments[(payments["wrong_cents"] > 0) | payments["unsafe"]]
    channels = _grouped(payments, "channel")
    posted = payments[payments["posted"]]
    return Score(
        _summary(payments, codes, suggested) | _paired(truth.deposits, found.pairs),
        channels,
        _grouped(posted, "rule").drop(columns=["auto_ok", "auto_ok_right", "recall"]),
        codes,
        suggested,
        wrong.sort_values(["posted_cents", "payment"], ascending=[False, True]),
    )


def _judged(receipts: pd.DataFrame, found: Books) -> pd.DataFrame:
    """One row a payment: what it is, what was posted of it, and how much of that wrongly."""
    rows = receipts[receipts["voided"] == 0]
    payments = rows.groupby("payment", sort=False).agg(
        channel=("channel", "first"), kind=("kind", "first"), held=("held", "first"),
        cents=("cents", "sum"), targets=("targets", "first"), noise=("noise", "first"),
        file=("file", "first"), line=("line", "first"),
    ).reset_index()  # fmt: skip
    rules = found.rules[["file", "line", "rule"]]
    payments = payments.merge(rules, on=["file", "line"], how="left")
    payments["rule"] = payments["rule"].fillna("none")
    placed = found.placed.merge(rows[["file", "line", "payment"]], on=["file", "line"])
    aims = _aims(payments)
    wrong = _on_wrong_accounts(placed, aims).add(_on_wrong_items(placed, aims), fill_value=0)
    payments["posted_cents"] = _of(placed.groupby("payment")["cents"].sum(), payments)
    payments["wrong_cents"] = _of(wrong, payments)
    payments["posted"] = payments["posted_cents"] != 0
    safe = (payments["kind"] != MUST_EXCEPT) & (payments["held"] == 0)
    payments["unsafe"] = payments["posted"] & ~safe
    payments["right"] = (
        payments["posted"]
        & safe
        & (payments["wrong_cents"] == 0)
        & (payments["posted_cents"] == payments["cents"])
    )
    return payments


def _of(sums: pd.Series, payments: pd.DataFrame) -> pd.Series:
    return payments["payment"].map(sums).fillna(0).astype("int64")


def _aims(payments: pd.DataFrame) -> pd.DataFrame:
    """Targets of payments, one row each: payment, account, kind, number, cents."""
    texts = payments[["payment", "targets"]].copy()
    texts["target"] = texts["targets"].str.split(";")
    texts = texts.explode("target")
    texts = texts[texts["target"] != ""]
    parts = texts["target"].str.split("|", expand=True)
    return pd.DataFrame(
        {
            "payment": texts["payment"],
            "account": parts[0],
            "kind": parts[1],
            "number": parts[2],
            "cents": parts[3].astype("int64"),
        }
    )


def _on_wrong_accounts(placed: pd.DataFrame, aims: pd.DataFrame) -> pd.Series:
    """Cents beyond what a payment has for each account."""
    key = ["payment", "account"]
    got = placed.groupby(key)["cents"].sum()
    allowed = aims.groupby(key)["cents"].sum().reindex(got.index, fill_value=0)
    return (got - allowed).clip(lower=0).groupby("payment").sum()


def _on_wrong_items(placed: pd.DataFrame, aims: pd.DataFrame) -> pd.Series:
    """Cents of first decisions on other items of an account of which only items were named."""
    key = ["payment", "account"]
    whole = (aims["kind"] == "ACCOUNT").groupby([aims[name] for name in key]).any()
    first = placed[(placed["version"] == 1) & placed["item"].notna()]
    first = first.merge(whole.rename("whole").reset_index(), on=key)
    first = first[~first["whole"]]
    good = set(zip(aims["payment"], aims["number"], strict=True))
    stray = [
        (payment, item) not in good and (payment, bill) not in good
        for payment, item, bill in zip(first["payment"], first["item"], first["bill"], strict=True)
    ]
    return (
        first[pd.Series(stray, first.index, dtype="bool")]
        .groupby("payment")["cents"]
        .sum()
        .clip(lower=0)
    )


def _grouped(payments: pd.DataFrame, by: str) -> pd.DataFrame:
    """Counts and cents by channel or rule."""
    live = payments["held"] == 0
    able = live & (payments["kind"] == AUTO_OK)
    cents = payments["cents"].where(live, 0)
    sums = pd.DataFrame(
        {
            by: payments[by],
            "payments": live.astype("int64"),
            "cents": cents,
            "posted": payments["posted"].astype("int64"),
            "posted_cents": payments["posted_cents"],
            "right": payments["right"].astype("int64"),
            "false": (payments["posted"] & ~payments["right"]).astype("int64"),
            "false_cents": payments["wrong_cents"].where(
                ~payments["unsafe"], payments["posted_cents"]
            ),
            "unsafe": payments["unsafe"].astype("int64"),
            "either": (payments["posted"] & (payments["kind"] == EITHER)).astype("int64"),
            "auto_ok": able.astype("int64"),
            "auto_ok_right": (able & payments["right"]).astype("int64"),
        }
    )
    table = sums.groupby(by, sort=True).sum().reset_index()
    table["precision"] = _rates(table["right"], table["posted"])
    table["recall"] = _rates(table["auto_ok_right"], table["auto_ok"])
    return table


def _rates(parts: pd.Series, wholes: pd.Series) -> list[str]:
    return [rate(int(part), int(all_)) for part, all_ in zip(parts, wholes, strict=True)]


def rate(part: int, whole: int) -> str:
    """`part` of `whole` in percent with two places, cut off; empty for nothing of nothing."""
    if not whole:
        return ""
    hundredths = part * 10_000 // whole
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _expected(truth: Truth) -> pd.DataFrame:
    """What must be asked: payments with a code, and planted files, lines and days.

    about: the payment, the file, a line of it, or the day; codes: those allowed, `|` between
    them; day: the first on which it can be known."""
    rows = truth.receipts
    items = rows[(rows["held"] == 0) & (rows["voided"] == 0) & (rows["expected_code"] != "")]
    items = items.drop_duplicates("payment")[["payment", "expected_code", "known"]]
    items.columns = ["about", "codes", "day"]
    files = truth.planted[
        (truth.planted["scope"] != "ITEM") & (truth.planted["expected_code"] != "")
    ]
    places = _places(files["file"], files["line"], files["day"])
    files = pd.DataFrame({"about": places, "codes": files["expected_code"], "day": files["day"]})
    return pd.concat([items, files], ignore_index=True)


def _places(files: pd.Series, lines: pd.Series, days: pd.Series) -> pd.Series:
    """A file, or a line of it, as text; of what is about no file, its day."""
    named = files.where(lines <= 0, files + ":" + lines.astype("str"))
    return named.where(files != "", "day " + days)


def _codes(truth: Truth, asked: pd.DataFrame) -> pd.DataFrame:
    """By code: how often it was due, raised and missed, raised on another day than the first on
    which it could be known, and raised without being planted."""
    rows = truth.receipts[["file", "line", "payment", "held"]]
    known = asked.merge(rows, on=["file", "line"], how="left")
    lines = known["line"].where(known["payment"].isna(), -1)
    about = known["payment"].where(known["held"] == 0)
    about = about.fillna(_places(known["file"], lines, known["opened"]))
    raised: dict[tuple[str, str], str] = {}
    for name, code, day in zip(about, known["code"], known["opened"], strict=True):
        raised[name, code] = min(day, raised.get((name, code), day))
    counts: dict[str, dict[str, int]] = {}
    due: set[tuple[str, str]] = set()

    def count(code: str, what: str) -> None:
        counts.setdefault(code, dict.fromkeys(COUNTS, 0))[what] += 1

    for name, codes, day in _expected(truth).itertuples(index=False):
        choices = codes.split("|")
        due |= {(name, code) for code in choices}
        hit = next((code for code in choices if (name, code) in raised), None)
        count(hit or choices[0], "due")
        count(hit or choices[0], "raised" if hit else "missed")
        if hit and raised[name, hit] != day:
            count(hit, "on_another_day")
    free = set(truth.receipts.loc[truth.receipts["kind"] == EITHER, "payment"])
    for name, code in sorted(raised.keys() - due):
        if name not in free:  # of these both is right, to post and to ask
            count(code, "unplanned")
    rows = [{"code": code, **counts[code]} for code in sorted(counts)]
    return pd.DataFrame(rows, columns=["code", *COUNTS])


def _suggested(receipts: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """By noise of the payment: questions that have an answer, and where it was suggested."""
    rows = receipts[(receipts["answer"] != "") & (receipts["held"] == 0)]
    rows = rows[["file", "line", "payment", "answer", "noise"]]
    found = rows.merge(asked, on=["file", "line"], how="left")
    found = found[found["status"] != "resolved"].drop_duplicates("payment")
    hits = pd.DataFrame(
        {
            "noise": found["noise"],
            "answers": 1,
            "hit_1": (found["suggest_1"] == found["answer"]).astype("int64"),
            "hit_3": found[[f"suggest_{rank}" for rank in range(1, RANKS + 1)]]
            .eq(found["answer"], axis=0)
            .any(axis=1)
            .astype("int64"),
        }
    )
    table = hits.groupby("noise", sort=True).sum().reset_index()
    table["rate_1"] = _rates(table["hit_1"], table["answers"])
    table["rate_3"] = _rates(table["hit_3"], table["answers"])
    return table


def _paired(deposits: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, int | str]:
    """Deposits and the statement lines that brought them: pairs of the truth, of the home, of
    both, and F1 = 2 both / (truth + home). A credit that also brings held money is nobody's."""
    true = deposits[(deposits["statement"] != "") & (deposits["held"] == 0)]
    keys = ["file", "statement", "line"]
    wanted = set(true[keys].itertuples(index=False, name=None))
    got = set(pairs[keys].itertuples(index=False, name=None))
    both = len(wanted & got)
    return {
        "deposits_credited": len(wanted),
        "deposits_paired": len(got),
        "deposits_right": both,
        "deposits_f1": rate(2 * both, len(wanted) + len(got)),
    }


def _summary(
    payments: pd.DataFrame, codes: pd.DataFrame, suggested: pd.DataFrame
) -> dict[str, int | str]:
    posted = payments[payments["posted"]]
    either = posted[posted["kind"] == EITHER]
    unsafe = payments[payments["unsafe"]]
    able = payments[(payments["kind"] == AUTO_OK) & (payments["held"] == 0)]
    false_cents = int(posted["wrong_cents"].where(~posted["unsafe"], posted["posted_cents"]).sum())
    posted_cents = int(posted["posted_cents"].sum())
    answers = int(suggested["answers"].sum())
    flags = codes["code"].isin(FLAGS)
    return {
        "payments": int((payments["held"] == 0).sum()),
        "posted": len(posted),
        "posted_cents": posted_cents,
        "precision": rate(int(posted["right"].sum()), len(posted)),
        "precision_of_money": rate(posted_cents - false_cents, posted_cents),
        "false_cents": false_cents,
        "recall": rate(int(able["right"].sum()), len(able)),
        "unsafe": len(unsafe),
        "unsafe_cents": int(unsafe["posted_cents"].sum()),
        "either": len(either),
        "either_cents": int(either["posted_cents"].sum()),
        "answers": answers,
        "hit_1": rate(int(suggested["hit_1"].sum()), answers),
        "hit_3": rate(int(suggested["hit_3"].sum()), answers),
        "codes_due": int(codes["due"].sum()),
        "codes_missed": int(codes["missed"].sum()),
        "codes_on_another_day": int(codes["on_another_day"].sum()),
        "codes_false": int(codes["unplanned"].where(~flags, 0).sum()),
        "flags_unplanned": int(codes["unplanned"].where(flags, 0).sum()),
    }
