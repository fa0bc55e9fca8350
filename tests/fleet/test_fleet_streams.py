"""Who holds an agent's stream, how far its reports are stored, what its heartbeats say."""

import asyncio
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from factories import NOON, at, make_agent
from vedette.fleet import reads
from vedette.fleet.advance import Position, advance
from vedette.fleet.attach import (
    DUPLICATES_KEPT,
    DuplicateIdentity,
    RevokedAgent,
    UnknownAgent,
    attach,
    detach,
)
from vedette.fleet.heartbeats import keep_heartbeats
from vedette.fleet.model import AgentFacts, Beat, HelloFacts
from vedette.fleet.revoke import revoke_agent
from vedette.fleet.status import status_of

FIRST, SECOND, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)
FACTS = AgentFacts(hostname="edge-7", os="linux", machine_id="4f1c", version="1.0", pid=42)


async def key_of(conn, name):
    return (await reads.agent(conn, name)).key_fingerprint


async def come(conn, run=FIRST, *, welcomed=None, name="local", facts=FACTS, now=NOON, clock=None):
    hello = HelloFacts(
        run_id=run, welcomed_run_id=welcomed, last_seq=0, clock=clock or now, facts=facts
    )
    key = await key_of(conn, name)
    return await attach(conn, key, hello, server="s1", address="192.0.2.7", now=now)


def beat(stream, *, now=NOON, welcomed=True, **more):
    figures = {"spooled_bytes": 10, "spooled_reports": 2, "dropped_reports": 1} | more
    return Beat(
        agent_id=stream.agent_id,
        epoch=stream.epoch,
        at=now,
        welcomed=welcomed,
        clock_offset_s=figures.pop("clock_offset_s", 0.25),
        **figures,
    )


async def durable_seq(conn, agent_id):
    sql = "SELECT durable_seq FROM fleet.stream WHERE agent_id = %s"
    return (await (await conn.execute(sql, (agent_id,))).fetchone())[0]


async def test_an_agent_that_comes_is_online_and_shows_what_it_says_of_itself(conn):
    await make_agent(conn, "local")
    stream = await come(conn)
    assert (stream.name, stream.epoch, stream.durable_seq) == ("local", 1, 0)
    agent = await reads.agent(conn, "local")
    assert (agent.hostname, agent.queueloc, agent.pid) == ("edge-7", "linux.4f1c", 42)
    assert status_of(agent, now=NOON).standing == "online"


async def test_a_heartbeat_says_by_which_trust_bundle_the_agent_decides_now(conn):
    await make_agent(conn, "local")
    await make_agent(conn, "other")
    stream, other = await come(conn), await come(conn, name="other")
    await keep_heartbeats(conn, [beat(stream, bundle_version=7), beat(other)])
    await keep_heartbeats(conn, [beat(stream, bundle_version=0), beat(other)])
    found = await conn.execute("SELECT name, bundle_version FROM fleet.agent ORDER BY name")
    assert await found.fetchall() == [("local", 7), ("other", 0)]


async def test_a_stream_that_was_superseded_says_no_bundle(conn):
    await make_agent(conn, "local")
    older, newer = await come(conn), await come(conn)
    await keep_heartbeats(conn, [beat(newer, bundle_version=8)])
    await keep_heartbeats(conn, [beat(older, bundle_version=7)])
    found = await conn.execute("SELECT bundle_version FROM fleet.agent")
    assert await found.fetchall() == [(8,)]


async def test_a_newer_stream_takes_a_higher_epoch(conn):
    await make_agent(conn, "local")
    assert (await come(conn)).epoch == 1
    assert (await come(conn)).epoch == 2


async def test_what_an_agent_claims_never_becomes_our_tags(conn):
    await make_agent(conn, "local", tags={"role": "core"})
    await come(conn, facts=AgentFacts(tags={"role": "edge"}))
    agent = await reads.agent(conn, "local")
    assert (agent.tags, agent.claims) == ({"role": "core"}, {"role": "edge"})


