"""Whether a server may be sent requests: its database, its schema, its loops."""

import asyncio

from psycopg_pool import AsyncConnectionPool

from vedette import clock
from vedette.app.loops import Loops
from vedette.db.migrate import check
from vedette.errors import VedetteError

ANSWER_WITHIN_S = 2.0
SCHEMA_KEPT_S = 10.0
"""The schema is looked at again after so long: it changes only when somebody upgrades."""


class Readiness:
    """Asks each part; what is wrong with it is a short text, "" when nothing is."""

    def __init__(self, pool: AsyncConnectionPool, dsn: str, loops: Loops) -> None:
        self._pool = pool
        self._dsn = dsn
        self._loops = loops
        self._schema = ""
        self._schema_until = 0.0

    async def __call__(self) -> dict[str, str]:
        """Return part → trouble."""
        database = await self._ask_database()
        return {
            "database": database,
            "schema": "not known" if database else await self._ask_schema(),
            "loops": self._ask_loops(),
        }

    async def _ask_database(self) -> str:
        try:
            async with (
                asyncio.timeout(ANSWER_WITHIN_S),
                self._pool.connection(timeout=ANSWER_WITHIN_S) as conn,
            ):
                await conn.execute("SELECT 1")
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready"
            # No more than its kind: the probe is public, and a message may name hosts and users.
            return f"does not answer ({type(error).__name__})"
        return ""

    async def _ask_schema(self) -> str:
        time = asyncio.get_running_loop().time
        if time() < self._schema_until:
            return self._schema
        try:
            found = await check(self._dsn)
            self._schema = "" if found.is_current else "is not this version's"
        except VedetteError as error:
            self._schema = "is newer than this version" if error.kind == "conflict" else error.kind
        self._schema_until = time() + SCHEMA_KEPT_S
        return self._schema

    def _ask_loops(self) -> str:
        now = clock.now()
        dead = [pulse.loop.name for pulse in self._loops.pulses if not pulse.is_alive(now)]
        return f"not alive: {', '.join(dead)}" if dead else ""
