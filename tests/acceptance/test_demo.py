"""`recond demo` does the whole job, balances, and prints what the README shows."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from office import TODAY

from recond.demo import run_demo
from recond.errors import RefusedError
from recond.exports.datasets import dataset
from recond.home import open_home
from recond.session import run_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    from contextlib import redirect_stdout
    from io import StringIO

    folder = tmp_path_factory.mktemp("demo") / "recond-demo"
    out = StringIO()
    with redirect_stdout(out):
        assert run_demo(folder) == 0
    return folder, out.getvalue()


def plain(text: str) -> list[str]:
    """Lines without instants and without the folder's name."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "INSTANT", text)
    lines = [re.sub(r"--home .*", "--home HOME", line).rstrip() for line in text.split("\n")]
    return [line for line in lines if line]


def test_the_readme_shows_what_the_demo_prints(shown: tuple[Path, str]) -> None:
    readme = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"prints:\n\n```\n(.*?)```", readme, re.DOTALL)
    assert plain(block) == plain(shown[1])


def test_each_file_comes_to_what_its_page_says(shown: tuple[Path, str]) -> None:
    run = run_of(open_home(shown[0]), TODAY, "tester")
    with run.store.read() as connection:
        files = dataset(connection, "files", today=TODAY).to_pylist()
        receipts = dataset(connection, "receipts", today=TODAY).to_pylist()
    run.store.close()
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in receipts:
        of_file = sums[row["file_id"]]
        of_file["receipts"] += 1
        of_file["held"] += row["amount"] if row["state"] == "held" else 0
        for bucket in ("applied", "on_account", "suspense"):
            of_file[bucket] += row[f"{bucket}_amount"]
    by_name = {row["name"]: row for row in files}
    with (ROOT / "fixtures" / "demo" / "expected.csv").open(newline="") as source:
        for expected in csv.DictReader(source):
            found = by_name[expected["file"]]
            assert found["state"] == expected["state"], expected["file"]
            for name in ("receipts", "applied", "on_account", "suspense", "held"):
                assert sums[found["file_id"]][name] == Decimal(expected[name]), (expected, name)


def test_a_folder_that_holds_something_is_refused(shown: tuple[Path, str]) -> None:
    with pytest.raises(RefusedError):
        run_demo(shown[0])
