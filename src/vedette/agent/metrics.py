"""The agent's own `/metrics` and `/healthz`, only where the host's owner asked for them.

A hundred lines of HTTP by hand: the agent's distribution holds no web server, and nothing but two
fixed answers to GET is ever given.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from vedette.errors import Invalid, Unavailable

REQUEST_BYTES = 8 * 1024
REQUEST_S = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of /metrics; `kind` is gauge or counter."""

    name: str
    kind: str
    help: str
    value: float


def exposition(samples: Iterable[Sample]) -> str:
    """Return the samples in Prometheus' text format."""
    return "".join(
        f"# HELP {s.name} {s.help}\n# TYPE {s.name} {s.kind}\n{s.name} {s.value:g}\n"
        for s in samples
    )


async def listen(
    address: str, samples: Callable[[], Iterable[Sample]], ailing: Callable[[], str]
) -> asyncio.Server:
    """Serve both pages at HOST:PORT; `ailing` returns what is wrong, "" when all is well."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                async with asyncio.timeout(REQUEST_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(_answer(head, samples, ailing))
                    await writer.drain()
            except asyncio.LimitOverrunError:
                writer.write(_page("431 Request Header Fields Too Large", "the head is too long\n"))
        writer.close()

    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise Invalid(f"{address!r} is not HOST:PORT", hint="write it as 127.0.0.1:9100")
    try:
        return await asyncio.start_server(serve, host.strip("[]"), int(port), limit=REQUEST_BYTES)
    except OSError as fault:
        raise Unavailable(
            f"cannot listen for metrics at {address}: {fault.strerror}",
            hint="choose another address with --metrics or metrics: in agent.yaml",
        ) from None


def _answer(
    head: bytes, samples: Callable[[], Iterable[Sample]], ailing: Callable[[], str]
) -> bytes:
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if method == b"HEAD":
        return _answer(b"GET" + head[4:], samples, ailing).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    if method != b"GET":
        return _page("405 Method Not Allowed", "only GET\n")
    if path == b"/metrics":
        return _page("200 OK", exposition(samples()))
    if path == b"/healthz":
        wrong = ailing()
        return _page("503 Service Unavailable", f"{wrong}\n") if wrong else _page("200 OK", "ok\n")
    return _page("404 Not Found", "there are /metrics and /healthz\n")


def _page(status: str, text: str) -> bytes:
    body = text.encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
