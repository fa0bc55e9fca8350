"""PostgreSQL as it is: the machine's 15, our embedded 18, and doors that turn us away."""

import asyncio
import os
import signal

import psycopg
import pytest
from tests.connectors.looks import a_look, entities, free_port, look_at, make, names, value, verdict
from tests.fakes.postgres_door import turning_away

from vedette.agent.connectors.postgres_row import counters, fault_in, measured
from vedette.agent.connectors.postgres_sql import look_sql
from vedette.agent.connectors.rates import Counters, Gains
from vedette.errors import Invalid
from vedette.health.model import State

MACHINE = {"host": "127.0.0.1", "port": 5432, "user": "postgres", "database": "postgres"}


@pytest.fixture
def ours(cluster):
    """Settings of the embedded server."""
    with psycopg.connect(cluster.admin) as admin:
        return {
            "host": admin.info.host,
            "port": admin.info.port,
            "user": admin.info.user,
            "password": admin.info.password or None,
            "database": admin.info.dbname,
        }


@pytest.mark.needs("postgres")
async def test_the_machines_postgres_is_up_and_measured_whole():
    connector = make("postgres", **MACHINE)
    first = await connector.probe(a_look())
    second = await connector.probe(a_look())
    assert verdict(first) == ("up", "")
    assert first.facts["role"] == "primary"
    assert value(first, "connections_ratio") < 0.9
    assert value(first, "xid_ratio") < 0.5
    assert value(first, "database_bytes") > 1e6
    assert "transactions_per_s" not in names(first)
    assert value(second, "transactions_per_s") >= 0
    assert value(second, "database_bytes") == value(first, "database_bytes")
    await connector.aclose()


async def test_our_embedded_postgres_is_up(ours):
    report = await look_at("postgres", **ours)
    assert verdict(report) == ("up", "")
    assert report.facts["version"].startswith("PostgreSQL")
    assert value(report, "in_recovery") == 0


async def test_a_role_that_may_see_little_still_sees_that_it_is_up(ours, cluster):
    with psycopg.connect(cluster.admin, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS onlooker")
        admin.execute("CREATE ROLE onlooker LOGIN PASSWORD 'looking'")
        try:
            report = await look_at(
                "postgres", **{**ours, "user": "onlooker", "password": "looking"}
            )
        finally:
            admin.execute("DROP ROLE onlooker")
    if report.error_class == "auth":
        pytest.skip("this server lets in named roles only")
    assert verdict(report) == ("up", "")
    assert value(report, "uptime_s") > 0


async def test_sessions_are_counted_by_what_they_do(ours, cluster):
    async with (
        await psycopg.AsyncConnection.connect(cluster.admin) as idle,
        await psycopg.AsyncConnection.connect(cluster.admin) as waiting,
    ):
        await idle.execute("SELECT pg_advisory_xact_lock(4711)")
        blocked = asyncio.create_task(waiting.execute("SELECT pg_advisory_xact_lock(4711)"))
        connector = make("postgres", **ours)
        async with asyncio.timeout(5):
            while value(report := await connector.probe(a_look()), "blocked_sessions") == 0:
                pass
        assert value(report, "connections_idle_in_transaction") >= 1
        assert value(report, "connections_waiting") >= 1
        assert value(report, "longest_idle_in_transaction_s") > 0
        await idle.rollback()
        await blocked
        await connector.aclose()


async def test_a_slot_nobody_reads_is_shown(ours, cluster):
    with psycopg.connect(cluster.admin, autocommit=True) as admin:
        admin.execute("SELECT pg_create_physical_replication_slot('onlooker_slot', true)")
        try:
            report = await look_at("postgres", **ours)
        finally:
            admin.execute("SELECT pg_drop_replication_slot('onlooker_slot')")
    assert "slot:onlooker_slot" in entities(report)
    assert value(report, "state", "slot:onlooker_slot") == State.DEGRADED
    assert value(report, "retained_bytes", "slot:onlooker_slot") >= 0


async def test_a_look_writes_nothing_and_is_named(ours, cluster):
    connector = make("postgres", **ours)
    await connector.probe(a_look())

    def states(admin: psycopg.Connection) -> list[str]:
        rows = admin.execute(
            "SELECT state FROM pg_stat_activity WHERE application_name = 'vedette'"
            " AND query LIKE 'BEGIN READ ONLY%'"
        ).fetchall()
        return [state for (state,) in rows]

    with psycopg.connect(cluster.admin, autocommit=True) as admin:
        # PostgreSQL answers a moment before it writes down that the session is idle.
        async with asyncio.timeout(5):
            while states(admin) != ["idle"]:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.01)
    await connector.aclose()


async def test_a_killed_session_is_replaced_within_the_look(ours, cluster):
    connector = make("postgres", **ours)
    await connector.probe(a_look())
    with psycopg.connect(cluster.admin, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'BEGIN READ ONLY%' AND pid <> pg_backend_pid()"
        )
    assert verdict(await connector.probe(a_look())) == ("up", "")
    await connector.aclose()


async def test_a_frozen_server_is_left_at_once(ours, cluster):
    connector = make("postgres", **ours)
    await connector.probe(a_look())
    pid = connector._session._connection.info.backend_pid
    try:
        os.kill(pid, signal.SIGSTOP)
    except PermissionError:
        pytest.skip("the server's processes are not ours to stop")
    try:
        begun = asyncio.get_running_loop().time()
        report = await connector.probe(a_look(timeout_s=0.4))
        assert verdict(report) == ("down", "timeout")
        assert asyncio.get_running_loop().time() - begun < 0.8
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


