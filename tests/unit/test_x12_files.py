"""X12 820 and 823 files: golden fixtures, controls, damage, wrappers, samples and pyx12."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.exceptions.codes import CODES
from recond.parsers import x12_reader
from recond.parsers.x12_amounts import decimal_cents, span_cents
from tests.unit.reading import ROOT, read, rows, summary
from tests.unit.x12files import advice, check, interchange, lockbox

CASES = sorted((ROOT / "fixtures" / "x12").glob("*.82?"))
FAULTS = sorted((ROOT / "fixtures" / "problems").glob("*.x12"))
TWO = ("RMR*IV*WA-1*PI*100.00", "RMR*IV*SE-2*PI*4.00")
SMALL_820 = interchange(advice(*TWO))
SMALL_823 = interchange(
    lockbox(
        [[check(10000, "RMR*IV*WA-1*PI*100.00"), check(400, "RMR*IV*SE-2*PI*4.00", trace="5002")]],
        "104.00", ["104.00"],
    ),
    group="LB",
)  # fmt: skip


def test_an_interchange_that_is_a_test_or_stands_twice_holds_its_file() -> None:
    for name, one in (("x12_820", SMALL_820), ("x12_823", SMALL_823)):
        trial = read(name, one.replace(b"*P*>", b"*T*>"))
        assert trial.codes("error") == ["HEADER_WRONG"]
        assert trial.told("HEADER_WRONG").field == "ISA15"
        two = one.replace(b"000000001", b"000000002")
        assert read(name, one + two).codes("error") == []
        twice = read(name, one + two + one)
        assert twice.codes("error") == ["TRANSMISSION_CONFLICT"]
        assert twice.told("TRANSMISSION_CONFLICT").field == "ISA13"


def test_a_check_outside_of_any_set_is_no_check_and_moves_none() -> None:
    stray = b"BPR*C*9.00*C*CHK**01*021000021*DA*566000001~\nRMR*IV*WA-9**9.00~\n"
    one, two = SMALL_823, SMALL_823.replace(b"000000001", b"000000002")
    result = read("x12_823", one + stray + two + one.replace(b"000000001", b"000000003"))
    assert result.codes("error") == ["FILE_STRUCTURE"]
    assert [row["amount_cents"] for row in rows(result)["receipts"]] == [10000, 400] * 3
    told = rows(result)["remittances"]
    assert [(row["ordinal"], row["reference"]) for row in told] == [
        (at, "WA-1" if at % 2 else "SE-2") for at in range(1, 7)
    ]


def test_a_set_number_that_stands_twice_in_its_group_holds_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sets = [advice(*TWO, trace=str(n), number=f"000{1 + n % 2}") for n in range(4)]
    data = interchange(*sets)
    for block in (x12_reader.BLOCK, 300):
        monkeypatch.setattr(x12_reader, "BLOCK", block)
        result = read("x12_820", data)
        assert result.codes() == ["SET_REPEATED"]
        again = [data.rindex(b"ST*820*0001~"), data.rindex(b"ST*820*0002~")]
        assert [problem.byte_offset for problem in result.problems] == again
        assert result.told("SET_REPEATED").field == "ST02"
        # in another group the numbers begin anew; the two sets behind it stand there alone
        third = data.index(b"ST*820*0001~", data.index(b"ST*820*0002~"))
        apart = data[:third] + b"GE*2*7~GS*RA*A*B*20260316*0630*8*X*005010~" + data[third:]
        assert "SET_REPEATED" not in read("x12_820", apart).codes()


def of(path: Path) -> str:
    return "x12_823" if path.suffix == ".823" or b"ST*823" in path.read_bytes() else "x12_820"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_a_fixture_reads_as_expected(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert summary(read(of(path), path.read_bytes())) == expected


def test_there_are_fixtures() -> None:
    assert (len(CASES), len(FAULTS)) == (6, 14)


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_a_problem_fixture_raises_its_problem_and_no_other(path: Path) -> None:
    result = read(of(path), path.read_bytes())
    assert result.codes() == [path.stem]
    problem = result.told(path.stem)
    if CODES[path.stem].scope == "BATCH":
        assert problem.batch_ord == 1
    if path.stem != "ACKNOWLEDGEMENT":
        assert problem.line
        assert problem.byte_offset is not None
        assert problem.field


# --- the rule of sums -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "total", "netted", "codes"),
    [
        (("RMR*IV*A**90.00", "ADX*-10.00*59", "RMR*IV*B**14.00"), "104.00", False, []),
        (("RMR*IV*A**100.00", "ADX*-10.00*59", "RMR*IV*B**14.00"), "104.00", True, []),
        (("ADX*-6*59", "RMR*IV*A**100.00", "RMR*IV*B**10.00"), "104.00", False, []),
        (("ADX*-6*59", "RMR*IV*A**100.00", "ADX*1*59", "RMR*IV*B**9"), "104.00", True, []),
        (("RMR*IV*A**100.00", "ENT*2", "ADX*4*59"), "104.00", False, []),
        (("RMR*IV*A", "RMR*IV*B"), "104.00", False, []),
        (("RMR*IV*A", "RMR*IV*B**4.00"), "104.00", False, ["ADVICE_SUM_WRONG"]),
        (("RMR*IV*A**100.00",), "104.00", False, ["ADVICE_SUM_WRONG"]),
        (("RMR*IV*A**100.00", "ADX*3.99*59"), "104.00", False, ["ADVICE_SUM_WRONG"]),
        (("RMR*IV*A**1,04",), "104.00", False, ["BATCH_UNREADABLE"]),
        (("RMR*IV***104.00",), "104.00", False, ["BATCH_UNREADABLE"]),
        (("RMR*IV*????**104.00",), "104.00", False, ["BATCH_UNREADABLE"]),
        (("RMR*IV*A**104.00",), "1?4.00", False, ["BATCH_UNREADABLE"]),
    ],
)
def test_lines_make_the_payment_in_three_steps(
    lines: tuple[str, ...], total: str, netted: bool, codes: list[str]
) -> None:
    result = read("x12_820", interchange(advice(*lines, total=total)))
    assert [
        code for code in result.codes() if code != "ADVICE_SUM_WRONG" or codes == [code]
    ] == codes
    assert result.rows("advices")[0]["netted"] == netted


def test_an_820_without_payment_order_or_for_a_debit_is_held() -> None:
    body = advice(*TWO)
    without = [body[0], *body[2:-1], f"SE*{len(body) - 1}*0001"]
    assert read("x12_820", interchange(without)).codes("error") == ["BATCH_UNREADABLE"]
    debit = [part.replace("*C*ACH", "*D*ACH") for part in body]
    assert read("x12_820", interchange(debit)).codes("error") == ["BATCH_STRUCTURE"]
    twice = [*body[:2], *body[1:-1], f"SE*{len(body) + 1}*0001"]
    assert read("x12_820", interchange(twice)).codes("error") == ["FILE_STRUCTURE"]


AMOUNTS = st.integers(0, 9_999_999).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")


@given(
    st.lists(st.text("-.0123456789", max_size=22), min_size=1, max_size=8)
    | st.lists(AMOUNTS | st.text(".0123456789/:", min_size=4, max_size=8), min_size=1, max_size=3)
)
def test_columns_of_decimals_are_read_as_one_by_one(texts: list[str]) -> None:
    data = np.frombuffer("*".join(texts).encode() + b"*", np.uint8)
    ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    starts = np.concatenate([[0], ends[:-1] + 1])
    cents, bad = span_cents(data, starts, ends)
    exact = [decimal_cents(text) for text in texts]
    assert bad.tolist() == [one is None for one in exact]
    assert cents.tolist() == [one or 0 for one in exact]


# --- 823 ------------------------------------------------------------------------------------------


def test_a_lockbox_batch_that_is_wrong_is_held_alone_and_a_deposit_whole() -> None:
    batches = [[check(10000, "RMR*IV*A")], [check(5000, "RMR*IV*B")]]

    def held(total: str, batch_totals: list[str], **more: Any) -> list[tuple[str, int | None]]:
        data = interchange(lockbox(batches, total, batch_totals, **more), group="LB")
        return [(p.code, p.batch_ord) for p in read("x12_823", data).problems]

    assert held("150.00", ["100.00", "50.00"]) == []
    assert held("150.01", ["100.00", "50.01"]) == [("BATCH_TOTAL_WRONG", 2)]
    wrong = [("DEPOSIT_TOTAL_WRONG", 1), ("DEPOSIT_TOTAL_WRONG", 2)]
    assert held("150.01", ["100.00", "50.00"]) == wrong
    assert held("150.00", ["100.00", "50.00"], counts=(3, 2)) == [
        ("DEPOSIT_COUNT_WRONG", 1), ("DEPOSIT_COUNT_WRONG", 2),
    ]  # fmt: skip
    assert held("150.00", ["100.00", "50.00"], count=99) == [
        ("SET_COUNT_WRONG", 1), ("SET_COUNT_WRONG", 2),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [90, 333, 1 << 20])
def test_a_wrong_set_holds_its_own_batches_and_no_others(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of three sets is wrong, in count or number; blocks cut the file anywhere."""
    monkeypatch.setattr(x12_reader, "BLOCK", size)
    sets = [
        lockbox([[check(100 * n, "RMR*IV*A")], [check(n, "RMR*IV*B")]], f"{n}.0{n}",
                [f"{n}.00", f"0.0{n}"], number=f"000{n}")
        for n in (1, 2, 3)
    ]  # fmt: skip
    ends = {"SET_COUNT_WRONG": "SE*99*0002", "SET_NUMBER_WRONG": f"SE*{len(sets[1])}*0009"}
    for code, end in ends.items():
        data = interchange(sets[0], [*sets[1][:-1], end], sets[2], group="LB")
        problems = read("x12_823", data).problems
        assert [(p.code, p.batch_ord) for p in problems] == [(code, 3), (code, 4)]
    explained = [advice(*TWO, number=f"000{n}", trace=f"T{n}") for n in (1, 2, 3)]
    wrong = interchange(explained[0], [*explained[1][:-1], "SE*99*0002"], explained[2])
    problems = read("x12_820", wrong).problems
    assert [(p.code, p.batch_ord) for p in problems] == [("SET_COUNT_WRONG", 2)]


