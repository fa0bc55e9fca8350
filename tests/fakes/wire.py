"""A wire to PostgreSQL that can fall silent as networks do: nothing is closed, nothing arrives any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from psycopg import conninfo

PIECE_BYTES = 65_536


class Wire:
    """Passes bytes both ways between whoever connects to `dsn` and the PostgreSQL of `behind`.

    carries: clear it, and whatever is under way stays where it is, until it is set again.
    """

    def __init__(self, behind: str) -> None:
        self.carries = asyncio.Event()
        self.carries.set()
        self._behind = behind
        self._port = 0

    @property
    def dsn(self) -> str:
        """How to connect through it."""
        return conninfo.make_conninfo(self._behind, host="127.0.0.1", port=self._port)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = conninfo.conninfo_to_dict(self._behind)
        host, port = str(parts["host"]), int(parts.get("port") or 5432)
        if host.startswith("/"):
            return await asyncio.open_unix_connection(str(Path(host, f".s.PGSQL.{port}")))
        return await asyncio.open_connection(host, port)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await self._connect()
        try:
            await asyncio.gather(self._pass(reader, there_writer), self._pass(there_reader, writer))
        finally:
            writer.close()
            there_writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(PIECE_BYTES):
                await self.carries.wait()
                writer.write(piece)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def wire_to(behind: str) -> AsyncIterator[Wire]:
    """Run one on a free port of loopback."""
    wire = Wire(behind)
    server = await asyncio.start_server(wire._join, "127.0.0.1", 0)
    wire._port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        wire.carries.set()
        server.close()
