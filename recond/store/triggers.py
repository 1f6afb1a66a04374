"""What the database itself refuses: rows of money are added to, never changed or taken out, and
no entry is dated into a closed month.

Row triggers on UPDATE and DELETE (and on TRUNCATE, PostgreSQL) of every table of money; on an
insert only that of `entry` fires, which has few rows: the bulk path pays nothing.
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


_CLOSED_THROUGH = "(SELECT closed_through FROM period_change ORDER BY change_no DESC LIMIT 1)"
_ON_ENTRY = "CREATE TRIGGER entry_month_open BEFORE INSERT ON entry"
CLOSED = "the month of this entry is closed; date it in an open one"

_CLOSED_FUNCTION = f"""
CREATE FUNCTION recond_refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.period <= {_CLOSED_THROUGH} THEN
        RAISE EXCEPTION '{CLOSED}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""


def closed_month_statements(dialect: str) -> list[str]:
    """The statements that create the trigger against entries in closed months."""
    if dialect == "postgresql":
        trigger = "FOR EACH ROW EXECUTE FUNCTION recond_refuse_closed()"
        return [_CLOSED_FUNCTION, f"{_ON_ENTRY} {trigger}"]
    body = f"BEGIN SELECT RAISE(ABORT, '{CLOSED}'); END"
    return [f"{_ON_ENTRY} WHEN NEW.period <= {_CLOSED_THROUGH} {body}"]


def create_triggers(connection: Connection) -> None:
    """Create them on this connection, in its transaction."""
    dialect = connection.dialect.name
    for statement in [*immutable_statements(dialect), *closed_month_statements(dialect)]:
        # The driver reads %% as one percent sign, and nothing else as a parameter.
        connection.exec_driver_sql(statement.replace("%", "%%"))
