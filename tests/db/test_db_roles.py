"""What each role may do, tried as that role: acceptance 4 of the house."""

import psycopg
import pytest

from vedette.db.create import APP, GRAFANA
from vedette.db.pool import connect

REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)


@pytest.fixture
async def grafana(cluster, database):
    async with await connect(cluster.url(database, GRAFANA)) as conn:
        yield conn


async def functions(conn, where):
    found = await conn.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc AS p"
        " JOIN pg_namespace AS n ON n.oid = p.pronamespace"
        f" WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND ({where})"
    )
    return [name for (name,) in await found.fetchall()]


async def test_grafana_runs_every_function_of_its_schema(grafana, owner_conn):
    found = await owner_conn.execute(
        "SELECT p.proname, pg_get_function_identity_arguments(p.oid),"
        "       array(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t)"
        " FROM pg_proc AS p WHERE p.pronamespace = 'grafana'::regnamespace"
    )
    rows = await found.fetchall()
    assert rows, "there is something to show"
    for name, _, types in rows:
        nulls = ", ".join(f"NULL::{kind}" for kind in types)
        await grafana.execute(f"SELECT * FROM grafana.{name}({nulls})")


async def test_grafana_finds_its_functions_without_saying_where(grafana):
    await grafana.execute("SELECT * FROM component_states()")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM fleet.target",
        "SELECT * FROM health.target_state",
        "SELECT * FROM access.token",
        "SELECT * FROM access.secret",
        "SELECT * FROM vedette.alembic_version",
        "SELECT health.make_partitions('2026-01-01', '2026-01-02')",
        "INSERT INTO fleet.region (name, slug) VALUES ('a', 'a')",
        "CREATE TEMP TABLE t (n int)",
        "CREATE TABLE grafana.t (n int)",
        "CREATE TABLE public.t (n int)",
        "CREATE FUNCTION grafana.f() RETURNS int LANGUAGE sql RETURN 1",
        "DO $$ BEGIN PERFORM 1; END $$",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_advisory_lock(1)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT health.measured(1, 'query_s', '2026-01-01', '2026-01-02', '1 minute')",
        "SELECT * FROM health.reports_between('2026-01-01', '2026-01-02')",
        "TABLE health.transition FOR UPDATE",
        "BEGIN; LOCK TABLE fleet.target",
        "TRUNCATE fleet.target",
        "CREATE SCHEMA mine",
        "CREATE VIEW grafana.v AS SELECT 1",
        "CREATE OR REPLACE FUNCTION grafana.agents() RETURNS int LANGUAGE sql RETURN 1",
        "ALTER FUNCTION grafana.agents() SECURITY INVOKER",
        "ALTER ROLE vedette_grafana CREATEDB",
        "ALTER DATABASE postgres SET work_mem = '1GB'",
        "SELECT pg_ls_dir('.')",
        "SELECT pg_read_binary_file('PG_VERSION')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_open(1, 131072)",
        "SELECT lo_export(1, '/tmp/x')",
        "SELECT passwd FROM pg_shadow",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "COPY fleet.target TO STDOUT",
        "COPY fleet.region (name, slug) FROM '/etc/passwd'",
        "SET SESSION AUTHORIZATION vedette_owner",
        "SET ROLE vedette_app",
        "SET ROLE vedette_reader",
        "SET ROLE vedette_owner",
    ],
)
@pytest.mark.parametrize("made_writable", [False, True])
async def test_grafana_may_do_nothing_else(grafana, statement, made_writable):
    # The role may lift its own defaults; what it may not do must not hang on them.
    if made_writable:
        await grafana.execute("SET default_transaction_read_only = off")
    with pytest.raises(REFUSED):
        await grafana.execute(statement)


async def test_a_query_of_grafana_ends_in_time(grafana):
    async def show(name):
        return (await (await grafana.execute(f"SHOW {name}")).fetchone())[0]

    assert await show("statement_timeout") == "30s"
    assert await show("default_transaction_read_only") == "on"
    assert await show("search_path") == "grafana"


async def test_nobody_runs_a_function_because_it_exists(owner_conn):
    assert await functions(owner_conn, "has_function_privilege('public', p.oid, 'EXECUTE')") == []


async def test_a_function_made_tomorrow_is_nobodys_either(owner_conn):
    await owner_conn.execute("CREATE FUNCTION fleet.new() RETURNS int LANGUAGE sql RETURN 1")
    assert await functions(owner_conn, "has_function_privilege('public', p.oid, 'EXECUTE')") == []


async def test_the_functions_of_grafana_run_as_one_who_can_only_select(owner_conn):
    wrong = "n.nspname = 'grafana' AND NOT (p.prosecdef AND p.proowner = 'vedette_reader'::regrole)"
    assert await functions(owner_conn, wrong) == []


async def test_functions_with_borrowed_rights_look_names_up_where_they_say(owner_conn):
    unsafe = (
        "p.prosecdef AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) AS s"
        " WHERE s LIKE 'search\\_path=%')"
    )
    assert await functions(owner_conn, unsafe) == []


async def test_the_reader_can_only_select(owner_conn):
    found = await owner_conn.execute(
        "SELECT c.oid::regclass::text FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'grafana')"
        " AND has_table_privilege('vedette_reader', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
    )
    assert await found.fetchall() == []
    found = await owner_conn.execute(
        "SELECT rolcanlogin, rolsuper, has_schema_privilege('vedette_reader', 'grafana', 'CREATE')"
        " FROM pg_roles WHERE rolname = 'vedette_reader'"
    )
    assert await found.fetchone() == (False, False, False)


@pytest.mark.parametrize("table", ["access.token", "access.secret", "access.audit"])
async def test_not_even_the_reader_sees_secrets(owner_conn, table):
    found = await owner_conn.execute(
        "SELECT has_table_privilege('vedette_reader', %s, 'SELECT')", (table,)
    )
    assert await found.fetchone() == (False,)


async def test_the_application_adds_to_the_audit_log_and_reads_it(conn):
    await conn.execute("INSERT INTO access.audit (actor, action) VALUES ('a', 'b')")
    found = await conn.execute("SELECT actor FROM access.audit")
    assert await found.fetchone() == ("a",)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access.audit SET actor = 'x'",
        "DELETE FROM access.audit",
        "TRUNCATE access.audit",
        "DROP TABLE access.audit",
        "ALTER TABLE access.audit ADD COLUMN x int",
        "CREATE TABLE fleet.mine (n int)",
        "DELETE FROM vedette.alembic_version",
    ],
)
async def test_the_application_changes_no_table_and_no_history(cluster, database, statement):
    async with await connect(cluster.url(database, APP)) as conn:
        with pytest.raises(REFUSED):
            await conn.execute(statement)


async def test_tables_made_by_a_later_migration_are_the_applications_too(owner_conn):
    await owner_conn.execute("CREATE TABLE fleet.later (n int)")
    found = await owner_conn.execute(
        "SELECT has_table_privilege('vedette_app', 'fleet.later', 'SELECT, INSERT, UPDATE')"
    )
    assert await found.fetchone() == (True,)


async def test_strangers_may_not_even_connect(owner_conn):
    found = await owner_conn.execute(
        "SELECT has_database_privilege('public', current_database(), 'CONNECT'),"
        "       has_database_privilege('public', current_database(), 'TEMPORARY')"
    )
    assert await found.fetchone() == (False, False)
