"""Alembic's environment: the connection comes from `migrate`, the transaction is already open."""

from alembic import context

from recond.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most of a table; alembic copies it instead
    transactional_ddl=True,  # BEGIN is ours on SQLite too, so a migration happens whole or not
)
with context.begin_transaction():
    context.run_migrations()
