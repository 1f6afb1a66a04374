"""What a log may say, and what it may not."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from recond import log

SECRET = "-".join(["021000021", "987654321"])  # put together here, so that no source line holds it


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def fail(payer_account: str) -> None:
    raise ValueError(f"a file failed after {len(payer_account)} characters")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_never_holds_local_variables(as_json: bool) -> None:
    stream = io.StringIO()
    log.configure(stream, json=as_json)
    try:
        fail(SECRET)
    except ValueError:
        structlog.get_logger("recond.test").exception("file failed", name="a.bai")
    written = stream.getvalue()
    assert "a file failed after 19 characters" in written
    assert "test_log.py" in written
    assert SECRET not in written
