"""A server's two listeners with the real doors behind them, for tests over TLS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import grpc.aio
from psycopg_pool import AsyncConnectionPool

from vedette.access.certify import certify_client
from vedette.access.joining import create_join_token
from vedette.access.model import Actor, Scope
from vedette.access.secrets import Secrets, load_or_make_secrets
from vedette.access.tokens import create_token
from vedette.db.pool import open_pool
from vedette.link.channel import CLIENT_OPTIONS, SERVER_OPTIONS
from vedette.link.doors import Doors
from vedette.link.enrol import Enrolment
from vedette.link.feed import Feed
from vedette.link.readable import Readable
from vedette.link.signin import HouseSignIn
from vedette.link.vedette_pb2_grpc import EnrolmentStub, ReportsStub
from vedette.trust.keys import make_csr, make_key
from vedette.trust.seal import Seal

AGENTS_ADDRESS = "agents.example:4000"
_HOUR = timedelta(hours=1)


@dataclass
class House:
    """A running server: clients' door by token, agents' door by certificate."""

    pool: AsyncConnectionPool
    secrets: Secrets
    feed: Feed
    doors: Doors
    clients_port: int
    agents_port: int

    @property
    def clients_address(self) -> str:
        return f"127.0.0.1:{self.clients_port}"

    async def token(self, name: str = "reader", scopes: tuple[str, ...] = ("read",), **more) -> str:
        async with self.pool.connection() as conn:
            return await create_token(
                conn, name, scopes, pepper=self.secrets.pepper, by="test",
                now=datetime.now(UTC), **more,
            )  # fmt: skip

    async def join_token(self, **more) -> str:
        async with self.pool.connection() as conn:
            more.setdefault("now", datetime.now(UTC))
            more.setdefault("ttl", _HOUR)
            return await create_join_token(conn, pepper=self.secrets.pepper, by="test", **more)

    @asynccontextmanager
    async def reports(self, token: str | None = None) -> AsyncIterator["Caller"]:
        """The clients' door with a token, or without."""
        root = grpc.ssl_channel_credentials(root_certificates=self.secrets.authority.pem)
        async with grpc.aio.secure_channel(
            self.clients_address, root, options=CLIENT_OPTIONS
        ) as channel:
            yield Caller(channel, [("authorization", f"Bearer {token}")] if token else [])

    @asynccontextmanager
    async def certified(self, kind: str, name: str) -> AsyncIterator["Caller"]:
        """The agents' door with a certificate of that kind: `agent` or `client`."""
        key = make_key()
        request, now = make_csr(key, name), datetime.now(UTC)
        if kind == "client":
            async with self.pool.connection() as conn:
                issued = await certify_client(
                    conn, self.secrets.authority, name, request,
                    valid_for=_HOUR, by=Actor("test", frozenset(Scope)), now=now,
                )  # fmt: skip
        else:
            issued = self.secrets.authority.issue_agent(request, name, now=now)
        credentials = grpc.ssl_channel_credentials(self.secrets.authority.pem, key, issued.pem)
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{self.agents_port}", credentials, options=CLIENT_OPTIONS
        ) as channel:
            yield Caller(channel, [])


class Caller:
    """A client's stubs with its metadata."""

    def __init__(self, channel: grpc.aio.Channel, metadata: list[tuple[str, str]]) -> None:
        self.channel = channel
        self._reports = ReportsStub(channel)
        self.metadata = metadata
        self.enrolment = EnrolmentStub(channel)

    def subscribe(self, request, **more):
        return self._reports.Subscribe(request, metadata=self.metadata, **more)

    def subscribe_reports(self, request, **more):
        return self._reports.SubscribeReports(request, metadata=self.metadata, **more)

    def latest(self, request, **more):
        return self._reports.Latest(request, metadata=self.metadata, **more)

    def range(self, request, **more):
        return self._reports.Range(request, metadata=self.metadata, **more)


@asynccontextmanager
async def house_on(dsn: str, directory: Path, *, clients_port: int = 0) -> AsyncIterator[House]:
    """A server on that database; `directory` keeps its seal."""
    pool = await open_pool(dsn, max_size=6)
    seal_path = directory / "seal.key"
    if not seal_path.exists():
        Seal.make_file(seal_path)
    async with pool.connection() as conn:
        secrets = await load_or_make_secrets(conn, Seal.from_file(seal_path))
    sign_in = HouseSignIn(pool, pepper=secrets.pepper)
    enrolment = Enrolment(
        pool, authority=secrets.authority, pepper=secrets.pepper, agents_address=AGENTS_ADDRESS
    )
    chain, key = secrets.authority.issue_server(["127.0.0.1"])
    clients, agents = (
        grpc.aio.server(options=SERVER_OPTIONS, interceptors=[Readable()]) for _ in range(2)
    )
    try:
        async with Feed(pool, dsn) as feed, Doors(feed, pool, dsn, sign_in) as doors:
            enrolment.open(clients)
            for server in (clients, agents):
                doors.open(server)
            bound_port = clients.add_secure_port(
                f"127.0.0.1:{clients_port}", grpc.ssl_server_credentials([(key, chain)])
            )
            agents_port = agents.add_secure_port(
                "127.0.0.1:0",
                grpc.ssl_server_credentials(
                    [(key, chain)], secrets.authority.pem, require_client_auth=True
                ),
            )
            await clients.start()
            await agents.start()
            yield House(pool, secrets, feed, doors, bound_port, agents_port)
            doors.say_goodbye()
            await clients.stop(1)
            await agents.stop(None)
    finally:
        await pool.close()
