"""The stream of reports: the latest first, then every one; what a slow reader costs, and where one resumes."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.factories import (
    NOON,
    make_agent,
    make_layout,
    make_observation,
    make_partition,
    make_report,
)
from tests.link.feed_world import SOON_S, make_targets, shop, writing

from vedette.db.pool import open_pool
from vedette.errors import Unavailable
from vedette.link import audience, report_feed
from vedette.link import vedette_pb2 as pb
from vedette.link.audience import Filter
from vedette.link.errors import TooMany
from vedette.link.feed import Feed
from vedette.link.report_feed import ReportFeed

STATES = ["up", "unknown", "initialising", "draining", "degraded", "down"]
SECOND = timedelta(seconds=1)


class Shop:
    """Two targets that one agent looks at, and a stream of their reports."""

    def __init__(self, conn, reports, feed, pool, ids, agent, layout):
        self.conn, self.reports, self.feed, self.pool = conn, reports, feed, pool
        self.ids, self.agent, self.layout = ids, agent, layout

    async def report(self, target, *seconds, state="up", agent=None, **more):
        """Commit reports of a target, so many seconds after noon, as the ingest does."""
        target_id, agent_id = self.ids[target], agent or self.agent
        more = {"layout_id": self.layout, "values": [0.5], **more}
        async with self.conn.transaction():
            for second in seconds:
                moment = NOON + second * SECOND
                await make_report(
                    self.conn, target_id, agent_id, at=moment, state=STATES.index(state), **more
                )
            cursor = await self.conn.execute(
                """
                UPDATE health.observation
                SET at = %s, look = %s, reported = true
                WHERE target_id = %s AND agent_id = %s""",
                (moment, state, target_id, agent_id),
            )
            if not cursor.rowcount:
                await make_observation(
                    self.conn, target_id, agent_id, state=state, seen_at=moment, **more
                )


@pytest.fixture
async def world(fresh_app_url):
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        agent = await make_agent(conn, "edge")
        layout = await make_layout(conn, ["load"], units=["ratio"])
        pool = await open_pool(fresh_app_url, max_size=4)
        try:
            async with Feed(pool, fresh_app_url) as feed, ReportFeed(pool, feed) as reports:
                yield Shop(conn, reports, feed, pool, ids, agent, layout)
        finally:
            await pool.close()


@pytest.fixture(autouse=True)
async def day(fresh_database_url):
    async with writing(fresh_database_url) as conn:
        await make_partition(conn)


class Reader:
    """Reads frames and knows what it was told."""

    def __init__(self, subscriber):
        self.subscriber = subscriber
        self._frames = subscriber.frames()
        self.cursor = 0

    async def next(self) -> pb.ReportFrame:
        async with asyncio.timeout(SOON_S):
            frame = pb.ReportFrame.FromString(await anext(self._frames))
        self.cursor = frame.cursor or self.cursor
        return frame


@asynccontextmanager
async def reading(world, choice=Filter(), *, cursor=0):  # noqa: B008 - frozen
    async with world.reports.subscriber(choice, cursor=cursor) as subscriber:
        yield Reader(subscriber)


def told(frame) -> list[tuple[str, float]]:
    """Target and seconds after noon of every report."""
    noon_us = int(NOON.timestamp() * 1e6)
    return [(row.target, (row.at_us - noon_us) / 1e6) for row in frame.reports]


async def test_the_latest_come_first_then_every_report_with_its_values(world):
    await world.report("orders-db", 1, 2)
    async with reading(world) as reader:
        first = await reader.next()
        assert first.snapshot
        assert told(first) == [("orders-db", 2)]
        row = first.reports[0]
        assert (row.agent, row.component, row.cluster) == ("edge", "orders-eu-de", "shop-eu")
        assert [(it.name, it.unit, it.value) for it in row.values] == [("load", "ratio", 0.5)]
        await world.report("orders-db", 3, 4, 5)
        then = await reader.next()
        assert not then.snapshot
        assert told(then) == [("orders-db", 3), ("orders-db", 4), ("orders-db", 5)]
        assert then.skipped == 0
        await world.report("cart-db", 6, state="down", rtt_s=None)  # its first ever
        (row,) = (await reader.next()).reports
        assert (row.target, row.state, row.rtt_s) == ("cart-db", "down", -1)


async def test_nothing_is_told_twice_while_states_and_silence_are_written(world):
    await world.report("orders-db", 1)
    async with reading(world) as reader:
        await reader.next()
        await world.conn.execute("UPDATE health.observation SET silent_since = now()")
        await world.reports.refresh()
        await world.report("orders-db", 2)
        assert told(await reader.next()) == [("orders-db", 2)]


async def test_what_an_agent_had_spooled_is_told_when_it_comes(world):
    await world.report("orders-db", 1)
    await world.report("cart-db", 1)
    async with reading(world) as reader:
        await reader.next()
        await world.report("cart-db", 3600)
        assert told(await reader.next()) == [("cart-db", 3600)]
        await world.report("orders-db", 2, 3)
        assert told(await reader.next()) == [("orders-db", 2), ("orders-db", 3)]


async def test_a_clock_that_is_set_back_does_not_silence_its_target(world):
    await world.report("orders-db", 1000)
    async with reading(world) as reader:
        await reader.next()
        await world.report("orders-db", 500)
        assert told(await reader.next()) == [("orders-db", 500)]
        await world.report("orders-db", 501, 502)
        assert told(await reader.next()) == [("orders-db", 501), ("orders-db", 502)]


async def test_two_agents_of_one_target_are_two_streams(world):
    other = await make_agent(world.conn, "other")
    await world.report("orders-db", 10)
    await world.report("orders-db", 5, agent=other)
    async with reading(world) as reader:
        assert sorted(told(await reader.next())) == [("orders-db", 5), ("orders-db", 10)]
        await world.report("orders-db", 6, agent=other)
        frame = await reader.next()
        assert told(frame) == [("orders-db", 6)]
        assert frame.reports[0].agent == "other"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Filter(targets=frozenset({"orders-db"})), ["orders-db"]),
        (Filter(components=frozenset({"orders-eu-de"})), ["orders-db"]),
        (Filter(clusters=frozenset({"shop-eu"})), ["orders-db"]),
        (Filter(states=frozenset({"down"})), ["cart-db"]),
        (Filter(targets=frozenset({"orders-db", "cart-db"})), ["cart-db", "orders-db"]),
    ],
)
async def test_a_filter_holds_for_the_latest_and_for_what_follows(world, choice, expected):
    await world.report("orders-db", 1)
    await world.report("cart-db", 1, state="down")
    async with reading(world, choice) as reader:
        assert [row.target for row in (await reader.next()).reports] == expected
        async with world.conn.transaction():
            await world.report("orders-db", 2)
            await world.report("cart-db", 2, state="down")
        assert sorted(row.target for row in (await reader.next()).reports) == expected


async def test_what_is_under_way_while_it_is_read_is_told_once_it_is_there(world):
    await world.report("orders-db", 1)
    async with reading(world) as reader:
        await reader.next()
        async with world.conn.transaction():
            await world.report("orders-db", 2)  # within a savepoint: a subtransaction
            await world.report("cart-db", 2)
            async with world.pool.connection() as other:  # a later transaction that is over
                await other.execute("SELECT pg_current_xact_id()")
            await world.reports.refresh()
        assert sorted(told(await reader.next())) == [("cart-db", 2), ("orders-db", 2)]


async def test_who_comes_back_goes_on_where_it_was(world):
    await world.report("orders-db", 1)
    await world.report("cart-db", 1)
    async with reading(world) as reader:
        await reader.next()
        cursor = reader.cursor
    await world.report("orders-db", 2, 3)
    async with reading(world, cursor=cursor) as reader:
        frame = await reader.next()
        assert not frame.snapshot
        assert told(frame) == [("orders-db", 2), ("orders-db", 3)]
        await world.report("orders-db", 4)
        assert told(await reader.next()) == [("orders-db", 4)]


@pytest.mark.parametrize("cursor", [1, 2**63 - 1, 2**64 - 1])
async def test_a_cursor_too_old_or_from_nowhere_begins_with_the_latest(world, cursor):
    await world.report("orders-db", 1)
    async with reading(world, cursor=cursor) as reader:
        assert (await reader.next()).snapshot


async def test_a_cursor_waits_for_the_slowest_who_still_reports(world):
    await world.report("orders-db", 100)
    await world.report("cart-db", 40)
    async with reading(world) as reader:
        await reader.next()
        cursor = reader.cursor
    await world.report("cart-db", 50)
    async with reading(world, cursor=cursor) as reader:
        assert ("cart-db", 50) in told(await reader.next())


async def test_a_slow_reader_is_told_how_many_it_was_spared_and_reads_the_newest(
    world, monkeypatch
):
    monkeypatch.setattr(audience, "BACKLOG", 20)
    await world.report("orders-db", 0)
    async with reading(world) as slow, reading(world) as quick:
        await slow.next()
        await quick.next()
        seen = 0
        for second in range(1, 101):
            await world.report("orders-db", second)
            await world.reports.refresh()
            seen += len((await quick.next()).reports)
            assert slow.subscriber.backlog <= 20
        assert seen == 100
        heard, skipped = [], 0
        while ("orders-db", 100) not in heard:
            frame = await slow.next()
            heard += told(frame)
            skipped += frame.skipped
        assert skipped > 0
        assert skipped + len(heard) == 100


async def test_a_slow_reader_in_a_large_house_gets_the_latest_of_all(world, monkeypatch):
    monkeypatch.setattr(audience, "BACKLOG", 20)
    await make_targets(world.conn, 50)
    rows = await world.conn.execute("SELECT name, id FROM fleet.target WHERE name ~ '^t[0-9]+$'")
    world.ids |= dict(await rows.fetchall())
    await world.feed.refresh()
    async with reading(world) as reader:
        assert not (await reader.next()).reports
        for number in range(1, 51):
            await world.report(f"t{number}", number)
        await world.reports.refresh()
        frame = await reader.next()
        assert frame.snapshot
        assert frame.skipped == 50
        assert len(frame.reports) == 50


async def test_a_flood_is_bounded_and_what_was_left_out_is_counted(world, monkeypatch):
    monkeypatch.setattr(report_feed, "ROWS_A_TICK", 10)
    await world.report("orders-db", 0)
    await world.report("cart-db", 0)
    only_cart = Filter(targets=frozenset({"cart-db"}))
    async with reading(world) as reader, reading(world, only_cart) as other:
        await reader.next()
        await other.next()
        async with world.conn.transaction():
            await world.report("orders-db", *range(1, 101))
            await world.report("cart-db", 1)
        await world.reports.refresh()
        frame = await reader.next()
        assert told(frame) == [("cart-db", 1), *(("orders-db", at) for at in range(96, 101))]
        assert frame.skipped == 95
        # Whoever did not ask for the flood missed nothing of it.
        assert (await other.next()).skipped == 0


async def test_many_values_are_cut_into_pages_below_a_clients_limit(world):
    names = [f"measurement-{number:04}" for number in range(1500)]
    wide = await make_layout(world.conn, names)
    await world.report("orders-db", 1, layout_id=wide, values=[1.0] * 1500)
    async with reading(world) as reader:
        await reader.next()
        await world.report("orders-db", 2, 3, 4, 5, layout_id=wide, values=[1.0] * 1500)
        first, second = await reader.next(), await reader.next()
        assert (first.more, first.cursor, second.more) == (True, 0, False)
        assert told(first) + told(second) == [("orders-db", at) for at in (2, 3, 4, 5)]
        assert second.cursor > 0


async def test_the_same_filter_is_serialised_once(world):
    async with (
        world.reports.subscriber(Filter()) as one,
        world.reports.subscriber(Filter()) as other,
    ):
        await one.next()
        await other.next()
        await world.report("orders-db", 1)
        first, second = await one.next(), await other.next()
        assert first.frames is second.frames


async def test_with_no_subscriber_nothing_is_held(world):
    await world.report("orders-db", 1)
    async with reading(world) as reader:
        await reader.next()
    async with asyncio.timeout(SOON_S):
        while world.reports._held:  # noqa: ASYNC110 - it notifies nobody
            await asyncio.sleep(0.02)
    assert world.reports.subscribers == 0


async def test_a_retired_target_leaves_the_snapshot(world):
    await world.report("orders-db", 1)
    await world.report("cart-db", 1)
    async with reading(world) as first:
        await first.next()
        await world.conn.execute(
            "UPDATE fleet.target SET retired_at = now() WHERE name = 'cart-db'"
        )
        await world.feed.refresh()
        async with reading(world, Filter(states=frozenset({"up"}))) as reader:
            assert told(await reader.next()) == [("orders-db", 1)]


async def test_one_subscriber_too_many_is_sent_elsewhere(world, monkeypatch):
    monkeypatch.setattr(report_feed, "MAX_SUBSCRIBERS", 1)
    async with reading(world):
        with pytest.raises(TooMany):
            async with reading(world):
                raise AssertionError("it must not come in")


async def test_without_a_database_nobody_is_let_in_and_the_reason_is_said(world):
    await world.pool.close()
    with pytest.raises(Unavailable, match="database"):
        async with reading(world):
            raise AssertionError("it must not come in")
