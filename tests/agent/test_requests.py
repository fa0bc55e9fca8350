"""The operator's own requests: read-only, beside the look, and never its verdict."""

import asyncio
import json
import re
import shutil
from datetime import timedelta

import psycopg
import pytest

from vedette import plugins
from vedette.agent.requests import measured, requests_of
from vedette.agent.try_once import try_once
from vedette.errors import Invalid
from vedette.health.model import State


def request(query="SELECT 1 AS jobs", name="queue", every=None, timeout=None, **measurements):
    said = {"name": name, "query": query, "measurements": measurements or {"jobs": "count"}}
    said |= {"every": every} if every else {}
    return said | ({"timeout": timeout} if timeout else {})


def one(**said):
    description = plugins.load("vedette.connectors", "postgres").description
    return requests_of(description, [request(**said)])[0]


def values(tried):
    return {(m.name, m.entity): m.value for m in tried.report.measured()}


async def tried(connector, settings, *requests, **more):
    said = {"settings": settings, "requests": requests, **more}
    return await try_once(connector, said, timeout_s=5)


def test_a_row_with_a_text_is_of_an_entity():
    rows = [
        {"queue": "mail", "jobs": 3},
        {"queue": "print", "jobs": "4"},
        {"queue": "x", "jobs": None},
    ]
    found, remark = measured(one(), rows)
    assert [(m.name, m.entity, m.value) for m in found] == [
        ("queue_jobs", "queue:mail", 3.0),
        ("queue_jobs", "queue:print", 4.0),
    ]
    assert not remark


def test_more_rows_than_we_take_are_told():
    found, remark = measured(one(), [{"q": str(n), "jobs": n} for n in range(101)])
    assert (len(found), remark) == (100, "more than 100 rows; the first are kept")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"jobs": 1}, {"jobs": 2}], "no text column"),
        ([{"q": "a", "jobs": 1}, {"q": "a", "jobs": 2}], "more than one row"),
        ([{"other": 1}], "no column is called 'jobs'"),
    ],
)
def test_an_answer_that_cannot_be_told_apart_is_a_failure(rows, why):
    with pytest.raises(Invalid, match=why):
        measured(one(), rows)


@pytest.mark.parametrize(
    "said",
    [
        {"name": "Big", "query": "x", "measurements": {"a": ""}},
        {"name": "ok", "query": "", "measurements": {"a": ""}},
        {"name": "ok", "query": "x", "measurements": {}},
        {"name": "ok", "query": "x", "measurements": {"a": ""}, "write": True},
        {"name": "query", "query": "x", "measurements": {"s": ""}},
        "SELECT 1",
    ],
)
def test_a_request_that_is_none_is_refused(said):
    description = plugins.load("vedette.connectors", "postgres").description
    with pytest.raises(Invalid):
        requests_of(description, [said])


def test_a_connector_that_takes_none_says_which_do():
    with pytest.raises(Invalid, match="postgres"):
        requests_of(plugins.load("vedette.connectors", "tcp").description, [request()])


@pytest.fixture
def postgres(cluster):
    """Settings of the embedded server."""
    with psycopg.connect(cluster.admin) as admin:
        info = admin.info
        return {
            "host": info.host,
            "port": info.port,
            "user": info.user,
            "password": info.password,
            "database": info.dbname,
        }