@pytest.mark.needs("postgres")
async def test_an_unexpected_role_is_degraded():
    assert verdict(await look_at("postgres", **MACHINE, role="replica")) == (
        "degraded",
        "wrong_role",
    )


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("wrong", [{"user": "nobody-here"}, {"database": "nothing-here"}])
async def test_what_we_got_wrong_is_our_own_fault(wrong):
    assert verdict(await look_at("postgres", **{**MACHINE, **wrong})) == ("unknown", "auth")


@pytest.mark.needs("postgres")
async def test_tls_that_the_server_lacks_is_a_tls_fault():
    report = await look_at("postgres", **MACHINE, sslmode="require")
    assert report.error_class in ("tls", "") and report.state in (State.DOWN, State.UP)


@pytest.mark.parametrize(
    "sqlstate, text, seen",
    [
        ("57P03", "das Datenbanksystem startet", ("initialising", "starting")),
        ("57P03", "the database system is starting up", ("initialising", "starting")),
        ("57P03", "the database system is in recovery mode", ("initialising", "starting")),
        ("57P03", "the database system is shutting down", ("draining", "stopping")),
        ("53300", "désolé, trop de clients sont déjà connectés", ("degraded", "full")),
        ("28000", "no pg_hba.conf entry for host", ("unknown", "auth")),
        ("58030", "could not read block 0", ("down", "storage")),
        ("XX000", "something broke", ("down", "unhealthy")),
    ],
)
async def test_a_refusal_is_understood_in_any_language(sqlstate, text, seen):
    async with turning_away(sqlstate, text) as port:
        report = await look_at("postgres", host="127.0.0.1", port=port)
    assert verdict(report) == seen


async def test_a_wrong_password_is_our_own_fault_and_never_shown():
    async with turning_away("28P01", "Passwort stimmt nicht: hunter2", after_password=True) as port:
        settings = {"host": "127.0.0.1", "port": port, "password": "hunter2"}
        report = await look_at("postgres", **settings, secrets={"hunter2"})
    assert verdict(report) == ("unknown", "auth")
    assert "hunter2" not in repr(report)


async def test_a_password_of_the_hosts_own_is_not_for_pushed_targets(monkeypatch, tmp_path):
    heard = []
    (tmp_path / ".pgpass").write_text("*:*:*:*:hunter2")
    (tmp_path / ".pgpass").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    async with turning_away("28P01", "no", after_password=True, heard=heard) as port:
        report = await look_at("postgres", host="127.0.0.1", port=port)
    assert report.state is not State.UP
    assert not any(b"hunter2" in one for one in heard)


async def test_one_host_is_not_several():
    """libpq would try one after the other, and the owner of the host was asked of the first."""
    async with turning_away("28000", "no") as port:
        with pytest.raises(Invalid, match="one server"):
            await look_at("postgres", host="/nowhere,127.0.0.1", port=port)


async def test_a_missing_socket_is_down():
    report = await look_at("postgres", host="/nowhere/run", port=free_port())
    assert report.state is State.DOWN


def row(**changes):
    numbers = dict.fromkeys(counters({}), 0)
    usual = {"in_recovery": False, "slots": None, "replicas": None, "archiving_fails": False}
    return {**numbers, **usual, **changes}


def test_a_lost_slot_and_failing_archiving_degrade():
    lost = row(slots=[["cdc", False, 5, "lost", None]])
    assert fault_in(lost, None).error_class == "replication"
    assert fault_in(row(archiving_fails=True), None).error_class == "storage"
    assert fault_in(row(), "primary") is None


def test_a_replica_in_catch_up_is_initialising():
    found = measured(row(replicas=[["east", "catchup", 4096, 0.1, 0.2, 0.3]]), Gains({}, 0.0))
    east = {m.name: m.value for m in found if m.entity == "replica:east"}
    assert east == {
        "state": State.INITIALISING,
        "lag_bytes": 4096.0,
        "write_lag_s": 0.1,
        "flush_lag_s": 0.2,
        "replay_lag_s": 0.3,
    }


def test_shares_are_of_what_came_between_two_looks():
    past = Counters()
    before = row(commits=1000, rollbacks=1000, hits=0, reads=0, timed=1, requested=0)
    past.gained(counters(before), at=0.0)
    after = row(commits=1098, rollbacks=1002, hits=75, reads=25, timed=2, requested=3)
    found = {m.name: m.value for m in measured(after, past.gained(counters(after), at=10.0))}
    assert found["transactions_per_s"] == 10
    assert found["rollback_ratio"] == 0.02
    assert found["cache_hit_ratio"] == 0.75
    assert found["checkpoints_requested_ratio"] == 0.75


@pytest.mark.parametrize(
    "version, has, lacks",
    [
        (10, "pg_stat_bgwriter", "safe_wal_size,"),
        (13, "safe_wal_size", "pg_stat_wal)"),
        (14, "pg_stat_wal)", "pg_stat_checkpointer"),
        (16, "pg_stat_bgwriter", "pg_stat_checkpointer"),
        (17, "pg_stat_checkpointer", "pg_stat_bgwriter"),
        (19, "pg_stat_checkpointer", "pg_stat_bgwriter"),
    ],
)
def test_the_statement_fits_the_version(version, has, lacks):
    sql = look_sql(version)
    assert has in sql
    assert lacks not in sql
