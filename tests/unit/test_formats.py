"""Format files: what is refused, and which format claims a file."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from recond.errors import ConfigError
from recond.formats import Formats, bundled, load_format, load_formats, read_format, refusal
from recond.formats_report import sniff
from recond.formats_report import test as try_file
from recond.pipeline.reading import read as judge
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
        ('name = "shop"', 'name = "The Shop"', 1, "lower-case"),
        ('name = "shop"', "name = shop", None, "line 1"),
        ('title = "Shop"', "title = 7", 2, "string"),
        ('title = "Shop"', 'title = "Shop"\nencoding = "utf-9"', 3, "no encoding 'utf-9'"),
        ('title = "Shop"', 'title = "Shop"\ncurrency = "usd"', 3, "currency code"),
        ('["card"]', "[]", 5, "at least 1"),
        (
            '["card"]',
            '["card"]\nwaives = [{ code = "FILE_TOTAL_WRNG", reason = "x" }]',
            None,
            "did you mean 'FILE_TOTAL_WRONG'",
        ),
        (
            '["card"]',
            '["card"]\nwaives = [{ code = "FILE_TOTAL_WRONG", reason = "" }]',
            None,
            "reason",
        ),
        ('"id,"', '"(id,"', 8, ""),
        ("blank = false", "blnk = false", 11, "did you mean 'blank'"),
        ("blank = false", 'blank = "no"', 11, "blank"),
        ('table = "receipts"', 'table = "receipt"', 15, "did you mean 'receipts'"),
        ('type = "cents"', 'type = "date", format = "MM/YYYY"', None, "once each"),
        ('"paid" }\n', '{ constant = "1", negative = "paid" } }\n', None, "exactly one"),
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


def test_a_copy_for_a_bank_claims_in_place_of_the_original(tmp_path: Path) -> None:
    one = read_format(SMALL, "a.toml")
    other = SMALL.replace('name = "shop"', 'name = "shop2"\ninstead_of = ["shop"]')
    two = read_format(other.replace("[identify]", '[identify]\nnames = ["bank2*"]'), "b.toml")
    formats = Formats([one, two])
    assert formats.identify("card", "x.csv", b"id,paid").format == one
    assert formats.identify("card", "bank2-0316.csv", b"id,paid").format == two
    assert formats.refusals("card", "bank2-0316.csv", b"id,paid") == {
        "shop": "shop2 claims the file in its place", "shop2": None,
    }  # fmt: skip
    third = read_format(other.replace("shop2", "shop3"), "c.toml")  # a second claim stays one
    assert Formats([one, two, third]).identify("card", "bank2", b"id,").code == "AMBIGUOUS_FORMAT"
    each = read_format(SMALL.replace('name = "shop"', 'name = "shop"\ninstead_of = ["shop2"]'), "")
    assert Formats([each, two]).identify("card", "bank2", b"id,").code == "AMBIGUOUS_FORMAT"
    (tmp_path / "b.toml").write_text(other.replace('["shop"]', '["bai2_"]'))
    with pytest.raises(ConfigError, match="instead_of: there is no other format 'bai2_'"):
        load_formats([bundled(), tmp_path])
    (tmp_path / "b.toml").write_text(other.replace('["shop"]', '["bai2"]'))
    assert load_formats([bundled(), tmp_path])["shop2"].instead_of == ("bai2",)


def test_the_order_of_a_claim_is_inbox_name_first_line_columns() -> None:
    text = SMALL.replace(
        'first_line = "id,"',
        """first_line = "(id|day),"
names = ["SHOP*.csv", "*.shp"]
columns = ["ID", "paid"]
without_columns = ["day"]""",
    )
    fmt = read_format(text, "shop.toml")
    assert [refusal(fmt, name, head) for name, head in (
        ("shop1.CSV", b"id,paid\nA,1.00"), ("x.shp", b'\xef\xbb\xbfid," paid "\r\n'),
    )] == [None, None]  # fmt: skip
    for name, head, said in (
        ("bank.csv", b"id,paid", "the name is not like SHOP*.csv or *.shp"),
        ("shop.csv", b"ID;paid", "the first line does not match"),
        ("shop.csv", b"\nid,paid", "the first line does not match"),
        ("shop.csv", b"id,payed", "the column 'paid' is missing"),
        ("shop.csv", b"id,paid,day", "the column 'day' belongs to another format"),
        ("shop.csv", b"", "the first line does not match"),
    ):
        assert (refusal(fmt, name, head) or "").startswith(said), name


def test_the_header_may_stand_below_title_lines() -> None:
    text = SMALL.replace('first_line = "id,"', 'columns = ["id", "paid"]')
    text = text.replace("[layout.columns]", "[layout]\npreamble_lines = 2\n[layout.columns]")
    fmt = read_format(text, "shop.toml")
    assert refusal(fmt, "x", b"Title\nof today\nid,paid\n") is None
    assert refusal(fmt, "x", b"Title\nof today\n\nid,paid\n") is not None


def test_a_format_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"name = \xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_format(path)
    path.write_text("name = [")
    with pytest.raises(ConfigError, match=r"x\.toml"):
        load_formats([tmp_path])
    assert len(load_formats([tmp_path / "nothing"])) == 0


def test_every_mistake_is_told_at_once() -> None:
    wrong = SMALL.replace('"delimited"', '"delimitted"').replace('"payments"', '"payment"')
    with pytest.raises(ConfigError) as told:
        read_format(wrong, "shop.toml")
    assert [line.split(":")[0] for line in str(told.value).split("\n")] == [
        "shop.toml, line 3", "shop.toml, line 4",
    ]  # fmt: skip


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


@pytest.mark.parametrize("name", ["bai2", "mt940", "camt"])
def test_a_trial_reading_says_what_the_corridor_would(name: str) -> None:
    """Every problem of the file alone, balances that do not add up among them."""
    ending = {"bai2": "bai2", "mt940": "sta", "camt": "xml"}[name]
    data = (ROOT / "fixtures/problems" / f"BALANCE_WRONG.{ending}").read_bytes()
    fmt = shipped(name)
    told = try_file(fmt, io.BytesIO(data))["problems"]
    found = judge(lambda: io.BytesIO(data), fmt, "0" * 16, 100).problems
    assert "BALANCE_WRONG" in [problem["code"] for problem in told]
    assert [(one["code"], one["line"], one["field"], one["message"]) for one in told] == [
        (one.code, one.line, one.field, one.message) for one in found
    ]


def test_a_waived_balance_is_a_warning() -> None:
    """What the bank's format file waives is told and holds nothing, as any other control."""
    data = (ROOT / "fixtures/problems/BALANCE_WRONG.bai2").read_bytes()
    fmt = replace(shipped("bai2"), waives=frozenset({"BALANCE_WRONG"}))
    (problem,) = try_file(fmt, io.BytesIO(data))["problems"]
    assert (problem["code"], problem["severity"]) == ("CONTROL_WAIVED", "warning")
    assert "1005.01" in problem["message"]


def test_a_format_may_claim_by_what_stands_anywhere_in_the_first_bytes() -> None:
    text = SMALL.replace('first_line = "id,"', "contains = '(?m)^id,'")
    formats = Formats([read_format(text, "shop.toml")])
    assert formats.identify("card", "x.csv", b"Title\r\nid,paid\r\n").format is not None
    refused = formats.identify("card", "x.csv", b"Title\r\npaid,id,\r\n")
    assert refused.code == "UNKNOWN_FORMAT"
    assert "hold nothing like" in refused.reasons[0]
