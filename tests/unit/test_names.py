"""Names are compared without case, accents, marks, order and words that say nothing."""

import pyarrow as pa
import pytest

from recond.matching.names import alike, normalise_name, normalise_names


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
