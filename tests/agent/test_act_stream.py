"""A whole agent over a real stream: orders down, answers up, nothing twice and nothing lost, killed or not."""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from tests.signing_world import needs_ssh

sys.path.insert(0, str(Path(__file__).parent))
from act_world import bundle, order, pin, public_key, searching, signed_bundle
from agent_world import FakeServer, enrolled
from operation_world import install

from vedette import clock
from vedette.agent import act, checkin
from vedette.agent.host_actions import TrustRules
from vedette.agent.journal_lines import read_lines
from vedette.agent.program import Agent, Options
from vedette.app.tree import run
from vedette.errors import Unavailable
from vedette.link import vedette_pb2 as pb
from vedette.trust.result_signature import hold_result

pytestmark = needs_ssh

KILLS = int(os.environ.get("VEDETTE_ACT_KILLS", "3"))


@pytest.fixture
async def server():
    server = FakeServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def etc(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "passwd").write_text("root")
    return folder


def options(server, directory, **more):
    roots = pin()
    trust = TrustRules(root=roots.digest, threshold=roots.threshold)
    return Options(data_dir=enrolled(server, directory), trust=trust, **more)


def down(act):
    return pb.ToAgent(act=pb.Act(id=act.id, document=act.document, signatures=act.signatures))


async def trusted(server):
    made = signed_bundle(bundle(at=clock.now().replace(microsecond=0)))
    await server.until(lambda: server.heartbeats)
    await server.say(pb.ToAgent(trust=pb.Trust(signed=made)))


def said(server, number=-1):
    command, answer, signature = server.results[number]
    return command, json.loads(answer), signature


async def test_an_order_comes_down_the_stream_and_its_answer_goes_up_it(server, etc, tmp_path):
    started = options(server, tmp_path / "a")
    server.heartbeat_ms = 200
    async with Agent(started) as agent:
        await trusted(server)
        await server.say(down(order(searching(etc), at=clock.now())))
        await server.until(lambda: server.results)
        command, answer, signature = said(server)
        hold_result(public_key(tmp_path / "a"), server.results[0][1], signature)
        assert (command, answer["status"]) == (7, "success")
        assert answer["results"][0]["elements"]["s1"][0]["file"] == str(etc / "passwd")
        await server.say(pb.ToAgent(told=pb.Told(ids=[7])))
        told = {sample.name: sample.value for sample in agent.samples()}
        assert told["vedette_agent_actions_run_total"] == 1
        await server.until(lambda: server.heartbeats[-1].bundle_version == 1)
    assert server.heartbeats[0].bundle_version == 0
    facts = server.hellos[0].facts
    assert "file" in facts.modules
    assert json.loads(facts.sandbox_json)["rlimits"] is True
    assert (facts.bundle_version, facts.mode) == (0, "daemon")
    environment = json.loads(facts.environment_json)
    assert environment["os"] == "linux"
    assert environment["modules"] == list(facts.modules)
    assert {"init", "ident", "arch", "isproxied", "addresses"} <= set(environment)
    async with Agent(started):
        await server.until(lambda: len(server.hellos) > 1)
    assert server.hellos[1].facts.bundle_version == 1
    assert len(server.results) == 1


