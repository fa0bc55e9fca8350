"""The live feed: snapshot, then every change once, for everyone, whoever is slow."""

import asyncio

import pytest
from tests.factories import (
    NOON,
    at,
    make_component,
    make_component_state,
    make_target,
    make_transition,
)
from tests.link.feed_world import (
    Reader,
    feed_on,
    make_targets,
    move,
    move_all,
    reading,
    shop,
    writing,
)

from vedette.link import audience, standing
from vedette.link.audience import Filter


async def test_a_snapshot_comes_first_then_each_change(fresh_app_url):
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        async with feed_on(fresh_app_url) as feed, reading(feed) as reader:
            first = await reader.next()
            assert first.snapshot
            assert not first.more
            assert reader.held == {"orders-eu-de": "up", "orders-db": "up", "cart-db": "up"}
            await move(conn, ids["orders-db"], "down", at=at("12:05"), reason="refused")
            frame = await reader.next()
            (change,) = frame.changes
            assert (change.name, change.was, change.now) == ("orders-db", "up", "down")
            assert change.reason == "refused"
            assert change.at_us == int(at("12:05").timestamp()) * 1_000_000
            assert (change.component, change.cluster) == ("orders-eu-de", "shop-eu")


async def test_a_target_of_which_nothing_is_known_is_unknown(fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await make_target(conn, "fresh-db")
    async with feed_on(fresh_app_url) as feed, reading(feed) as reader:
        await reader.next()
        assert reader.held == {"fresh-db": "unknown"}


async def test_an_empty_house_sends_an_empty_snapshot(fresh_app_url):
    async with feed_on(fresh_app_url) as feed, reading(feed) as reader:
        frame = await reader.next()
        assert (frame.snapshot, frame.more, len(frame.changes)) == (True, False, 0)


async def test_a_change_committed_after_younger_ones_still_arrives(fresh_app_url):
    async with (
        writing(fresh_app_url) as conn,
        writing(fresh_app_url) as slow,
        feed_on(fresh_app_url) as feed,
    ):
        ids = await shop(conn)
        await feed.refresh()
        async with reading(feed) as reader:
            await reader.next()
            async with slow.transaction():
                older = await move(slow, ids["orders-db"], "down")
                younger = await move(conn, ids["cart-db"], "down")
                assert older < younger
                await reader.next()
                assert reader.changes == [("cart-db", "up", "down")]
                assert feed.cursor < older  # who resumes here misses nothing
            await reader.until(lambda it: len(it.changes) == 2)
            assert reader.changes[1] == ("orders-db", "up", "down")


async def test_an_id_that_was_rolled_back_does_not_hold_the_cursor_for_ever(fresh_app_url):
    async with (
        writing(fresh_app_url) as conn,
        writing(fresh_app_url) as slow,
        feed_on(fresh_app_url) as feed,
    ):
        ids = await shop(conn)
        async with slow.transaction(force_rollback=True):
            await move(slow, ids["orders-db"], "down")
            younger = await move(conn, ids["cart-db"], "down")
            await feed.refresh(everything=False)
            assert feed.cursor < younger
        async with asyncio.timeout(10):
            while feed.cursor != younger:
                await feed.refresh(everything=False)


async def test_a_transaction_open_since_before_the_feed_began_is_not_missed(fresh_app_url):
    async with writing(fresh_app_url) as conn, writing(fresh_app_url) as slow:
        ids = await shop(conn)
        await move(conn, ids["cart-db"], "degraded")
        async with slow.transaction():
            await move(slow, ids["orders-db"], "down")
            await move(conn, ids["cart-db"], "down")
            feed = feed_on(fresh_app_url)
            open_feed = await feed.__aenter__()
            subscription = open_feed.subscriber(Filter())
            reader = Reader(await subscription.__aenter__())
            await reader.next()
            assert reader.held["orders-db"] == "up"
        await reader.until(lambda it: it.changes)
        assert reader.changes == [("orders-db", "up", "down")]
        await subscription.__aexit__(None, None, None)
        await feed.__aexit__(None, None, None)


async def test_changes_close_together_share_a_frame_and_none_is_told_twice(fresh_app_url):
    async with (
        writing(fresh_app_url) as conn,
        feed_on(fresh_app_url) as feed,
    ):
        ids = await shop(conn)
        await feed.refresh()
        async with reading(feed) as reader:
            await reader.next()
            states = ["down", "up"] * 30
            for state in states:
                await move(conn, ids["cart-db"], state)
            await reader.until(lambda it: len(it.changes) >= 60)
            assert [now for _, _, now in reader.changes] == states
            assert len(reader.frames) < 40


async def test_a_new_target_and_a_new_name_are_news(fresh_app_url):
    async with (
        writing(fresh_app_url) as conn,
        feed_on(fresh_app_url) as feed,
        reading(feed) as reader,
    ):
        await reader.next()
        await make_target(conn, "late-db", state="up")
        await conn.execute("NOTIFY vedette_fleet, 'targets'")
        await reader.until(lambda it: it.changes)
        assert reader.changes == [("late-db", "", "up")]
        assert "late-db" in feed.names("targets")


async def test_a_retired_target_leaves_the_snapshot(fresh_app_url):
    async with writing(fresh_app_url) as conn, feed_on(fresh_app_url) as feed:
        ids = await shop(conn)
        await conn.execute(
            "UPDATE fleet.target SET retired_at = now() WHERE id = %s", (ids["cart-db"],)
        )
        await feed.refresh()
        async with reading(feed) as reader:
            await reader.next()
            assert "cart-db" not in reader.held


async def test_what_was_never_notified_is_found_by_looking_at_everything(fresh_app_url):
    async with writing(fresh_app_url) as conn, feed_on(fresh_app_url) as feed:
        ids = await shop(conn)
        await feed.refresh()
        async with reading(feed) as reader:
            await reader.next()
            await conn.execute(
                "UPDATE health.target_state SET state = 'down' WHERE target_id = %s",
                (ids["cart-db"],),
            )
            await feed.refresh()
            await reader.next()
            assert reader.changes == [("cart-db", "up", "down")]


# ── filters ──


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Filter(targets=frozenset({"cart-db"})), {"cart-db"}),
        (Filter(components=frozenset({"orders-eu-de"})), {"orders-eu-de", "orders-db"}),
        (Filter(clusters=frozenset({"shop-eu"})), {"orders-db"}),
        (Filter(states=frozenset({"down"})), set()),
        (Filter(states=frozenset({"up"})), {"orders-eu-de", "orders-db", "cart-db"}),
        (
            Filter(targets=frozenset({"cart-db"}), clusters=frozenset({"shop-eu"})),
            set(),
        ),
    ],
)
async def test_a_filter_chooses(fresh_app_url, choice, expected):
    async with writing(fresh_app_url) as conn:
        await shop(conn)
    async with feed_on(fresh_app_url) as feed, reading(feed, choice) as reader:
        await reader.next()
        assert set(reader.held) == expected


