"""Row keys survive a spreadsheet and notice what a person or a fill-drag does to them."""

from hypothesis import given
from hypothesis import strategies as st

from recond.exceptions.questions import (
    CROCKFORD,
    check_character,
    exception_id,
    read_row_key,
    row_key,
)

STEMS = st.text(CROCKFORD, min_size=7, max_size=7)


def test_ids_are_made_of_content_only() -> None:
    first = exception_id("NO_REFERENCE", "R0123-1")
    assert first == exception_id("NO_REFERENCE", "R0123-1")
    assert first != exception_id("NO_REFERENCE", "R0123-2")
    assert first != exception_id("ACCOUNT_NOT_FOUND", "R0123-1")
    assert first[0] == "X"
    assert len(first) == 13
    assert set(first[1:]) <= set(CROCKFORD)


@given(STEMS, st.integers(1, 999))
def test_a_row_key_reads_back(stem: str, version: int) -> None:
    key = row_key("X" + stem + "00000", version)
    assert read_row_key(key) == ("X" + stem, version)
    assert read_row_key(f" {key.lower()} ") == ("X" + stem, version)


@given(STEMS, st.integers(0, 6), st.sampled_from(CROCKFORD))
def test_one_wrong_character_is_noticed(stem: str, place: int, other: str) -> None:
    wrong = stem[:place] + other + stem[place + 1 :]
    assert (check_character(wrong) == check_character(stem)) == (wrong == stem)


@given(STEMS, st.integers(0, 5))
def test_swapped_neighbours_are_noticed(stem: str, place: int) -> None:
    swapped = stem[:place] + stem[place + 1] + stem[place] + stem[place + 2 :]
    assert (check_character(swapped) == check_character(stem)) == (swapped == stem)


def test_what_is_no_row_key_is_none() -> None:
    good = row_key("X7K2M9QF00000", 3)
    for text in ("", "RX", good[:-2], good + "-1", good.replace("RX", "RY"), "RX-7K2M9QI0-3"):
        assert read_row_key(text) is None
    stem = good.split("-")[1]
    for version in ("", "x", "²", "٣", "1_0", "9" * 10):
        assert read_row_key(f"RX-{stem}-{version}") is None
