"""A REST interface over a database of its own, asked with tokens of the scopes one wants."""

from contextlib import asynccontextmanager
from itertools import count

import httpx

from vedette import clock
from vedette.access.secrets import load_or_make_secrets
from vedette.access.tokens import create_token
from vedette.actions.hear import Asks
from vedette.app.catalogue import commands_of_connector
from vedette.app.http import Rooms, rest_app, rooms_routes
from vedette.db.pool import open_pool
from vedette.trust.seal import Seal

NUMBERS = count()


class Rest:
    """What a client sees: `await rest.get(path, scopes=…)`."""

    def __init__(self, pool, secrets, **rooms):
        self.pool, self.secrets = pool, secrets
        self.asks = Asks(pool=pool, commands_of=commands_of_connector)
        self.app = rest_app(Rooms(pool, secrets, self.asks, **rooms), rooms_routes())
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
        rest = Rest(pool, secrets, **rooms)
        async with rest.http:
            yield rest
    finally:
        await pool.close()
