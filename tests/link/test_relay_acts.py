"""Signed actions through a collector, by a whole agent: judged on the host, answered once, whatever breaks."""

import asyncio
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from agents_world import door_on, now
from relay_world import collector, known, until

from actions_world import action, bundle, signed_bundle, signed_by
from signing_world import needs_ssh
from vedette.actions import reads
from vedette.actions.document import Operation
from vedette.actions.document_write import sealed
from vedette.actions.launch import propose
from vedette.actions.push_trust import push_trust
from vedette.agent.host_actions import TrustRules
from vedette.agent.identity import IdentityFiles
from vedette.agent.program import Agent, Options
from vedette.link import client as client_module
from vedette.link import relay_flight, relay_uplink
from vedette.link.acts import Act
from vedette.trust.bundle import roots_digest

pytestmark = needs_ssh


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Reconnect at once; the waits themselves have tests of their own."""
    for module in (client_module, relay_uplink):
        monkeypatch.setattr(module, "FIRST_BACKOFF_S", 0.02)
        monkeypatch.setattr(module, "LAST_BACKOFF_S", 0.1)
    monkeypatch.setattr(relay_flight, "AGAIN_S", 0.05)


@pytest.fixture
async def door(fresh_app_url, tmp_path):
    async with door_on(fresh_app_url, tmp_path) as door:
        errands = asyncio.create_task(door.link.errands.run(fresh_app_url))
        yield door
        errands.cancel()
        await asyncio.gather(errands, return_exceptions=True)


def fresh_bundle():
    return bundle(made_at=now() - timedelta(hours=1), expires_at=now() + timedelta(days=1))


@asynccontextmanager
async def agent_through(door, directory, at):
    """A whole agent behind that collector, which obeys the roots of the tests."""
    who, _ = await known(door, "edge", at.address, via="edge-1")
    held = who.credentials()
    made = fresh_bundle()
    home = directory / "agent"
    home.mkdir()
    IdentityFiles(home).keep(
        name="edge",
        address=held.address,
        key_pem=held.key_pem,
        certificate_pem=held.certificate_pem,
        authority_pem=held.authority_pem,
    )
    trust = TrustRules(root=roots_digest(made.roots.keys), threshold=1)
    async with door.pool.connection() as conn:
        await push_trust(conn, signed_bundle(made), by="root", now=now())
    async with Agent(Options(data_dir=home, trust=trust)) as agent:
        await until(lambda: agent.client.standing.connected, what="the agent is welcomed")
        yield agent


async def launched(door, folder, name="look", pattern="^f"):
    search = {"paths": [str(folder)], "names": [pattern], "options": {"matchlimit": 0}}
    operations = (Operation("file", {"searches": {"s1": search}}),)
    made = sealed(
        replace(action(name, now=now()), operations=operations, document=b"", nonce=""),
        nonce=secrets.token_hex(16),
    )
    async with door.pool.connection() as conn:
        found = await propose(conn, signed_by(made, "ada", "bob"), by="ada", now=now())
    return found.id


async def results(door, action_id):
    async with door.pool.connection() as conn:
        return await reads.results(conn, action_id)


async def test_a_large_answer_comes_through_a_collector_as_it_was_signed(door, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(4_000):
        (folder / f"f-{'x' * 200}-{number}").touch()
    async with collector(door, tmp_path) as edge, agent_through(door, tmp_path, edge) as agent:
        action_id = await launched(door, folder)
        (row,) = await until(lambda: results(door, action_id), what="the answer is stored")
        said = json.loads(row.answer)
        assert said["status"] == "success"
        assert len(said["results"][0]["elements"]["s1"]) == 4_000
        assert len(row.answer) > 2 << 20
        await until(lambda: not agent.acting.journal.untold(), what="the agent was told")
    assert door.link.errands.results.unfit == 0


async def test_what_a_breaking_uplink_lost_is_said_again_and_run_once(door, tmp_path):
    folder = tmp_path / "few"
    folder.mkdir()
    (folder / "f1").touch()
    async with collector(door, tmp_path) as edge, agent_through(door, tmp_path, edge) as agent:
        asked = []
        for number in range(5):
            asked.append(await launched(door, folder, f"look {number}"))
            await door.link.say_goodbye()
            await until(lambda: edge.relay.uplink.flight is not None, what="it is back")

        async def all_stored():
            return all([await results(door, each) for each in asked])

        await until(all_stored, what="every answer is stored")
        await until(lambda: not agent.acting.journal.untold(), what="the agent was told")
        assert agent.acting.run == 5
    assert door.link.errands.results.unfit == 0


async def test_an_answer_whose_receipt_was_lost_on_the_way_is_said_again_when_the_way_is_back(
    door, tmp_path
):
    async with collector(door, tmp_path) as edge, agent_through(door, tmp_path, edge) as agent:
        # As if the server had it and its word never came down: nobody asks for it any more.
        agent.client.acts.end()
        await agent.acting.act(Act(id=999, document=b"{", signatures=(), cancelled=False))
        agent.client.acts.end()
        assert list(await agent.acting.untold()) == [999]
        await door.link.say_goodbye()
        await until(lambda: not agent.acting.journal.untold(), what="the agent was told")
    assert door.link.errands.results.unasked == 1
