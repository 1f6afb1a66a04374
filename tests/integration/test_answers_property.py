"""Any sequence of exports, edits, drops, re-drops, crashes, approvals and undoings, by several
people, leaves each question with at most one effect a version, and every cent in one place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from office import Office, check, lockbox_file, receivable, receivables_csv
from queueoffice import Cells, Desk, balanced
from sqlalchemy import func, select

from recond import durable
from recond.errors import RefusedError
from recond.exceptions import imports
from recond.exceptions.decisions import requests
from recond.pipeline import worklists
from recond.store import schema

X, Y = "1000456012", "1000456020"
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-01", 5000),
    receivable(Y, "YG1", "SANITATION", "2026-03-10", 8800),
]
CHECKS = (3000, 3000, 8800, 1)
ANSWERS = [
    ("assign", X, ""), ("assign", "YG1", "10.00"), ("split", f"{X}=10.00; {Y}=20.00", ""),
    ("split", f"{X}=1.00", ""), ("on_account", Y, ""), ("refund", "", ""), ("hold", "", ""),
    ("duplicate", "", ""), ("not_duplicate", "", ""), ("accept_1", "", ""), ("write_off", X, ""),
    ("return_item", "", ""), ("sell", "", ""), ("", "", ""),
]  # fmt: skip
PEOPLE = st.sampled_from(["jane", "ken", "lee"])
ROWS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(ANSWERS)), min_size=1, max_size=4)
MANY = 9  # lists and decisions are chosen modulo how many there are

step = st.one_of(
    # an answer to some rows of a list, the newest (0) or an older one: then it may be stale
    st.tuples(st.just("answer"), st.integers(0, 3), ROWS, PEOPLE),
    st.tuples(st.just("approve"), st.sampled_from(["approve", "deny"]), PEOPLE),
    st.tuples(st.just("again"), st.integers(0, MANY), PEOPLE),
    st.tuples(st.just("undo"), st.integers(0, MANY), PEOPLE),
    # two people answer the same list, neither knowing of the other
    st.tuples(st.just("both"), ROWS, ROWS),
    # the process dies at a durable step, or inside a row's transaction
    st.tuples(st.just("crash"), st.sampled_from(["step", "row"]), st.integers(1, 40), ROWS),
    st.tuples(st.just("look")),  # a pass over the inboxes: what waits is matched again
)


class _CrashError(BaseException):
    """The process is gone."""


class World:
    """An office, its clerks, and the lists that lie about."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.office = Office(folder / "home", url)
        self.office.take("receivables", "open.csv", receivables_csv(ITEMS))
        checks = [check(amount, (f"NO{amount}", None)) for amount in CHECKS]
        self.office.take("lockbox", "pay.bai", lockbox_file(checks))
        twice = [check(700, (X, None), number="1"), check(700, (X, None), number="2")]
        self.office.take("lockbox", "twice.bai", lockbox_file(twice, time="1000"))
        self.desk = Desk(self.office, folder / "clerk")
        self.lists: list[list[Cells]] = [self.desk.rows()]
        self.files: list[Path] = []

    def write(self, rows: list[Cells], answers: list[tuple[int, tuple[str, str, str]]]) -> Path:
        """Some rows of a list, edited."""
        made = [
            {**rows[n], "action": action, "to_account": to, "amount_to_apply": amount, "note": "n"}
            for n, (action, to, amount) in answers
            if n < len(rows)
        ]
        self.files.append(self.desk.write(made))
        return self.files[-1]

    def answer(self, back: int, answers: list[tuple[int, tuple[str, str, str]]], who: str) -> None:
        self.lists.append(self.desk.rows())
        self.desk.bring(self.write(self.lists[-1 - back % len(self.lists)], answers), who)

    def approve(self, action: str, who: str) -> None:
        waiting = [row for row in self.desk.rows() if "approve" in row["allowed_actions"]]
        for row in waiting:
            self.desk.answer(row, action, person=who, note="n")

    def again(self, number: int, who: str) -> None:
        if self.files:
            self.desk.bring(self.files[number % len(self.files)], who)

    def undo(self, number: int, who: str) -> None:
        with self.office.run().store.read() as connection:
            made = list(connection.scalars(
                select(schema.decision_made.c.decision_id)
                .order_by(schema.decision_made.c.decision_no)
            ))  # fmt: skip
        if not made:
            return
        try:
            run = replace(self.office.run(), actor=who)
            with run.write() as connection:
                requests.undo(connection, run, made[number % len(made)], "a mistake")
        except RefusedError:
            pass

    def both(self, *halves: list[tuple[int, tuple[str, str, str]]]) -> None:
        rows = self.desk.rows()
        paths = [self.write(rows, half) for half in halves]
        for path, who in zip(paths, ("jane", "ken"), strict=True):
            self.desk.bring(path, who)

    def crash(self, where: str, at: int, answers: list[tuple[int, tuple[str, str, str]]]) -> None:
        path = self.write(self.desk.rows(), answers)
        target = self.office.home.path / "queue" / "in" / path.name
        target.write_bytes(path.read_bytes())
        left = at if where == "step" else 1 + at % 3

        def die(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise _CrashError

        def write_row(*words: object) -> None:  # the money is moved, the row not yet written
            die()
            written(*words)  # type: ignore[arg-type]

        written = imports.write_row
        try:
            if where == "step":
                with durable.faults(die):
                    worklists.take_dropped(self.office.run())
            else:
                with patch.object(imports, "write_row", write_row):
                    worklists.take_dropped(self.office.run())
        except _CrashError:
            pass
        worklists.take_dropped(self.office.run())
        assert not target.exists()
        out = self.office.home.path / "queue" / "out" / f"{path.name}.result.csv"
        assert out.exists()

    def look(self) -> None:
        self.office.process()


def effects(office: Office) -> None:
    """No question has two effects at one version, no decision is undone twice, no receipt has a
    version without its decision, and the cents that came are the cents that stand somewhere."""
    made = schema.decision_made.c
    with office.run().store.read() as connection:
        twice = connection.execute(
            select(made.exception_no, made.version)
            .where(made.status == "APPLIED", made.action.not_in(["hold", "undo"]))
            .group_by(made.exception_no, made.version)
            .having(func.count() > 1)
        ).all()
        undone = connection.execute(
            select(made.answers_id)
            .where(made.action == "undo", made.answers_id.is_not(None))
            .group_by(made.answers_id)
            .having(func.count() > 1)
        ).all()
        moved = connection.scalar(
            select(func.count())
            .select_from(schema.decision)
            .where(schema.decision.c.version > 1, schema.decision.c.rule.not_in(["match"]))
        )
        placed = connection.scalar(
            select(func.count())
            .select_from(schema.decision_made)
            .where(made.placed_version.is_not(None))
        )
        came = connection.scalar(select(func.sum(schema.receipt.c.amount_cents)))
        stands = connection.scalar(select(func.sum(schema.placement.c.cents)))
    assert (twice, undone) == ([], [])
    assert placed is not None
    assert moved is not None
    assert placed <= moved <= placed + _by_itself(office)
    assert came == stands == sum(CHECKS) + 1400
    balanced(office)


def _by_itself(office: Office) -> int:
    """Versions that no person made: credit that paid an item which opened again."""
    with office.run().store.read() as connection:
        return int(
            connection.scalar(
                select(func.count())
                .select_from(schema.decision)
                .join(schema.entry, schema.entry.c.entry_no == schema.decision.c.entry_no)
                .where(schema.decision.c.version > 1, schema.entry.c.decided_by == "recond")
            )
            or 0
        )


def lives(folder: Path, url: str | None, steps: list[tuple[object, ...]]) -> None:
    """A world through its steps, proved after each and at the end."""
    world = World(folder, url)
    try:
        for name, *words in steps:
            getattr(world, str(name))(*words)
            effects(world.office)
        world.office.prove()
    finally:
        world.office.close()


STEPS = st.lists(step, min_size=2, max_size=6)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_sequence_is_once(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lives(Path(folder), None, steps)


@pytest.mark.postgres
def test_any_sequence_is_once_on_postgresql(postgres_urls: Callable[[], str]) -> None:
    @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def runs(steps: list[tuple[object, ...]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            lives(Path(folder), postgres_urls(), steps)

    runs()
