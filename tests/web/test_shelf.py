"""Servers of one database share what they made in a Redis: never a stale answer, never an error."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.factories import make_region
from tests.web.browser import Clock
from tests.web.test_kept import Door, request
from valkey.asyncio import Valkey

from vedette.db.pool import connect, open_pool
from vedette.web.answers import Answer
from vedette.web.kept import Keeper
from vedette.web.shelf import RedisShelf

PASSWORD = "only for this test"


async def until(is_so):
    """Wait until it is so; fails after ten seconds."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what changes is in another process
            await asyncio.sleep(0.01)


class Redis:
    """A Redis of the test's own, which may be killed, stopped and started again."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        words = (
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            self.folder,
        )
        self.process = subprocess.Popen(
            ["redis-server", *words, "--requirepass", PASSWORD], stdout=subprocess.DEVNULL
        )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def client(self):
        return Valkey.from_url(self.url, password=PASSWORD)

    async def names(self):
        async with self.client() as client:
            return sorted(await client.keys("*"))


@pytest.fixture
async def redis(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    redis = Redis(tmp_path)
    redis.start()
    async with redis.client() as client, asyncio.timeout(10):
        while True:
            try:
                await client.ping()
                break
            except Exception:  # it is not up yet
                await asyncio.sleep(0.02)
    yield redis
    redis.kill()


class Server:
    """A server as far as it keeps: one page, made of what the database says now."""

    def __init__(self, keeper, shelf, pool):
        self.keeper, self.shelf, self.pool, self.made = keeper, shelf, pool, 0
        self.page = keeper.kept(self.make)

    async def make(self, _):
        self.made += 1
        async with self.pool.connection() as conn:
            [count] = await (await conn.execute("SELECT count(*) FROM fleet.region")).fetchone()
        return Answer(b"%d" % count + b"." * 2_000, headers=((b"x-test", b"yes"),))

    async def count(self, path="/"):
        body = (await self.page(request(path))).body.decode()
        return int(body.rstrip("."))

    def shares(self):
        return bool(self.shelf.place("x"))


@asynccontextmanager
async def serving(dsn, url, *, seal=b"s" * 32, dressed="1", clock=None):
    pool = await open_pool(dsn, max_size=2)
    shelf = RedisShelf(url, pool, password=PASSWORD, prefix="t:", seal=seal, dressed=dressed)
    keeper = Keeper(clock or Clock(), shelf=shelf)
    following = asyncio.create_task(keeper.follow(dsn))
    server = Server(keeper, shelf, pool)
    await until(server.shares)
    yield server
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await pool.close()


@pytest.fixture
async def two(fresh_database_url, redis):
    """Two servers on one database and one Redis, which count turns alike."""
    async with AsyncExitStack() as stack:
        pair = [
            await stack.enter_async_context(serving(fresh_database_url, redis.url)) for _ in "ab"
        ]
        await until(lambda: pair[0].shelf.place("x") == pair[1].shelf.place("x"))
        yield pair


async def laid(redis, count=1):
    """Wait until so many answers lie in Redis."""
    async with asyncio.timeout(10):
        while len(await redis.names()) < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)


async def change(dsn, name):
    async with await connect(dsn) as conn, conn.transaction():
        await make_region(conn, name)
        await conn.execute("SELECT pg_notify('vedette_fleet', 'targets')")


async def test_what_one_made_the_other_serves(two, redis):
    one, other = two
    first = await one.page(request())
    await laid(redis)
    second = await other.page(request())
    assert (one.made, other.made) == (1, 0)
    assert (second.body, second.etag, second.headers) == (first.body, first.etag, first.headers)
    assert second.lease.until == first.lease.until


async def test_after_a_commit_both_are_right_however_often_it_happens(
    two, redis, fresh_database_url
):
    for n in range(1, 6):
        before = [server.keeper.turn for server in two]
        await change(fresh_database_url, f"R{n}")
        await until(
            lambda before=before: all(
                server.keeper.turn > turn for server, turn in zip(two, before, strict=True)
            )
        )
        assert [await server.count() for server in two] == [n, n]
        assert two[0].shelf.place("x") == two[1].shelf.place("x")


async def test_what_was_made_before_a_commit_is_never_served_after_it(
    two, redis, fresh_database_url
):
    """One reads, the commit comes, the other has heard of it: it must not take what the first laid."""
    one, other = two
    stale = one.shelf.place("/\n\nen\nUTC\n")
    await one.count()
    await laid(redis)
    turn = other.keeper.turn
    await change(fresh_database_url, "R")
    await until(lambda: other.keeper.turn > turn)
    assert stale not in (other.shelf.place("/\n\nen\nUTC\n"), "")
    assert await other.count() == 1


async def test_servers_that_are_dressed_otherwise_do_not_take_each_others(
    two, redis, fresh_database_url
):
    await two[0].count()
    await laid(redis)
    async with serving(fresh_database_url, redis.url, dressed="2") as third:
        await third.count()
        assert third.made == 1


async def test_what_does_not_bear_our_mark_is_not_served(two, redis):
    one, other = two
    await one.count()
    await laid(redis)
    [name] = await redis.names()
    async with redis.client() as client:
        good = await client.get(name)
        for evil in (b"", b"x", good[:-1], good[:40] + b"?" + good[41:], bytes(len(good))):
            await client.set(name, evil)
            assert await other.shelf.take(name.decode(), now=Clock().at) is None
        await client.set(b"t:elsewhere", good)
        assert await other.shelf.take("t:elsewhere", now=Clock().at) is None
        await client.delete(name)
        await client.lpush(name, "not even text")
    assert await other.shelf.take(name.decode(), now=Clock().at) is None
    assert await other.count() == 0


async def test_redis_that_is_killed_under_load_is_no_error_and_comes_back(
    two, redis, fresh_database_url
):
    is_over = False
    seen = []

    async def ask(server):
        n = 0
        while not is_over:
            n += 1
            seen.append(await server.count(f"/{n}"))
            await asyncio.sleep(0)

    asking = [asyncio.create_task(ask(server)) for server in two for _ in range(4)]
    await until(lambda: len(seen) > 50)
    redis.kill()
    count = len(seen)
    await until(lambda: len(seen) > count + 200)
    turns = [server.keeper.turn for server in two]
    await change(fresh_database_url, "R")
    await until(lambda: all(s.keeper.turn > t for s, t in zip(two, turns, strict=True)))
    assert [await server.count("/new") for server in two] == [1, 1]
    is_over = True
    await asyncio.gather(*asking)
    redis.start()
    numbers = iter(range(10_000))
    async with asyncio.timeout(10):
        while not await redis_holds(redis):
            await two[0].count(f"/back-{next(numbers)}")
            await asyncio.sleep(0.05)


async def redis_holds(redis):
    try:
        return bool(await redis.names())
    except Exception:  # it is not up yet
        return False


async def test_redis_that_hangs_holds_nobody_up(two, redis):
    os.kill(redis.process.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(5):
            for n in range(200):
                await two[0].count(f"/{n}")
    finally:
        os.kill(redis.process.pid, signal.SIGCONT)


async def test_without_the_listening_connection_nothing_is_shared_until_it_stands_again(
    two, redis, fresh_database_url
):
    one, _ = two
    turn = one.keeper.turn
    async with await connect(fresh_database_url) as conn:
        await make_region(conn, "R")
        await conn.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'vedette listen' AND datname = current_database()"""
        )
    await until(lambda: one.keeper.turn > turn)
    assert await one.count() == 1
    await until(lambda: all(server.shares() for server in two))
    await until(lambda: two[0].shelf.place("x") == two[1].shelf.place("x"))


async def test_a_door_of_one_server_alone_shares_nothing_before_it_listens(redis):
    shelf = RedisShelf(redis.url, None, password=PASSWORD, prefix="t:", seal=b"s", dressed="")
    page = Keeper(Clock(), shelf=shelf).kept(Door())
    assert [(await page(request())).body for _ in range(2)] == [b"1", b"2"]
    assert await redis.names() == []
    await shelf.close()