async def test_hostile_facts_are_kept_tame(conn):
    await make_agent(conn, "local")
    deep = {}
    for _ in range(500):
        deep = {"x": deep}
    facts = AgentFacts(
        hostname="a\0b" + "x" * 10_000,
        os="\ud800",
        pid=2**32 - 1,
        environment={"nan": float("nan"), "nul": "\0", "deep": deep},
        connectors=("tcp\0",),
    )
    await come(conn, facts=facts)
    agent = await reads.agent(conn, "local")
    assert agent.hostname.startswith("a\ufffdb")
    assert len(agent.hostname) == 200
    assert agent.pid == 0
    assert agent.environment["nan"] is None


async def test_an_unknown_key_is_refused(conn):
    hello = HelloFacts(run_id=FIRST, welcomed_run_id=None, last_seq=0, clock=NOON)
    with pytest.raises(UnknownAgent, match="enrol"):
        await attach(conn, b"x" * 32, hello, server="s1", address="", now=NOON)


async def test_a_revoked_agent_is_refused_for_good(conn):
    await make_agent(conn, "local")
    await revoke_agent(conn, "local", by="token:admin", now=NOON)
    with pytest.raises(RevokedAgent, match="was revoked at 2026-11-21 12:00 UTC"):
        await come(conn)


async def test_a_restart_that_knows_the_last_run_is_the_same_agent(conn):
    await make_agent(conn, "local")
    stream = await come(conn, FIRST)
    await keep_heartbeats(conn, [beat(stream)])
    assert (await come(conn, SECOND, welcomed=FIRST)).epoch == 2


async def test_a_cloned_machine_is_refused_and_shown_beside_the_first(conn):
    agent_id = await make_agent(conn, "local")
    stream = await come(conn, FIRST)
    await keep_heartbeats(conn, [beat(stream)])
    clone = AgentFacts(hostname="copy", os="linux", machine_id="4f1c")
    for minute in ("12:01", "12:02"):
        with pytest.raises(DuplicateIdentity, match="enrol it with a new join token"):
            await come(conn, SECOND, facts=clone, now=at(minute))
    [duplicate] = await reads.duplicates_of(conn, [agent_id], now=at("12:02"))
    assert (duplicate.hostname, duplicate.attempts) == ("copy", 2)
    assert (duplicate.first_seen_at, duplicate.last_seen_at) == (at("12:01"), at("12:02"))
    assert (await reads.agent(conn, "local")).hostname == "edge-7"
    # Both are noted; the original goes on undisturbed.
    assert await keep_heartbeats(conn, [beat(stream, now=at("12:03"))]) == set()
    audit = "SELECT count(*) FROM access.audit WHERE action = 'agent.duplicate'"
    assert (await (await conn.execute(audit)).fetchone())[0] == 1


async def test_an_endless_stream_of_clones_does_not_fill_the_table(conn):
    agent_id = await make_agent(conn, "local")
    await keep_heartbeats(conn, [beat(await come(conn, FIRST))])
    for number in range(DUPLICATES_KEPT + 5):
        with pytest.raises(DuplicateIdentity):
            await come(conn, UUID(int=100 + number), now=NOON + timedelta(seconds=number))
    kept = await reads.duplicates_of(conn, [agent_id], now=NOON)
    assert len(kept) == DUPLICATES_KEPT
    assert kept[0].run_id == UUID(int=100 + DUPLICATES_KEPT + 4)


async def test_positions_advance_only_under_the_epoch_that_holds(conn):
    one, two = await make_agent(conn, "one"), await make_agent(conn, "two")
    first, _ = await come(conn, name="one"), await come(conn, name="two")
    newer = await come(conn, name="two")
    stale = newer.epoch - 1
    gone = await advance(conn, [Position(one, first.epoch, 7), Position(two, stale, 9)])
    assert gone == {two}
    assert (await durable_seq(conn, one), await durable_seq(conn, two)) == (7, 0)
    assert (await come(conn, name="one")).durable_seq == 7


async def test_a_position_never_goes_back(conn):
    agent = await make_agent(conn, "local")
    stream = await come(conn)
    await advance(conn, [Position(agent, stream.epoch, 9)])
    assert await advance(conn, [Position(agent, stream.epoch, 3)]) == set()
    assert await durable_seq(conn, agent) == 9


