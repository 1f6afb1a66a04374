"""What is asked about a file that was taken: of the whole file, of batches, of single records."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from recond import ids
from recond.exceptions.codes import CODES
from recond.exceptions.desk import Question
from recond.model import Problem
from recond.pipeline.reading import Reading
from recond.pipeline.recognition import Arrived
from recond.store import schema

PROBLEM_WORDS = 400  # characters of a message that cites a problem


def cite(problems: Sequence[Problem]) -> str:
    """The first problem in words, with its place, and how many others there are."""
    first = problems[0]
    place = f"line {first.line}: " if first.line else ""
    words = f"{place}{first.message}"
    if len(words) > PROBLEM_WORDS:
        words = words[:PROBLEM_WORDS] + "…"
    others = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{first.code}: {words}{others}"


def file_questions(arrived: Arrived, file_id: str, reading: Reading) -> list[Question]:
    """One question for each problem of a file that is accepted and asked about."""
    doubts = [
        problem
        for problem in reading.problems
        if (CODES[problem.code].scope, CODES[problem.code].severity) == ("FILE", "question")
    ]
    return [
        Question(
            problem.code,
            f"{file_id}/{problem.code}/{problem.byte_offset}",
            f"{arrived.name}: {cite([problem])}",
            file_no=arrived.file_no,
        )
        for problem in doubts
    ]


def batch_questions(
    arrived: Arrived,
    file_id: str,
    reading: Reading,
    severities: Collection[str] = ("error", "question"),
) -> list[Question]:
    """One question a held batch (an error), one a batch with records that wait, one a doubtful
    record. Of a file that was held and is accepted as found only questions are asked."""
    asked: dict[tuple[str, int], Question] = {}
    labels = dict(
        zip(
            reading.batches["batch_ord"].to_pylist(),
            reading.batches["found_cents"].to_pylist(),
            strict=True,
        )
    )
    for problem in reading.problems:
        code = CODES[problem.code]
        if code.scope != "BATCH" or code.severity not in severities:
            continue
        batch = problem.batch_ord or 0
        key = (code.severity, batch)
        if key in asked:
            continue
        asked[key] = Question(
            problem.code,
            f"{file_id}/{batch}",
            f"{arrived.name}: {cite([problem])}",
            labels.get(batch) if code.severity == "error" else None,
            file_no=arrived.file_no,
            batch_ord=batch,
        )
    for problem in reading.problems:
        code = CODES[problem.code]
        if code.scope == "ITEM" and problem.ordinal is not None and code.severity == "question":
            receipt = ids.receipt_id(file_id, problem.ordinal)
            asked[problem.code, -problem.ordinal] = Question(
                problem.code,
                receipt,
                f"{arrived.name}: {cite([problem])}",
                file_no=arrived.file_no,
                receipt_no=schema.receipt_key(arrived.file_no, problem.ordinal),
            )
    return list(asked.values())
