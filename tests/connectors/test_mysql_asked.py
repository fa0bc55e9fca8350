"""What a real MariaDB answers when it is asked: commands, and the operator's own requests."""

import threading
import time

import pymysql
import pytest
from tests.connectors import test_connector_mysql as servers
from tests.connectors.looks import a_look
from tests.connectors.test_connector_commands import answer

from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.mysql_commands import COMMANDS, hidden
from vedette.agent.connectors.mysql_commands import answer as told
from vedette.agent.requests import reader_of
from vedette.errors import Invalid

fresh_data, mariadb, sql = servers.fresh_data, servers.mariadb, servers.sql


@pytest.fixture(scope="module")
async def shared(mariadb):
    """A server that counts statements, with a table somebody may lock."""
    program = await mariadb("--performance-schema=ON", "--innodb-lock-wait-timeout=30")
    with connected(program) as conn, conn.cursor() as cursor:
        for statement in (
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id int PRIMARY KEY, state varchar(20)) ENGINE=InnoDB",
            "INSERT INTO shop.orders VALUES (1, 'open'), (2, 'open'), (3, 'done')",
            "CREATE SEQUENCE shop.numbers",
        ):
            cursor.execute(statement)
    return program


def connected(program):
    return pymysql.connect(host="127.0.0.1", port=program.port, user="root", autocommit=True)


def way(program):
    return {"host": "127.0.0.1", "port": program.port, "user": "root"}


async def test_who_waits_for_whom(shared):
    holder, waiter = connected(shared), connected(shared)
    holder.begin()
    holder.cursor().execute("UPDATE shop.orders SET state = 'held' WHERE id = 1")

    def wait():
        with pytest.raises(pymysql.err.MySQLError):
            waiter.cursor().execute("UPDATE shop.orders SET state = 'mine' WHERE id = 1")

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not (rows := await answer("mysql", "locks", **way(shared))):
            assert time.monotonic() < deadline
    finally:
        with connected(shared) as conn:
            conn.cursor().execute(f"KILL {waiter.thread_id()}")
        thread.join(10)
        holder.close()
    [row] = rows
    assert (row["waiting_id"], row["blocking_id"]) == (waiter.thread_id(), holder.thread_id())
    assert (row["waiting_user"], row["blocking_user"]) == ("root", "root")
    assert row["waiting_query"].startswith("UPDATE shop.orders SET state = 'mine'")
    assert "orders" in row["of"]


async def test_sessions_are_shown_and_our_own_is_not(shared):
    with connected(shared) as conn:
        rows = await answer("mysql", "processes", **way(shared))
        [row] = [row for row in rows if row["id"] == conn.thread_id()]
        assert (row["user"], row["command"]) == ("root", "Sleep")
        assert not any("processlist" in (row["query"] or "") for row in rows)
        assert len(await answer("mysql", "processes", params={"limit": 1}, **way(shared))) == 1


async def test_statements_by_the_time_they_took(shared, mariadb):
    with connected(shared) as conn:
        conn.cursor().execute("SELECT SLEEP(0.05)")
    rows = await answer("mysql", "top-queries", **way(shared))
    assert {row["source"] for row in rows} == {"performance_schema"}
    [slept] = [row for row in rows if "SLEEP" in (row["query"] or "").upper()]
    assert slept["calls"] == 1
    assert slept["total_s"] >= 0.05
    uncounted = await mariadb("--performance-schema=OFF")
    for row in await answer("mysql", "top-queries", **way(uncounted)):
        assert row["source"] == "running"


async def test_a_server_that_copies_nobody_has_no_replication(shared):
    assert await answer("mysql", "replication", **way(shared)) == []


