"""What connectors can be asked: declared whole by all, answered by real servers, without secrets."""

import re

import psycopg
import pytest
from tests.connectors.looks import Allowing, a_look, free_port, make
from tests.connectors.test_connector_tls import shaking_hands
from tests.fakes.http_server import Reply, http_server

from vedette import plugins
from vedette.actions.rules import misfit, parameters_of
from vedette.agent.connector import Commanded, Description, RefusedByHost
from vedette.agent.connectors.errors import EXPECTED, Fault
from vedette.agent.connectors.postgres_commands import hidden
from vedette.agent.generic import GENERIC, commands_of
from vedette.agent.plain import plain
from vedette.errors import Invalid
from vedette.lab import cockroachdb as crdb

MACHINE = {"host": "127.0.0.1", "port": 5432, "user": "postgres", "database": "postgres"}
ARRANGED = {
    "dns": lambda port: {
        "server": "127.0.0.1",
        "port": port,
        "name": "shop.example",
        "transport": "tcp",
    },
    "envoy": lambda port: {"url": f"http://127.0.0.1:{port}"},
    "etcd": lambda port: {"url": f"http://127.0.0.1:{port}"},
    "grpc": lambda port: {"host": "127.0.0.1", "port": port},
    "kubernetes": lambda port: {"url": f"http://127.0.0.1:{port}"},
    "mqtt": lambda port: {"port": port},
    "mysql": lambda port: {"port": port},
    "nats": lambda port: {"monitor_url": f"http://127.0.0.1:{port}"},
    "prometheus": lambda port: {"url": f"http://127.0.0.1:{port}/metrics"},
    "rabbitmq": lambda port: {"management_url": f"http://127.0.0.1:{port}"},
    "cockroachdb": lambda port: {"url": f"http://127.0.0.1:{port}"},
    "http": lambda port: {"url": f"https://127.0.0.1:{port}/"},
    "postgres": lambda port: {**MACHINE, "port": port},
    "redis": lambda port: {"port": port},
    "tcp": lambda port: {"host": "127.0.0.1", "port": port},
    "tls": lambda port: {"host": "127.0.0.1", "port": port},
}


def description(name) -> Description:
    return plugins.load("vedette.connectors", name).description


def command(connector, name):
    return next(each for each in commands_of(description(connector)) if each.name == name)


async def answer(connector, name, /, *, params=None, timeout_s=5.0, reach=None, **settings):
    """The rows of a command as dicts; every row fits what is declared."""
    declared = command(connector, name)
    made = make(connector, **settings)
    look = a_look(settings, timeout_s=timeout_s, reach=reach)
    rows = []
    try:
        async for row in made.ask(look, name, parameters_of(declared, params or {})):
            cells = [plain(cell) for cell in row]
            assert misfit(declared.columns, [cells]) == "", (name, cells)
            rows.append(dict(zip([c.name for c in declared.columns], cells, strict=True)))
    finally:
        await made.aclose()
    return rows


every_connector = pytest.mark.parametrize("name", plugins.names("vedette.connectors"))
every_command = pytest.mark.parametrize(
    ("connector", "name"),
    [(c, d.name) for c in ARRANGED for d in description(c).commands],
)


@every_connector
def test_a_connectors_commands_are_declared_whole(name):
    said = description(name)
    commands = commands_of(said)
    assert [each.name for each in commands[:2]] == ["health", "info"]
    assert len({each.name for each in commands}) == len(commands)
    assert not said.commands or isinstance(make(name, **arranged(name)), Commanded)
    for each in commands:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", each.name)
        assert each.help.endswith(".")
        assert each.columns
        for part in (*each.columns, *each.parameters):
            assert re.fullmatch(r"[a-z][a-z0-9_]*", part.name), part
            assert part.help.endswith("."), part
        # Its own defaults are what it takes.
        given = {p.name: "x" for p in each.parameters if p.required}
        assert parameters_of(each, parameters_of(each, given)) == parameters_of(each, given)