async def test_of_two_positions_of_one_agent_the_further_counts(conn):
    agent = await make_agent(conn, "local")
    stream = await come(conn)
    positions = [Position(agent, stream.epoch, 4), Position(agent, stream.epoch, 6)]
    assert await advance(conn, positions) == set()
    assert await durable_seq(conn, agent) == 6


async def test_nothing_to_advance_is_nothing(conn):
    assert await advance(conn, []) == set()
    assert await keep_heartbeats(conn, []) == set()


async def test_what_a_revoked_agent_still_has_on_its_way_is_not_kept(conn):
    agent = await make_agent(conn, "local")
    stream = await come(conn)
    await revoke_agent(conn, "local", by="token:admin", now=NOON)
    assert await advance(conn, [Position(agent, stream.epoch, 5)]) == {agent}


async def test_a_heartbeat_is_kept_and_an_outdated_streams_is_not(conn):
    await make_agent(conn, "local")
    older = await come(conn)
    newer = await come(conn)
    late = beat(newer, now=at("12:01"), clock_offset_s=86_400.0)
    assert await keep_heartbeats(conn, [beat(older), late]) == set()
    agent = await reads.agent(conn, "local")
    assert (agent.heartbeat_at, agent.clock_offset_s) == (at("12:01"), 86_400.0)
    assert (agent.spooled_bytes, agent.spooled_reports, agent.dropped_reports) == (10, 2, 1)
    assert await keep_heartbeats(conn, [beat(older)]) == {newer.agent_id}


async def test_one_agents_absurd_figures_spoil_nobody_elses(conn):
    await make_agent(conn, "one"), await make_agent(conn, "two")
    absurd = beat(
        await come(conn, name="one"), spooled_bytes=2**64 - 1, clock_offset_s=float("nan")
    )
    fair = beat(await come(conn, name="two"))
    assert await keep_heartbeats(conn, [absurd, fair]) == set()
    assert (await reads.agent(conn, "two")).spooled_bytes == 10
    assert (await reads.agent(conn, "one")).clock_offset_s == 0.0


async def test_an_agent_is_offline_once_its_stream_ends_or_falls_silent(conn):
    await make_agent(conn, "local")
    assert status_of(await reads.agent(conn, "local"), now=NOON).reason == "it has never connected"
    stream = await come(conn)
    silent = status_of(await reads.agent(conn, "local"), now=at("12:05"))
    assert silent.reason == "no heartbeat since 2026-11-21 12:00 UTC"
    await detach(conn, stream.agent_id, stream.epoch, now=at("12:01"))
    ended = status_of(await reads.agent(conn, "local"), now=at("12:01"))
    assert (ended.standing, ended.reason) == ("offline", "its stream ended at 2026-11-21 12:01 UTC")


async def test_the_end_of_an_older_stream_does_not_end_the_newer(conn):
    await make_agent(conn, "local")
    older = await come(conn)
    await come(conn)
    await detach(conn, older.agent_id, older.epoch, now=NOON)
    assert status_of(await reads.agent(conn, "local"), now=NOON).standing == "online"


async def test_a_wrong_clock_is_said(conn):
    await make_agent(conn, "local")
    await come(conn, clock=NOON + timedelta(days=1))
    status = status_of(await reads.agent(conn, "local"), now=NOON)
    assert (status.standing, status.reason) == (
        "online",
        "its clock is 1 day, 0:00:00 ahead of ours",
    )


async def test_a_stream_let_in_while_its_agent_is_revoked_keeps_nothing(fresh_app_url):
    connect = psycopg.AsyncConnection.connect
    async with (
        await connect(fresh_app_url, autocommit=True) as one,
        await connect(fresh_app_url, autocommit=True) as two,
    ):
        agent = await make_agent(one, "local")
        async with one.transaction():
            stream = await come(one)
            revoking = asyncio.create_task(
                revoke_agent(two, "local", by="token:admin", now=at("12:01"))
            )
            # It waits for the stream to be let in; then the epoch that stream took is over.
            done, _ = await asyncio.wait([revoking], timeout=0.2)
            assert not done
        await revoking
        assert await advance(one, [Position(agent, stream.epoch, 5)]) == {agent}
