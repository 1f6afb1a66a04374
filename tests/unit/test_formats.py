"""Format files: what is refused, and which format claims a file."""

from __future__ import annotations

import io

import pytest

from recond.errors import ConfigError
from recond.formats import Formats, read_format
from recond.formats_report import sniff
from recond.formats_report import test as try_file
from tests.unit.formatfiles import ROOT, bank, shipped

SMALL = """name = "shop"
title = "Shop"
grammar = "delimited"
kind = "payments"
inboxes = ["card"]

[identify]
first_line = "id,"

[layout.columns]
id = { blank = false }
paid = { type = "cents" }

[[layout.rows]]
table = "receipts"
fill = { amount_cents = "paid" }
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("title", "titel", 2, "did you mean 'title'"),
        ('"delimited"', '"delimitted"', 3, "did you mean 'delimited'"),
        ('"payments"', '"payment"', 4, "did you mean 'payments'"),
        ("first_line", "first_lin", 8, "did you mean 'first_line'"),
        ('"id,"', '"(a+)+"', 8, "could take for ever"),
        ('"id,"', '"(a|aa)+"', 8, "could take for ever"),
        ('first_line = "id,"', 'contains = "id.*"', 8, "more than 0 open quantifiers"),
        ('type = "cents"', 'type = "cent"', 12, "did you mean 'cents'"),
        ('"paid" }\n', '"pad" }\n', None, "did you mean 'paid'"),
        ("amount_cents", "amount_cent", None, "did you mean 'amount_cents'"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, line: int | None, said: str) -> None:
    assert old in SMALL
    with pytest.raises(ConfigError) as told:
        read_format(SMALL.replace(old, new, 1), "shop.toml")
    assert said in str(told.value)
    place = "shop.toml" if line is None else f"shop.toml, line {line}:"
    assert any(one.startswith(place) and said in one for one in str(told.value).split("\n"))


@pytest.mark.parametrize("path", sorted((ROOT / "formats").glob("*.toml")), ids=lambda p: p.stem)
def test_what_ships_claims_its_own_sample(path: object) -> None:
    fmt = shipped(path.stem)  # type: ignore[attr-defined]
    everything = Formats(shipped(p.stem) for p in (ROOT / "formats").glob("*.toml"))
    found = everything.identify(fmt.inboxes[0], "x.txt", (fmt.sample + "\n").encode())
    assert found.format == fmt, found.reasons


def test_no_claim_and_two_claims_are_held() -> None:
    one = read_format(SMALL, "a.toml")
    two = read_format(SMALL.replace('"shop"', '"shop2"'), "b.toml")
    formats = Formats([one, two])
    assert formats.identify("card", "x", b"nothing").code == "UNKNOWN_FORMAT"
    assert formats.identify("ach", "x", b"id,paid").code == "UNKNOWN_FORMAT"
    assert formats.identify("card", "x", b"id,paid").code == "AMBIGUOUS_FORMAT"
    assert Formats([one]).identify("card", "x", b"id,paid").format == one
    assert Formats([bank()]).identify("lockbox", "sag1.TXT", b"").format is not None


def test_two_formats_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="another name"):
        Formats([read_format(SMALL, "a.toml"), read_format(SMALL, "b.toml")])


def test_sniff_says_who_claims_and_why_not() -> None:
    formats = Formats([read_format(SMALL, "a.toml"), bank()])
    rows = sniff(formats, None, "shop.csv", b"id,paid\n")
    assert [(row["format"], row["claims"]) for row in rows] == [
        ("saguaro_walk_in", False),
        ("shop", True),
    ]
    assert rows[0]["reason"] == "the name is not like SAG*.txt"
    assert [row["format"] for row in sniff(formats, "card", "x", b"")] == ["shop"]


def test_a_trial_reading_counts_and_adds_up() -> None:
    data = (ROOT / "fixtures/nacha/returns-and-notices.ach").read_bytes()
    told = try_file(shipped("nacha"), io.BytesIO(data))
    assert list(told) == ["format", "rows", "credit_amount", "debit_amount", "problems"]
    assert (told["credit_amount"], told["debit_amount"]) == ("77.00", "253.00")
    assert (told["rows"]["receipts"], told["rows"]["set_aside"]) == (1, 6)
    assert {tuple(problem) for problem in told["problems"]} == {
        ("code", "severity", "line", "field", "message")
    }


def test_a_trial_reading_compares_controls() -> None:
    data = f"{'HSAGUARO':<40}\n{'T0000010000000000':<40}\n".encode()
    told = try_file(bank(), io.BytesIO(data))
    assert [problem["code"] for problem in told["problems"]] == ["FILE_COUNT_WRONG"]


def test_a_format_may_claim_by_what_stands_anywhere_in_the_first_bytes() -> None:
    text = SMALL.replace('first_line = "id,"', "contains = '(?m)^id,'")
    formats = Formats([read_format(text, "shop.toml")])
    assert formats.identify("card", "x.csv", b"Title\r\nid,paid\r\n").format is not None
    refused = formats.identify("card", "x.csv", b"Title\r\npaid,id,\r\n")
    assert refused.code == "UNKNOWN_FORMAT"
    assert "hold nothing like" in refused.reasons[0]
