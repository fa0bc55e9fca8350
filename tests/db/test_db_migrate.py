import asyncio
import os
import subprocess
from contextlib import aclosing

import psycopg
import pytest

from vedette.db import migrate, repeatable
from vedette.db.binaries import find_binaries
from vedette.db.create import APP, GRAFANA, OWNER, create
from vedette.db.listen import listen
from vedette.db.migrations.history import HEAD, REVISIONS
from vedette.db.migrations.run import script_directory, upgrade_tables
from vedette.db.pool import connect
from vedette.db.programs import environment_of
from vedette.db.testing import drop, dsn_for
from vedette.errors import Conflict, Denied, Missing


@pytest.fixture
async def empty(cluster):
    """The owner's DSN of a database with nothing in it, as `vedette db create` leaves it."""
    name = f"vedette_empty_{os.getpid()}"  # the workers of one run share the server
    async with await connect(cluster.admin) as admin:
        await create(admin, dsn_for(cluster.admin, dbname=name), name, cluster.passwords)
    yield cluster.url(name)
    await drop(cluster.admin, name)


def dump(dsn):
    """The schema as pg_dump writes it, without its one-time words."""
    text = subprocess.run(
        [find_binaries().program("pg_dump"), "--schema-only", "--exclude-schema=vedette"],
        env=environment_of(dsn),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [line for line in text.splitlines() if not line.startswith(("\\", "--"))]


async def tables(dsn):
    async with await connect(dsn) as conn:
        found = await conn.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'fleet'")
        return (await found.fetchone())[0]


def test_file_names_say_what_alembic_says():
    script = script_directory()
    assert tuple(r.revision for r in reversed(list(script.walk_revisions()))) == REVISIONS
    assert script.get_heads() == [HEAD]


async def test_an_upgrade_makes_everything_and_tells_each_step(empty):
    said = []
    before = await migrate.upgrade(empty, progress=said.append)
    assert before.revision is None
    assert before.pending == REVISIONS
    assert [line[:4] for line in said[: len(REVISIONS)]] == list(REVISIONS)
    assert said[-1] == "db/roles.sql"
    assert (await migrate.check(empty)).is_current


async def test_a_second_upgrade_does_nothing(empty):
    await migrate.upgrade(empty)
    said = []
    before = await migrate.upgrade(empty, progress=said.append)
    assert before.is_current
    assert said == []


@pytest.mark.parametrize("revision", REVISIONS)
async def test_from_every_older_revision_it_ends_in_the_same_schema(
    empty, fresh_database_url, revision
):
    await migrate.stamp(empty, "head")  # makes our own tables
    async with await connect(empty) as conn:
        await conn.execute("DELETE FROM vedette.alembic_version")
    await asyncio.to_thread(upgrade_tables, empty, print, to=revision)
    assert (await migrate.check(empty)).revision == revision
    await migrate.upgrade(empty)
    assert dump(empty) == dump(fresh_database_url)


async def test_two_that_upgrade_at_once_take_turns(empty):
    said = []
    await asyncio.gather(
        *(migrate.upgrade(empty, progress=said.append) for _ in range(3)),
    )
    assert len([line for line in said if line.startswith(REVISIONS[0])]) == 1
    assert (await migrate.check(empty)).is_current


async def test_an_upgrade_that_was_interrupted_goes_on_where_it_stopped(empty, monkeypatch):
    whole = repeatable.files()
    broken = {**whole, "health/functions.sql": b"SELECT 1/0"}
    monkeypatch.setattr(repeatable, "files", lambda: broken)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await migrate.upgrade(empty)
    monkeypatch.setattr(repeatable, "files", lambda: whole)
    found = await migrate.check(empty)
    assert found.pending == ()
    assert found.changed == tuple(whole)
    said = []
    await migrate.upgrade(empty, progress=said.append)
    assert said == list(whole)


async def test_a_changed_function_is_applied_again_with_the_rights(fresh_database_url, monkeypatch):
    text = b"CREATE FUNCTION grafana.answer() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 42;"
    more = {"zoo/functions.sql": text, **repeatable.files()}
    monkeypatch.setattr(repeatable, "files", lambda: more)
    said = []
    await migrate.upgrade(fresh_database_url, progress=said.append)
    assert said == ["zoo/functions.sql", "db/roles.sql"]
    async with await connect(fresh_database_url) as conn:
        owner = await conn.execute(
            "SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'answer'"
        )
        assert await owner.fetchone() == ("vedette_reader",)


async def test_a_schema_newer_than_the_code_is_refused_in_one_line(fresh_database_url):
    async with await connect(fresh_database_url) as conn:
        await conn.execute("UPDATE vedette.alembic_version SET version_num = '9999'")
    for verb in (migrate.check, migrate.upgrade):
        with pytest.raises(Conflict, match=f"revision 9999, newer than this vedette .{HEAD}"):
            await verb(fresh_database_url)


async def test_a_stamp_runs_nothing(empty):
    await migrate.stamp(empty, "head")
    assert (await migrate.check(empty)).revision == HEAD
    assert await tables(empty) == 0


async def test_a_stamp_of_no_revision_is_refused(empty):
    with pytest.raises(Missing, match="there is no revision '0000'"):
        await migrate.stamp(empty, "0000")


async def test_a_reset_forgets_everything(fresh_database_url):
    async with await connect(fresh_database_url) as conn:
        await conn.execute("INSERT INTO fleet.region (name, slug) VALUES ('a', 'a')")
    await migrate.reset(fresh_database_url)
    async with await connect(fresh_database_url) as conn:
        assert await (await conn.execute("SELECT count(*) FROM fleet.region")).fetchone() == (0,)
    assert (await migrate.check(fresh_database_url)).is_current


async def test_nothing_is_thrown_away_under_a_server(fresh_database_url, fresh_app_url):
    async with aclosing(listen(fresh_app_url, ["vedette_access"])) as notices:
        await anext(notices)
        with pytest.raises(Conflict, match="a server of Vedette uses"):
            await migrate.reset(fresh_database_url)
    assert (await migrate.check(fresh_database_url)).is_current


async def test_postgres_urls_reach_alembic_too(cluster, empty):
    assert empty.startswith("postgresql://")
    await migrate.upgrade(empty.replace("postgresql://", "postgres://", 1))
    assert await tables(empty) > 0


async def test_the_application_may_check_but_not_upgrade(cluster, empty, fresh_app_url):
    assert (await migrate.check(fresh_app_url)).is_current
    with pytest.raises(Denied, match=r"vedette_app may not make tables.*vedette_owner"):
        await migrate.upgrade(empty.replace(OWNER, APP))


async def test_grafana_may_not_even_check_what_there_is(cluster, fresh_database):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await migrate.check(cluster.url(fresh_database, GRAFANA))
