"""Names are compared without case, accents, marks, order and words that say nothing."""

import numpy as np
import pyarrow as pa
import pytest

from recond.matching.names import alike, normalise_name, normalise_names
from recond.matching.namesearch import PAIRS, RARE, sharing


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Sample, Jane", "JANE SAMPLE"),
        ("JANE  SAMPLE", "JANE SAMPLE"),
        ("Seán O'Brien & Co., LLC", "OBRIEN SEAN"),
        ("O’Brien Sean", "OBRIEN SEAN"),
        ("A.B.C. Plumbing Inc", "ABC PLUMBING"),
        ("Müller", "MULLER"),
        ("Straße 7", "7 STRASSE"),
        ("李 小龍", "小龍 李"),
        ("LLC", None),
        ("  ", None),
        ("", None),
        (None, None),
    ],
)
def test_forms(written: str | None, compared: str | None) -> None:
    assert normalise_name(written) == compared


def test_columns_keep_their_length_and_places() -> None:
    names = pa.chunked_array([["b a", None], ["Inc", "c"]])
    assert normalise_names(names).to_pylist() == ["A B", None, None, "C"]
    assert normalise_names(pa.array([], pa.string())).to_pylist() == []


def test_a_slice_is_read_as_itself() -> None:
    assert normalise_names(pa.array(["x", "b a", "z"]).slice(1, 1)).to_pylist() == ["A B"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Sampel, Jane", "SAMPLE JANE", True),  # swapped, misspelt
        ("J SAMPLE", "Sample, Jane", True),  # an initial
        ("JANE M SAMPLE", "Sample, Jane Marie", True),
        ("JANE & JOHN SAMPLE", "SAMPLE JANE", True),  # a second person
        ("JANE OR JOHN SAMPLE", "Sample, John", True),
        ("OCOTILLO TRADING COMPA", "Ocotillo Trading Company LLC", True),  # 22 letters
        ("SAGUARO LANDSCAPE MAIN", "Saguaro Landscape Maintenance Inc", True),
        ("MESA VIEW RENT", "Mesa View Rentals", True),
        ("SAMPLE", "Sample, Jane", False),  # a surname alone
        ("J S", "Sample, Jane", False),  # initials alone
        ("JOHN SAMPLE", "Sample, Jane", False),
        ("JANE SAMPLES-ORTEGA", "Ortega, Maria", False),
        ("OCOTILLO HOLDINGS", "Ocotillo Trading LLC", False),
        ("J REYES", "Sample, Jane", False),
        ("", "Sample, Jane", False),
        (None, None, False),
    ],
)
def test_names_that_may_be_one_payers(one: str | None, other: str | None, same: bool) -> None:
    keys = normalise_name(one), normalise_name(other)
    assert alike(*keys) is same
    assert alike(*reversed(keys)) is same


# Everybody is a JOHN or a SMITH; one is both.
COMMON = [f"JOHN OTHER{n}" for n in range(RARE + 10)] + [f"MARY{n} SMITH" for n in range(RARE + 10)]
CITY = pa.array([*COMMON, "JOHN SMITH", "ADA QUILL", "JOHN JOHN"], pa.string())


def pairs(asked: list[str | None], agreeing: list[tuple[int, int]] | None = None) -> set[object]:
    keys = np.array([one * len(CITY) + other for one, other in agreeing or []], np.int64)
    found = sharing(pa.array(asked, pa.string()), CITY, keys)
    return {(one, CITY[other].as_py()) for one, other in zip(*map(list, found), strict=True)}


def test_two_common_words_together_are_rare() -> None:
    assert pairs(["JOHN SMITH"]) == {(0, "JOHN SMITH")}


@pytest.mark.parametrize("payer", ["JOHN SMIHT", "J SMITH", "JOHN SM", "JHON X SMITH"])
def test_a_common_word_and_the_first_letter_of_another_are_enough(payer: str) -> None:
    assert (0, "JOHN SMITH") in pairs([payer])
    assert len(pairs([payer])) < RARE


@pytest.mark.parametrize(
    "payer", ["JOHNSMITH", "JOHNS MITH", "SMITJ OHNH", "KOHN SMITH", "JOHN MSMITH", "JOHN SMIH"]
)
def test_names_of_which_one_letter_differs_are_found_by_their_letters(payer: str) -> None:
    assert pairs([payer]) == {(0, "JOHN SMITH")}


@pytest.mark.parametrize("payer", ["KOHN SMIHH", "XOHNS MITHX", "ADAQ UIX"])
def test_names_of_which_two_letters_differ_are_not(payer: str) -> None:
    assert pairs([payer]) == set()


def test_short_names_are_not_compared_by_their_letters() -> None:
    short = pa.array(["AL POE", "MARY POE"], pa.string())
    found = sharing(pa.array(["POA LE", "RAMY OPE"]), short)
    assert list(zip(*map(list, found), strict=True)) == [(1, 1)]


def test_one_rare_word_is_enough_and_one_common_word_is_not() -> None:
    found = pairs(["QUILL", "SMITH", None, "XX"])
    assert found == {(0, "ADA QUILL")}


def test_one_common_word_and_something_else_that_agrees_are_enough() -> None:
    other = CITY.index("MARY7 SMITH").as_py()
    found = pairs(
        ["XAVER SMITH", "XAVER SMITH"], [(1, other), (1, CITY.index("ADA QUILL").as_py())]
    )
    assert found == {(1, "MARY7 SMITH")}


def test_many_names_are_looked_at_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["JOHN SMITH", "ADA QUILL", "SMITH JOHN", "QUILL ADA"]
    whole = pairs(asked)
    monkeypatch.setattr("recond.matching.namesearch.PAIRS", 7)
    assert PAIRS > 7
    assert pairs(asked) == whole
    assert len(whole) == 4


def test_nobody_to_compare_with() -> None:
    found = sharing(pa.array(["JOHN SMITH"]), pa.array([], pa.string()))
    assert [len(side) for side in found] == [0, 0]
