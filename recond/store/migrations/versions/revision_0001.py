"""Create every table, index and trigger.

Until the first release this revision grows with the schema; after it, a change of the schema
comes as a revision of its own, and this one gets a copy of the schema as it was.
"""

from __future__ import annotations

from alembic import op

from recond.store.schema import metadata
from recond.store.triggers import create_triggers

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An empty database becomes one of recond's."""
    connection = op.get_bind()
    metadata.create_all(connection, checkfirst=False)
    create_triggers(connection)
