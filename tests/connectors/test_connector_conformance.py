"""What every connector must do, ours and yours, before it may be trusted with a host.

A connector that is installed is in this list by being installed; `ARRANGED` says how to point it at
a port. One that needs no port, such as `host`, is excused from the tests about ports.
"""

import asyncio
import math
import re

import pytest
from tests.connectors.looks import Allowing, a_look, free_port, look_at, make, within

from vedette import plugins
from vedette.agent.connector import Connector, Description, RefusedByHost
from vedette.agent.connectors.errors import CLASSES
from vedette.agent.run import Stuck, look_once
from vedette.agent.settings_schema import json_schema, parse
from vedette.errors import Invalid
from vedette.health.model import State

ARRANGED = {
    "cockroachdb": lambda port: {"url": f"http://127.0.0.1:{port}"},
    "dns": lambda port: {
        "server": "127.0.0.1",
        "port": port,
        "name": "shop.example",
        "transport": "tcp",
    },
    "etcd": lambda port: {"url": f"http://127.0.0.1:{port}"},
    "envoy": lambda port: {"url": f"http://127.0.0.1:{port}"},
    "grpc": lambda port: {"host": "127.0.0.1", "port": port},
    "http": lambda port: {"url": f"http://127.0.0.1:{port}/"},
    "mqtt": lambda port: {"host": "127.0.0.1", "port": port},
    "kubernetes": lambda port: {"url": f"http://127.0.0.1:{port}"},
    "mysql": lambda port: {"host": "127.0.0.1", "port": port},
    "nats": lambda port: {"host": "127.0.0.1", "port": port},
    "postgres": lambda port: {"host": "127.0.0.1", "port": port},
    "prometheus": lambda port: {"url": f"http://127.0.0.1:{port}/metrics"},
    "rabbitmq": lambda port: {"host": "127.0.0.1", "port": port},
    "redis": lambda port: {"host": "127.0.0.1", "port": port},
    "tcp": lambda port: {"host": "127.0.0.1", "port": port, "expect": "220"},
    "tls": lambda port: {"host": "127.0.0.1", "port": port},
}
WITHOUT_PORT = {"command": {"command": "well"}}
"""What looks at no port and yet wants to be told something."""

SECRET = {
    "cockroachdb": {"user": "u", "password": "s3cr3t-vedette"},
    "etcd": {"user": "u", "password": "s3cr3t-vedette"},
    "grpc": {"bearer_token": "s3cr3t-vedette"},
    "http": {"user": "u", "password": "s3cr3t-vedette"},
    "mqtt": {"user": "u", "password": "s3cr3t-vedette"},
    "kubernetes": {"bearer_token": "s3cr3t-vedette"},
    "mysql": {"password": "s3cr3t-vedette"},
    "nats": {"token": "s3cr3t-vedette"},
    "postgres": {"password": "s3cr3t-vedette"},
    "prometheus": {"user": "u", "password": "s3cr3t-vedette"},
    "rabbitmq": {"password": "s3cr3t-vedette"},
    "redis": {"password": "s3cr3t-vedette"},
}
SECRETS = {"password", "bearer_token", "token", "headers", "kubeconfig"}
TYPES = {"str", "int", "float", "bool", "duration", "list", "map"}

every_connector = pytest.mark.parametrize("name", plugins.names("vedette.connectors"))
every_caller = pytest.mark.parametrize("name", sorted(ARRANGED))


def arranged(name, port=1):
    return ARRANGED[name](port) if name in ARRANGED else WITHOUT_PORT.get(name, {})


def description(name) -> Description:
    return plugins.load("vedette.connectors", name).description


@every_connector
def test_it_describes_itself_whole(name):
    said = description(name)
    assert said.name == name
    assert said.help.endswith(".")
    for measure in said.measures:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", measure.name), measure
        assert measure.help.endswith("."), measure
        assert measure.unit or measure.name in ("status", "in_recovery") or "load" in measure.name
    names = [measure.name for measure in said.measures]
    assert len(names) == len(set(names))
    assert set(said.pack) <= set(names)
    for setting in said.settings:
        assert setting.type in TYPES
        assert setting.help.endswith("."), setting
        assert setting.secret == (setting.name in SECRETS)


@every_connector
def test_its_settings_make_a_json_schema_and_refuse_what_they_do_not_know(name):
    schema = json_schema(description(name))
    assert set(schema["properties"]) >= {setting.name for setting in description(name).settings}
    with pytest.raises(Invalid, match="no setting 'passwrod'"):
        parse(description(name), {"passwrod": "x"})


@every_connector
async def test_it_is_made_without_effects_and_closed_more_than_once(name):
    reach = Allowing()
    connector = make(name, **arranged(name))
    assert isinstance(connector, Connector)
    await connector.aclose()
    await connector.aclose()
    assert reach.asked == []