def needed(connector, name):
    return {each.name: "x" for each in command(connector, name).parameters if each.required}


def arranged(name):
    return ARRANGED.get(name, lambda _: {})(free_port())


@every_command
async def test_where_nothing_listens_a_command_fails_as_a_look_does(connector, name):
    with pytest.raises(EXPECTED) as caught:
        await answer(
            connector, name, params=needed(connector, name), **ARRANGED[connector](free_port())
        )
    assert "refused" in str(caught.value).lower() or isinstance(caught.value, OSError)


@every_command
async def test_a_command_goes_only_where_the_host_lets_it(connector, name):
    async def refusing(host, port):
        raise RefusedByHost(f"{host}:{port} is not for you")

    with pytest.raises((RefusedByHost, Fault)):
        await answer(
            connector, name, params=needed(connector, name), reach=refusing,
            **ARRANGED[connector](free_port()),
        )  # fmt: skip


@pytest.mark.needs("postgres")
class TestPostgres:
    async def test_its_sessions_are_shown_with_what_they_run(self):
        with psycopg.connect(host="127.0.0.1", user="postgres", application_name="asker") as own:
            own.execute("SELECT 'a word'")
            pid = own.info.backend_pid
            rows = await answer("postgres", "activity", params={"limit": 1000}, **MACHINE)
            [row] = [row for row in rows if row["pid"] == pid]
            assert (row["state"], row["application"]) == ("idle in transaction", "asker")
            assert row["query"] == "SELECT 'a word'"
            idle = await answer("postgres", "activity", params={"state": "active"}, **MACHINE)
            assert pid not in [row["pid"] for row in idle]

    async def test_statements_that_run_stand_in_for_statistics_that_are_not_there(self):
        for row in await answer("postgres", "top-queries", **MACHINE):
            assert row["source"] in ("running", "pg_stat_statements")

    async def test_its_tables_by_size_and_by_dead_rows(self):
        with psycopg.connect(host="127.0.0.1", user="postgres", autocommit=True) as own:
            own.execute("DROP TABLE IF EXISTS asked_of")
            own.execute("CREATE TABLE asked_of AS SELECT generate_series(1, 5000) AS n")
            own.execute("ANALYZE asked_of")
            try:
                for order in ("size", "dead", "scans"):
                    rows = await answer(
                        "postgres", "tables", params={"order": order, "limit": 1000}, **MACHINE
                    )
                    [row] = [row for row in rows if row["table"] == "asked_of"]
                    assert row["size_bytes"] >= 5000 * 28
            finally:
                own.execute("DROP TABLE asked_of")

    async def test_it_reads_in_a_transaction_that_cannot_write(self, monkeypatch):
        from vedette.agent.connectors import postgres_commands

        monkeypatch.setitem(postgres_commands._SQL, "tables", "CREATE TABLE never (id int)")
        with pytest.raises(Fault, match="read-only transaction"):
            await answer("postgres", "tables", **MACHINE)

    async def test_a_statement_that_takes_too_long_is_ended_by_the_server(self, monkeypatch):
        from vedette.agent.connectors import postgres_commands

        monkeypatch.setitem(postgres_commands._SQL, "tables", "SELECT pg_sleep(60)")
        with pytest.raises(Fault, match="statement timeout"):
            await answer("postgres", "tables", timeout_s=0.3, **MACHINE)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("ALTER ROLE u PASSWORD 's3cr3t'", "ALTER ROLE u PASSWORD '…'"),
        (
            "alter role u with password E's3\\'cr3t' login",
            "alter role u with password '…' login",
        ),
        ("CREATE ROLE u PASSWORD 'it''s' LOGIN", "CREATE ROLE u PASSWORD '…' LOGIN"),
        ("OPTIONS (user 'u', password 's3cr3t')", "OPTIONS (user 'u', password '…')"),
        ("SELECT password FROM users", "SELECT password FROM users"),
        ("ALTER ROLE u PASSWORD 'cut of", "ALTER ROLE u PASSWORD '…'"),
    ],
)
def test_a_password_in_a_statement_is_not_shown(said, shown):
    assert hidden(said) == shown


