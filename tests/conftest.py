"""What every test may ask for: a real PostgreSQL, a database of one's own, a connection, a service.

One embedded cluster a test session, shared by the workers of xdist; one migrated template; one
clone a worker; a transaction rolled back a test. `VEDETTE_TEST_DATABASE_URL` (an administrator's
DSN) puts another server in its place.
"""

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from psutil import virtual_memory
from psycopg import AsyncConnection

from vedette.db import testing
from vedette.db.create import APP, GRAFANA, OWNER
from vedette.db.embedded import embedded
from vedette.db.pool import connect

SERVICES = {
    "postgres": 5432,
    "redis": 6379,
    "rabbitmq": 5672,
    "nats": 4222,
    "mariadb": 3306,
    "mosquitto": 1883,
}
"""The services of the machine that `needs(…)` may name, and their ports."""

# A shell that starts us in the background has us ignore Ctrl-C, and with us all that tests start to press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

MEMORY = Path("/dev/shm")
"""Where the files of a run stand where the machine has it: a database made there costs a third."""

MEMORY_BYTES = 4 << 30
"""How much must be free there; a run on three workers fills a sixth of it."""

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
"""What `needs("chromium")` looks for; Playwright is never let to fetch a browser of its own."""


def work_in_memory() -> None:
    """Let every temporary file of this run be in memory, unless it was said where they go."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    there = os.statvfs(MEMORY)
    # Containers give a little of it, or forbid programs there, and tests write programs.
    has_room = there.f_bavail * there.f_frsize >= MEMORY_BYTES <= virtual_memory().available
    if has_room and not there.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def keep_bytecode() -> None:
    """Let Python keep what it compiles, whatever the machine says: tests start it hundreds of times."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


work_in_memory()  # before anybody asks for a temporary folder
keep_bytecode()

# Of its own accord hypothesis calls an example that took 0.2 s a failure; this machine is busy.
settings.register_profile("quick", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1_000)  # `make soak`
settings.load_profile("quick")


@dataclass(frozen=True)
class TestCluster:
    """A PostgreSQL for tests.

    admin: the superuser's DSN.
    passwords: role → password; empty where the server asks for none.
    """

    __test__ = False

    admin: str
    passwords: dict[str, str]

    def url(self, dbname: str, role: str = OWNER) -> str:
        """The DSN of that role for that database."""
        return testing.dsn_for(
            self.admin, dbname=dbname, role=role, password=self.passwords.get(role, "")
        )


@pytest.fixture(scope="session")
async def cluster() -> AsyncIterator[TestCluster]:
    """One PostgreSQL for the whole session, with a migrated template in it."""
    given = os.environ.get("VEDETTE_TEST_DATABASE_URL")
    if given:
        # Passwords of this session: roles of a test server are nobody else's.
        words = dict.fromkeys((OWNER, APP, GRAFANA), "vedette-test")
        found = TestCluster(given, words)
        await testing.make_template(found.admin, words)
        yield found
        return
    # Every worker of one run meets in the same folder; the keeper lets them share the server.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")[:12]
    data_dir = Path(tempfile.gettempdir(), f"vedette-test-{run}")
    testing.write_unsafe_settings(data_dir)
    async with embedded(data_dir) as running:
        words = running.place.read_passwords()
        admin = running.dsn("postgres", "postgres")
        await testing.make_template(admin, {r: words[r] for r in (OWNER, APP, GRAFANA)})
        yield TestCluster(admin, {})
    if not running.place.lock_is_held():
        shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
async def database(cluster: TestCluster) -> AsyncIterator[str]:
    """The name of this worker's clone of the template."""
    name = await testing.clone(cluster.admin)
    yield name
    await testing.drop(cluster.admin, name)


@pytest.fixture(scope="session")
def database_url(cluster: TestCluster, database: str) -> str:
    """The owner's DSN of this worker's database; leave nothing behind in it."""
    return cluster.url(database)


@pytest.fixture
async def conn(cluster: TestCluster, database: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection as `vedette_app`, in a transaction that is rolled back after the test."""
    async with (
        await connect(cluster.url(database, APP)) as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection


@pytest.fixture
async def owner_conn(database_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection as `vedette_owner`, in a transaction that is rolled back after the test."""
    async with (
        await connect(database_url) as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection


@pytest.fixture
async def fresh_database(cluster: TestCluster) -> AsyncIterator[str]:
    """The name of a clone of this test's own."""
    name = await testing.clone(cluster.admin)
    yield name
    await testing.drop(cluster.admin, name)


@pytest.fixture
def fresh_database_url(cluster: TestCluster, fresh_database: str) -> str:
    """The owner's DSN of a database of this test's own: for commits, NOTIFY, connections."""
    return cluster.url(fresh_database)


@pytest.fixture
def fresh_app_url(cluster: TestCluster, fresh_database: str) -> str:
    """`fresh_database_url` as `vedette_app`."""
    return cluster.url(fresh_database, APP)


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Let no test write to the log of another, whose stream is closed: programs configure it once, for good."""
    configure, handlers = structlog.configure, list(logging.root.handlers)

    def uncached(**said: Any) -> None:
        configure(**{**said, "cache_logger_on_first_use": False})

    structlog.configure = uncached
    yield
    structlog.configure = configure
    if structlog.is_configured():
        structlog.reset_defaults()
        logging.root.handlers[:] = handlers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no worker is alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose service is absent; fail it where CI says that the services are there."""
    for mark in item.iter_markers("needs"):
        for service in mark.args:
            if service == "chromium":
                is_there, where = CHROMIUM.exists(), str(CHROMIUM)
            else:
                port = SERVICES[service]
                is_there, where = _answers(port), f"127.0.0.1:{port}"
            if is_there:
                continue
            message = f"needs {service} at {where}"
            if os.environ.get("VEDETTE_REQUIRE_SERVICES"):
                pytest.fail(message)
            pytest.skip(message)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def pytest_sessionfinish() -> None:
    """Take away the keys people of these tests were given, and end their gpg-agent."""
    for name in ("tests.signing_world", "signing_world"):
        world = sys.modules.get(name)
        if world is not None:
            world.end_keys()
