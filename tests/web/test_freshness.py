"""The kept page: served as bytes while nothing changed, never when a change could have been missed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from psycopg_pool import AsyncConnectionPool
from tests import factories as make
from tests.fakes.wire import wire_to
from tests.web.browser import KEY, Browser, Clock, authenticate

from vedette.db.pool import connect, open_pool
from vedette.web.site import site


@dataclass
class House:
    """A server's pages over a database of their own, with the task that follows the notices."""

    url: str
    pool: AsyncConnectionPool
    browser: Browser
    clock: Clock
    following: asyncio.Task[None]

    async def change(self, service: str, state: str, *, channel: str | None) -> None:
        """Commit a change and tell it on the channel."""
        async with await connect(self.url) as conn:
            await make.make_component(conn, service, state=state)
            if channel:
                await conn.execute("SELECT pg_notify(%s, '1')", (channel,))

    async def headline(self) -> str:
        text = (await self.browser.get("/")).text
        return text.partition("<title>")[2].partition(" · ")[0]

    async def is_kept(self) -> bool:
        """Whether two askers get the very same page though its time has moved on."""
        first = await self.browser.get("/")
        self.clock.at += timedelta(seconds=1)
        return (await self.browser.get("/")).body == first.body


@pytest.fixture
async def house(fresh_database_url: str) -> AsyncIterator[House]:
    pool = await open_pool(fresh_database_url, max_size=2)
    clock = Clock()
    pages = site(pool, authenticate=authenticate, cookie_key=KEY, clock=clock)
    following = asyncio.create_task(pages.follow(fresh_database_url))
    async with await connect(fresh_database_url) as conn:
        await make.make_component(conn, "Orders", state="up")
    yield House(fresh_database_url, pool, Browser(pages.pages), clock, following)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await pool.close()


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so; fails after five seconds."""
    async with asyncio.timeout(5):
        while not await is_so():  # noqa: ASYNC110 - what changes is in the database
            await asyncio.sleep(0.02)


async def test_a_page_is_kept_while_nothing_changes(house: House):
    await until(house.is_kept)
    assert await house.headline() == "Orders in EU-DE is up"


@pytest.mark.parametrize("channel", ["vedette_transition", "vedette_fleet"])
async def test_a_notice_renders_it_anew(house: House, channel: str):
    await until(house.is_kept)
    await house.change("Search", "down", channel=channel)

    async def is_told():
        return await house.headline() == "Search in EU-DE is down"

    await until(is_told)


async def test_no_page_is_kept_longer_than_its_words_hold(house: House):
    await until(house.is_kept)
    await house.change("Search", "down", channel=None)
    assert await house.headline() == "Orders in EU-DE is up"
    house.clock.at += timedelta(seconds=30)
    assert await house.headline() == "Search in EU-DE is down"


async def test_nothing_is_kept_before_the_first_connection_or_after_the_last(house: House):
    await until(house.is_kept)
    house.following.cancel()
    await asyncio.gather(house.following, return_exceptions=True)
    await house.change("Search", "down", channel=None)
    assert await house.headline() == "Search in EU-DE is down"


async def test_a_lost_connection_drops_the_kept_page_at_once(house: House):
    await until(house.is_kept)
    async with await connect(house.url) as conn:
        await make.make_component(conn, "Search", state="down")
        await conn.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'vedette listen' AND datname = current_database()"""
        )

    async def is_told():
        return await house.headline() == "Search in EU-DE is down"

    await until(is_told)
    await until(house.is_kept)


async def test_a_crowd_is_answered_by_one_rendering(house: House):
    await until(house.is_kept)
    house.clock.at += timedelta(minutes=1)
    answers = await asyncio.gather(*(house.browser.get("/") for _ in range(50)))
    assert len({answer.body for answer in answers}) == 1


async def test_without_the_database_the_page_is_grey_and_no_old_one_is_shown(house: House):
    await until(house.is_kept)
    house.following.cancel()
    await asyncio.gather(house.following, return_exceptions=True)
    await house.pool.close()
    blind = await house.browser.get("/")
    assert blind.status == 503
    assert "We cannot see right now" in blind.words
    assert "tone-unknown" in blind.text
    assert blind.headers["retry-after"] == "10"
    assert "Orders" not in blind.words


async def test_over_a_network_that_fell_silent_the_page_is_grey_and_nobody_waits_for_ever(
    fresh_database_url: str, monkeypatch
):
    monkeypatch.setattr("vedette.db.pool.CHECKED_WITHIN_S", 0.2)
    monkeypatch.setattr("vedette.web.lent.POOL_WAIT_S", 0.5)
    async with wire_to(fresh_database_url) as wire, asyncio.timeout(30):
        pool = await open_pool(wire.dsn, max_size=2)
        browser = Browser(site(pool, authenticate=authenticate, cookie_key=KEY).pages)
        assert (await browser.get("/")).status == 200
        wire.carries.clear()
        blind = await browser.get("/")
        assert (blind.status, "We cannot see right now" in blind.words) == (503, True)
        wire.carries.set()
        await pool.close()


async def test_a_question_under_way_that_nobody_answers_makes_the_page_grey_within_its_time(
    fresh_database_url: str, monkeypatch
):
    monkeypatch.setattr("vedette.web.lent.ANSWERED_WITHIN_S", 0.2)
    pool = await open_pool(fresh_database_url, max_size=1)
    browser = Browser(site(pool, authenticate=authenticate, cookie_key=KEY).pages)
    async with asyncio.timeout(30), await connect(fresh_database_url) as other:
        async with other.transaction():
            await other.execute("LOCK TABLE fleet.service IN ACCESS EXCLUSIVE MODE")
            blind = await browser.get("/")
        assert (blind.status, "We cannot see right now" in blind.words) == (503, True)
        assert (await browser.get("/")).status == 200
    await pool.close()


async def test_a_fault_of_ours_shows_a_name_for_the_log_and_nothing_else(house: House, monkeypatch):
    def broken(*_: object, **__: object) -> bytes:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr("vedette.web.public.render", broken)
    house.clock.at += timedelta(minutes=1)
    failed = await house.browser.get("/")
    assert failed.status == 500
    assert failed.headers["x-request-id"] in failed.words
    assert "secret" not in failed.text
