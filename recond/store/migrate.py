"""Bring a database to the schema of this recond, in one transaction, or refuse it.

The revisions are inside the package (`migrations/`), so that an installed recond can upgrade
whatever an older one has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from recond.errors import RefusedError
from recond.store.engine import Store
from recond.store.schema import SCHEMA_REVISION

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory


def create_or_upgrade(store: Store) -> str:
    """Create the tables in an empty database, or upgrade those of an older recond.

    Returns the revision that the database had before ("" for an empty one). All of it happens in
    one transaction under the writer's lock, or nothing. Raises RefusedError for a database of a
    newer recond.
    """
    if _is_current(store):
        return SCHEMA_REVISION
    # Alembic takes longer to import than a small file to post, and most starts upgrade nothing.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "recond.store:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    with store.read() as connection:
        found = _known(connection, scripts)
    if found == scripts.get_current_head():
        return found
    with store.write() as connection:
        found = _known(connection, scripts)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return found


def _is_current(store: Store) -> bool:
    with store.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        found = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    return list(found) == [SCHEMA_REVISION]


def _known(connection: Connection, scripts: ScriptDirectory) -> str:
    from alembic.migration import MigrationContext

    found = MigrationContext.configure(connection).get_current_revision() or ""
    revisions = [script.revision for script in scripts.walk_revisions()]
    if found and found not in revisions:
        raise RefusedError(
            f"The database has the schema {found} of a newer recond; this one knows"
            f" {max(revisions)} at the most. Install the newer recond, or restore a backup that"
            " was taken before it."
        )
    return found
