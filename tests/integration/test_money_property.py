"""Any interleaving of payments, credits, returns, redeposits, transfers, refunds and reversals
keeps every cent in one place; all of it undone in reverse order is the opening balances again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moneyworld import ACCOUNTS, STEPS, World

SIZES = (2_500, 8_800, 21_000)
step = st.tuples(
    st.sampled_from(STEPS), st.integers(0, 9), st.sampled_from(ACCOUNTS), st.sampled_from(SIZES)
)
Steps = list[tuple[str, int, str, int]]


def go_round(world: World, steps: Steps, *, reverse: bool) -> None:
    """Do the steps, then undo them all, the last first."""
    try:
        for one in steps:
            world.step(*one)
        if reverse:
            world.reverse_all()
            world.done.clear()
        world.undo_all()
        world.empty()
    finally:
        world.office.close()


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(step, min_size=3, max_size=6), st.booleans())
def test_any_interleaving_keeps_every_cent(steps: Steps, reverse: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        go_round(World(Path(folder) / "home"), steps, reverse=reverse)


@pytest.mark.long
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck),
          phases=(Phase.explicit, Phase.generate))  # fmt: skip  # an example takes seconds
@given(st.lists(step, min_size=2, max_size=12), st.booleans())
def test_any_long_interleaving_keeps_every_cent(steps: Steps, reverse: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        go_round(World(Path(folder) / "home"), steps, reverse=reverse)


EVERY: Steps = [
    ("lockbox", 0, "1000456012", 8_800), ("autopay", 0, "1000456020", 21_000),
    ("card", 0, "1000456012", 2_500), ("lockbox", 0, "9999999999", 2_500),
    ("wire", 0, "1000456020", 2_500), ("short", 0, "", 0), ("transfer", 0, "1000456020", 0),
    ("refund", 0, "", 0), ("bounce", 0, "", 0), ("again", 0, "", 0), ("together", 0, "", 0),
    ("bounce", 1, "", 0), ("reverse", 0, "", 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("database", "reverse"),
    [("sqlite", False), pytest.param("postgresql", True, marks=pytest.mark.postgres)],
)
def test_every_step_once(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, reverse: bool
) -> None:
    url = None if database == "sqlite" else request.getfixturevalue("postgres_url")
    go_round(World(tmp_path / "home", url), EVERY, reverse=reverse)
