"""A fleet whose states change, and readers of the feed, for the tests of the live feed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from tests.factories import NOON, make_component, make_target

from vedette.db.pool import connect, open_pool
from vedette.link import vedette_pb2 as pb
from vedette.link.audience import Filter, Subscriber
from vedette.link.feed import Feed

Conn = AsyncConnection[Any]
EVERYTHING = Filter()
SOON_S = 10


@asynccontextmanager
async def feed_on(dsn: str) -> AsyncIterator[Feed]:
    pool = await open_pool(dsn, max_size=4)
    try:
        async with Feed(pool, dsn) as feed:
            yield feed
    finally:
        await pool.close()


async def shop(conn: Conn) -> dict[str, int]:
    """Component orders-eu-de with target orders-db in cluster shop-eu; cart-db belongs to nothing."""
    component = await make_component(conn, state="up")
    orders = await make_target(
        conn, "orders-db", component_id=component, cluster="shop-eu", state="up"
    )
    cart = await make_target(conn, "cart-db", state="up")
    return {"component": component, "orders-db": orders, "cart-db": cart}


async def move(
    conn: Conn, target_id: int, now: str, *, at: datetime = NOON, reason: str = ""
) -> int:
    """Change a target's state as the house does: state, transition and notice in one transaction."""
    async with conn.transaction():
        cursor = await conn.execute(
            "SELECT state FROM health.target_state WHERE target_id = %s FOR UPDATE", (target_id,)
        )
        (was,) = await cursor.fetchone()
        await conn.execute(
            "UPDATE health.target_state SET (state, since, reason) = (%s, %s, %s) WHERE target_id = %s",
            (now, at, reason, target_id),
        )
        cursor = await conn.execute(
            "INSERT INTO health.transition (target_id, was, now, at, reason) VALUES (%s, %s, %s, %s, %s)"
            " RETURNING id",
            (target_id, was, now, at, reason),
        )
        (transition,) = await cursor.fetchone()
        await conn.execute("SELECT pg_notify('vedette_transition', %s)", (str(transition),))
    return transition


async def move_all(conn: Conn, now: str, *, reason: str = "") -> None:
    """Change the state of every target at once, as the house does."""
    async with conn.transaction():
        await conn.execute(
            """
            INSERT INTO health.transition (target_id, was, now, at, reason)
            SELECT target.id, held.state, %(now)s, now(), %(reason)s
            FROM fleet.target LEFT JOIN health.target_state AS held ON held.target_id = target.id""",
            {"now": now, "reason": reason},
        )
        await conn.execute(
            """
            INSERT INTO health.target_state (target_id, state, since, reason)
            SELECT id, %(now)s, now(), %(reason)s FROM fleet.target
            ON CONFLICT (target_id) DO UPDATE
            SET (state, since, reason) = (EXCLUDED.state, EXCLUDED.since, EXCLUDED.reason)""",
            {"now": now, "reason": reason},
        )
        await conn.execute("NOTIFY vedette_transition, '1'")


async def make_targets(conn: Conn, count: int) -> None:
    """Declare t1, t2 … of which nothing is known."""
    await conn.execute(
        """
        INSERT INTO fleet.target (name, slug, connector, every_ms, timeout_ms, origin)
        SELECT 't' || n, 't' || n, 'tcp', 1000, 1000, 'test'
        FROM generate_series(1, %s) AS n""",
        (count,),
    )


class Reader:
    """Reads a subscriber's frames and remembers what it was told."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._frames = subscriber.frames()
        self.frames: list[pb.Frame] = []

    async def next(self) -> pb.Frame:
        async with asyncio.timeout(SOON_S):
            frame = pb.Frame.FromString(await anext(self._frames))
        self.frames.append(frame)
        return frame

    async def until(self, enough: Callable[["Reader"], bool]) -> None:
        while not enough(self):
            await self.next()

    @property
    def held(self) -> dict[str, str]:
        """Name → state, as a client that believes every frame holds it."""
        held: dict[str, str] = {}
        begun = False
        for frame in self.frames:
            if frame.snapshot and not begun:
                held = {}
            begun = frame.snapshot and frame.more
            held |= {change.name: change.now for change in frame.changes}
        return held

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """Name, was, now of every change outside of snapshots."""
        return [
            (it.name, it.was, it.now) for f in self.frames if not f.snapshot for it in f.changes
        ]

    @property
    def cursor(self) -> int:
        return max(frame.cursor for frame in self.frames)


@asynccontextmanager
async def reading(
    feed: Feed, choice: Filter = EVERYTHING, *, cursor: int = 0
) -> AsyncIterator[Reader]:
    async with feed.subscriber(choice, cursor=cursor) as subscriber:
        yield Reader(subscriber)


@asynccontextmanager
async def writing(dsn: str) -> AsyncIterator[Conn]:
    async with await connect(dsn) as conn:
        yield conn
