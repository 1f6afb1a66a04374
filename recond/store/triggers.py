"""What the database itself refuses: rows of money are added to, never changed or taken out.

Row triggers on UPDATE and DELETE (and on TRUNCATE, PostgreSQL); none fires on an insert, so the
bulk path pays nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection

from recond.store.schema import IMMUTABLE

REFUSAL = "rows of {table} are only ever added to; correct them with a new row"

_FUNCTION = """
CREATE FUNCTION recond_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added to; correct them with a new row', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def immutable_statements(dialect: str) -> list[str]:
    """The statements that create the triggers on every table of `schema.IMMUTABLE`."""
    if dialect == "postgresql":
        statements = [_FUNCTION]
        for table in IMMUTABLE:
            for event, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
                name = f"{table.name}_no_{event.split()[0].lower()}"
                statements.append(
                    f"CREATE TRIGGER {name} BEFORE {event} ON {table.name}"
                    f" FOR EACH {each} EXECUTE FUNCTION recond_refuse_change()"
                )
        return statements
    return [
        f"CREATE TRIGGER {table.name}_no_{event.lower()} BEFORE {event} ON {table.name}"
        f" BEGIN SELECT RAISE(ABORT, '{REFUSAL.format(table=table.name)}'); END"
        for table in IMMUTABLE
        for event in ("UPDATE", "DELETE")
    ]


def create_immutable_triggers(connection: Connection) -> None:
    """Create them on this connection, in its transaction."""
    for statement in immutable_statements(connection.dialect.name):
        # The driver reads %% as one percent sign, and nothing else as a parameter.
        connection.exec_driver_sql(statement.replace("%", "%%"))
