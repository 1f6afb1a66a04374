"""What a clerk reads in `files show` about the five faults that happen: each has a fixture, a code,
a place, the figures and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import office as offices
import pytest
from test_cli import as_of, recond

from recond.exceptions.codes import CODES

ROOT = Path(__file__).parents[2]
PROBLEMS = ROOT / "fixtures" / "problems"
# File, inbox, state, line, and words of its sentence.
FAULTS = [
    ("STATEMENT_CHAIN_BROKEN.sta", "bank", "accepted", 14, ["opens with", "closed with"]),
    ("BALANCE_WRONG.sta", "bank", "held", None, ["declares", "holds", "difference"]),
    ("FILE_TOTAL_WRONG.bai", "lockbox", "held", None, ["declares", "difference", "ask the bank"]),
    ("CURRENCY_WRONG.bai2", "bank", "held", None, ["USD"]),
    ("DATE_UNUSUAL.ach", "ach", "accepted", None, ["date", "calendar"]),
]


@pytest.mark.parametrize(("name", "inbox", "state", "line", "words"), FAULTS)
def test_a_clerk_reads_what_is_wrong_where_and_what_to_do(
    name: str, inbox: str, state: str, line: int | None, words: list[str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    made = offices.Office(tmp_path / "home")
    taken = made.take(inbox, name, (PROBLEMS / name).read_bytes())
    made.close()
    capsys.readouterr()
    assert taken.state == state, taken.message
    assert recond("files", "show", taken.file_id, "--json", *as_of(tmp_path / "home")) == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    code = name.split(".", maxsplit=1)[0]
    told = next(p for p in shown["problems"] if p["code"] == code)
    assert line is None or told["line"] == line
    assert all(word in told["message"] for word in words), told["message"]
    assert code not in told["message"]
    assert told["message"].rstrip(".")[-1].isalnum()
    assert recond("files", "show", taken.file_id, *as_of(tmp_path / "home")) == 0
    assert told["message"] in capsys.readouterr().out


def test_a_transmission_that_comes_again_with_other_bytes_says_which_it_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = offices.Office(tmp_path / "home")
    first = made.take("bank", "monday.sta", (ROOT / "fixtures/mt940/smallest.sta").read_bytes())
    data = (ROOT / "fixtures/mt940/smallest.sta").read_bytes()
    again = made.take("bank", "tuesday.sta", data.replace(b"TXT", b"TXU") + b"\n")
    made.close()
    capsys.readouterr()
    assert (first.state, again.state) == ("accepted", "held")
    assert recond("files", "show", again.file_id, "--json", *as_of(tmp_path / "home")) == 0
    (told,) = json.loads(capsys.readouterr().out.splitlines()[-1])["problems"]
    assert CODES[told["code"]].severity == "error"
    assert first.file_id in told["message"] or "monday.sta" in told["message"]
