"""MariaDB as it is, stopped, full, locked, replicating; MySQL's dialects; Galera by its words."""

import asyncio
import shutil
import threading

import pymysql
import pytest
from tests.connectors.looks import a_look, entities, free_port, look_at, make, names, value, verdict
from tests.connectors.servers import run, starter
from tests.fakes.mysql_server import mysql_server

from vedette.agent.connectors.mysql_status import facts, fault_in, measured
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import ERROR_CLASS
from vedette.health.model import State

ROOT = {"user": "root"}


@pytest.fixture(scope="module")
async def fresh_data(tmp_path_factory):
    """A data directory to copy: to make one takes seconds."""
    folder = tmp_path_factory.mktemp("mariadb") / "data"
    await run(
        "mariadb-install-db", "--no-defaults", f"--datadir={folder}", "--user=root",
        "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=4M",
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
async def mariadb(fresh_data):
    """Start throw-away servers: `program = await mariadb("--max-connections=10")`."""
    async with starter() as begin:

        async def start(*options: str, port: int | None = None):
            port = port or free_port()
            folder = fresh_data.parent / str(port)
            if not folder.exists():
                shutil.copytree(fresh_data, folder)
            command = [
                "mariadbd", "--no-defaults", "--user=root", f"--datadir={folder}", f"--port={port}",
                "--bind-address=127.0.0.1", f"--socket={folder}/s", f"--pid-file={folder}/pid",
                "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", f"--server-id={port}",
                "--innodb-flush-log-at-trx-commit=0", *options,
            ]  # fmt: skip
            return await begin(command, port, log=fresh_data.parent / f"{port}.log")

        yield start


@pytest.fixture(scope="module")
async def shared(mariadb):
    """One server for the tests that leave it as they found it."""
    return await mariadb("--log-bin=log", "--max-connections=20")


@pytest.fixture
def sql(shared):
    """Speak to the shared server as root."""
    with pymysql.connect(host="127.0.0.1", port=shared.port, user="root", autocommit=True) as conn:

        def execute(*statements: str):
            with conn.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall()

        yield execute


@pytest.mark.needs("mariadb")
async def test_the_machines_mariadb_answers():
    report = await look_at("mysql", host="127.0.0.1", port=3306, user="nobody-of-that-name")
    assert verdict(report) in (("up", ""), ("unknown", "auth"))


async def test_a_server_is_up_and_measured_whole(shared):
    connector = make("mysql", port=shared.port, role="primary", **ROOT)
    first = await connector.probe(a_look())
    second = await connector.probe(a_look())
    assert verdict(second) == ("up", "")
    assert first.facts["version"].startswith("MariaDB 1")
    assert first.facts["role"] == "primary"
    assert "queries_per_s" not in names(first)
    assert value(second, "queries_per_s") > 0
    assert value(second, "deadlocks_per_s") == 0
    assert value(second, "connections") >= 1
    assert 0 < value(second, "connections_ratio") < 0.9
    assert 0 < value(second, "buffer_pool_used_ratio") <= 1
    assert "cluster_size" not in names(second)
    await connector.aclose()


async def test_a_socket_leads_there_too(shared, fresh_data):
    report = await look_at("mysql", host=f"{fresh_data.parent}/{shared.port}/s", **ROOT)
    assert verdict(report) == ("up", "")


async def test_stopped_it_is_down_and_started_again_it_is_up(mariadb):
    program = await mariadb()
    connector = make("mysql", port=program.port, **ROOT)
    assert (await connector.probe(a_look())).state is State.UP
    await program.stop()
    assert verdict(await connector.probe(a_look())) == ("down", "refused")
    await mariadb(port=program.port)
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


async def test_a_full_server_is_degraded_seen_from_without_and_within(mariadb):
    program = await mariadb("--max-connections=10")
    within = make("mysql", port=program.port, **ROOT)
    assert (await within.probe(a_look())).state is State.UP
    root = pymysql.connect(host="127.0.0.1", port=program.port, user="root")
    with root.cursor() as cursor:
        cursor.execute("CREATE USER shop@localhost")
    shop = [pymysql.connect(host="127.0.0.1", port=program.port, user="shop") for _ in range(8)]
    assert verdict(await look_at("mysql", port=program.port, user="shop")) == ("degraded", "full")
    report = await within.probe(a_look())
    assert verdict(report) == ("degraded", ERROR_CLASS)
    assert "connections_ratio is 1, above 0.9" in report.message
    for connection in (root, *shop):
        connection.close()
    await within.aclose()


async def test_wrong_credentials_are_our_own_fault(shared):
    wrong = await look_at("mysql", port=shared.port, user="root", password="hunter2")
    assert verdict(wrong) == ("unknown", "auth")
    assert "hunter2" not in repr(wrong)


async def test_a_connection_the_server_closed_is_replaced_within_the_look(shared, sql):
    connector = make("mysql", port=shared.port, **ROOT)
    await connector.probe(a_look())
    mine = [
        row[0] for row in sql("SELECT id FROM information_schema.processlist WHERE info IS NULL")
    ]
    for number in mine:
        sql(f"KILL {number}")
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


async def test_a_frozen_server_times_out_holds_no_thread_and_thaws(mariadb):
    program = await mariadb()
    connector = make("mysql", port=program.port, **ROOT)
    await connector.probe(a_look())
    program.freeze()
    assert verdict(await connector.probe(a_look(timeout_s=0.3))) == ("down", "timeout")
    looking = [thread for thread in threading.enumerate() if thread.name == "mysql look"]
    for thread in looking:
        await asyncio.to_thread(thread.join, 2)
        assert not thread.is_alive()
    program.thaw()
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


async def test_slow_queries_degrade_it(shared, sql):
    connector = make("mysql", port=shared.port, **ROOT)
    await connector.probe(a_look())
    sql("SET SESSION slow_query_log = 1", "SET SESSION long_query_time = 0", *["SELECT 1"] * 50)
    report = await connector.probe(a_look())
    assert verdict(report) == ("degraded", ERROR_CLASS)
    assert "slow_queries_per_s" in report.message
    await connector.aclose()


async def test_read_only_is_the_role(shared, sql):
    sql("SET GLOBAL read_only = 1")
    try:
        report = await look_at("mysql", port=shared.port, role="primary", **ROOT)
        assert verdict(report) == ("degraded", "wrong_role")
        report = await look_at("mysql", port=shared.port, role="replica", **ROOT)
        assert (verdict(report), report.message) == (
            ("degraded", "replication"),
            "it replicates from no source",
        )
    finally:
        sql("SET GLOBAL read_only = 0")


async def test_who_may_see_little_still_sees_that_it_is_up(shared, sql):
    sql("CREATE OR REPLACE USER onlooker@localhost")
    report = await look_at("mysql", port=shared.port, user="onlooker")
    assert verdict(report) == ("up", "")
    assert "SLAVE MONITOR" in report.facts["replication"]
    sql("DROP USER onlooker@localhost")


async def test_a_row_lock_that_is_waited_for_is_counted(shared, sql):
    sql("CREATE OR REPLACE TABLE mysql.shop (id INT PRIMARY KEY) ENGINE=InnoDB")
    sql("INSERT INTO mysql.shop VALUES (1)", "BEGIN", "SELECT * FROM mysql.shop FOR UPDATE")
    waiting = threading.Thread(target=_lock_too, args=(shared.port,))
    waiting.start()
    async with asyncio.timeout(5):
        while value(await look_at("mysql", port=shared.port, **ROOT), "row_lock_waiting") != 1:
            pass
    sql("ROLLBACK")
    await asyncio.to_thread(waiting.join)
    sql("DROP TABLE mysql.shop")


def _lock_too(port: int) -> None:
    with pymysql.connect(host="127.0.0.1", port=port, user="root") as conn, conn.cursor() as cursor:
        cursor.execute("SELECT * FROM mysql.shop FOR UPDATE")


async def test_a_replica_is_followed_and_a_broken_one_is_degraded(mariadb, shared, sql):
    program = await mariadb("--read-only=1")
    sql(
        "CREATE OR REPLACE USER copy@localhost IDENTIFIED BY 'c'",
        "GRANT REPLICATION SLAVE ON *.* TO copy@localhost",
    )
    replica = pymysql.connect(host="127.0.0.1", port=program.port, user="root", autocommit=True)
    with replica, replica.cursor() as cursor:
        cursor.execute(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='copy', MASTER_PASSWORD='c',"
            f" MASTER_PORT={shared.port}, MASTER_USE_GTID=slave_pos"
        )
        settings = {"port": program.port, "role": "replica", **ROOT}
        assert verdict(await look_at("mysql", **settings)) == ("degraded", "replication")
        cursor.execute("START SLAVE")
        async with asyncio.timeout(10):
            while (report := await look_at("mysql", **settings)).state is not State.UP:
                pass
        assert entities(report) == {"channel:default"}
        # It may be a second behind while it has just begun.
        assert value(report, "behind_s", "channel:default") <= 5
        assert report.facts["source of default"] == "127.0.0.1"
        cursor.execute("STOP SLAVE SQL_THREAD")
        report = await look_at("mysql", **settings)
        assert verdict(report) == ("degraded", "replication")
        assert "the SQL thread says No" in report.message
        assert "behind_s" not in names(report, "channel:default")


async def test_tls_is_verified(mariadb, authority):
    authority.server("127.0.0.1")
    pem = authority.folder / "127.0.0.1--1-90.pem"
    program = await mariadb(
        f"--ssl-cert={pem}", f"--ssl-key={pem}", f"--ssl-ca={authority.ca_file}"
    )
    trusting = {"tls": True, "ca_file": str(authority.ca_file)}
    assert verdict(await look_at("mysql", port=program.port, **ROOT, **trusting)) == ("up", "")
    untrusting = await look_at("mysql", port=program.port, tls=True, **ROOT)
    assert verdict(untrusting) == ("down", "untrusted")


async def test_tls_that_is_not_offered_is_never_gone_without(mariadb):
    program = await mariadb("--skip-ssl")
    report = await look_at("mysql", port=program.port, tls=True, insecure=True, **ROOT)
    assert verdict(report) == ("down", "tls")


def replying(version: str, **more):
    """What a MySQL of that version answers, as far as a look asks."""
    return {
        "SHOW GLOBAL VARIABLES": [
            {"Variable_name": "version", "Value": version},
            {"Variable_name": "read_only", "Value": "ON"},
        ],
        "SHOW GLOBAL STATUS": [{"Variable_name": "Threads_connected", "Value": "3"}],
        "SELECT `COUNT`": [{"n": "5"}],
        **more,
    }


OLD = {"Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Seconds_Behind_Master": "4"}
NEW = {"Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes", "Seconds_Behind_Source": "4"}


@pytest.mark.parametrize(
    ("version", "statement", "row"),
    [
        ("5.7.44", "SHOW SLAVE STATUS", OLD),
        ("8.0.21", "SHOW SLAVE STATUS", OLD),
        ("8.0.22", "SHOW REPLICA STATUS", NEW),
        ("8.4.3", "SHOW REPLICA STATUS", NEW),
    ],
)
async def test_each_version_is_asked_in_its_own_words(version, statement, row):
    row = {**row, "Channel_Name": "", "Master_Host": "db1"}
    async with mysql_server(version, replying(version, **{statement: [row]})) as server:
        report = await look_at("mysql", port=server.port, role="replica")
        assert verdict(report) == ("up", "")
        assert value(report, "behind_s", "channel:default") == 4
        assert report.facts["version"] == f"MySQL {version}"


async def test_each_source_of_mariadb_is_a_channel():
    rows = [{**OLD, "Connection_name": name} for name in ("eu", "us")]
    rows[1]["Slave_IO_Running"] = "Connecting"
    answers = replying("10.11.6-MariaDB", **{"SHOW ALL SLAVES STATUS": rows})
    async with mysql_server("10.11.6-MariaDB", answers) as server:
        report = await look_at("mysql", port=server.port)
    assert entities(report) == {"channel:eu", "channel:us"}
    assert verdict(report) == ("degraded", "replication")
    assert "channel us" in report.message


async def test_deadlocks_of_mysql_stand_elsewhere_and_take_a_privilege():
    denied = {"SELECT `COUNT`": (1227, "you need PROCESS"), "SHOW REPLICA STATUS": []}
    async with mysql_server("8.4.3", replying("8.4.3", **denied)) as server:
        report = await look_at("mysql", port=server.port)
    assert verdict(report) == ("up", "")


@pytest.mark.parametrize("plugin", ["mysql_clear_password", "dialog"])
async def test_the_password_never_goes_in_clear(plugin):
    async with mysql_server("8.4.3", {}, plugin=plugin) as server:
        report = await look_at("mysql", port=server.port, password="s3cret")
    assert verdict(report) == ("unknown", "auth")
    assert server.signed_in_with == b""


@pytest.mark.parametrize(
    ("number", "seen"),
    [
        (1047, ("down", "quorum_lost")),
        (1053, ("draining", "stopping")),
        (1021, ("down", "storage")),
        (3024, ("degraded", "slow")),
        (1105, ("down", "unhealthy")),
    ],
)
async def test_what_errors_mean(number, seen):
    async with mysql_server("8.4.3", {"SHOW": (number, "no")}) as server:
        report = await look_at("mysql", port=server.port)
    assert verdict(report) == seen
    assert f"no [{number}]" in report.message


async def test_another_protocol_is_named_as_such():
    async def greet(_reader, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert verdict(await look_at("mysql", port=port)) == ("down", "protocol")
    server.close()


GALERA = {
    "wsrep_cluster_status": "Primary",
    "wsrep_ready": "ON",
    "wsrep_local_state_comment": "Synced",
    "wsrep_cluster_size": "3",
}


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        ({}, None),
        ({"wsrep_cluster_status": "non-Primary", "wsrep_ready": "OFF"}, ("down", "quorum_lost")),
        ({"wsrep_ready": "OFF"}, ("down", "unhealthy")),
        ({"wsrep_local_state_comment": "Donor/Desynced"}, ("degraded", "replication")),
        ({"wsrep_local_state_comment": "Joiner", "wsrep_ready": "OFF"}, ("initialising", "starting")),
        ({"wsrep_cluster_size": "2"}, ("degraded", "node_down")),
    ],
)  # fmt: skip
def test_galera_by_its_own_words(status, seen):
    fault = fault_in(GALERA | status, {"wsrep_on": "ON"}, [], None, largest_cluster=3.0)
    assert (fault and (fault.state.word, fault.error_class)) == seen


def test_galera_that_is_compiled_in_and_off_is_no_fault():
    off = {"wsrep_cluster_status": "Disconnected", "wsrep_ready": "OFF", "wsrep_cluster_size": "0"}
    assert fault_in(off, {"wsrep_on": "OFF"}, [], None) is None
    assert "cluster_size" not in {m.name for m in measured(off, {}, [], Gains({}, 0.0))}


@pytest.mark.parametrize(
    "variables", [{"read_only": "NO_LOCK"}, {"innodb_read_only": "ON"}, {"super_read_only": "1"}]
)
def test_there_are_many_ways_to_be_read_only(variables):
    assert facts({}, variables, [])["role"] == "replica"


def test_a_delay_that_is_wanted_is_no_lag():
    row = {**OLD, "Seconds_Behind_Master": "3605", "SQL_Delay": "3600"}
    found = {m.name: m.value for m in measured({}, {}, [row], Gains({}, 0.0)) if m.entity}
    assert found["behind_s"] == 5