def test_a_wrong_set_without_batches_holds_the_file() -> None:
    """Its batches may be what is missing: no batch is left that could be held."""
    good = lockbox([[check(10000, "RMR*IV*A")]], "100.00", ["100.00"])
    for end, code in (("SE*9*0002", "FILE_COUNT_WRONG"), ("SE*3*0009", "FILE_STRUCTURE")):
        empty = ["ST*823*0002", "N1*DO*FIRST BANK*9*0210000210", end]
        (problem,) = read("x12_823", interchange(good, empty, group="LB")).problems
        assert (problem.code, problem.batch_ord, problem.field) == (code, None, end[:2] + (
            "01" if "9*0002" in end else "02"))  # fmt: skip


def test_a_deposit_without_batches_is_one_batch_and_needs_its_total() -> None:
    body = lockbox([[check(10000, "RMR*IV*A")]], "100.00", ["100.00"])
    flat = [part for part in body[:-1] if part[:3] != "BAT" and part != "AMT*2*100.00"]
    flat.remove("QTY*42*1")
    good = read("x12_823", interchange([*flat, f"SE*{len(flat) + 1}*0001"], group="LB"))
    assert good.codes() == []
    assert [row["batch"] for row in good.rows("receipts")] == ["0012345"]
    bare = [part for part in flat if part[:3] != "AMT"]
    wrong = read("x12_823", interchange([*bare, f"SE*{len(bare) + 1}*0001"], group="LB"))
    assert wrong.codes() == ["DEPOSIT_TOTAL_WRONG"]


