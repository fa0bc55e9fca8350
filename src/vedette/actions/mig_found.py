"""What a search of MIG's finds, read and written in portions: commands carry their answers, and there may be many.

Between two portions no connection of the database is held, however slowly the client reads.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

import msgspec
from litestar.response import Stream
from psycopg_pool import AsyncConnectionPool

from vedette import clock
from vedette.actions import mig_loaders, mig_manifests, mig_reads
from vedette.actions.mig_search import Search
from vedette.actions.mig_wire import AnyRequest, Json
from vedette.db.queries import Connection

COMMANDS = 100
"""Read at a time; of those with long answers fewer, as many as `mig_reads.PIECE_BYTES` hold."""
WRITTEN_BYTES = 1 << 20
"""Written at a time: each command carries its whole action."""
POOL_WAIT_S = 5

Ask = Callable[[Connection, Search], Awaitable[list[Json]]]


async def _agents(conn: Connection, search: Search) -> list[Json]:
    if search.target:
        return await mig_reads.agents_meant(conn, search, now=clock.now())
    return await mig_reads.agents(conn, search.filters())


AT_ONCE: dict[str, Ask] = {
    "action": lambda conn, search: mig_reads.actions(conn, search.filters()),
    "agent": _agents,
    "investigator": lambda conn, search: mig_reads.investigators(conn, search.filters()),
    "loader": lambda conn, search: mig_loaders.loaders(conn, search.filters()),
    "manifest": lambda conn, search: mig_manifests.manifests(conn, search.filters()),
}


@dataclass(frozen=True, slots=True)
class MigSearches:
    """What answers searches: connections, one for each portion."""

    pool: AsyncConnectionPool

    async def portions(self, search: Search) -> AsyncIterator[list[Json]]:
        """Yield what it finds, in its order; nothing when it finds nothing."""
        if search.type == "command":
            async for commands in self._commands(search):
                yield commands
            return
        async with self.pool.connection(POOL_WAIT_S) as conn:
            found = await AT_ONCE[search.type](conn, search)
        if found:
            yield found

    async def _commands(self, search: Search) -> AsyncIterator[list[Json]]:
        filters, left = search.filters(), search.limit
        held: dict[int, Json] = {}
        while left:
            filters["limit"] = min(left, COMMANDS)
            async with self.pool.connection(POOL_WAIT_S) as conn:
                found = await mig_reads.commands(conn, filters, held)
            if not found:
                return
            yield found
            left -= len(found)
            last = found[-1]
            held = {last["action"]["id"]: last["action"]}
            filters |= {"offset": 0, "below": last["id"]}


def streamed(
    request: AnyRequest, portions: AsyncIterator[Iterable[Json]], last: Iterable[Json]
) -> Stream:
    """Return the envelope with the items of all portions and the last ones, written as they are read.

    What fails on the way breaks the answer off, so that nobody takes a part for the whole.
    """
    return Stream(
        _written(str(request.url), portions, last),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def _written(
    href: str, portions: AsyncIterator[Iterable[Json]], last: Iterable[Json]
) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode
    written = bytearray(b'{"collection":{"version":"1.0","href":%s,"items":[' % encode(href))
    async for portion in portions:
        for one in portion:
            written += encode(one) + b","
            if len(written) >= WRITTEN_BYTES:
                yield bytes(written)
                written.clear()
    written += b",".join(map(encode, last))
    yield bytes(written) + b'],"template":{},"error":{}}}'