async def test_the_owner_reads_on_the_host_what_was_ever_asked(server, etc, tmp_path, capsys):
    directory = tmp_path / "a"
    async with Agent(options(server, directory)):
        await trusted(server)
        await server.say(down(order(searching(etc), at=clock.now())))
        await server.say(down(order(searching(etc), at=clock.now(), number=8, by=("eve",))))
        await server.until(lambda: len(server.results) == 2)
    capsys.readouterr()
    words = ["agent", "journal", "--data-dir", str(directory)]
    assert run([*words, "-o", "json", "--since", "1h"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["command"], first["status"], first["signed_by"]) == (7, "success", ["ada", "bob"])
    assert (second["status"], second["reason"]) == ("refused", "unknown-key")
    for output in ("table", "yaml", "csv"):
        assert run([*words, "--id", "8", "-o", output]) == 0
        printed = capsys.readouterr().out
        assert "unknown-key" in printed
        assert "success" not in printed
    assert run([*words[:2], "--data-dir", str(etc)]) == 0
    assert "there are no actions in the journal" in capsys.readouterr().err


async def test_an_agent_that_checks_in_does_what_waits_and_leaves(
    server, etc, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkin, "SILENCE_S", 0.5)
    agent = Agent(options(server, tmp_path / "a", checkin=True))
    async with agent:
        await trusted(server)
        await server.say(down(order(searching(etc), at=clock.now())))
        await server.until(lambda: server.results)
        await asyncio.sleep(0)
        assert not agent._stopped.is_set(), "the server has not taken the answer"
        await server.say(pb.ToAgent(told=pb.Told(ids=[7])))
        async with asyncio.timeout(30):
            await agent.wait()
    assert server.hellos[0].facts.mode == "checkin"


async def test_an_agent_that_checks_in_and_finds_nobody_leaves_and_says_so(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkin, "HARD_LIMIT", 0.001)
    started = options(server, tmp_path / "a", checkin=True)
    await server.stop()
    async with asyncio.timeout(30):
        async with Agent(started) as agent:
            with pytest.raises(Unavailable, match="no server was there to check in with"):
                await agent.wait()
    await server.start()


async def test_a_stopped_agent_tells_the_server_what_it_interrupted_before_it_leaves(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(act, "GRACE_S", 0.0)

    async def taken():
        await server.until(lambda: server.results)
        await server.say(pb.ToAgent(told=pb.Told(ids=[7])))

    async with Agent(options(server, tmp_path / "a")) as agent:
        await trusted(server)
        await server.say(down(order(searching("/", "^nobody has such a name$"), at=clock.now())))
        async with asyncio.timeout(30):
            while not agent.acting.run:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)
        taking = asyncio.create_task(taken())
    await taking
    assert said(server)[1]["reason"] == "interrupted"
    assert read_lines(tmp_path / "a", since=clock.now() - timedelta(hours=1))[0].told


class Process:
    """An agent as it runs on a host, which may be killed."""

    def __init__(self, started):
        self.started = started

    async def start(self):
        self.running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vedette.agent", self.started.to_json(),
            stderr=(self.started.data_dir / "log").open("ab"),
        )  # fmt: skip

    async def kill(self):
        self.running.send_signal(signal.SIGKILL)
        await self.running.wait()

    async def stop(self):
        self.running.terminate()
        await self.running.wait()


def marking(path, number):
    """An operation that leaves a mark when it runs, and takes a moment."""
    code = f"import time; open({str(path)!r}, 'a').write('{number}\\n'); time.sleep(0.2)"
    return {"module": "rogue-write", "parameters": {"code": code}}


@pytest.mark.timeout(60 + 6 * KILLS)
async def test_killed_between_any_two_steps_nothing_runs_twice_and_nothing_is_lost(
    server, tmp_path, monkeypatch
):
    """The server sends every order on every stream, as it does with what is in flight."""
    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path)))
    chance = random.Random(os.environ.get("VEDETTE_ACT_SEED", "1"))
    marks = tmp_path / "marks"
    process = Process(options(server, tmp_path / "a"))
    await process.start()
    await trusted(server)
    orders = {}

    def answers():
        found = {}
        for command, answer, _ in server.results:
            found.setdefault(command, set()).add(answer)
        return found

    try:
        for number in range(1, KILLS + 1):
            orders[number] = order(marking(marks, number), at=clock.now(), number=number)
            await server.say(down(orders[number]))
            await asyncio.sleep(chance.uniform(0, 1))  # anywhere between two steps
            await process.kill()
            beats = len(server.heartbeats)
            await process.start()
            await server.until(lambda known=beats: len(server.heartbeats) > known)
            for each in orders.values():
                await server.say(down(each))
        await server.until(lambda: set(answers()) == set(orders))
    finally:
        await process.stop()
    found = answers()
    assert all(len(texts) == 1 for texts in found.values()), "one order, one answer"
    # On a busy machine each may be killed between being begun and leaving its mark.
    left = marks.read_text() if marks.exists() else ""
    ran = Counter(map(int, left.split()))
    assert set(ran.values()) <= {1}, "nothing ran twice"
    status = {command: json.loads(min(texts))["status"] for command, texts in found.items()}
    assert set(status.values()) <= {"success", "lost"}
    assert {one for one, how in status.items() if how == "success"} <= set(ran)
    print(f"{KILLS} kills: {dict(Counter(status.values()))}, {len(ran)} ran")
