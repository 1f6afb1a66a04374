"""The score itself: each kind of mistake that recond could make must show in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from recond.errors import UsageError
from recond.score import Score, rate, score
from recond.score_inputs import Books, Truth

RECEIPT = {
    "payment": "", "channel": "LOCKBOX", "file": "F", "line": 0, "cents": 1000, "kind": "AUTO_OK",
    "targets": "", "expected_code": "", "held": 0, "voided": 0, "noise": "", "answer": "",
    "known": "2026-11-02",
}  # fmt: skip
PLACED = {"file": "F", "line": 0, "version": 1, "account": "A", "item": "", "bill": "B1",
          "cents": 1000}  # fmt: skip
ASKED = {"file": "F", "line": -1, "code": "", "status": "open", "opened": "2026-11-02",
         "suggest_1": "", "suggest_2": "", "suggest_3": ""}  # fmt: skip
PLANTED = {
    "case": "",
    "scope": "FILE",
    "file": "F",
    "line": 0,
    "expected_code": "",
    "day": "2026-11-02",
}
DEPOSIT = {"file": "F", "statement": "S", "line": 4, "held": 0, "cents": 1000}
WHOLE = "A|ACCOUNT|A|1000"


def payment(line: int, **facts: object) -> dict[str, object]:
    return {**RECEIPT, "payment": f"P{line}", "line": line, "targets": WHOLE, **facts}


def placed(line: int, **facts: object) -> dict[str, object]:
    return {**PLACED, "line": line, "item": f"I{line}", **facts}


def judge(
    receipts: list[dict[str, object]],
    placements: list[dict[str, object]],
    questions: list[dict[str, object]] | None = None,
    planted: list[dict[str, object]] | None = None,
    deposits: list[dict[str, object]] | None = None,
    pairs: list[tuple[str, str, int]] | None = None,
) -> Score:
    of_payments = pd.DataFrame(placements, columns=list(PLACED))
    of_payments["item"] = of_payments["item"].where(of_payments["item"] != "")
    rules = of_payments[["file", "line"]].drop_duplicates().assign(rule="scan_line")
    asked = pd.DataFrame([{**ASKED, **one} for one in questions or []], columns=list(ASKED))
    truth = Truth(
        pd.DataFrame(receipts, columns=list(RECEIPT)),
        pd.DataFrame([{**PLANTED, **one} for one in planted or []], columns=list(PLANTED)),
        pd.DataFrame([{**DEPOSIT, **one} for one in deposits or []], columns=list(DEPOSIT)),
    )
    paired = pd.DataFrame(pairs or [], columns=["file", "statement", "line"])
    return score(truth, Books(of_payments, rules, asked, paired))


def test_what_is_right_counts_as_right() -> None:
    found = judge(
        [payment(1), payment(2, targets="A|BILL|B1|600;C|ACCOUNT|C|400"), payment(3, held=1)],
        [placed(1), placed(2, cents=600), placed(2, account="C", item="", cents=400)],
    )
    assert found.summary["precision"] == found.summary["recall"] == "100.00"
    assert found.summary["false_cents"] == found.summary["unsafe"] == 0
    assert found.summary["posted_cents"] == 2000
    assert len(found.wrong) == 0


@pytest.mark.parametrize(
    ("true", "put", "cents"),
    [
        (payment(1), placed(1, account="C"), 1000),
        (payment(1, targets="A|ACCOUNT|A|400;C|ACCOUNT|C|600"), placed(1), 600),
        (payment(1, targets="A|ITEM|I7|1000"), placed(1), 1000),
        (payment(1, targets="A|BILL|B7|1000"), placed(1), 1000),
    ],
    ids=["another account", "too much for one of two", "another item", "another bill"],
)
def test_wrong_money_is_counted_to_the_cent(
    true: dict[str, object], put: dict[str, object], cents: int
) -> None:
    found = judge([true, payment(2)], [put, placed(2)])
    assert found.summary["false_cents"] == cents
    assert found.summary["precision"] == found.summary["recall"] == "50.00"
    assert found.summary["unsafe"] == 0
    assert list(found.wrong["payment"]) == ["P1"]
    assert found.rules.set_index("rule").loc["scan_line", "false"] == 1
    assert found.channels.set_index("channel").loc["LOCKBOX", "false_cents"] == cents


def test_money_that_left_an_account_again_is_not_wrong() -> None:
    found = judge(
        [payment(1, targets="A|ITEM|I1|1000")],
        [placed(1), placed(1, version=2, cents=-1000), placed(1, version=2, item="I9")],
    )
    assert found.summary["false_cents"] == 0


@pytest.mark.parametrize("facts", [{"kind": "MUST_EXCEPT"}, {"held": 1}])
def test_a_lucky_guess_is_unsafe(facts: dict[str, object]) -> None:
    found = judge([payment(1, **facts)], [placed(1)])
    assert (found.summary["unsafe"], found.summary["unsafe_cents"]) == (1, 1000)
    assert found.summary["precision"] == "0.00"
    assert found.summary["false_cents"] == 1000


def test_posts_on_either_are_told_apart_and_judged() -> None:
    found = judge(
        [payment(1, kind="EITHER"), payment(2, kind="EITHER"), payment(3, kind="EITHER")],
        [placed(1), placed(2, account="C")],
        [{"line": 3, "code": "ACCOUNT_NOT_FOUND"}],
    )
    assert found.summary["codes_false"] == 0
    assert (found.summary["either"], found.summary["either_cents"]) == (2, 2000)
    assert found.summary["precision"] == "50.00"
    assert found.summary["recall"] == ""


def test_recall_counts_what_should_have_posted() -> None:
    found = judge([payment(1), payment(2), payment(3, kind="MUST_EXCEPT")], [placed(1)])
    assert found.summary["recall"] == "50.00"


def test_voided_payments_do_not_count() -> None:
    found = judge([payment(1, voided=1), payment(2)], [placed(2)])
    assert found.summary["payments"] == found.summary["posted"] == 1


def test_codes_are_due_missed_and_unplanned() -> None:
    found = judge(
        [payment(1, expected_code="NO_REFERENCE|ACCOUNT_NOT_FOUND"),
         payment(2, expected_code="CHECK_DIGIT_FAILED"), payment(3), payment(4)],
        [],
        [{"line": 1, "code": "ACCOUNT_NOT_FOUND"}, {"line": 3, "code": "ACCOUNT_CLOSED"},
         {"line": 4, "code": "KEYING_SUSPECTED"}, {"file": "G", "code": "FILE_TRUNCATED"}],
        [{"case": "cut", "scope": "FILE", "file": "G", "expected_code": "FILE_TRUNCATED"},
         {"case": "again", "scope": "FILE", "file": "F", "expected_code": ""}],
    )  # fmt: skip
    table = found.codes.set_index("code")[["due", "raised", "missed", "unplanned"]]
    assert {code: tuple(row) for code, row in table.iterrows()} == {
        "ACCOUNT_CLOSED": (0, 0, 0, 1),
        "ACCOUNT_NOT_FOUND": (1, 1, 0, 0),
        "CHECK_DIGIT_FAILED": (1, 0, 1, 0),
        "FILE_TRUNCATED": (1, 1, 0, 0),
        "KEYING_SUSPECTED": (0, 0, 0, 1),
    }
    summary = found.summary
    assert (summary["codes_due"], summary["codes_missed"]) == (3, 1)
    assert (summary["codes_false"], summary["flags_unplanned"]) == (1, 1)


def test_a_planted_line_is_another_than_its_file() -> None:
    found = judge(
        [payment(1)],
        [placed(1)],
        [{"file": "S", "line": 5, "code": "BANK_CREDIT_UNMATCHED"}],
        [{"scope": "BANK", "file": "S", "line": 4, "expected_code": "BANK_CREDIT_UNMATCHED"}],
    )
    assert (found.summary["codes_missed"], found.summary["codes_false"]) == (1, 1)


def test_what_is_raised_early_or_late_is_told_apart() -> None:
    found = judge(
        [payment(1, expected_code="NO_REFERENCE", known="2026-11-03")],
        [],
        [{"line": 1, "code": "NO_REFERENCE"}, {"file": "", "code": "FILE_MISSING"},
         {"file": "", "code": "FILE_MISSING", "opened": "2026-11-04"}],
        [{"scope": "DAY", "file": "", "expected_code": "FILE_MISSING"}],
    )  # fmt: skip
    assert found.summary["codes_missed"] == 0
    assert (found.summary["codes_on_another_day"], found.summary["codes_false"]) == (1, 1)


def test_pairs_of_deposits_and_credits() -> None:
    found = judge(
        [payment(1)],
        [placed(1)],
        deposits=[{"file": "F"}, {"file": "G", "line": 5}, {"file": "H", "line": 6, "held": 7},
                  {"file": "K", "statement": "", "line": 0}],
        pairs=[("F", "S", 4), ("G", "S", 7)],
    )  # fmt: skip
    told = {name: found.summary[f"deposits_{name}"] for name in ("credited", "paired", "right")}
    assert told == {"credited": 2, "paired": 2, "right": 1}
    assert found.summary["deposits_f1"] == "50.00"


def test_suggestions_count_where_there_is_an_answer() -> None:
    doubtful = [payment(n, kind="MUST_EXCEPT", noise="white mail") for n in range(1, 6)]
    for row in doubtful[:4]:
        row["answer"] = "A"
    found = judge(
        doubtful,
        [],
        [{"line": 1, "suggest_1": "A"}, {"line": 2, "suggest_1": "B", "suggest_3": "A"},
         {"line": 3, "suggest_1": "B"}, {"line": 5, "suggest_1": "B"}],
    )  # fmt: skip
    (row,) = found.suggested.to_dict(orient="records")
    assert (row["answers"], row["hit_1"], row["hit_3"]) == (4, 1, 2)
    assert (found.summary["hit_1"], found.summary["hit_3"]) == ("25.00", "50.00")


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(9999, 10000, "99.99"), (99999, 100000, "99.99"), (1, 3, "33.33"), (7, 7, "100.00"),
     (0, 7, "0.00"), (0, 0, "")],
)  # fmt: skip
def test_rates_are_cut_off(part: int, whole: int, text: str) -> None:
    assert rate(part, whole) == text


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no truth"):
        Truth.read(tmp_path)
