"""Any sequence of exports, edits, drops, re-drops and crashes leaves each question with at most one
effect, and every cent in one place."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from office import Office, check, lockbox_file, receivable, receivables_csv
from queueoffice import Desk
from sqlalchemy import func, select

from recond import durable
from recond.pipeline import worklists
from recond.store import schema

X, Y = "1000456012", "1000456020"
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-01", 5000),
    receivable(Y, "YG1", "SANITATION", "2026-03-10", 8800),
]
ANSWERS = [
    ("assign", X, ""), ("assign", "YG1", "10.00"), ("split", f"{X}=10.00; {Y}=20.00", ""),
    ("split", f"{X}=1.00", ""), ("on_account", Y, ""), ("refund", "", ""), ("hold", "", ""),
    ("duplicate", "", ""), ("approve", "", ""), ("deny", "", ""), ("accept_1", "", ""),
    ("return_item", "", ""), ("sell", "", ""), ("", "", ""),
]  # fmt: skip

step = st.one_of(
    st.tuples(
        st.just("answer"),
        st.lists(st.tuples(st.integers(0, 3), st.sampled_from(ANSWERS)), max_size=4),
        st.sampled_from(["jane", "ken"]),
    ),
    st.tuples(st.just("again"), st.integers(0, 5), st.sampled_from(["jane", "ken"])),
    st.tuples(st.just("stale"), st.sampled_from(ANSWERS), st.sampled_from(["jane", "ken"])),
    st.tuples(st.just("crash"), st.integers(1, 40), st.sampled_from(ANSWERS)),
)


class _CrashError(BaseException):
    """The process is gone."""


def crash(office: Office, path: Path, at: int) -> None:
    """Drop a file, die at a durable step of taking it, and take it again."""
    target = office.home.path / "queue" / "in" / path.name
    target.write_bytes(path.read_bytes())
    left = at

    def hook(moment: str, name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise _CrashError

    try:
        with durable.faults(hook):
            worklists.take_dropped(office.run())
    except _CrashError:
        pass
    worklists.take_dropped(office.run())
    assert not target.exists()
    assert (office.home.path / "queue" / "out" / f"{path.name}.result.csv").exists()


def effects(office: Office) -> None:
    """No question has two effects at one version, and no receipt a version without its decision."""
    made = schema.decision_made.c
    with office.run().store.read() as connection:
        twice = connection.execute(
            select(made.exception_no, made.version)
            .where(made.status == "APPLIED", made.action != "hold")
            .group_by(made.exception_no, made.version)
            .having(func.count() > 1)
        ).all()
        moved = connection.scalar(
            select(func.count()).select_from(schema.decision).where(schema.decision.c.version > 1)
        )
        placed = connection.scalar(
            select(func.count())
            .select_from(schema.decision_made)
            .where(made.placed_version.is_not(None))
        )
    assert twice == []
    assert moved == placed


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(step, min_size=1, max_size=4))
def test_any_sequence_is_once(steps: list[tuple[str, object, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder) / "home")
        try:
            office.take("receivables", "open.csv", receivables_csv(ITEMS))
            checks = [check(amount, (f"NO{amount}", None)) for amount in (3000, 3000, 8800, 1)]
            office.take("lockbox", "pay.bai", lockbox_file(checks))
            desk = Desk(office, Path(folder) / "clerk")
            first = desk.rows()
            kept: list[Path] = []
            for kind, what, who in steps:
                _do(office, desk, kind, what, who, first, kept)
                effects(office)
            office.prove()
        finally:
            office.close()


def _do(
    office: Office,
    desk: Desk,
    kind: str,
    what: object,
    who: object,
    first: list[dict[str, str]],
    kept: list[Path],
) -> None:
    def answered(row: dict[str, str], answer: tuple[str, str, str]) -> dict[str, str]:
        action, to, amount = answer
        return {**row, "action": action, "to_account": to, "amount_to_apply": amount, "note": "n"}

    if kind == "answer":
        rows = desk.rows()
        made = [answered(rows[n], answer) for n, answer in what if n < len(rows)]  # type: ignore[attr-defined]
        kept.append(desk.write(made))
        desk.bring(kept[-1], str(who))
    elif kind == "again" and kept:
        desk.bring(kept[int(what) % len(kept)], str(who))  # type: ignore[call-overload]
    elif kind == "stale":
        kept.append(desk.write([answered(first[0], what)]))  # type: ignore[arg-type]
        desk.bring(kept[-1], str(who))
    elif kind == "crash":
        rows = desk.rows()
        path = desk.write([answered(row, who) for row in rows])  # type: ignore[arg-type]
        crash(office, path, int(what))  # type: ignore[call-overload]