async def test_postgres_brings_home_columns_and_entities(postgres):
    seen = await tried(
        "postgres",
        postgres,
        request("SELECT * FROM (VALUES ('a', 1), ('b', 2)) AS v (queue, jobs)"),
        request("SELECT 0.5 AS jobs", name="half"),
        thresholds={"half_jobs": 0.4},
    )
    found = values(seen)
    assert not {fact for fact in seen.report.facts if fact.startswith("request")}, seen.report
    assert found["queue_jobs", "queue:b"] == 2.0
    assert found["half_jobs", ""] == 0.5
    assert found["request_failed", "request:queue"] == 0.0
    assert (seen.report.state, seen.report.error_class) == (State.DEGRADED, "threshold")
    assert seen.units["queue_jobs"][0] == "count"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT 1 AS jobs; COMMIT; CREATE TABLE public.evil ()", "multiple commands"),
        ("CREATE TABLE public.evil ()", "syntax error"),
        ("COPY (SELECT 1) TO PROGRAM 'true'", "syntax error"),
        ("WITH x AS (DELETE FROM pg_class RETURNING 1) SELECT 1 AS jobs", "data-modifying"),
        ("SELECT 1 AS jobs; SELECT 2 -- and more", "multiple commands"),
        ("SELECT $x$ a $x$::text, 1 AS jobs; DROP TABLE x", "multiple commands"),
        ("/* SELECT */ DELETE FROM pg_class", "syntax error"),
        ("SET ROLE pg_monitor", "syntax error"),
        ("SELECT 1 AS jobs INTO evil", "INTO"),
        ("SELECT nextval('evil_seq') AS jobs", "'nextval' does more"),
        ("SELECT SETVAL('evil_seq', 7) AS jobs", "'SETVAL' does more"),
        ("SELECT lo_import('/etc/hostname') AS jobs", "'lo_import' does more"),
        ('SELECT "pg_terminate_backend" (pg_backend_pid())::int AS jobs', "does more"),
        ("SELECT pg_catalog . pg_reload_conf()::int AS jobs", "'pg_reload_conf' does more"),
        ("SELECT query_to_xml('SELECT pg_relo' || 'ad_conf()', true, true, '')", "does more"),
        (
            "SELECT ndoc AS jobs FROM ts_stat('SELECT pg_relo' || 'ad_conf()')",
            "'ts_stat' does more",
        ),
        ("SELECT ts_rewrite('a', 'SELECT ' || 'pg_relo')::text AS jobs", "does more"),
        ('SELECT U&"pg_reload\\005Fconf"()::int AS jobs', "does more"),
        ("SELECT pg_stat_reset()::text, 1 AS jobs", "'pg_stat_reset' does more"),
        ("SELECT 1 AS jobs, pg_sleep(9)::text", "0.3 s|timeout"),
    ],
)
async def test_postgres_grants_nothing_but_a_query_and_stays_up(postgres, query, why):
    seen = await tried("postgres", postgres, request(query, timeout="300ms"))
    assert seen.report.state is State.UP
    assert values(seen)["request_failed", "request:queue"] == 1.0
    assert re.search(why, seen.report.facts["request queue"])


async def test_what_is_dropped_is_counted_and_the_state_leaves(postgres):
    seen = await tried("postgres", postgres, request(), keep=["queue_*", "connections"])
    assert {name for name, _ in values(seen)} == {
        "connections", "queue_jobs", "request_failed", "dropped_measurements",
    }  # fmt: skip
    assert values(seen)["dropped_measurements", ""] > 10
    assert seen.report.state is State.UP


async def test_redis_runs_commands_that_read_and_no_others(redis_port):
    seen = await tried(
        "redis",
        {"port": redis_port},
        request("DBSIZE", name="keys", value="count"),
        request("INFO clients", name="info", connected_clients="count"),
        request("MGET a b", name="both", value="count"),
        request("FLUSHALL", name="evil", value="count"),
        request("CONFIG GET *", name="config", value="count"),
    )
    found = values(seen)
    assert (found["keys_value", ""], found["both_value", "key:a"]) == (1.0, 7.0)
    assert found["info_connected_clients", ""] >= 1
    assert found["request_failed", "request:evil"] == found["request_failed", "request:config"] == 1
    assert "no command a request may use" in seen.report.facts["request evil"]
    assert seen.report.state is State.UP


@pytest.mark.parametrize(
    "query",
    [
        "SET a 8", "GETDEL a", "GETSET a 8", "GETEX a PERSIST", "KEYS *", "EVAL 'return 1' 0", "DEBUG SLEEP 9",
        "MEMORY PURGE", "memory doctor", "SCRIPT FLUSH", "get", "'GET", "\\nFLUSHALL", "SUBSCRIBE x",
        "SORT a STORE b", "BITOP NOT b a", "CLIENT KILL x", "SHUTDOWN", "MULTI", "GET a\r\nFLUSHALL",
    ],
)  # fmt: skip
async def test_redis_is_asked_nothing_that_writes_blocks_or_scans(redis_port, query):
    seen = await tried(
        "redis",
        {"port": redis_port},
        request("GET a", name="before", value="count"),
        request(query, name="evil", value="count"),
        request("GET a", name="after", value="count"),
    )
    found = values(seen)
    assert found["before_value", ""] == found["after_value", ""] == 7.0
    assert found["request_failed", "request:evil"] == 1.0
    assert seen.report.state is State.UP


@pytest.fixture
async def redis_port(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
        "--dir", str(tmp_path), stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(10):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.02)
    writer.write(b"SET a 7\r\n")
    await reader.readline()
    writer.close()
    yield port
    process.kill()
    await process.wait()


