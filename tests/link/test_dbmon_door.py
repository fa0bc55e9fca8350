"""dbmon's door: everybody sees every report, nothing is lost, nothing hostile brings it down."""

import asyncio
from datetime import timedelta

import grpc
import grpc.aio
import pytest
from tests.factories import make_agent, make_layout
from tests.link.dbmon_world import (
    DEGRADED,
    DOWN,
    SECOND,
    UNKNOWN,
    client_of,
    door_on,
    nodes,
    roach,
)
from tests.link.feed_world import writing

from vedette import clock
from vedette.health import pull
from vedette.link import dbmon
from vedette.link.dbmon_nodes import go_time

Code = grpc.StatusCode


@pytest.fixture
async def door(fresh_app_url):
    async with door_on(fresh_app_url) as (_, address):
        yield address


@pytest.fixture
async def owner(fresh_database_url):
    """Writes what the ingest writes, and makes partitions, which is the owner's to do."""
    async with writing(fresh_database_url) as conn:
        yield conn


def moments(count: int, *, ago: timedelta = timedelta(minutes=10)):
    """So many seconds, one after the other, beginning that long ago."""
    begin = clock.now().replace(microsecond=0) - ago
    return [begin + SECOND * number for number in range(count)]


async def refused(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details()


# ── who sees what ──


async def test_two_clients_each_see_every_report(door, owner):
    its = await roach(owner)
    times = moments(4)
    await its.report(owner, *times)
    async with client_of(door) as one, client_of(door) as other:
        wanted = [go_time(at) for at in times]
        assert await one.times() == wanted
        assert await other.times() == wanted
        assert await one.times() == []
        await its.report(owner, times[-1] + SECOND)
        assert await other.times() == await one.times() == [go_time(times[-1] + SECOND)]


async def test_a_few_are_the_oldest_and_the_next_follow(door, owner):
    its = await roach(owner)
    times = [go_time(at) for at in moments(5)]
    await its.report(owner, *moments(5))
    async with client_of(door) as client:
        assert await client.times(count=2) == times[:2]
        assert await client.times(count=2) == times[2:4]
        assert await client.times(count=1_000_000) == times[4:]


@pytest.mark.parametrize("count", [0, -1, -(2**31), 2**31 - 1])
async def test_any_number_is_answered(door, owner, count):
    its = await roach(owner)
    await its.report(owner, *moments(3))
    async with client_of(door) as client:
        assert len((await client.pull(count=count)).probes) == 3


async def test_the_first_pull_begins_an_hour_ago(door, owner):
    its = await roach(owner)
    old, young = moments(1, ago=timedelta(minutes=61))[0], moments(1)[0]
    await its.report(owner, old, young)
    async with client_of(door) as client:
        assert await client.times() == [go_time(young)]


async def test_the_first_pull_begins_with_the_newest_thousand(door, owner, monkeypatch):
    monkeypatch.setattr(pull, "FEW", 3)
    its = await roach(owner)
    times = moments(5)
    await its.report(owner, *times)
    async with client_of(door) as client:
        assert await client.times() == [go_time(at) for at in times[2:]]


async def test_what_an_agent_delivers_late_is_told(door, owner):
    its = await roach(owner, cluster="shop-eu")
    other = await roach(owner, "second", cluster="shop-eu")
    early, late = moments(2, ago=timedelta(minutes=30)), moments(2)
    await other.report(owner, early[0])
    async with client_of(door) as client:
        assert await client.times("shop-eu") == [go_time(early[0])]
        await its.report(owner, *late)
        assert await client.times("shop-eu") == [go_time(at) for at in late]
        await other.report(owner, *moments(3, ago=timedelta(minutes=29)))  # its spool
        assert len(await client.times("shop-eu")) == 3


async def test_an_agent_whose_clock_is_set_back_is_told_twice_rather_than_never(door, owner):
    its = await roach(owner)
    times = moments(3)
    await its.report(owner, *times)
    async with client_of(door) as client:
        await client.pull()
        back = times[0] - timedelta(minutes=5)
        await its.report(owner, back)
        assert await client.times() == [go_time(back)]
        await its.report(owner, back + SECOND)
        assert await client.times() == [go_time(back + SECOND)]


async def test_a_second_agent_of_a_target_is_told_too(door, owner):
    its = await roach(owner)
    times = moments(2)
    await its.report(owner, times[1])
    async with client_of(door) as client:
        await client.pull()
        second = type(its)(its.target_id, await make_agent(owner, "second"), its.layout_id)
        await second.report(owner, times[0])
        assert await client.times() == [go_time(times[0])]


async def test_a_cursor_is_good_at_every_server(fresh_app_url, owner):
    its = await roach(owner)
    await its.report(owner, *moments(3))
    puller = pull.Puller("token:ci", "roachy")
    async with door_on(fresh_app_url) as (pool, _), pool.connection() as conn:
        now = clock.now()
        (stretch,) = await pull.untold(conn, puller, [its.target_id], now=now)
        told = {(stretch.target_id, stretch.agent_id): stretch.until}
        await pull.advance(conn, puller, told, now=now)
        assert await pull.untold(conn, puller, [its.target_id], now=now) == []
        stranger = pull.Puller("token:other", "roachy")
        assert await pull.untold(conn, stranger, [its.target_id], now=now) == [stretch]


async def test_who_stays_away_for_an_hour_is_forgotten(fresh_app_url, owner):
    its = await roach(owner)
    await its.report(owner, *moments(1))
    async with door_on(fresh_app_url) as (pool, _), pool.connection() as conn:
        now = clock.now()
        for client, since in (("gone", timedelta(minutes=61)), ("here", timedelta())):
            told = {(its.target_id, its.agent_id): now}
            await pull.advance(conn, pull.Puller(client, "roachy"), told, now=now - since)
        rows = await conn.execute("SELECT client FROM health.pull_cursor")
        assert await rows.fetchall() == [("here",)]


# ── what is asked for ──


async def test_a_cluster_is_all_its_cockroaches_and_a_target_goes_before_it(door, owner):
    one = await roach(owner, "one", cluster="shop-eu")
    two = await roach(owner, "shop-us", cluster="shop-eu")
    other = await roach(owner, "other", cluster="shop-us")
    times = moments(3)
    for its, at in zip((one, two, other), times, strict=True):
        await its.report(owner, at)
    async with client_of(door) as client:
        reply = await client.pull("shop-eu")
        assert [nodes(probe)[0]["Target"] for probe in reply.probes] == ["one", "shop-us"]
        assert {probe.clusterID for probe in reply.probes} == {reply.clusterId} == {"shop-eu"}
        assert await client.times("shop-us") == [go_time(times[1])]


@pytest.mark.parametrize("name", ["nosuch", "", "a\0b", "Zürich"])
async def test_what_is_not_there_is_said_as_dbmon_says_it(door, owner, name):
    await roach(owner)
    async with client_of(door) as client:
        assert await refused(client.pull(name)) == (
            Code.NOT_FOUND, f"Cluster was not found : '{name}'",
        )  # fmt: skip


async def test_a_name_of_a_mebibyte_is_not_found(door):
    async with client_of(door) as client:
        code, said = await refused(client.pull("x" * 2**20))
        assert code is Code.NOT_FOUND
        assert len(said) < 300


async def test_a_cluster_without_cockroaches_is_none_of_dbmons(door, owner):
    from tests.factories import make_target

    await make_target(owner, "orders-db", cluster="shop-eu")
    async with client_of(door) as client:
        for name in ("orders-db", "shop-eu"):
            assert (await refused(client.pull(name)))[0] is Code.NOT_FOUND


# ── what a report says ──


async def test_a_look_that_learnt_nothing_is_503_and_an_empty_list(door, owner):
    its = await roach(owner)
    times = moments(4)
    await its.report(owner, times[0], state=DOWN, error_class="refused")
    await its.report(owner, times[1], state=UNKNOWN, error_class="timeout", layout_id=0)
    await its.report(owner, times[2], state=DOWN, error_class="quorum_lost", values=(5, 0, 0))
    await its.report(owner, times[3], state=DEGRADED, error_class="limit")
    async with client_of(door) as client:
        probes = (await client.pull()).probes
        assert [(it.status, it.data == b"[]") for it in probes] == [
            ("503", True), ("503", True), ("200", False), ("200", False),
        ]  # fmt: skip
        assert nodes(probes[2])[0]["Dead"] is True


# ── replies ──


async def test_a_reply_stays_below_four_mebibytes_and_loses_nothing(door, owner, monkeypatch):
    monkeypatch.setattr(dbmon, "PAGE_ROWS", 7)
    its = await roach(owner)
    entities = [f"node:{number}" for number in range(1, 701)]
    wide = await make_layout(
        owner, ["ranges"] * 700, connector="cockroachdb", entities=entities, units=["count"] * 700
    )
    times = moments(20)
    await its.report(owner, *times, layout_id=wide, values=[float(n) for n in range(700)])
    async with client_of(door) as client:
        seen, replies = [], 0
        while probes := (reply := await client.pull()).probes:
            assert reply.ByteSize() < 3.6 * 1024 * 1024
            seen += [probe.timestamp for probe in probes]
            replies += 1
        assert seen == [go_time(at) for at in times]
        assert replies > 1


async def test_a_reply_nobody_waited_for_is_told_again(door, owner, monkeypatch):
    its = await roach(owner)
    await its.report(owner, *moments(2))
    reached, go_on = asyncio.Event(), asyncio.Event()
    read = pull.news

    async def slowly(*arguments, **more):
        reached.set()
        await go_on.wait()
        return await read(*arguments, **more)

    monkeypatch.setattr(pull, "news", slowly)
    async with client_of(door) as client:
        hasty = asyncio.create_task(client.pull())
        await reached.wait()
        hasty.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hasty
        go_on.set()
        assert len(await client.times()) == 2


async def test_pulls_of_one_client_at_once_share_and_lose_nothing(door, owner):
    its = await roach(owner)
    times = moments(12)
    await its.report(owner, *times)
    async with client_of(door) as client:
        replies = await asyncio.gather(*(client.times(count=1) for _ in range(12)))
        assert sorted(it for reply in replies for it in reply) == [go_time(at) for at in times]