async def test_who_wants_the_down_hears_of_going_down_and_of_coming_back(fresh_app_url):
    async with writing(fresh_app_url) as conn, feed_on(fresh_app_url) as feed:
        ids = await shop(conn)
        await feed.refresh()
        async with reading(feed, Filter(states=frozenset({"down"}))) as reader:
            await reader.next()
            for state in ("degraded", "down", "up"):
                await move(conn, ids["cart-db"], state)
            await reader.until(lambda it: len(it.changes) >= 2)
            assert reader.changes == [("cart-db", "degraded", "down"), ("cart-db", "down", "up")]


# ── cursors ──


async def test_who_comes_back_with_a_cursor_hears_only_what_was_missed(fresh_app_url):
    async with writing(fresh_app_url) as conn, feed_on(fresh_app_url) as feed:
        ids = await shop(conn)
        await feed.refresh()
        await move(conn, ids["cart-db"], "degraded")
        await feed.refresh(everything=False)
        async with reading(feed) as reader:
            cursor = (await reader.next()).cursor
        await move(conn, ids["cart-db"], "down")
        await move(conn, ids["orders-db"], "down")
        await feed.refresh(everything=False)
        async with reading(feed, cursor=cursor) as again:
            frame = await again.next()
            assert not frame.snapshot
            assert again.changes == [("cart-db", "degraded", "down"), ("orders-db", "up", "down")]


