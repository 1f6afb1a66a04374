"""The schema that migrations make is the schema that the code is written against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text, update

from recond.errors import RefusedError
from recond.store import schema
from recond.store.engine import Store, open_store
from recond.store.migrate import create_or_upgrade
from recond.store.triggers import create_triggers


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        url = request.getfixturevalue("empty_postgres_url")
    opened = open_store(url)
    yield opened
    opened.close()


def fingerprint(connection: Connection) -> dict[str, object]:
    """What the database knows of its tables, checks and triggers."""
    inspector = inspect(connection)
    names = sorted(set(inspector.get_table_names()) - {"alembic_version"})
    found: dict[str, object] = {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)],
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(
                (i["name"], i["unique"], i["column_names"]) for i in inspector.get_indexes(name)
            ),
            sorted((c["name"], c["sqltext"]) for c in inspector.get_check_constraints(name)),
            sorted(c["column_names"] for c in inspector.get_unique_constraints(name)),
        )
        for name in names
    }
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'"
    else:
        query = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    found["sql"] = [tuple(row) for row in connection.execute(text(f"{query} ORDER BY 1"))]
    return found


def test_a_migrated_database_is_the_schema(empty: Store) -> None:
    with empty.read() as connection:
        schema.metadata.create_all(connection)
        create_triggers(connection)
        wanted = fingerprint(connection)
    assert create_or_upgrade(empty) == ""
    with empty.read() as connection:
        assert fingerprint(connection) == wanted
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == schema.SCHEMA_REVISION


def test_twice_changes_nothing(empty: Store) -> None:
    assert create_or_upgrade(empty) == ""
    assert create_or_upgrade(empty) == schema.SCHEMA_REVISION


def test_a_newer_database_is_refused(empty: Store) -> None:
    create_or_upgrade(empty)
    with empty.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RefusedError, match="schema 9999 of a newer recond"):
        create_or_upgrade(empty)


def test_a_migration_happens_whole_or_not(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_connection: Connection) -> None:
        raise ZeroDivisionError

    path = "recond.store.triggers.create_triggers"
    monkeypatch.setattr(path, fail)
    with pytest.raises(ZeroDivisionError):
        create_or_upgrade(empty)
    with empty.read() as connection:
        assert inspect(connection).get_table_names() == []
    monkeypatch.undo()
    assert create_or_upgrade(empty) == ""


def test_rows_outlive_a_second_start(store: Store) -> None:
    with store.write() as connection:
        connection.execute(text("INSERT INTO meta (name, value) VALUES ('a', 'b')"))
    create_or_upgrade(store)
    with store.write() as connection:
        assert connection.execute(update(schema.meta).values(value="c")).rowcount == 1