def test_a_debit_or_an_unreadable_check_holds_its_batch() -> None:
    for one, code in (
        (check(10000, "RMR*IV*A", direction="D"), "BATCH_STRUCTURE"),
        ([part.replace("100.00", "1OO") for part in check(10000, "RMR*IV*A")], "BATCH_UNREADABLE"),
    ):
        result = read("x12_823", interchange(lockbox([[one]], "100.00", ["100.00"]), group="LB"))
        assert result.told(code).batch_ord == 1


# --- wrappers and damage --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x12_820", "x12_823"])
def test_line_ends_delimiters_and_padding_change_nothing(name: str) -> None:
    def made(**more: Any) -> bytes:
        if name == "x12_820":
            return interchange(advice(*TWO), **more)
        body = lockbox([[check(10000, "RMR*IV*WA-1*PI*100.00")]], "100.00", ["100.00"])
        return interchange(body, group="LB", **more)

    first = read(name, made())
    for more in (
        {"newline": "\r\n"}, {"newline": "\n"}, {"segment": "\n"}, {"segment": "\r\n"},
        {"segment": "\r"}, {"element": "|", "segment": "\\"}, {"padded": False},
        {"element": "\xa6", "segment": "\x1c"},
    ):  # fmt: skip
        other = read(name, made(**more))
        assert rows(other, places=False) == rows(first, places=False), more
        assert other.codes() == (["RECORD_DEVIATES"] if more == {"padded": False} else []), more
        assert other.transmission == first.transmission, more