async def test_a_cursor_outlives_the_server_it_came_from(fresh_app_url):
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        cursor = await move(conn, ids["cart-db"], "degraded")
        await move(conn, ids["cart-db"], "down")
        async with feed_on(fresh_app_url) as feed, reading(feed, cursor=cursor) as reader:
            frame = await reader.next()
            assert not frame.snapshot
            assert reader.changes == [("cart-db", "degraded", "down")]


async def test_a_cursor_of_a_server_that_is_ahead_makes_this_one_catch_up(fresh_app_url):
    async with writing(fresh_app_url) as conn, feed_on(fresh_app_url) as feed:
        ids = await shop(conn)
        await feed.refresh()
        cursor = await move(conn, ids["cart-db"], "down")
        async with reading(feed, cursor=cursor) as reader:
            frame = await reader.next()
            assert (frame.snapshot, len(frame.changes)) == (False, 0)
            await move(conn, ids["cart-db"], "up")
            await reader.until(lambda it: it.changes)
            assert reader.changes == [("cart-db", "down", "up")]


@pytest.mark.parametrize("cursor", [10**9, 2**64 - 1])
async def test_a_cursor_from_nowhere_begins_with_a_snapshot(fresh_app_url, cursor):
    async with writing(fresh_app_url) as conn:
        await shop(conn)
    async with feed_on(fresh_app_url) as feed, reading(feed, cursor=cursor) as reader:
        assert (await reader.next()).snapshot


async def test_a_cursor_older_than_what_is_remembered_begins_with_a_snapshot(
    fresh_app_url, monkeypatch
):
    monkeypatch.setattr(standing, "REMEMBERED", 3)
    monkeypatch.setattr("vedette.link.feed.REMEMBERED", 3)
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        cursor = await move(conn, ids["cart-db"], "down")
        for state in ("up", "down", "up", "down"):
            await move(conn, ids["cart-db"], state)
    async with feed_on(fresh_app_url) as feed, reading(feed, cursor=cursor) as reader:
        assert (await reader.next()).snapshot
        assert reader.held["cart-db"] == "down"


# ── many, and slow ones ──


async def test_who_does_not_read_costs_little_delays_nobody_and_gets_the_newest(fresh_app_url):
    async with writing(fresh_app_url) as conn, feed_on(fresh_app_url) as feed:
        ids = await shop(conn)
        await feed.refresh()
        async with feed.subscriber(Filter()) as stalled, reading(feed) as reader:
            late = Reader(stalled)
            await late.next()
            await reader.next()
            await conn.execute(
                """
                INSERT INTO health.transition (target_id, was, now, at)
                SELECT %(id)s, (ARRAY['up', 'down'])[1 + (n + 1) %% 2]::health.state,
                    (ARRAY['up', 'down'])[1 + n %% 2]::health.state, %(at)s
                FROM generate_series(1, 5000) AS n""",
                {"id": ids["cart-db"], "at": NOON},
            )
            await move(conn, ids["cart-db"], "down")
            await move(conn, ids["orders-db"], "down")
            await reader.until(lambda it: it.held["orders-db"] == "down")
            assert stalled.backlog <= audience.BACKLOG
            await late.until(lambda it: it.held["orders-db"] == "down")
            assert late.held["cart-db"] == "down"
            assert len(late.frames) < 5


