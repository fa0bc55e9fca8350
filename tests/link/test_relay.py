"""Through a collector: nothing lost, nothing changed, everyone told; whichever end is away."""

import asyncio
from datetime import timedelta

import pytest
from agents_world import door_on, now
from cryptography import x509
from relay_world import CLAIMS, Behind, Known, agent_behind, collector, until

from vedette.access.joining import create_join_token
from vedette.errors import Denied
from vedette.fleet.enrol import enrol_agent
from vedette.fleet.model import AgentFacts
from vedette.fleet.revoke import revoke_agent
from vedette.health import deadman
from vedette.link import client as client_module
from vedette.link import join, relay_flight, relay_uplink
from vedette.link.client import Refused
from vedette.link.enrol import Enrolment
from vedette.link.spool import Caps
from vedette.trust.keys import make_csr, make_key


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
        yield door


async def test_reports_arrive_through_a_collector_once_and_are_forgotten_on_the_way(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        for value in (1.0, 2.0, 3.0):
            agent.look(value)
        await until(lambda: agent.spool.reports == 0, what="the agent has let go")

        async def stored():
            return await agent.values() == [1.0, 2.0, 3.0]

        await until(stored, what="the server has them")
        await until(lambda: edge.relay.queue.spool.reports == 0, what="the collector has let go")


async def test_a_batch_is_read_whatever_came_before_it(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0, name="first")
        await stored(agent, [1.0])
        # The second batch needs no new layout; server and collector must still know the first.
        await door.link.say_goodbye()
        agent.look(2.0, name="first")
        agent.look(3.0, name="second")
        await stored(agent, [1.0, 2.0, 3.0])


async def has(agent, number):
    """Say whether so many are stored: cheaper to ask often than what they are."""
    ((found,),) = await agent.door.rows("SELECT count(*) FROM health.report")
    return found >= number


async def stored(agent, values, *, within_s=60):
    async def are():
        return await agent.values() == values

    await until(are, within_s=within_s, what=f"{str(values)[:80]} are stored")


async def test_a_collector_takes_reports_while_its_server_is_away(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0)
        await stored(agent, [1.0])
        server = await door.go_away()
        agent.look(2.0)
        await until(lambda: agent.spool.reports == 0, what="the collector has it")
        # The agent starts anew meanwhile, and what it has to do is known here.
        await agent.stop()
        agent.new_run()
        agent.configured.clear()
        agent.start()
        agent.look(3.0)
        await until(lambda: agent.spool.reports == 0, what="the new run is taken in")
        await until(lambda: agent.configured, what="it was told what to do")
        assert [a.target_id for a in agent.configured[-1].assignments] == agent.targets
        assert await agent.values() == [1.0]
        await server.come_back()
        await stored(agent, [1.0, 2.0, 3.0])
        await until(lambda: agent.who.welcomed == agent.client.run_id, what="the run is confirmed")


async def test_a_collector_that_was_stopped_hard_loses_nothing(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0)
        await stored(agent, [1.0])
        server = await door.go_away()
        agent.look(2.0)
        await until(lambda: agent.spool.reports == 0, what="the collector has it")
        await edge.stop()
        agent.look(3.0)
        await server.come_back()
        await edge.start()
        await stored(agent, [1.0, 2.0, 3.0])


async def test_whom_the_server_never_let_in_here_must_wait_for_it(door, tmp_path):
    async with collector(door, tmp_path) as edge:
        await until(lambda: edge.relay.uplink.flight, what="attached")
        server = await door.go_away()
        await until(lambda: not edge.relay.uplink.flight, what="it is noticed")
        async with agent_behind(door, tmp_path, edge) as agent:
            agent.look(1.0)
            await until(lambda: "server is away" in agent.client.standing.last_error)
            await server.come_back()
            await stored(agent, [1.0])


async def test_two_collectors_in_a_row_carry_as_one(door, tmp_path):
    async with (
        collector(door, tmp_path, "edge-1") as near,
        collector(door, tmp_path, "edge-2", address=near.address, via="edge-1") as far,
        agent_behind(door, tmp_path, far, via="edge-2") as agent,
    ):
        agent.look(1.0)
        await stored(agent, [1.0])
        await near.stop()
        agent.look(2.0)
        await until(lambda: agent.spool.reports == 0, what="the far one has it")
        await near.start()
        await stored(agent, [1.0, 2.0])
        await far.stop()
        agent.look(3.0)
        await far.start()
        await stored(agent, [1.0, 2.0, 3.0])
        online = await door.rows("SELECT count(*) FROM fleet.stream WHERE disconnected_at IS NULL")
        assert online == [(3,)]


async def test_an_agent_bound_elsewhere_is_sent_away(door, tmp_path):
    async with (
        collector(door, tmp_path, "edge-1") as edge,
        collector(door, tmp_path, "other") as other,
        agent_behind(door, tmp_path, other, via="edge-1") as lost,
        agent_behind(door, tmp_path, edge, "free", via=None, target="shop") as unbound,
    ):
        for agent in (lost, unbound):
            await until(agent.task.done, what="it was told for good")
            assert agent.task.exception().reason == "not_bound"


async def test_who_is_bound_to_a_collector_cannot_come_by_itself(door, tmp_path):
    async with collector(door, tmp_path) as edge:
        edge.address = f"127.0.0.1:{door.port}"
        async with agent_behind(door, tmp_path, edge) as agent:
            await until(agent.task.done, what="it was told for good")
            assert agent.task.exception().reason == "not_bound"


async def revoke(door, name):
    async with door.pool.connection() as conn:
        await revoke_agent(conn, name, by="test", now=now())
    await door.link.fleet_changed(None)


async def test_a_revoked_agent_is_sent_away_at_once_and_the_others_stay(door, tmp_path):
    async with (
        collector(door, tmp_path) as edge,
        agent_behind(door, tmp_path, edge, "a", target="one") as bad,
        agent_behind(door, tmp_path, edge, "b", target="two") as good,
    ):
        for agent in (bad, good):
            agent.look(1.0)
            await stored(agent, [1.0])
        await revoke(door, "a")
        await until(bad.task.done, what="it was told for good")
        assert bad.task.exception().reason == "revoked"
        good.look(2.0)
        await stored(good, [1.0, 2.0])


async def test_a_revoked_collector_brings_nothing_any_more(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0)
        await stored(agent, [1.0])
        await revoke(door, "edge-1")
        with pytest.raises(Refused) as told:
            await asyncio.wait_for(edge.relay.wait(), 10)
        assert told.value.reason == "revoked"
        agent.look(2.0)
        await until(lambda: agent.spool.reports == 0, what="the collector still keeps it")
        assert await agent.values() == [1.0]


async def test_an_agent_that_leaves_is_away_and_its_collector_is_not(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0)
        await stored(agent, [1.0])
        await agent.stop()

        async def away():
            await door.link.keep_beats()
            return await door.rows(
                """SELECT a.name FROM fleet.stream s JOIN fleet.agent a ON a.id = s.agent_id
                WHERE s.disconnected_at IS NOT NULL"""
            ) == [("edge",)]

        await until(away, what="the agent alone is away")


async def test_a_copy_of_an_agent_is_refused_and_the_agent_stays(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0)
        await stored(agent, [1.0])

        async def confirmed():
            await door.link.keep_beats()
            return (await door.rows("SELECT bool_and(run_confirmed) FROM fleet.stream"))[0][0]

        await until(confirmed, what="the run is confirmed")
        who = Known(agent.who.held, "edge")
        copy = Behind(door, who, agent.agent_id, agent.targets, tmp_path / "copy")
        copy.start()
        await until(copy.task.done, what="the copy was told")
        assert copy.task.exception().reason == "duplicate_identity"
        await copy.close()
        agent.look(2.0)
        await stored(agent, [1.0, 2.0])


async def test_a_frame_the_server_refuses_becomes_a_gap_and_blocks_nobody(door, tmp_path):
    async with (
        collector(door, tmp_path) as edge,
        agent_behind(door, tmp_path, edge, "a", target="one") as bad,
        agent_behind(door, tmp_path, edge, "b", target="two") as good,
    ):
        for agent in (bad, good):
            agent.look(1.0)
            await stored(agent, [1.0])
        own, bad.targets[0] = bad.targets[0], 999_999
        bad.look(2.0)
        bad.targets[0] = own
        bad.look(3.0)
        good.look(4.0)
        await stored(good, [1.0, 4.0])
        await stored(bad, [1.0, 3.0])
        gaps = await door.rows("SELECT agent_id, reports, reason FROM health.gap")
        assert gaps == [(bad.agent_id, 1, "refused_wrong_target")]


async def test_what_a_collector_must_drop_becomes_a_gap_of_each_agent(door, tmp_path, monkeypatch):
    caps = Caps(size_bytes=1 << 30, age=timedelta(minutes=30))
    async with (
        collector(door, tmp_path, caps=caps) as edge,
        agent_behind(door, tmp_path, edge, "a", target="one") as one,
        agent_behind(door, tmp_path, edge, "b", target="two") as two,
    ):
        for agent in (one, two):
            agent.look(1.0)
            await stored(agent, [1.0])
        server = await door.go_away()
        await until(lambda: not edge.relay.uplink.flight, what="it is noticed")
        for agent in (one, two):
            agent.look(2.0, rows=3)
            await until(lambda agent=agent: agent.spool.reports == 0)
        # Nothing but time makes them too old.
        monkeypatch.setattr(edge.relay, "_clock", lambda: now() + timedelta(hours=1))
        for agent in (one, two):
            agent.look(3.0)
            await until(lambda agent=agent: agent.spool.reports == 0)
        await server.come_back()
        for agent in (one, two):
            await stored(agent, [1.0, 3.0])
        gaps = await door.rows("SELECT agent_id, reports, reason FROM health.gap ORDER BY agent_id")
        assert gaps == [(each.agent_id, 3, "collector_spool_old") for each in (one, two)]


@pytest.mark.timeout(300)
async def test_a_full_collector_lets_its_agents_wait_and_nothing_is_lost(door, tmp_path):
    async with (
        collector(door, tmp_path, caps=Caps(size_bytes=256 * 1024)) as edge,
        agent_behind(door, tmp_path, edge) as agent,
    ):
        agent.look(0.0)
        await stored(agent, [0.0])
        server = await door.go_away()
        await until(lambda: not edge.relay.uplink.flight, what="it is noticed")
        values = [float(number) for number in range(1, 101)]
        for value in values:
            agent.look(value, rows=200)
        await until(lambda: edge.relay.queue.is_full, what="the collector is full")
        queue = edge.relay.queue.spool
        assert queue.size_bytes <= queue.caps.size_bytes
        assert agent.spool.reports > 0
        await server.come_back()
        await until(lambda: agent.spool.reports == 0, what="the agent has let go")
        everything = [0.0, *(value for value in values for _ in range(200))]
        await until(lambda: has(agent, len(everything)), within_s=200, what="all are stored")
        await stored(agent, everything)
        assert await door.rows("SELECT count(*) FROM health.gap") == [(0,)]


async def test_silence_is_put_down_to_the_collector_that_is_away(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0)
        await stored(agent, [1.0])
        await edge.stop()
        await until(lambda: not door.link.streams, what="the server notices")
        await door.link.keep_beats()
        assert await reason_after_silence(door) == "no report through collector edge-1"


async def test_silence_of_an_agent_that_left_its_collector_is_its_own(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0)
        await stored(agent, [1.0])
        await agent.stop()
        await until(lambda: door.link._left, what="the server is told")
        await door.link.keep_beats()
        assert await reason_after_silence(door) == "no report from edge"


async def reason_after_silence(door):
    async with door.pool.connection() as conn:
        await deadman.run_once(conn, now=now())
        for later in range(0, 120, 5):
            await deadman.run_once(conn, now=now() + timedelta(seconds=later))
    return (await door.rows("SELECT reason FROM health.target_state"))[0][0]


async def test_a_certificate_is_renewed_through_a_collector_and_its_own_too(door, tmp_path):
    async with collector(door, tmp_path) as edge:
        edge.who.due = now()
        async with agent_behind(door, tmp_path, edge) as agent:
            await until(lambda: agent.client.standing.connected)
            await agent.stop()
            agent.who.due = now()
            agent.start()
            await until(lambda: agent.who.renewed, what="the agent's is renewed")
        await edge.stop()
        await edge.start()
        await until(lambda: edge.who.renewed, what="the collector's is renewed")
    renewed = x509.load_pem_x509_certificate(edge.who.renewed[0][0])
    names = renewed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["vedette.server"]


async def test_an_agent_enrols_through_the_collector_its_token_names(door, tmp_path):
    pepper = door.secrets.pepper
    enrolment = Enrolment(
        door.pool, authority=door.secrets.authority, pepper=pepper, agents_address="far:1"
    )
    door.link.enrol = enrolment.enrol_one

    async def ask(at, **made_for):
        async with door.pool.connection() as conn:
            token = await create_join_token(
                conn, pepper=pepper, by="t", now=now(), agent_name="new", **made_for
            )
        return await join.enrol(
            at.enrolment,
            authority_pem=door.secrets.authority.pem,
            token=token,
            request_pem=make_csr(make_key(), "new"),
            name="new",
            claims=CLAIMS,
        )

    async with (
        collector(door, tmp_path, "edge-1") as near,
        collector(door, tmp_path, "edge-2", address=near.address, via="edge-1") as far,
    ):
        await until(lambda: far.relay.uplink.flight, what="the chain stands")
        reply = await ask(far, via="edge-2")
        assert (reply.name, reply.agents_address) == ("new", far.address)
        bound = await door.rows(
            """SELECT c.name FROM fleet.agent a JOIN fleet.agent c ON c.id = a.via
            WHERE a.name = 'new'"""
        )
        assert bound == [("edge-2",)]
        for wrong in ({}, {"via": "nobody"}, {"via": "edge-2", "kind": "collector"}):
            with pytest.raises(Denied):
                await ask(far, **wrong)


async def test_a_rebuilt_collector_has_the_agents_of_the_old_one(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:
        agent.look(1.0)
        await stored(agent, [1.0])
    async with door.pool.connection() as conn:
        pepper, authority = door.secrets.pepper, door.secrets.authority
        token = await create_join_token(
            conn, pepper=pepper, by="t", now=now(), agent_name="edge-1", kind="collector"
        )
        made = await enrol_agent(
            conn,
            authority=authority,
            pepper=pepper,
            join_token=token,
            csr_pem=make_csr(make_key(), "edge-1"),
            wished_name="",
            facts=AgentFacts(),
            address="",
            now=now(),
            kind="collector",
        )
    assert await door.rows("SELECT via FROM fleet.agent WHERE name = 'edge'") == [(made.agent_id,)]
