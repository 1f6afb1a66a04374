"""What tests of a whole office share."""

from __future__ import annotations

from pathlib import Path

import pytest
from office import Office
from queueoffice import Desk


@pytest.fixture
def desk(office: Office, tmp_path: Path) -> Desk:
    """A clerk's folder for the work lists of the module's office."""
    return Desk(office, tmp_path / "clerk")