async def test_who_is_far_behind_in_a_large_house_gets_a_snapshot(fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await make_targets(conn, 3000)
        async with feed_on(fresh_app_url) as feed, feed.subscriber(Filter()) as stalled:
            late = Reader(stalled)
            await late.until(lambda it: not it.frames[-1].more if it.frames else False)
            assert len(late.held) == 3000
            await move_all(conn, "down")
            async with reading(feed) as prompt:
                await prompt.until(lambda it: set(it.held.values()) == {"down"})
            assert stalled.backlog == 0
            await late.until(lambda it: set(it.held.values()) == {"down"})
            assert late.frames[-1].snapshot


async def test_frames_stay_below_a_mebibyte(fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await conn.execute(
            """
            INSERT INTO fleet.target (name, slug, connector, every_ms, timeout_ms, origin)
            SELECT rpad('t' || n, 200, 'x'), 't' || n, 'tcp', 1000, 1000, 'test'
            FROM generate_series(1, 1200) AS n"""
        )
        await conn.execute(
            "INSERT INTO health.target_state (target_id, state, since, reason)"
            " SELECT id, 'down', now(), repeat('r', 1024) FROM fleet.target"
        )
        async with feed_on(fresh_app_url) as feed, reading(feed) as reader:
            await reader.until(lambda it: not it.frames[-1].more if it.frames else False)
            assert len(reader.held) == 1200
            assert [frame.more for frame in reader.frames] == [True, True, False]
            assert [frame.cursor for frame in reader.frames[:-1]] == [0, 0]
            assert max(frame.ByteSize() for frame in reader.frames) < 2**20


async def test_the_same_filter_shares_the_same_bytes(fresh_app_url):
    async with writing(fresh_app_url) as conn, feed_on(fresh_app_url) as feed:
        ids = await shop(conn)
        await feed.refresh()
        async with feed.subscriber(Filter()) as one, feed.subscriber(Filter()) as other:
            first, second = one.frames(), other.frames()
            assert await anext(first) is await anext(second)
            await move(conn, ids["cart-db"], "down")
            assert await anext(first) is await anext(second)


async def test_who_leaves_is_forgotten(fresh_app_url):
    async with feed_on(fresh_app_url) as feed:
        async with reading(feed), reading(feed, Filter(states=frozenset({"up"}))):
            assert feed.subscribers == 2
        assert feed.subscribers == 0


async def test_the_feed_goes_on_when_its_connections_are_cut(fresh_app_url, cluster):
    async with (
        writing(fresh_app_url) as conn,
        feed_on(fresh_app_url) as feed,
        reading(feed) as reader,
    ):
        ids = await shop(conn)
        await feed.refresh()
        await reader.next()
        own = (await (await conn.execute("SELECT pg_backend_pid()")).fetchone())[0]
        async with writing(cluster.admin) as admin:
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> %s AND usename = 'vedette_app' AND datname = %s",
                (own, conn.info.dbname),
            )
        await move(conn, ids["cart-db"], "down")
        await reader.until(lambda it: it.held.get("cart-db") == "down")


async def test_a_component_is_told_like_a_target(fresh_app_url):
    async with writing(fresh_app_url) as conn, feed_on(fresh_app_url) as feed:
        component = await make_component(conn, "Cart", region="EU-NL", state="up")
        await feed.refresh()
        async with reading(feed) as reader:
            await reader.next()
            async with conn.transaction():
                await make_component_state(
                    conn, component, "degraded", reason="1 of 2 targets down"
                )
                await make_transition(
                    conn, "degraded", was="up", component_id=component, at=NOON,
                    reason="1 of 2 targets down",
                )  # fmt: skip
                await conn.execute("NOTIFY vedette_transition, '1'")
            frame = await reader.next()
            (change,) = frame.changes
            assert (change.subject, change.name, change.now) == (
                "component",
                "cart-eu-nl",
                "degraded",
            )
            assert change.reason == "1 of 2 targets down"
