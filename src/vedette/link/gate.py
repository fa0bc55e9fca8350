"""The gRPC side of a server: its listeners, the ingest behind one, the feed and dbmon's behind two."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import grpc.aio
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from vedette import clock
from vedette.access.secrets import Secrets
from vedette.actions.ask_hear import Asks
from vedette.db.listen import listen
from vedette.db.pool import connect
from vedette.link.admit import LinkOptions
from vedette.link.commands_door import AskDoor
from vedette.link.dbmon import DbmonDoor
from vedette.link.doors import Doors
from vedette.link.enrol import Enrolment
from vedette.link.feed import Feed
from vedette.link.ingest import Ingest
from vedette.link.listeners import make_listener, make_plain_listener
from vedette.link.parts import end
from vedette.link.server import LinkServer
from vedette.link.signin import HouseSignIn
from vedette.link.vedette_pb2_grpc import add_LinkServicer_to_server

STOP_S = 3.0
"""How long calls under way may take to end when the server stops."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the gate listens, `HOST:PORT` each; port 0 is a free one.

    agents_reach: what enrolled agents are told; "" tells them where `agents` is bound.
    dbmon: where dbmon's clients come in the clear; "" is nowhere.
    """

    agents: str
    clients: str
    agents_reach: str = ""
    dbmon: str = ""


class Gate:
    """Open while the block lasts; `ended` is done when a part of it ended that must not."""

    doors: Doors

    def __init__(
        self, asks: Asks, dsn: str, secrets: Secrets, places: Places, *, server: str
    ) -> None:
        pool = asks.pool
        self.ingest = Ingest(connect=self._connection, clock=clock.now)
        self.feed = Feed(pool, dsn)
        self.link = LinkServer(
            pool,
            self.ingest,
            LinkOptions(server=server, authority=secrets.authority, clock=clock.now),
            asks.ears,
        )
        self._asks = asks
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.places = places
        self._pool = pool
        self._dsn = dsn
        self._secrets = secrets
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        enter = self._stack.enter_async_context
        await enter(self.feed)
        sign_in = HouseSignIn(self._pool, pepper=self._secrets.pepper)
        self.doors = doors = await enter(Doors(self.feed, self._pool, self._dsn, sign_in))
        dbmon = await enter(DbmonDoor(self._pool, doors.reads, sign_in))
        self._run(self.ingest.run(), "ingest")
        self._run(self._hear(), "fleet notices")
        self._run(self.link.commands.run(self._dsn), "commands")
        self._run(self.link.errands.run(self._dsn), "errands")
        ask_door = AskDoor(self._asks, sign_in)
        agents, agents_at = self._listen(self.places.agents, is_for_agents=True)
        clients, clients_at = self._listen(self.places.clients, is_for_agents=False)
        self.places = Places(
            agents=agents_at,
            clients=clients_at,
            agents_reach=self.places.agents_reach or agents_at,
            dbmon=self.places.dbmon,
        )
        enrolment = Enrolment(
            self._pool,
            authority=self._secrets.authority,
            pepper=self._secrets.pepper,
            agents_address=self.places.agents_reach,
        )
        self.link.enrol = enrolment.enrol_one
        add_LinkServicer_to_server(self.link, agents)
        enrolment.open(clients)
        for server in (agents, clients):
            doors.open(server)
            dbmon.open(server)
            ask_door.open(server)
            await self._start(server)
        if self.places.dbmon:
            await self._open_in_the_clear(dbmon)
        # Agents are told before their listener closes: they come back at once, jittered.
        self._stack.push_async_callback(self.link.say_goodbye)
        self._stack.callback(doors.say_goodbye)
        for part in (*self.feed.parts, *doors.parts):
            part.add_done_callback(self._note_end)

    async def _open_in_the_clear(self, dbmon: DbmonDoor) -> None:
        """Serve dbmon's clients, and nothing else, to whoever reaches the port."""
        server, port = make_plain_listener(self.places.dbmon)
        self.places = replace(self.places, dbmon=f"{self.places.dbmon.rpartition(':')[0]}:{port}")
        dbmon.open(server, anonymous=True)
        await self._start(server)
        log.warning(
            "clients of dbmon are served in the clear: no encryption, no sign-in",
            address=self.places.dbmon,
        )

    async def _start(self, server: grpc.aio.Server) -> None:
        await server.start()
        self._stack.push_async_callback(server.stop, STOP_S)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection of the ingest's own: a crowd at the pages never keeps it waiting."""
        conn = await connect(self._dsn, name="vedette ingest")
        try:
            yield conn
        finally:
            await conn.close()

    def _listen(self, address: str, *, is_for_agents: bool) -> tuple[grpc.aio.Server, str]:
        server, port = make_listener(
            address, self._secrets.authority, clock.now, is_for_agents=is_for_agents
        )
        return server, f"{address.rpartition(':')[0]}:{port}"

    async def _hear(self) -> None:
        """Tell the streams concerned when declarations, tags or revocations changed."""
        async for notice in listen(self._dsn, ["vedette_fleet"]):
            agent = notice.payload.removeprefix("agent:")
            concerned = {int(agent)} if agent.isdecimal() else None
            try:
                await self.link.fleet_changed(concerned)
            except (psycopg.Error, PoolTimeout) as error:
                # Connections of the pool die with the listener's; its return tells us again.
                log.warning("cannot tell agents of a change", error=str(error))

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note_end)

        self._stack.push_async_callback(end, [task])

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self.ended.done():
            error = task.exception() or RuntimeError(f"{task.get_name()} ended by itself")
            self.ended.set_exception(error)