async def test_redis_tells_slow_commands_without_passwords_clients_and_memory(redis_server):
    port, _ = await redis_server("--slowlog-log-slower-than", "0")
    from vedette.agent.connectors.resp import encode
    from vedette.agent.connectors.wire import open_wire

    opened = await open_wire(a_look(), "127.0.0.1", port)
    for words in (["SET", "k", "v" * 500], ["CONFIG", "SET", "requirepass", "s3cr3t-vedette"],
                  ["AUTH", "s3cr3t-vedette"], ["CONFIG", "SET", "requirepass", ""]):  # fmt: skip
        opened.writer.write(encode(words))
        await opened.reader.readline()
    slow = await answer("redis", "slow-log", port=port)
    said = [row["command"] for row in slow]
    assert any(words.startswith("SET k vvv") and len(words) < 150 for words in said)
    assert not any("s3cr3t" in words for words in said)
    assert all(row["took_s"] < 1 and row["at"].endswith("Z") for row in slow)
    clients = await answer("redis", "clients", port=port)
    assert {row["address"].rpartition(":")[0] for row in clients} == {"127.0.0.1"}
    assert len(clients) == 2
    memory = {row["name"]: row["value"] for row in await answer("redis", "memory", port=port)}
    assert memory["used_memory"] > 100_000
    assert len(await answer("redis", "slow-log", params={"limit": 1}, port=port)) == 1
    opened.close()


HOT = (
    b'{"nodeId": 1, "hotRangesByNodeId": {"1": {"errorMessage": "", "stores": [{"storeId": 2,'
    b' "hotRanges": [{"desc": {"rangeId": "7"}, "queriesPerSecond": 3.5, "leaseholderNodeId": 3},'
    b' {"desc": {"rangeId": "9"}, "queriesPerSecond": 30}]}]}}}'
)


async def test_cockroachdb_tells_nodes_jobs_and_hot_ranges_with_its_session():
    jobs = [
        {"id": "1", "type": "BACKUP", "status": "running", "created": "2026-11-21T10:00:00Z",
         "fractionCompleted": 0.5, "username": "root", "description": "BACKUP INTO …"},
        {"id": "2", "type": "SCHEMA CHANGE", "status": "failed", "created": "2026-11-22T10:00:00Z",
         "error": "no"},
    ]  # fmt: skip
    cluster = crdb.cluster_of(3, secure=True, jobs=jobs)
    cluster.nodes[2].liveness = crdb.DEAD
    cluster.doors["/_status/hotranges"] = Reply(body=HOT)
    async with crdb.serving(cluster):
        way = {"urls": cluster.urls, "user": "watcher", "password": "roach"}
        nodes = await answer("cockroachdb", "nodes", **way)
        assert [(row["node"], row["state"]) for row in nodes] == [
            (1, "live"), (2, "live"), (3, "dead"),
        ]  # fmt: skip
        assert nodes[0]["version"] == "v24.1.5"
        assert nodes[0]["size_bytes"] > nodes[0]["free_bytes"] > 0
        found = await answer("cockroachdb", "jobs", **way)
        assert [row["id"] for row in found] == ["2", "1"]
        [running] = await answer("cockroachdb", "jobs", params={"status": "running"}, **way)
        assert running["done_ratio"] == 0.5
        hot = await answer("cockroachdb", "hot-ranges", **way)
        assert [(row["range"], row["queries_per_s"]) for row in hot] == [("9", 30.0), ("7", 3.5)]
        with pytest.raises(Fault, match="the login was refused"):
            await answer("cockroachdb", "nodes", **{**way, "password": "wrong"})


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"jobs": 7}', b'{"jobs": [1, null, {}]}'])
async def test_cockroachdb_answering_nonsense_is_no_crash(body):
    cluster = crdb.cluster_of(1)
    for path in ("/_admin/v1/jobs", "/_status/hotranges"):
        cluster.doors[path] = Reply(body=body)
    async with crdb.serving(cluster):
        for name in ("jobs", "hot-ranges"):
            try:
                await answer("cockroachdb", name, urls=cluster.urls)
            except Fault as fault:
                assert fault.error_class == "protocol"


