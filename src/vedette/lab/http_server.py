"""A small HTTP server that answers, hangs, cuts or babbles as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from vedette.errors import Unavailable

LARGEST_BODY = 1024 * 1024


@dataclass(frozen=True)
class Asked:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to answer.

    hang: accept and never answer. cut: send so many bytes of the body, then close. raw: these bytes
    and nothing else.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    hang: bool = False
    cut: int | None = None
    raw: bytes | None = None
    chunked: bool = False


class HttpServer:
    """What listens on one port and remembers what it was asked."""

    def __init__(self, reply: Callable[[Asked], Reply], *, keeps: bool = True) -> None:
        self.reply = reply
        self.keeps = keeps
        self.asked: list[Asked] = []
        self.connections = 0
        self.port = 0
        self.host = "127.0.0.1"
        self.scheme = "http"
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"{self.scheme}://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until either side ends it."""
        self._writers.add(writer)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (EOFError, ConnectionError, ValueError, asyncio.LimitOverrunError):
            pass  # it left, or what it said was no HTTP
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", 0))
        if length > LARGEST_BODY:
            return False
        asked = Asked(method, path, headers, await reader.readexactly(length))
        if self.keeps:
            self.asked.append(asked)
        return await self._answer(asked, self.reply(asked), reader, writer)

    async def _answer(
        self,
        asked: Asked,
        reply: Reply,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        if reply.hang:
            await reader.read()  # until the client lets go
            return False
        await asyncio.sleep(reply.delay_s)
        if reply.raw is not None:
            writer.write(reply.raw)
            return False
        sent = {"Content-Length": str(len(reply.body)), **reply.headers}
        if reply.chunked:
            sent = {"Transfer-Encoding": "chunked", **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{k}: {v}" for k, v in sent.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if asked.method != "HEAD":
            content = reply.body if reply.cut is None else reply.body[: reply.cut]
            if reply.chunked:
                content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
            writer.write(content)
        await writer.drain()
        return reply.cut is None and asked.headers.get("connection") != "close"

    def let_go(self) -> None:
        """Break every connection off."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def http_server(
    reply: Callable[[Asked], Reply] | Reply,
    *,
    tls: ssl.SSLContext | None = None,
    port: int = 0,
    keeps: bool = True,
) -> AsyncIterator[HttpServer]:
    """Serve for a block; port 0 is a free one; keeps: remember what was asked.

    Raises `Unavailable` when the port is taken.
    """
    server = HttpServer(reply if callable(reply) else lambda _asked: reply, keeps=keeps)
    try:
        listening = await asyncio.start_server(server.serve, server.host, port, ssl=tls)
    except OSError as error:
        raise Unavailable(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from None
    server.scheme = "https" if tls else "http"
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        server.let_go()
        await asyncio.sleep(0)
