"""The bundled files of `recond demo` are what tests/make_demo.py writes, and add up."""

from __future__ import annotations

import csv
from pathlib import Path

import make_demo

BUNDLED = Path(__file__).resolve().parents[2] / "fixtures" / "demo"
RESENT = "day2/lockbox/LBX_20261102_01_resent.bai"


def cents(text: str) -> int:
    return int(text.replace(".", ""))


def test_the_bundled_bytes_are_what_the_script_writes() -> None:
    built = make_demo.build().files
    found = {
        path.relative_to(BUNDLED).as_posix(): path.read_bytes()
        for path in BUNDLED.rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert found == built


def test_every_file_is_explained_in_the_readme() -> None:
    text = (BUNDLED / "README.md").read_text(encoding="utf-8")
    names = [name.split("/", 1)[1] for name in make_demo.build().files if "/" in name]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_expected_outcomes_add_up_to_the_money_in_the_files() -> None:
    paid = {}
    for path in BUNDLED.glob("day*/*/*"):
        if path.suffix == ".bai" and path.name.startswith("LBX"):
            lines = path.read_text().splitlines()
            paid[path.name] = sum(int(line[7:17]) for line in lines if line[0] == "6")
        elif path.suffix == ".ach":
            lines = path.read_text().splitlines()
            paid[path.name] = sum(int(line[29:39]) for line in lines if line[0] == "6")
        elif path.name.startswith(("cashier", "card")):
            with path.open(newline="") as source:
                rows = list(csv.DictReader(source))
            column = "amount" if path.name.startswith("cashier") else "gross_amount"
            paid[path.name] = sum(cents(row[column]) for row in rows)
    with (BUNDLED / "expected.csv").open(newline="") as source:
        expected = {row["file"]: row for row in csv.DictReader(source)}
    assert set(expected) == set(paid)
    for name, row in expected.items():
        placed = sum(cents(row[key]) for key in ("applied", "on_account", "suspense", "held"))
        assert placed == (0 if row["state"] == "duplicate" else paid[name]), name


def test_the_demo_has_one_bad_file_one_duplicate_and_one_late_file() -> None:
    first = (BUNDLED / "day1/lockbox/LBX_20261102_01.bai").read_bytes()
    assert (BUNDLED / RESENT).read_bytes() == first
    late = (BUNDLED / "day2/lockbox/LBX_20261102_02.bai").read_text().splitlines()
    assert {line[14:20] for line in late if line[0] in "578"} == {"261102"}
    bad = (BUNDLED / "day2/lockbox/LBX_20261103_02.bai").read_text().splitlines()
    declared = {line[1:4]: int(line[23:33]) for line in bad if line[0] == "7"}
    found = dict.fromkeys(declared, 0)
    for line in bad:
        if line[0] == "6":
            found[line[1:4]] += int(line[7:17])
    assert {batch: declared[batch] - found[batch] for batch in found} == {"002": 0, "003": 100}