def test_replication_is_told_in_either_dialect():
    old = {
        "Connection_name": "eu", "Master_Host": "db1", "Master_Port": "3306",
        "Slave_IO_Running": "Connecting", "Slave_SQL_Running": "Yes", "Last_SQL_Error": "",
        "Last_IO_Error": "no route", "Seconds_Behind_Master": None,
        "Relay_Master_Log_File": "log.1", "Exec_Master_Log_Pos": "42",
    }  # fmt: skip
    new = {
        name.replace("Master", "Source").replace("Slave", "Replica"): text
        for name, text in old.items()
        if name != "Connection_name"
    } | {"Channel_Name": "eu", "Seconds_Behind_Source": "7"}
    rows = list(
        told("replication", {}, is_mariadb=False, show=lambda _: [], channels=lambda: [old, new])
    )
    assert rows[0] == ("eu", "db1:3306", "Connecting", "Yes", None, "log.1:42", "no route")
    assert rows[1] == ("eu", "db1:3306", "Connecting", "Yes", 7.0, "log.1:42", "no route")


async def test_a_refusal_is_the_answer(shared):
    for command in COMMANDS:
        with pytest.raises(Fault) as caught:
            await answer("mysql", command.name, **{**way(shared), "user": "nobody"})
        assert caught.value.error_class == "auth"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("CREATE USER u IDENTIFIED BY 's3cr3t'", "CREATE USER u IDENTIFIED BY '…'"),
        ("SET PASSWORD FOR u = PASSWORD('s3''cr3t')", "SET PASSWORD FOR u = PASSWORD('…')"),
        ('CHANGE MASTER TO MASTER_PASSWORD="s3cr3t"', "CHANGE MASTER TO MASTER_PASSWORD='…'"),
        ("ALTER USER u IDENTIFIED WITH x AS 's3cr3t", "ALTER USER u IDENTIFIED WITH x AS '…'"),
        ("SELECT password FROM users", "SELECT password FROM users"),
    ],
)
def test_a_password_in_a_statement_is_not_shown(said, shown):
    assert hidden(said) == shown


async def read(program, query, *, timeout_s=5.0):
    reader = reader_of("mysql", way(program))
    try:
        return await reader.read(a_look(timeout_s=timeout_s), query)
    finally:
        await reader.aclose()


async def test_a_request_brings_its_rows(shared):
    rows = await read(
        shared, "SELECT state, count(*) AS orders FROM shop.orders GROUP BY state ORDER BY state"
    )
    assert rows == [{"state": "done", "orders": "1"}, {"state": "open", "orders": "2"}]
    many = await read(shared, "SELECT seq FROM shop.seq_1_to_5000")
    assert len(many) == 101


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; DROP TABLE shop.orders",
        "SELECT NEXTVAL(shop.numbers)",
        "WITH x AS (SELECT 1) DELETE FROM shop.orders",
        "SELECT 1 /*! ; DROP TABLE shop.orders */",
        "TABLE shop.orders; SET GLOBAL read_only = 1",
        "SHOW TABLES; DROP DATABASE shop",
    ],
)
async def test_the_server_refuses_what_writes(shared, sql, query):
    with pytest.raises(Fault):
        await read(shared, query)
    assert sql("SELECT count(*) FROM shop.orders") == ((3,),)
    assert sql("SELECT PREVIOUS VALUE FOR shop.numbers") == ((None,),)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 INTO OUTFILE '{file}'",
        "SELECT 1 into/**/dumpfile '{file}'",
        "SELECT 1 /*!50000 INTO OUTFILE '{file}' */",
        "SET ROLE admin",
        "# \nDELETE FROM shop.orders",
        "DO SLEEP(1)",
        "CALL sys.x()",
        "START TRANSACTION READ WRITE",
    ],
)
async def test_what_is_no_query_or_writes_a_file_is_not_asked(shared, tmp_path, query):
    tmp_path.chmod(0o777)
    with pytest.raises(Invalid, match="one SELECT"):
        await read(shared, query.format(file=tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


async def test_a_slow_request_is_ended_by_the_server_itself(shared, sql):
    with pytest.raises((Fault, TimeoutError)):
        await read(shared, "SELECT sum(seq * rand()) FROM shop.seq_1_to_1000000000", timeout_s=0.5)
    running = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%000000%'"
    deadline = time.monotonic() + 10
    while sql(running + " AND id <> CONNECTION_ID()") != ((0,),):
        assert time.monotonic() < deadline
