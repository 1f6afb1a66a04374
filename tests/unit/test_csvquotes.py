"""Quotes of a delimited block, all lines at once, held against reading it record by record."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recond.parsers import csvquotes, csvscan
from recond.parsers.csvscan import Records, read_records
from tests.unit import csvoracle

# Pieces that make fields open, close, go on over lines and go wrong more often than letters do.
PIECES = st.sampled_from(
    ['"', '""', ",", "a", "\n", "\r\n", "\r", '","', '"\n"', 'a"', '"b', ',"', '",', '"""', ',""']
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=30).map("".join),
    st.lists(PIECES, max_size=30).map(lambda pieces: "".join(['"q"z\n', *pieces])),  # by lines
    st.text(st.sampled_from('",a\n\ré'), max_size=20),
)


@contextmanager
def longest(size: int) -> Iterator[None]:
    """Fields and records of so many bytes are as long as any may be."""
    with patch.object(csvquotes, "LONGEST", size), patch.object(csvoracle, "LONGEST", size):
        yield


def at_once(data: bytes, *, final: bool) -> Records:
    view = np.frombuffer(data, dtype=np.uint8)
    runs = csvquotes.quote_runs(view, ord('"'), ord(","))
    return csvscan.scan(view, ",", runs, final=final, line=7, offset=3)


def said(records: Records) -> dict[str, object]:
    values = {field.name: getattr(records, field.name) for field in fields(Records)}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.booleans(), st.sampled_from([1, 2, 3, 5, 9, 1 << 16]))
@example('"a\n","\n"b\n', True, 1 << 16)  # a line that ends one record and opens the next
@example('"a\n"","\nb","', False, 1 << 16)
@example('"q"z\n"a\nb","d\ne"\nf\n', True, 1 << 16)  # a line inside would open one, too
@example('"a\nb"c,"\n"\n', True, 1 << 16)  # a fault in the second line ends with the first
def test_a_block_is_what_it_is_record_by_record(text: str, final: bool, most: int) -> None:
    data = text.encode()
    view = np.frombuffer(data, dtype=np.uint8)
    with longest(most):
        found = at_once(data, final=final)
        assert said(found) == said(csvoracle.scanned(view, ",", '"', final=final, line=7, offset=3))


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(1, 40))
def test_a_file_is_the_same_in_blocks_of_any_size(text: str, block: int) -> None:
    data = text.encode()
    whole = csvoracle.scanned(np.frombuffer(data, dtype=np.uint8), ",", '"', final=True)
    rows, places = [], []
    for records in read_records(io.BytesIO(data), ",", '"', block):
        rows += [(int(line), records.values(row)) for row, line in enumerate(records.lines)]
        wrong = [records.fault(row) for row in range(len(records.starts))]
        places += [fault.position + records.offset for fault in wrong if fault]
    assert rows == [(int(n), whole.values(row)) for row, n in enumerate(whole.lines)]
    assert places == whole.places.tolist()


@pytest.mark.parametrize("text", ['A"B,C\n', 'A",B\n', 'a"b""c"\n'])
def test_quotes_within_plain_fields_are_read_as_if_they_were_letters(text: str) -> None:
    with patch.object(csvscan, "scan", side_effect=AssertionError):
        (found,) = read_records(io.BytesIO(text.encode() * 3), ",", '"')
    assert found.values(1) == text.rstrip("\n").encode().split(b",")


def test_lines_that_each_open_a_field_to_the_end_are_read_once() -> None:
    """Record by record each of them would be read to the end of the block again: hours."""
    found = at_once(b'"a\n' + b'b","c\n' * 100_000, final=True)
    assert len(found.starts) == len(found.faulty) == 100_001
    assert found.places[-1] == len(found.data) - 3
