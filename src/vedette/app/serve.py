"""The server as a value: `async with Server(options, dsn) as server: await server.wait(stop)`.

It opens in the order of its dependencies (port, pool, secrets, gRPC, loops, HTTP) and closes in the
opposite one: HTTP stops taking requests, agents are told and what they sent is stored, then the
loops and the pool end. Any number of servers run on one database.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

import structlog
from psycopg_pool import AsyncConnectionPool

from vedette import clock
from vedette.access.device_sign_in import DeviceSignIns
from vedette.access.openid import Provider
from vedette.access.secrets import Secrets, load_or_make_secrets
from vedette.access.sessions import end_sessions_of_other_rules
from vedette.actions.ask_hear import Asks
from vedette.actions.spool import Spool
from vedette.app.addresses import Address, free_port, listen_on
from vedette.app.cache import keeper_of
from vedette.app.catalogue import CATALOGUE, commands_of_connector
from vedette.app.http import Rooms
from vedette.app.httpd import application, httpd, serving
from vedette.app.loops import Loops, the_loops
from vedette.app.mail import Mail
from vedette.app.metrics import gather
from vedette.app.options import Options
from vedette.app.ready import Readiness
from vedette.app.service_measures import measures_of
from vedette.app.settings import Settings, intake_options, keeping, to_declaration
from vedette.app.settings_availability import reporting_of
from vedette.app.settings_incidents import policies_of
from vedette.db.migrate import check
from vedette.db.pool import connect, open_pool
from vedette.errors import Conflict
from vedette.fleet.declare import declare
from vedette.health.intake import Intake
from vedette.incidents.availability_rules import Reporting
from vedette.incidents.policy import keep_policies
from vedette.link.gate import Gate, Places
from vedette.records.dashdotdb_reads import keep_compat
from vedette.trust.seal import Seal
from vedette.web.feeds.letters import House
from vedette.web.login import SignIn
from vedette.web.site import site

log = structlog.get_logger(__name__)

ORIGIN = "settings"
"""What the settings file declares is retired when it no longer names it."""

POOL_SIZE = 12


class Server:
    """One server; `http`, `grpc` and `grpc_clients` are its real addresses once it is entered.

    dbmon: where clients of dbmon come in the clear; None is nowhere.
    """

    pool: AsyncConnectionPool
    secrets: Secrets
    asks: Asks
    gate: Gate
    loops: Loops

    def __init__(self, options: Options, dsn: str, *, settings: Settings | None = None) -> None:
        self.options = options
        self.dsn = dsn
        self.settings = settings
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.http, self.grpc, self.grpc_clients = options.http, options.grpc, options.grpc_clients
        self.dbmon = options.dbmon
        self._stack = AsyncExitStack()
        self._parts: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def wait(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; raise what ended a part of the server that must not end."""
        stopping = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {stopping, *self._parts}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        for part in self._parts:
            if part.done():
                part.result()

    async def declare(self, settings: Settings) -> None:
        """Make what there is agree with these settings; agents hear of it at once."""
        async with self.pool.connection() as conn:
            changes = await declare(
                conn, to_declaration(settings), origin=ORIGIN, now=clock.now(), by="settings file"
            )
            said = policies_of(
                settings.incidents.policy,
                {each.name: (each.policy, each.region_policies) for each in settings.services},
            )
            await keep_policies(conn, said, by="settings file")
        self.settings = settings
        if changes:
            log.info(
                "settings applied",
                added=changes.targets_added,
                changed=changes.targets_changed,
                retired=changes.targets_retired,
            )

    @property
    def url(self) -> str:
        """Where the status page is, as this machine reaches it."""
        scheme = "https" if self.options.tls_cert else "http"
        return f"{scheme}://{self.http.from_here}"

    async def _open(self) -> None:
        http_socket = listen_on(self.options.http, flag="--http")
        self._stack.callback(http_socket.close)
        self.http = Address(self.options.http.host, http_socket.getsockname()[1])
        await refuse_other_schema(self.dsn)
        self.pool = await open_pool(self.dsn, max_size=POOL_SIZE, name=f"vedette {self.name}")
        self._stack.push_async_callback(self.pool.close)
        seal = await asyncio.to_thread(Seal.load_or_make, self.options.seal_key)
        async with self.pool.connection() as conn:
            self.secrets = await load_or_make_secrets(conn, seal)
            own = self.options.sign_in
            await end_sessions_of_other_rules(conn, own.mark if own else "")
            as_old = self.options.records.latest_per_scope
            await keep_compat(conn, latest_per_scope=as_old)
        if self.settings is not None:
            await self.declare(self.settings)
        self.asks = Asks(pool=self.pool, commands_of=commands_of_connector)
        await self._open_gate()
        self.loops = Loops(
            self.pool,
            self.name,
            the_loops(
                self.gate,
                lambda: keeping(self.settings),
                self._reporting,
                self._mail().run_once,
                self.options.records.causes_within,
                self.options.records,
                self._spool(),
            ),
        )
        self.loops.start()
        self._stack.push_async_callback(self.loops.stop)
        await self._open_http(http_socket)

    def _spool(self) -> Spool | None:
        if self.options.spool is None:
            return None
        spool = Spool(self.options.spool)
        self._stack.callback(spool.close)
        return spool

    def _reporting(self) -> Reporting:
        return reporting_of(self.settings.availability) if self.settings else Reporting()

    def _mail(self) -> Mail:
        said, notices = self.settings or Settings(), self.options.notices
        house = House(
            title=said.pages.title,
            url=said.public.url or "",
            sender=notices.sender or House().sender,
            language=notices.language,
        )
        return Mail(house, notices.server, notices.to, notices.hooks)

    async def _open_gate(self) -> None:
        self.grpc = free_port(self.options.grpc, flag="--grpc")
        self.grpc_clients = free_port(self.options.grpc_clients, flag="--grpc-clients")
        if self.dbmon is not None:
            self.dbmon = free_port(self.dbmon, flag="--dbmon-port")
        places = Places(
            agents=str(self.grpc),
            clients=str(self.grpc_clients),
            agents_reach=str(self.options.grpc_reach or self.grpc.from_elsewhere),
            dbmon=str(self.dbmon or ""),
        )
        self.gate = await self._stack.enter_async_context(
            Gate(self.asks, self.dsn, self.secrets, places, server=self.name)
        )
        self._parts.add(self.gate.ended)

    async def _open_http(self, http_socket: socket.socket) -> None:
        provider = Provider(self.options.sign_in) if self.options.sign_in else None
        rooms = Rooms(
            self.pool,
            self.secrets,
            self.asks,
            Intake(intake_options(self.settings)),
            doors=self.gate.doors,
            reporters=self.options.reporters.key(),
            reporter_titles=self.options.reporters.titles,
            reporting=self._reporting,
            letters=self._mail().letters,
            records=self.options.records,
            devices=DeviceSignIns(provider, self.secrets.cookie_key) if provider else None,
        )
        settings = self.settings or Settings()
        outside, theme = settings.public.outside(), settings.pages.theme()
        keeper = keeper_of(
            self.options.cache,
            self.pool,
            seal=self.secrets.cookie_key,
            theme=theme,
            outside=outside,
        )
        its = site(
            self.pool,
            authenticate=rooms.whose,
            cookie_key=self.secrets.cookie_key,
            sign_in=SignIn(self.secrets.pepper, provider),
            catalogue=CATALOGUE,
            reporting=self._reporting,
            measures=measures_of(self._reporting),
            outside=outside,
            theme=theme,
            keeper=keeper,
        )
        self._keep(its.follow(self.dsn))
        app = application(
            rooms,
            its.pages,
            keeper=keeper,
            ready=Readiness(self.pool, self.dsn, self.loops),
            gather=lambda: gather(self.pool, self.gate, self.loops.pulses),
        )
        await self._stack.enter_async_context(serving(httpd(app, self.options), http_socket))
        # Streams end when they are told to; else HTTP would wait for them.
        self._stack.callback(self.gate.doors.say_goodbye)

    def _keep(self, work: Awaitable[None]) -> None:
        """Run for as long as the server does; its end is the server's end."""
        task = asyncio.ensure_future(work)
        self._parts.add(task)

        async def stop() -> None:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

        self._stack.push_async_callback(stop)


async def refuse_other_schema(dsn: str) -> None:
    """Raise `Conflict` when the database is older or newer than this code."""
    # A wrong DSN is told better by `connect` than by the check.
    await (await connect(dsn)).close()
    found = await check(dsn)
    if found.pending:
        raise Conflict(
            f"the database is at revision {found.revision or 'none'}, this code needs {found.head}",
            hint="run `vedette db upgrade`",
        )
    if found.changed:
        raise Conflict(
            f"the database lacks this version's {', '.join(found.changed)}",
            hint="run `vedette db upgrade`",
        )
