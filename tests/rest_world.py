"""A REST interface over a database of its own, asked with tokens of the scopes one wants."""

from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from functools import cache
from itertools import count

import httpx

from vedette import clock
from vedette.access.secrets import load_or_make_secrets
from vedette.access.tokens import create_token
from vedette.actions.ask_hear import Asks
from vedette.app.catalogue import commands_of_connector
from vedette.app.http import Rooms, rest_app, rooms_routes
from vedette.db.pool import open_pool
from vedette.trust.seal import Seal

NUMBERS = count()
KEPT = {"records", "reporter_titles"}
"""What an interface keeps of its rooms as it is built."""


class Lent:
    """The pool of the test whose turn it is."""

    def __init__(self):
        self.pool = None

    def __getattr__(self, name):
        return getattr(self.pool, name)


class Shared:
    """One interface for one test after the other: to build it takes longer than most of them."""

    def __init__(self):
        self.lent = Lent()
        self.rooms = Rooms(self.lent, None, None)
        self.app = rest_app(self.rooms, rooms_routes())
        self.is_taken = False

    @contextmanager
    def given(self, pool, secrets, asks, **rooms):
        """The interface, over what this test has."""
        now = Rooms(self.lent, secrets, asks, **rooms)
        for each in fields(Rooms):
            object.__setattr__(self.rooms, each.name, getattr(now, each.name))
        self.lent.pool, self.is_taken = pool, True
        try:
            yield self.app
        finally:
            self.is_taken = False


shared = cache(Shared)


@contextmanager
def interface(pool, secrets, asks, **rooms):
    """The interface over these: the shared one, unless it is taken or what it keeps is given."""
    if KEPT & rooms.keys() or shared().is_taken:
        yield rest_app(Rooms(pool, secrets, asks, **rooms), rooms_routes())
    else:
        with shared().given(pool, secrets, asks, **rooms) as app:
            yield app


class Rest:
    """What a client sees: `await rest.get(path, scopes=…)`."""

    def __init__(self, pool, secrets, asks, app):
        self.pool, self.secrets, self.asks, self.app = pool, secrets, asks, app
        transport = httpx.ASGITransport(self.app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://vedette.test")

    async def token(self, scopes=("admin",)):
        """Return the secret of a new token."""
        async with self.pool.connection() as conn:
            return await create_token(
                conn,
                f"test-{next(NUMBERS)}",
                scopes,
                pepper=self.secrets.pepper,
                by="test",
                now=clock.now(),
            )

    async def ask(self, method, path, *, scopes=("admin",), json=None, content=None, headers=None):
        secret = await self.token(scopes)
        sent = {"authorization": f"Bearer {secret}", "x-request-id": "r-1", **(headers or {})}
        return await self.http.request(method, path, headers=sent, json=json, content=content)

    async def get(self, path, **more):
        return await self.ask("GET", path, **more)

    async def post(self, path, json=None, **more):
        return await self.ask("POST", path, json=json, **more)

    async def put(self, path, json=None, **more):
        return await self.ask("PUT", path, json=json, **more)

    async def delete(self, path, **more):
        return await self.ask("DELETE", path, **more)


@asynccontextmanager
async def rest_over(dsn, **rooms):
    """Serve the REST interface over this database; rooms: what else it is given."""
    pool = await open_pool(dsn, max_size=2)
    try:
        async with pool.connection() as conn:
            secrets = await load_or_make_secrets(conn, Seal([b"1" * 32]))
        asks = Asks(pool=pool, commands_of=commands_of_connector)
        with interface(pool, secrets, asks, **rooms) as app:
            rest = Rest(pool, secrets, asks, app)
            async with rest.http:
                yield rest
    finally:
        await pool.close()