ANSWERS = {
    "/": b"fine",
    "/stats": json.dumps({"queue": {"jobs": 4}, "version": "1.2"}).encode(),
    "/list": json.dumps([{"name": "a", "jobs": 1}, {"name": "b", "jobs": 2}]).encode(),
    "/metrics": b"shop_orders 5\n",
    "/api/v1/query?query=sum%28up%29": json.dumps(
        {"data": {"resultType": "vector", "result": [{"metric": {"job": "x"}, "value": [1, "3"]}]}}
    ).encode(),
}


@pytest.fixture
async def site():
    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = ANSWERS.get(head.split()[1].decode())
        status = b"200 OK" if body is not None else b"404 Not Found"
        body = body or b""
        kind = b"text/plain; version=0.0.4"
        writer.write(
            b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
            % (status, kind, len(body))
        )
        writer.write(b"" if head.startswith(b"HEAD") else body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_http_reads_json_and_nothing_is_posted(site):
    seen = await tried(
        "http",
        {"url": f"{site}/"},
        request("/stats", name="stats", **{"queue.jobs": "count", "status": ""}),
        request("GET /list", name="list"),
        request("HEAD /gone", name="gone", status=""),
        request("POST /stats", name="evil"),
        request("/gone", name="missing"),
    )
    found = values(seen)
    assert (found["stats_queue_jobs", ""], found["stats_status", ""]) == (4.0, 200.0)
    assert found["list_jobs", "name:b"] == 2.0
    assert found["gone_status", ""] == 404.0
    assert "GET or HEAD" in seen.report.facts["request evil"]
    assert "404" in seen.report.facts["request missing"]


async def test_prometheus_takes_promql_beside_its_bulk(site):
    seen = await tried(
        "prometheus", {"url": f"{site}/metrics"}, request("sum(up)", name="alive", value="count"),
        drop=["scrape_*"], thresholds={"shop_orders": {"enter": 4, "leave": 2}},
    )  # fmt: skip
    found = values(seen)
    assert (found["alive_value", "job:x"], found["shop_orders", ""]) == (3.0, 5.0)
    assert found["dropped_measurements", ""] == 6.0
    assert seen.report.message == "shop_orders is 5, above 4"


async def test_command_runs_what_the_host_names(tmp_path):
    config = tmp_path / "agent.yaml"
    config.write_text(
        "commands:\n  check: [/bin/true]\n  jobs: [/bin/sh, -c, \"echo 'OK | jobs=3 old=2s'\"]\n"
    )
    said = {
        "settings": {"command": "check"},
        "requests": [
            request("jobs", jobs="count", old="seconds", exit_code=""),
            request("rm -rf /", name="evil"),
        ],
    }
    seen = await try_once("command", said, timeout_s=5, config=config)
    found = values(seen)
    assert (found["queue_jobs", ""], found["queue_old", ""]) == (3.0, 2.0)
    assert "does not name" in seen.report.facts["request evil"]


async def test_a_request_waits_for_its_own_time_and_says_meanwhile_what_it_said(site):
    from vedette.agent.connector import Look
    from vedette.agent.reach import HostReach
    from vedette.agent.requests_round import Round

    clock = [100.0]
    description = plugins.load("vedette.connectors", "http").description
    asked = requests_of(description, [request("/stats", every="1m", **{"queue.jobs": ""})])
    round_ = Round(
        asked, connector="http", settings={"url": f"{site}/"}, monotonic=lambda: clock[0]
    )
    look = Look(target="shop", settings={}, timeout_s=5, reach=HostReach([]))
    seen = []
    for now, jobs in ((100.0, 4), (130.0, 5), (161.0, 6)):
        clock[0] = now
        ANSWERS["/stats"] = json.dumps({"queue": {"jobs": jobs}}).encode()
        await round_.ask(look, within_s=5)
        seen.append(round_.measurements()[-1].value)
    await round_.aclose()
    assert seen == [4.0, 4.0, 6.0]
    assert timedelta(seconds=asked[0].every_s) == timedelta(minutes=1)


@pytest.mark.parametrize(
    "query",
    ["DROP TABLE x", "SELECT 1 INTO OUTFILE '/tmp/x'", "/* */ DELETE FROM x", "SET GLOBAL x = 1"],
)
async def test_mysql_is_not_even_asked_what_is_no_query(query):
    from vedette.agent.connector import Look
    from vedette.agent.reach import HostReach
    from vedette.agent.requests import reader_of

    look = Look(target="shop", settings={}, timeout_s=5, reach=HostReach([]))
    with pytest.raises(Invalid, match="one SELECT"):
        await reader_of("mysql", {"host": "127.0.0.1"}).read(look, query)
