"""A server's agents' door over mutual TLS, and agents that say whatever a test wants them to say."""

import asyncio
import socket
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import grpc
import grpc.aio
from psycopg_pool import AsyncConnectionPool

from factories import make_agent, make_assignment, make_target
from vedette.access.secrets import Secrets, load_or_make_secrets
from vedette.db.pool import connect, open_pool
from vedette.health import expect
from vedette.link import vedette_pb2 as pb
from vedette.link import vedette_pb2_grpc as rpc
from vedette.link.admit import LinkOptions
from vedette.link.channel import CLIENT_OPTIONS, SERVER_OPTIONS
from vedette.link.ingest import Ingest
from vedette.link.server import LinkServer
from vedette.trust.keys import key_fingerprint, make_csr, make_key
from vedette.trust.seal import Seal


def now() -> datetime:
    return datetime.now(UTC)


def now_us() -> int:
    return int(time.time() * 1e6)


@dataclass
class Door:
    """A running agents' door."""

    dsn: str
    pool: AsyncConnectionPool
    secrets: Secrets
    link: LinkServer
    ingest: Ingest
    port: int
    server: grpc.aio.Server

    async def go_away(self) -> "Door":
        """Stop listening, as a server that is stopped; `come_back` starts it again."""
        await self.link.say_goodbye()
        await self.server.stop(0)
        return self

    async def come_back(self) -> None:
        """Listen again on the same port."""
        self.server = await _listening(self.link, self.secrets, self.port)

    async def agent(self, name: str = "local", *targets: str) -> "Pretender":
        """Enrol an agent that is told to look at these targets."""
        key = make_key()
        csr = make_csr(key, name)
        issued = self.secrets.authority.issue_agent(csr, name, now=now())
        async with self.pool.connection() as conn:
            agent_id = await make_agent(conn, name)
            await conn.execute(
                "UPDATE fleet.agent SET key_fingerprint = %s WHERE id = %s",
                (key_fingerprint(csr), agent_id),
            )
            ids = [await make_target(conn, each) for each in targets]
            for target_id in ids:
                await make_assignment(conn, target_id, agent_id)
            await expect.run_once(conn, now=now())
        return Pretender(self, name, agent_id, key, issued.pem, ids)

    async def rows(self, sql: str, *params) -> list[tuple]:
        async with self.pool.connection() as conn:
            return await (await conn.execute(sql, params)).fetchall()


@dataclass
class Pretender:
    """An agent's key and certificate in the hands of a test."""

    door: Door
    name: str
    agent_id: int
    key: bytes
    certificate: bytes
    targets: list[int]
    run: str = field(default_factory=lambda: str(uuid4()))
    welcomed_run: str = ""

    @asynccontextmanager
    async def stream(self, **hello) -> AsyncIterator["Talk"]:
        """Open a stream and say Hello."""
        credentials = grpc.ssl_channel_credentials(
            self.door.secrets.authority.pem, self.key, self.certificate
        )
        address = f"127.0.0.1:{self.door.port}"
        async with grpc.aio.secure_channel(address, credentials, options=CLIENT_OPTIONS) as channel:
            talk = Talk(rpc.LinkStub(channel).Attach())
            said = {"protocol": 1, "run_id": self.run, "clock_us": now_us(), **hello}
            said.setdefault("welcomed_run_id", self.welcomed_run)
            await talk.say(hello=pb.Hello(**said))
            yield talk

    @asynccontextmanager
    async def welcomed(self, **hello) -> AsyncIterator["Talk"]:
        """Open a stream and come as far as the Welcome and the configuration."""
        async with self.stream(**hello) as talk:
            talk.welcome = (await talk.hear("welcome")).welcome
            talk.seq = talk.welcome.durable_seq
            await talk.hear("configuration")
            layout = pb.Layout(
                ref=1, connector="test", measures=[pb.Measure(name="load", unit="ratio")]
            )
            await talk.say(define=pb.Define(layouts=[layout]))
            yield talk


class Talk:
    """An open stream."""

    def __init__(self, call) -> None:
        self.call = call
        self.seq = 0
        self.welcome: pb.Welcome | None = None

    async def say(self, **kind) -> None:
        await self.call.write(pb.FromAgent(**kind))

    async def hear(self, kind: str) -> pb.ToAgent:
        """Return the next message of that kind; what comes before it is not of interest."""
        while True:
            message = await asyncio.wait_for(self.call.read(), 10)
            assert isinstance(message, pb.ToAgent), f"the stream ended before any {kind}"
            if message.WhichOneof("kind") == kind:
                return message

    async def send(self, batch: pb.Batch) -> None:
        """Send it as the next frame, whatever numbers it bears."""
        self.seq += 1
        batch.seq, batch.prev = self.seq, self.seq - 1
        await self.say(batch=batch)

    async def acked(self) -> int:
        return (await self.hear("ack")).ack.durable_seq

    async def refusal(self) -> pb.Refusal:
        return (await self.hear("refusal")).refusal


def batch(*targets: int, state: int = 0, at_us: int | None = None, **columns) -> pb.Batch:
    """A good batch, one report a target, with one value each; `columns` spoil it."""
    rows = len(targets)
    good = {
        "rows": rows,
        "target": array("I", targets).tobytes(),
        "at": array("q", [at_us or now_us()] * rows).tobytes(),
        "state": bytes([state]) * rows,
        "error": bytes(2 * rows),
        "rtt": array("I", [900] * rows).tobytes(),
        "layout": array("I", [1] * rows).tobytes(),
        "values": array("d", [0.5] * rows).tobytes(),
    }
    return pb.Batch(**(good | columns))


@asynccontextmanager
async def door_on(dsn: str, directory: Path) -> AsyncIterator[Door]:
    """The agents' door on that database."""
    pool = await open_pool(dsn, max_size=6)
    Seal.make_file(directory / "seal.key")
    async with pool.connection() as conn:
        secrets = await load_or_make_secrets(conn, Seal.from_file(directory / "seal.key"))
    ingest = Ingest(connect=lambda: _connection(dsn), clock=now)
    options = LinkOptions(server="test", authority=secrets.authority, clock=now)
    link = LinkServer(pool, ingest, options)
    port = _free_port()
    server = await _listening(link, secrets, port)
    running = asyncio.create_task(ingest.run())
    door = Door(dsn, pool, secrets, link, ingest, port, server)
    try:
        yield door
    finally:
        running.cancel()
        await door.server.stop(0)
        await pool.close()


async def _listening(link: LinkServer, secrets: Secrets, port: int) -> grpc.aio.Server:
    chain, key = secrets.authority.issue_server()
    server = grpc.aio.server(options=SERVER_OPTIONS)
    rpc.add_LinkServicer_to_server(link, server)
    credentials = grpc.ssl_server_credentials([(key, chain)], secrets.authority.pem, True)
    server.add_secure_port(f"127.0.0.1:{port}", credentials)
    await server.start()
    return server


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@asynccontextmanager
async def _connection(dsn: str):
    async with await connect(dsn, name="ingest") as conn:
        yield conn
