"""What several verbs share: dry runs, the bar, rows of the files dataset."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from recond import render
from recond.exports.datasets import dataset
from recond.pipeline.process import Progress
from recond.pipeline.run import Run
from recond.store import schema


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on stderr while a person looks on, silence otherwise."""
    if not sys.stderr.isatty():
        yield lambda words, done, count: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1)

        def show(words: str, done: int, count: int) -> None:
            bar.update(task, description=words, completed=done, total=count)

        yield show


def print_table(table: pa.Table, as_json: bool, right: tuple[str, ...] | list[str] = ()) -> None:
    rows = table.to_pylist()
    if as_json:
        render.json_lines(rows)
    else:
        render.text(render.columns(rows, table.column_names, right=right))


def problems_of(connection: Connection, file_no: int) -> list[dict[str, Any]]:
    problem = schema.problem.c
    rows = connection.execute(
        select(
            problem.code, problem.severity, problem.line, problem.field, problem.message,
            problem.byte_offset,
        )
        .where(problem.file_no == file_no)
        .order_by(problem.problem_no)
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def whole(connection: Connection, run: Run, name: str, as_of: dt.date | None = None) -> pa.Table:
    return dataset(connection, name, today=as_of or run.today)