@every_caller
async def test_a_refused_port_is_down_and_at_once(name):
    looking = asyncio.create_task(look_at(name, timeout_s=30.0, **ARRANGED[name](free_port())))
    report = await within(looking, 1.0)
    assert (report.state, report.error_class) == (State.DOWN, "refused")


@every_caller
async def test_silence_is_a_timeout_told_before_the_caller_loses_patience(name, blackhole):
    connector = make(name, **ARRANGED[name](blackhole.port))
    look = a_look(ARRANGED[name](blackhole.port), timeout_s=0.4)
    report = await within(asyncio.create_task(connector.probe(look)), 2 * look.timeout_s)
    assert (report.state, report.error_class) == (State.DOWN, "timeout")
    await connector.aclose()
    await blackhole.all_gone()


@every_caller
async def test_cancelled_it_lets_go_of_sockets_and_tasks(name, blackhole):
    connector = make(name, **ARRANGED[name](blackhole.port))
    before = asyncio.all_tasks()
    task = asyncio.create_task(connector.probe(a_look(timeout_s=60.0)))
    await asyncio.wait_for(blackhole.visited.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await within(task, 1.0)
    await connector.aclose()
    await blackhole.all_gone()
    assert {t for t in asyncio.all_tasks() - before - blackhole.tasks if not t.done()} == set()


@every_caller
async def test_the_hosts_refusal_passes_through(name):
    async def refusing(host, port):
        raise RefusedByHost(f"{host}:{port} is not for you")

    settings = ARRANGED[name](free_port())
    with pytest.raises(RefusedByHost):
        await look_at(name, reach=refusing, **settings)
    report = await look_once(make(name, **settings), a_look(settings, reach=refusing), Stuck())
    assert (report.state, report.error_class) == (State.UNKNOWN, "refused_by_host")


@every_caller
async def test_it_goes_where_reach_points_and_resolves_nothing_itself(name, blackhole):
    # `db.shop.invalid` resolves nowhere: only who takes reach's word arrives.
    reach = Allowing(**{"db.shop.invalid": "127.0.0.1"})
    settings = {
        key: value.replace("127.0.0.1", "db.shop.invalid") if isinstance(value, str) else value
        for key, value in ARRANGED[name](blackhole.port).items()
    }
    report = await look_at(name, timeout_s=0.3, reach=reach, **settings)
    assert report.error_class == "timeout"
    assert blackhole.visited.is_set()
    assert set(reach.asked) == {("db.shop.invalid", blackhole.port)}


@pytest.mark.parametrize("name", sorted(SECRET))
@pytest.mark.parametrize("answers", [False, True])
async def test_a_secret_is_in_no_message_no_fact_and_no_repr(name, answers, blackhole, parrot):
    port = parrot if answers else free_port()
    settings = {**ARRANGED[name](port), **SECRET[name]}
    connector = make(name, **settings)
    look = a_look(settings, timeout_s=0.4, secrets={"s3cr3t-vedette"})
    report = await connector.probe(look)
    assert report.state is not State.UP
    for shown in (report, connector, look):
        assert "s3cr3t-vedette" not in repr(shown)
    await connector.aclose()


@every_connector
async def test_what_it_reports_is_declared_finite_and_classed(name):
    settings = arranged(name, free_port())
    report = await look_at(name, timeout_s=2.0, **settings)
    declared = {measure.name for measure in description(name).measures}
    assert {m.name for m in report.measurements} <= declared
    assert all(math.isfinite(m.value) for m in report.measurements)
    kinds = {m.entity.partition(":")[0] for m in report.measurements if m.entity}
    assert kinds <= set(description(name).entities)
    assert (report.error_class in CLASSES) == (report.state is not State.UP)


class Blackhole:
    """A port that accepts and never says a word."""

    def __init__(self) -> None:
        self.port = 0
        self.visited = asyncio.Event()
        self.tasks: set[asyncio.Task] = set()

    async def swallow(self, reader, writer) -> None:
        self.tasks.add(asyncio.current_task())
        self.visited.set()
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def all_gone(self) -> None:
        """Wait until every visitor has closed its end."""
        await asyncio.wait_for(asyncio.gather(*self.tasks), 2)


@pytest.fixture
async def blackhole():
    hole = Blackhole()
    server = await asyncio.start_server(hole.swallow, "127.0.0.1", 0)
    hole.port = server.sockets[0].getsockname()[1]
    yield hole
    server.close()
    for task in hole.tasks:
        task.cancel()


@pytest.fixture
async def parrot():
    """A port that says back what it is told, as an error of three protocols at once."""

    async def repeat(reader, writer):
        try:
            heard = await reader.read(4096)
            text = heard.replace(b"\r\n", b" ")
            writer.write(b"-ERR you said " + text + b"\r\n")
            await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(repeat, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
