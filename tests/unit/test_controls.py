"""Controls: declared against found at every level."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from recond.controls import REQUIRED, compare
from recond.model import CONTROLS

ROW = {
    "code": "BATCH_TOTAL_WRONG", "batch_ord": 1, "measure": "batch 001", "unit": "cents",
    "declared": 3418225, "found": 3407225, "line": 9, "byte_offset": 812, "field": "24-33",
}  # fmt: skip


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([{**ROW, **row} for row in rows], schema=CONTROLS)


def test_a_wrong_batch_total_says_both_figures_and_the_difference() -> None:
    (problem,) = compare(table({}), frozenset())
    assert problem.code == "BATCH_TOTAL_WRONG"
    assert problem.message == (
        "batch 001: declares 34,182.25, holds 34,072.25, difference 110.00; "
        "ask the bank for a corrected file or accept the batch as found"
    )
    assert (problem.line, problem.byte_offset, problem.field) == (9, 812, "24-33")
    assert problem.batch_ord == 1


def test_one_cent_is_a_difference_and_equality_is_none() -> None:
    rows = table({"found": 3418224}, {"found": 3418225}, {"found": 3418226})
    messages = [p.message for p in compare(rows, frozenset())]
    assert len(messages) == 2
    assert "difference 0.01;" in messages[0]
    assert "difference -0.01;" in messages[1]


def test_a_blank_figure_is_compared_only_where_it_is_required() -> None:
    blank = {"declared": None}
    assert compare(table(blank), frozenset()) == []
    (problem,) = compare(table({**blank, "measure": "batch 001" + REQUIRED}), frozenset())
    assert problem.message.startswith("batch 001: declares nothing, holds 34,072.25; ask")


def test_what_could_not_be_found_is_no_proof() -> None:
    (problem,) = compare(table({"found": None}), frozenset())
    assert "declares 34,182.25, holds nothing that can be compared" in problem.message
    assert compare(table({"found": None, "declared": None}), frozenset()) == []


def test_a_file_count_is_a_number_and_a_hash_has_no_commas() -> None:
    rows = table(
        {"code": "FILE_COUNT_WRONG", "batch_ord": None, "unit": "count", "measure": "records",
         "declared": 1002, "found": 1001},
        {"code": "FILE_HASH_WRONG", "batch_ord": None, "unit": "hash", "measure": "entry hash",
         "declared": 23138010, "found": 23138011},
    )  # fmt: skip
    count, digest = compare(rows, frozenset())
    assert "declares 1,002, holds 1,001, difference 1; " in count.message
    assert count.message.endswith("accept the file as found")
    assert "declares 23138010, holds 23138011" in digest.message
    assert count.batch_ord is None


def test_a_waived_control_is_shown_and_accepted() -> None:
    rows = table({}, {"code": "FILE_TOTAL_WRONG"})
    waived, wrong = compare(rows, frozenset({"BATCH_TOTAL_WRONG"}))
    assert waived.code == "CONTROL_WAIVED"
    assert "waives BATCH_TOTAL_WRONG" in waived.message
    assert "difference 110.00" in waived.message
    assert wrong.code == "FILE_TOTAL_WRONG"


def test_no_controls_no_problems() -> None:
    assert compare(CONTROLS.empty_table(), frozenset()) == []
