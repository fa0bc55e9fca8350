"""Kept reports of a CockroachDB, and dbmon's door in the clear and over TLS."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import grpc
import grpc.aio
from psycopg_pool import AsyncConnectionPool
from tests.factories import make_agent, make_error_class, make_layout, make_report, make_target
from tests.link.feed_world import Conn

from vedette import clock
from vedette.db.pool import open_pool
from vedette.link import dbmon_pb2 as pb
from vedette.link.brief import BriefReads
from vedette.link.dbmon import DbmonDoor

UP, UNKNOWN, DRAINING, DEGRADED, DOWN = 0, 1, 3, 4, 5
NODE = ("state", "ranges", "capacity_bytes")
SECOND = timedelta(seconds=1)


class Roach:
    """A CockroachDB target, the agent that looks at it, and the reports it has brought."""

    def __init__(self, target_id: int, agent_id: int, layout_id: int) -> None:
        self.target_id, self.agent_id, self.layout_id = target_id, agent_id, layout_id

    async def report(
        self, conn: Conn, *moments: datetime, state: int = UP, error_class: str = "",
        layout_id: int | None = None, values: Sequence[float] = (0.0, 7.0, 1e12),
    ) -> None:  # fmt: skip
        """Keep a report of each moment as ingest does: the rows, and the newest as observed."""
        layout = self.layout_id if layout_id is None else layout_id
        class_id = await make_error_class(conn, error_class)
        async with conn.transaction():
            days = sorted({moment.date() for moment in moments})
            await conn.execute("SELECT health.make_partitions(%s, %s)", (days[0], days[-1]))
            for moment in moments:
                await make_report(
                    conn, self.target_id, self.agent_id, at=moment, layout_id=layout,
                    values=values if layout else (), state=state, error_class_id=class_id,
                )  # fmt: skip
            await conn.execute(
                """
                INSERT INTO health.observation (
                    target_id, agent_id, state, since, seen_at, at, look, reported)
                VALUES (%s, %s, 'up', %s, %s, %s, 'up', true)
                ON CONFLICT (target_id, agent_id) DO UPDATE
                SET at = excluded.at, seen_at = excluded.seen_at""",
                (self.target_id, self.agent_id, moments[0], clock.now(), moments[-1]),
            )


async def roach(conn: Conn, name: str = "roachy", **more) -> Roach:
    agent = more.pop("agent_id", None) or await make_agent(conn, f"of-{name}")
    target = await make_target(conn, name, connector="cockroachdb", **more)
    layout = await make_layout(
        conn, NODE, connector="cockroachdb", entities=["node:1"] * len(NODE),
        units=["state", "count", "bytes"],
    )  # fmt: skip
    return Roach(target, agent, layout)


class Client:
    """What dbmon's client does, with messages of the published contract."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self._metadata = list(metadata)
        self._pull = channel.unary_unary(
            "/dbmon.HealCheck/Pull",
            request_serializer=pb.PullRequest.SerializeToString,
            response_deserializer=pb.PullReply.FromString,
        )

    async def pull(self, cluster: str = "roachy", count: int = 0, **more) -> pb.PullReply:
        request = pb.PullRequest(clusterId=cluster, nbProbes=count)
        return await self._pull(request, metadata=self._metadata, timeout=20, **more)

    async def times(self, cluster: str = "roachy", count: int = 0) -> list[str]:
        return [probe.timestamp for probe in (await self.pull(cluster, count)).probes]


def nodes(probe: pb.Probe) -> list[dict]:
    return json.loads(probe.data)


class Nobody:
    """Signs nobody in: for a door that is only open in the clear."""

    async def reader(self, context):
        raise AssertionError("nobody asks who comes in the clear")

    async def still_welcome(self, caller):
        return False


@asynccontextmanager
async def door_on(dsn: str) -> AsyncIterator[tuple[AsyncConnectionPool, str]]:
    """A server's door in the clear; yields its pool and its address."""
    pool = await open_pool(dsn, max_size=4)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    try:
        async with DbmonDoor(pool, BriefReads(pool), Nobody()) as door:
            door.open(server, anonymous=True)
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            yield pool, f"127.0.0.1:{port}"
            await server.stop(None)
    finally:
        await pool.close()


@asynccontextmanager
async def client_of(address: str) -> AsyncIterator[Client]:
    """A client with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield Client(channel)
