"""A small HTTP server over real sockets that answers, hangs, cuts or babbles as a test says."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """hang: accept and never answer. cut: send so many bytes of the body, then close."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    hang: bool = False
    cut: int | None = None
    raw: bytes | None = None
    chunked: bool = False


class HttpServer:
    def __init__(self, reply: Callable[[Asked], Reply]) -> None:
        self.reply = reply
        self.asked: list[Asked] = []
        self.connections = 0
        self.port = 0
        self.host = "127.0.0.1"
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (EOFError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader, writer) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(method, path, headers, body)
        self.asked.append(asked)
        reply = self.reply(asked)
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
        if method != "HEAD":
            content = reply.body if reply.cut is None else reply.body[: reply.cut]
            if reply.chunked:
                content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
            writer.write(content)
        await writer.drain()
        return reply.cut is None and headers.get("connection") != "close"

    def let_go(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def http_server(
    reply: Callable[[Asked], Reply] | Reply, *, tls: ssl.SSLContext | None = None
):
    server = HttpServer(reply if callable(reply) else lambda _asked: reply)
    listening = await asyncio.start_server(server.serve, server.host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        server.let_go()
        await asyncio.sleep(0)
