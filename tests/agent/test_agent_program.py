"""The whole agent against a server: enrolled, attached, looking, telling, stopping."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_world import EnrolmentDoor, FakeServer, enrolled, target

from vedette.agent.enrol import Joining, enrol
from vedette.agent.identity import IdentityFiles
from vedette.agent.notify import Notify
from vedette.agent.program import Agent, Options
from vedette.errors import Conflict, Denied, Missing
from vedette.link import vedette_pb2 as pb


@pytest.fixture
async def server():
    server = FakeServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def door(server):
    door = EnrolmentDoor(server)
    await door.start()
    yield door
    await door.stop()


def joining(server, door, token="vdj_good"):
    return Joining(
        server=f"127.0.0.1:{door.port}",
        token=token,
        fingerprint=server.authority.fingerprint,
        name="wished",
    )


async def test_an_agent_enrols_with_a_token_and_never_needs_it_again(server, door, tmp_path):
    identity = await enrol(tmp_path / "a", joining(server, door), tags={"role": "edge"})
    assert identity.held.name == "edge"
    assert door.asked[0].facts.tags_json == '{"role":"edge"}'
    again = await enrol(tmp_path / "a", joining(server, door), tags={})
    assert again.held == identity.held
    assert len(door.asked) == 1
    for name in ("key.pem", "agent.pem", "identity.json"):
        assert stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o600


async def test_a_used_token_is_refused_and_the_key_kept_for_the_next(server, door, tmp_path):
    with pytest.raises(Denied, match="this join token was used"):
        await enrol(tmp_path / "a", joining(server, door, "vdj_used"), tags={})
    key = (tmp_path / "a" / "key.pem").read_bytes()
    await enrol(tmp_path / "a", joining(server, door), tags={})
    assert (tmp_path / "a" / "key.pem").read_bytes() == key


async def test_a_server_with_another_authority_is_told_nothing(server, door, tmp_path):
    stranger = FakeServer()
    with pytest.raises(Denied, match="does not show the authority"):
        await enrol(tmp_path / "a", joining(stranger, door), tags={})
    assert door.asked == []


def test_a_directory_that_was_never_enrolled_says_how(tmp_path):
    with pytest.raises(Missing, match="enrol one"):
        Agent(Options(data_dir=tmp_path))


@pytest.fixture
async def listening():
    listener = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()


def watching(server, port):
    server.configuration = pb.Configuration(
        revision=1,
        targets=[
            target(7, "shop", "tcp", host="127.0.0.1", port=port),
            target(8, "metadata", "tcp", host="169.254.169.254", port=80),
        ],
    )


async def test_reports_of_the_configured_targets_reach_the_server(server, listening, tmp_path):
    watching(server, listening)
    async with Agent(Options(data_dir=enrolled(server, tmp_path / "a"))) as agent:
        await server.until(lambda: sum(batch.rows for batch in server.stored) >= 2)
    (define, *_) = server.definitions
    assert define.error_classes[0].name == "refused_by_host"
    assert define.layouts[0].connector == "tcp"
    assert agent.spool.reports == 0


async def test_what_was_seen_while_the_server_was_away_is_sent_later(server, listening, tmp_path):
    watching(server, listening)
    async with Agent(Options(data_dir=enrolled(server, tmp_path / "a"))) as agent:
        await server.until(lambda: len(server.stored) > 0)
        await server.stop()
        before = agent.outbox.reports
        async with asyncio.timeout(20):
            while agent.outbox.reports < before + 4:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        await server.start()
        await server.until(lambda: sum(b.rows for b in server.stored) >= before + 4)
    assert sum(batch.rows for batch in server.stored) == agent.outbox.reports


async def test_a_restarted_agent_sends_what_it_had_kept(server, listening, tmp_path):
    watching(server, listening)
    directory = enrolled(server, tmp_path / "a")
    server.holding_acks = True
    async with Agent(Options(data_dir=directory)):
        await server.until(lambda: len(server.stored) > 0)
    async with Agent(Options(data_dir=directory)):
        await server.until(lambda: len(server.hellos) == 2 and server.heartbeats)
    assert server.hellos[1].welcomed_run_id == server.hellos[0].run_id
    assert server.hellos[1].last_seq >= server.hellos[0].last_seq + 1


@pytest.mark.parametrize(
    ("reason", "error"), [("revoked", Denied), ("duplicate_identity", Conflict)]
)
async def test_the_servers_last_word_ends_the_agent(server, tmp_path, reason, error):
    server.refusals = [pb.Refusal(reason=reason, message="no", final=True)]
    async with Agent(Options(data_dir=enrolled(server, tmp_path / "a"))) as agent:
        with pytest.raises(error):
            await agent.wait()
        assert agent.ailing() == "ended: link"


async def fetched(port, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    return answer


async def test_metrics_and_health_are_shown_where_the_owner_asked(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = Options(data_dir=enrolled(server, tmp_path / "a"), metrics=f"127.0.0.1:{port}")
    async with Agent(options):
        await server.until(lambda: server.heartbeats)
        page = await fetched(port, "/metrics")
        assert "# TYPE vedette_agent_connected gauge\nvedette_agent_connected 1\n" in page
        assert "200 OK" in await fetched(port, "/healthz")
        assert "404" in await fetched(port, "/etc/passwd")


async def test_systemd_is_told(server, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = str(tmp_path / "notify")
        manager.bind(path)
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        heard = []
        async with Agent(Options(data_dir=enrolled(server, tmp_path / "a"))):
            while not any("WATCHDOG=1" in said for said in heard):
                heard.append((await asyncio.to_thread(manager.recv, 4096)).decode())
        heard.append((await asyncio.to_thread(manager.recv, 4096)).decode())
    assert heard[0].startswith("READY=1")
    assert any("STOPPING=1" in said for said in heard)


def test_a_watchdog_meant_for_another_process_is_not_ours():
    assert Notify({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_s is None
    assert Notify({"WATCHDOG_USEC": "1000000"}).watchdog_s == 0.5


def of_process(process, what):
    return Path(f"/proc/{process.pid}/{what}").read_bytes()


async def test_the_command_becomes_the_agent_and_hides_its_token(server, door, listening, tmp_path):
    watching(server, listening)
    token = tmp_path / "token"
    token.write_text("vdj_good\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vedette.app.main",
        "agent",
        f"--server=127.0.0.1:{door.port}",
        f"--ca-fingerprint={server.authority.fingerprint}",
        f"--join-file={token}",
        f"--data-dir={tmp_path / 'a'}",
        "--log-format=json",
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "VEDETTE_JOIN_TOKEN": "vdj_of_the_environment"},
    )
    await server.until(lambda: len(server.stored) > 0)
    seen = of_process(process, "cmdline").decode()
    environment = of_process(process, "environ")
    process.send_signal(signal.SIGTERM)
    _, stderr = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0
    assert "vdj_" not in seen
    assert b"VEDETTE_JOIN_TOKEN" not in environment
    lines = stderr.decode().splitlines()
    assert lines[0] == "vedette: enrolled as edge"
    assert [json.loads(line)["event"] for line in lines[1:]][-1] == "agent stopped"
    assert IdentityFiles(tmp_path / "a").held.name == "edge"


async def test_a_first_start_without_a_token_says_what_is_missing(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vedette.app.main",
        "agent",
        f"--data-dir={tmp_path / 'a'}",
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 2
    assert stderr.decode().count("\n") == 1
    assert "--server is needed" in stderr.decode()
