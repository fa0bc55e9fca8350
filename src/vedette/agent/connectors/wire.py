"""Connections, made the one permitted way: resolved once by `look.reach`, then to that address."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, SOCK_STREAM, socket
from typing import Any, TypeVar

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault

T = TypeVar("T")

_MARGIN_S = 0.05
"""A connector gives up this much before its caller would, so that its own words are the report."""


@dataclass(slots=True, kw_only=True)
class Wire:
    """An open connection and how long each phase of opening it took.

    address: where it leads, an IP address.
    tls_s: 0.0 without TLS.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: str
    resolve_s: float
    connect_s: float
    tls_s: float = 0.0

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS session, if there is one."""
        return self.writer.get_extra_info("ssl_object")  # type: ignore[no-any-return]  # asyncio gives Any

    def close(self) -> None:
        """Let go at once; never waits for the other side."""
        if self.tls is None:
            self.writer.close()
        else:
            # A polite TLS close waits for the peer's answer, up to 30 s, holding the socket.
            self.writer.transport.abort()


def within(look: Look, share: float = 1.0) -> asyncio.Timeout:
    """Return a limit a little tighter than the caller's; `share` of it for part of a look."""
    return asyncio.timeout(max(look.timeout_s * share - _MARGIN_S, look.timeout_s * share * 0.5))


def has_ended(error: BaseException) -> bool:
    """Say whether this is how a connection shows that the other side closed it."""
    return isinstance(error, ConnectionError | EOFError)


async def once_more(
    ask: Callable[[], Awaitable[T]],
    *,
    kept: bool,
    drop: Callable[[], None],
    ended: Callable[[BaseException], bool] = has_ended,
) -> T:
    """Ask; where a kept connection turns out to have ended, ask once more on a new one.

    ask: opens a connection where none is open. kept: whether one was. drop: lets go of it; what
    failed leaves no connection behind, whose next answer might be this question's.
    """
    try:
        return await ask()
    except BaseException as error:
        drop()
        if not (kept and ended(error)):
            raise
    try:
        return await ask()
    except BaseException:
        drop()
        raise


async def open_wire(
    look: Look,
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> Wire:
    """Connect to the first address that accepts; the caller closes.

    Raises what `errors.fault_of` understands, and `RefusedByHost`.
    """
    begun = time.perf_counter()
    addresses = await addresses_of(look, host, port)
    resolved = time.perf_counter()
    sock, address = await open_socket(addresses, port)
    connected = time.perf_counter()
    try:
        if tls is None:
            reader, writer = await asyncio.open_connection(sock=sock)
        else:
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=tls, server_hostname=server_name or host
            )
    except BaseException:
        sock.close()
        raise
    return Wire(
        reader=reader,
        writer=writer,
        address=address,
        resolve_s=resolved - begun,
        connect_s=connected - resolved,
        tls_s=time.perf_counter() - connected if tls else 0.0,
    )


@asynccontextmanager
async def wire(
    look: Look,
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> AsyncIterator[Wire]:
    """Hold a connection for a block."""
    opened = await open_wire(look, host, port, tls=tls, server_name=server_name)
    try:
        yield opened
    finally:
        opened.close()


async def all_of(parts: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all parts at once to their ends, then return their results or raise the first exception.

    Unlike a bare gather, nothing is left running behind an exception.
    """
    results = await asyncio.gather(*parts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def addresses_of(look: Look, host: str, port: int) -> list[str]:
    """Return where the host may be reached; a name with no address is a `dns` fault."""
    addresses = await look.reach(host, port)
    if not addresses:
        raise Fault("dns", "the name has no address")
    return addresses


async def open_socket(addresses: list[str], port: int) -> tuple[socket, str]:
    """Connect to the first of these addresses that accepts; the caller closes.

    For libraries that speak over a socket of ours; all else opens a `Wire`.
    """
    # One after the other: a probe must say which address failed, so it does not race them. The
    # caller's limit spans all; each but the last gets at most a second.
    loop = asyncio.get_running_loop()
    for left, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        bare, _, scope = address.partition("%")
        family = AF_INET6 if ip_address(bare).version == 6 else AF_INET
        sock = socket(family, SOCK_STREAM)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(1.0 if left else None):
                await loop.sock_connect(sock, _sockaddr(family, bare, scope, port))
        except BaseException as error:
            sock.close()
            if left and isinstance(error, OSError | TimeoutError):
                continue
            raise
        return sock, address
    raise AssertionError("addresses_of returns at least one")


def _sockaddr(family: int, bare: str, scope: str, port: int) -> tuple[str | int, ...]:
    if family == AF_INET:
        return bare, port
    return bare, port, 0, int(scope) if scope.isdigit() else 0