async def test_a_certificate_is_shown_trusted_or_not(authority):
    here = Allowing(**{"shop.example": "127.0.0.1"})
    way = {"host": "shop.example", "reach": here}
    async with shaking_hands(authority.server("shop.example")) as port:
        trusted = await answer(
            "tls", "certificate", port=port, ca_file=str(authority.ca_file), **way
        )
        assert [row["place"] for row in trusted] == [1, 2]
        assert (trusted[0]["names"], trusted[0]["trusted"]) == ("shop.example", True)
        assert 89 < trusted[0]["days_left"] <= 90
        doubted = await answer("tls", "certificate", port=port, **way)
        assert doubted[0]["trusted"] is False
        assert "does not verify" in doubted[0]["why_not"]
        over_http = await answer(
            "http", "certificate", url=f"https://shop.example:{port}/", reach=here
        )
        assert over_http[0]["names"] == "shop.example"


async def test_phases_tell_where_the_time_goes():
    async with http_server(lambda _: Reply(body=b"here")) as server:
        phases = {
            row["phase"]: row["took_s"] for row in await answer("http", "phases", url=server.url)
        }
        assert {"resolve", "connect", "first_byte", "transfer", "total"} <= set(phases)
        assert phases["total"] >= phases["connect"] > 0
        with pytest.raises(Invalid, match="no URL of this target is https"):
            await answer("http", "certificate", url=server.url)
        port = int(server.url.rpartition(":")[2].strip("/"))
        [_, connect] = await answer("tcp", "phases", host="127.0.0.1", port=port)
        assert connect["phase"] == "connect"


@pytest.mark.needs("mosquitto")
async def test_a_broker_tells_what_it_says_of_itself():
    # A broker forgets after a minute what did not change meanwhile: of one at rest this alone stands.
    (row,) = await answer("mqtt", "sys", params={"under": "uptime"}, port=1883)
    assert (row["topic"], row["value"]) == ("uptime", None)
    assert row["text"].endswith(" seconds")


async def test_an_exporter_tells_its_families_and_the_series_of_one():
    body = (
        b"# HELP jobs Jobs that wait.\n# TYPE jobs gauge\n"
        b'jobs{queue="a"} 3\njobs{queue="b"} NaN\nup 1\n'
    )
    headers = {"Content-Type": "text/plain; version=0.0.4"}
    async with http_server(lambda _: Reply(body=body, headers=headers)) as server:
        families = await answer("prometheus", "families", url=server.url)
        assert [(row["name"], row["series"]) for row in families] == [("jobs", 2), ("up", 1)]
        assert families[0]["help"] == "Jobs that wait."
        series = await answer("prometheus", "series", params={"name": "jobs"}, url=server.url)
        assert [row["value"] for row in series] == [3.0, None]
        assert await answer("prometheus", "series", params={"name": "no"}, url=server.url) == []
    async with http_server(lambda _: Reply(body=b"jobs{ 3\n", headers=headers)) as server:
        with pytest.raises(Fault, match="cannot be read"):
            await answer("prometheus", "families", url=server.url)


async def test_the_host_tells_its_processes_and_disks():
    by_memory = await answer("host", "processes", params={"limit": 5})
    assert len(by_memory) == 5
    sizes = [row["memory_bytes"] for row in by_memory]
    assert sizes == sorted(sizes, reverse=True)
    disks = await answer("host", "disks")
    assert "/" in [row["mount"] for row in disks]
    assert all(0 <= row["used_ratio"] <= 1 for row in disks)


def test_the_generic_commands_show_no_content():
    assert {each.scope for each in GENERIC} == {"ask"}
