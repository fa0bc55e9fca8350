"""Signed actions go down an agent's stream, and answers of any size come up it, none lost, none mixed."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import FakeServer
from test_client import Agent, impatient, until  # noqa: F401 - a fixture

from vedette.link import vedette_pb2 as pb
from vedette.link.acts import PIECE_BYTES, Act, Answered


class Actor:
    """Whoever acts: answers what the test put there, until it is told."""

    def __init__(self, client):
        self.acts, self.bundles, self.answers = [], [], {}
        self.link = client.acts
        self.link.act, self.link.told, self.link.trust = self.act, self.told, self.trust
        self.link.untold, self.link.answer = self.untold, self.answer

    async def act(self, act):
        self.acts.append(act)

    async def told(self, ids):
        for each in ids:
            self.answers.pop(each, None)

    async def trust(self, signed):
        self.bundles.append(signed)

    async def untold(self):
        return list(self.answers)

    async def answer(self, command_id):
        return self.answers.get(command_id)

    def has(self, command_id, size_bytes):
        self.answers[command_id] = Answered(
            id=command_id, answer=os.urandom(size_bytes), signature=b"signed %d" % command_id
        )
        return (command_id, self.answers[command_id].answer, self.answers[command_id].signature)


@pytest.fixture
async def server():
    server = FakeServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def agent(server, tmp_path):
    agent = Agent(server, tmp_path)
    agent.actor = Actor(agent.client)
    yield agent
    agent.close()


async def test_an_action_comes_down_as_it_was_signed(server, agent):
    async with agent.attached():
        await server.until(lambda: server.heartbeats)
        await server.say(pb.ToAgent(act=pb.Act(id=7, document=b"{}", signatures=["one", "two"])))
        await server.say(pb.ToAgent(act=pb.Act(id=7, cancelled=True)))
        await server.say(pb.ToAgent(trust=pb.Trust(signed=b"bundle")))
        await until(lambda: agent.actor.bundles)
    assert agent.actor.acts == [
        Act(id=7, document=b"{}", signatures=("one", "two"), cancelled=False),
        Act(id=7, document=b"", signatures=(), cancelled=True),
    ]
    assert agent.actor.bundles == [b"bundle"]


async def test_answers_of_any_size_arrive_whole_one_after_the_other(server, agent):
    sizes = (0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES)
    async with agent.attached():
        await server.until(lambda: server.heartbeats)
        sent = [agent.actor.has(number, size) for number, size in enumerate(sizes, 1)]
        for number, _ in enumerate(sizes, 1):
            agent.client.acts.say(number)
        await server.until(lambda: len(server.results) == len(sizes))
    assert server.results == sent


async def test_a_large_answer_goes_before_reports_and_lets_heartbeats_through(server, agent):
    server.heartbeat_ms = 100
    expected = agent.actor.has(1, 16 * PIECE_BYTES)
    for _ in range(3):
        agent.look(rows=2)
    async with agent.attached():
        await server.until(lambda: server.results)
        assert server.results == [expected]
        await server.until(lambda: len(server.stored) == 3)
        await server.until(lambda: len(server.heartbeats) > 2)


async def test_what_was_not_told_is_said_once_on_every_stream_and_no_more_when_it_was(
    server, agent
):
    expected = agent.actor.has(1, 10)
    async with agent.attached():
        await server.until(lambda: server.results == [expected])
        await server.stop()
        await server.start()
        await server.until(lambda: server.results == [expected] * 2)
        await server.say(pb.ToAgent(told=pb.Told(ids=[1])))
        await until(lambda: not agent.actor.answers)
        hellos = len(server.hellos)
        await server.stop()
        await server.start()
        await server.until(lambda: len(server.hellos) > hellos)
        agent.look()
        await server.until(lambda: server.stored)
    assert server.results == [expected] * 2


async def test_an_answer_that_is_asked_for_while_it_is_said_begins_anew(agent):
    acts = agent.client.acts
    agent.actor.has(1, 3 * PIECE_BYTES)
    acts.say(1)
    numbers = [(await acts.next()).result.number for _ in range(2)]
    acts.say(1)
    while (piece := await acts.next()) is not None:
        numbers.append(piece.result.number)
    assert numbers == [1, 2, 1, 2, 3]


async def test_what_was_told_meanwhile_is_not_said(agent):
    acts = agent.client.acts
    agent.actor.has(1, 3 * PIECE_BYTES)
    agent.actor.has(2, 1)
    acts.say(1)
    acts.say(2)
    await acts.next()
    await acts.take(pb.ToAgent(told=pb.Told(ids=[1, 2, 3])))
    assert await acts.next() is None
    assert not acts.waiting


async def test_an_agent_says_what_it_can_run_and_by_which_bundle_it_decides(server, agent):
    agent.client.claims = replace(
        agent.client.claims,
        modules=("file", "netstat"),
        sandbox_json='{"landlock":4}',
        bundle_version=9,
        mode="checkin",
    )
    async with agent.attached():
        await server.until(lambda: server.hellos)
    facts = server.hellos[0].facts
    assert list(facts.modules) == ["file", "netstat"]
    assert (facts.sandbox_json, facts.bundle_version, facts.mode) == (
        '{"landlock":4}',
        9,
        "checkin",
    )