@pytest.mark.parametrize("size", [90, 128, 200, 333])
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_blocks_of_any_size_read_the_same(
    path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = path.read_bytes()
    whole = read(of(path), data)
    monkeypatch.setattr(x12_reader, "BLOCK", size)
    parts = read(of(path), data)
    assert summary(parts) == summary(whole)
    assert parts.transmission == whole.transmission


@pytest.mark.parametrize("size", [100, 137, 1 << 20])
@pytest.mark.parametrize("end", ["~", "\n", "\r\n"])
@pytest.mark.parametrize("gap", ["  ", "\n \n", "~", "~\n~\r\n "])
def test_what_stands_between_segments_is_no_content(
    gap: str, end: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap = gap.replace("~", end)
    first = read("x12_820", SMALL_820)
    monkeypatch.setattr(x12_reader, "BLOCK", size)
    wide = interchange(advice(*TWO), segment=end, newline=gap)
    other = read("x12_820", wide)
    assert rows(other, places=False) == rows(first, places=False)
    assert other.codes() == []
    assert other.transmission == first.transmission


@given(
    st.sampled_from(["", "\n", "\r", "  ", "\r\n"]),
    st.sampled_from(["\n", "\r\n"]),
    st.dictionaries(st.integers(0, 12), st.sampled_from(["", "\n", "\r\n", " \n", "\n\n", "\r"])),
)
def test_a_line_is_known_whatever_ends_it(first: str, usual: str, other: dict[int, str]) -> None:
    gaps = [other.get(at, usual) for at in range(13)]
    parts = SMALL_820.decode().split("~")[:-1]
    text = first + "".join(one + "~" + gap for one, gap in zip(parts, gaps, strict=True))
    found = read("x12_820", text.encode())
    assert not found.codes("error")
    lines = [(one["line"], one["byte_offset"]) for one in found.rows("advice_lines")]
    places = [text.index("RMR*IV*WA"), text.index("RMR*IV*SE")]
    if gaps[0][:1] in ("\r", "\n"):  # else segments are counted
        assert lines == [(1 + text.count("\n", 0, at), at) for at in places]


@pytest.mark.parametrize("kind", ["unknown", "loose", "other"])
def test_problems_are_all_counted_whatever_a_block_is(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = {
        "unknown": [advice(*TWO, *["ZZZ*1"] * 60)],
        "loose": [advice(*TWO), *[["REF*XX*1"]] * 60],
        "other": [["ST*835*0001", "LX*1", "SE*3*0001"]] * 60,
    }[kind]
    data = interchange(*sets, group_count=60)
    told = []
    for size in (200, 1 << 20):
        monkeypatch.setattr(x12_reader, "BLOCK", size)
        told.append(sorted(problem.message for problem in read("x12_820", data).problems))
    assert told[0] == told[1]
    assert [one for one in told[0] if one.startswith("35 more problems of this kind")]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    read("x12_820", data)
    read("x12_820", SMALL_820[:106] + data)
    read("x12_823", SMALL_823[:230] + data + SMALL_823[230:])


def test_a_segment_without_end_is_refused_and_not_kept_in_memory() -> None:
    result = read("x12_820", SMALL_820[:106] + b"A" * (3 << 20))
    assert result.codes("error") == ["RECORD_TOO_LONG"]


# --- identification, samples, pyx12 ---------------------------------------------------------------


def test_formats_do_not_claim_each_others_files() -> None:
    from recond.formats import Formats
    from tests.unit.reading import shipped

    formats = Formats(shipped(path.stem) for path in (ROOT / "formats").glob("*.toml"))
    for path in [*CASES, *FAULTS]:
        found = formats.identify("ach", path.name, path.read_bytes())
        assert found.format is not None, found.reasons
        assert found.format.name == of(path)


HELD = {"x12_multiple_isa.txt": "SET_NOT_READ", "x12_valid.txt": "SET_NOT_READ",
        "835_mult_loops.txt": "SET_NOT_READ", "x12_no_isa_line.txt": "HEADER_WRONG",
        "achIncome_empty_test.txt": "EMPTY_FILE"}  # fmt: skip


def test_every_sample_is_what_the_manifest_says_or_refused_with_its_reason(samples: Path) -> None:
    with (samples / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        manifest = [row for row in csv.DictReader(lines, delimiter="\t") if row["format"] == "x12"]
    assert len(manifest) == 7
    for row in manifest:
        path = samples / row["path"]
        result = read("x12_820", path.read_bytes())
        if path.name in HELD:
            assert HELD[path.name] in result.codes("error")
            continue
        assert result.codes("error") == []
        facts = [
            one for one in json.loads(row["expected_facts_json"])["sets"] if one["id"] == "820"
        ]
        told = [
            (one["amount_cents"], one["lines"], one["netted"]) for one in result.rows("advices")
        ]
        assert told == [(decimal_cents(one["bpr"]), one["rmr"], False) for one in facts]


@pytest.mark.parametrize("path", [*CASES, *FAULTS], ids=lambda path: path.name)
def test_pyx12_counts_the_same_envelopes(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyx12.x12file import X12Reader

    data = path.read_bytes()
    if b"two-inter" in path.name.encode():
        pytest.skip("pyx12 reads no interchange whose ISA is not padded")
    found = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = X12Reader(io.StringIO(data.decode("ascii")))
        for _ in reader:
            found |= {one[:2] for one in reader.pop_errors()}
        reader.cleanup()
        found |= {one[:2] for one in reader.pop_errors()}
    ours = set(read(of(path), data).codes()) & set(PEER.values())
    assert {PEER[one] for one in found if one in PEER} == ours


# pyx12's codes of envelope errors, and ours.
PEER = {
    ("isa", "021"): "INTERCHANGE_COUNT_WRONG", ("isa", "001"): "INTERCHANGE_NUMBER_WRONG",
    ("gs", "5"): "GROUP_COUNT_WRONG", ("gs", "4"): "GROUP_NUMBER_WRONG",
    ("st", "4"): "SET_COUNT_WRONG", ("st", "3"): "SET_NUMBER_WRONG",
}  # fmt: skip
