"""The same inputs in any order of independent files, in one file or in many, in one pass or in
many, on either database, give the same applications, questions and balances."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from office import Office, check, lockbox_file, receivable, receivables_csv

ACCOUNTS = 16
FILES = 4  # each has four accounts of its own
ITEMS = [
    receivable(f"100000{number:04d}", f"{number}-{part}", charge, due, 1000 + 37 * number + part)
    for number in range(ACCOUNTS)
    for part, (charge, due) in enumerate(
        [("WATER", "2026-02-10"), ("SEWER", "2026-02-10"), ("PENALTY", "2026-02-20"),
         ("WATER", "2026-03-28")]
    )
]  # fmt: skip
POLICY = """
[[policy]]
name = "shares"
small_balance = "0.99"
structures = ["bill", "past_due"]
[[policy.tiers]]
status = ["penalty"]
[[policy.tiers]]
method = "proportional"
"""

Check = dict[str, Any]


def payments(seed: int) -> list[list[Check]]:
    """The checks of each independent file: no account is paid from two of them."""
    dice = random.Random(seed)
    files = []
    for name in range(FILES):
        checks = []
        mine = [f"100000{number:04d}" for number in range(name, ACCOUNTS, FILES)]
        for turn in range(12):
            account = dice.choice(mine)
            number = int(account[-4:])
            due = sum(1000 + 37 * number + part for part in range(4))
            cents = dice.choice([due, due - 50, 2000 + 74 * number, 1234, 999, due + 500])
            told: list[tuple[str, int | None]] = [(account, None)]
            if dice.random() < 0.2:
                other = dice.choice(mine)
                told = [(account, cents - 100), (other, 100)] if other != account else told
            if dice.random() < 0.1:
                told = [(account[:-1] + "X", None)]
            checks.append(check(cents, *told, number=f"{name:02d}{turn:02d}"))
        files.append(checks)
    return files


def outcome(office: Office) -> dict[str, object]:
    """What came of the inputs, by what the payers know: never by ids, which name files."""
    checks = {row["receipt_id"]: row["check_number"] for row in office.rows("receipts")}
    applied = sorted(
        (checks[row["receipt_id"]], row["account_number"], row["item_number"], row["amount"],
         row["rule"], str(row["effective_date"]))
        for row in office.rows("applications")
    )  # fmt: skip
    receipts = sorted(
        tuple(str(row[name]) for name in ("check_number", "state", "rule", "applied_amount",
                                          "on_account_amount", "suspense_amount"))
        for row in office.rows("receipts")
    )  # fmt: skip
    asked = sorted(
        (checks.get(row["receipt_id"], ""), row["code"], str(row["amount"]), row["status"])
        for row in office.rows("exceptions")
    )
    return {"applied": applied, "receipts": receipts, "asked": asked, "open": office.open_cents(),
            "journal": office.journal()}  # fmt: skip


def done(folder: Path, passes: Sequence[Sequence[Sequence[Check]]], url: str | None = None) -> Any:
    """The outcome of passes over files of checks."""
    office = Office(folder, url, POLICY)
    try:
        office.take("receivables", "open.csv", receivables_csv(ITEMS))
        number = 0
        for files in passes:
            for checks in files:
                name, minute = f"{number:02d}.bai", f"{900 + number:04d}"
                office.drop("lockbox", name, lockbox_file(checks, time=minute))
                number += 1
            assert {one.state for one in office.process()} == {"accepted"}
        office.prove()
        return outcome(office)
    finally:
        office.close()


@pytest.fixture(scope="module", params=[1])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, list[list[Check]], Any]:
    """A seed, its files, and what they come to in one pass, in their order."""
    files = payments(request.param)
    return request.param, files, done(tmp_path_factory.mktemp("world") / "home", [files])


World = tuple[int, list[list[Check]], Any]


def test_something_of_everything_happens(world: World) -> None:
    _, _, expected = world
    assert len(expected["applied"]) > 60
    codes = {code for _, code, _, _ in expected["asked"]}
    assert {"ACCOUNT_NOT_FOUND", "SUSPECTED_DUPLICATE_PAYMENT"} <= codes


def test_in_one_file(world: World, tmp_path: Path) -> None:
    _, files, expected = world
    assert done(tmp_path / "home", [[[one for checks in files for one in checks]]]) == expected


def test_in_any_order_of_files(world: World, tmp_path: Path) -> None:
    seed, files, expected = world
    shuffled = random.Random(seed).sample(files, len(files))
    assert done(tmp_path / "home", [shuffled[::-1]]) == expected


def test_in_a_pass_each(world: World, tmp_path: Path) -> None:
    _, files, expected = world
    assert done(tmp_path / "home", [[checks] for checks in files[::-1]]) == expected


def test_every_check_in_a_file_of_its_own(world: World, tmp_path: Path) -> None:
    _, files, expected = world
    single = [[one] for checks in files for one in checks]
    assert done(tmp_path / "home", [single]) == expected


@pytest.mark.postgres
def test_on_the_other_database(world: World, tmp_path: Path, postgres_url: str) -> None:
    _, files, expected = world
    assert done(tmp_path / "home", [files[::-1]], postgres_url) == expected
