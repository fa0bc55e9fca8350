"""Gentle knocks: what speaks at a port, by what it says to the first polite bytes.

Nothing is sent that could be a credential, nothing that changes anything, and no more than what a
client of that protocol begins with. A server that greets is not asked further.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import EXPECTED
from vedette.agent.connectors.tls_contexts import tls_context
from vedette.agent.connectors.wire import wire

GREETING_S = 0.25
ANSWER_S = 0.7
_READ_BYTES = 4096

_POSTGRES_SSL = b"\0\0\0\x08\x04\xd2\x16\x2f"
_AMQP = b"AMQP\0\0\x09\x01"
_MQTT = b"\x10\x0c\0\4MQTT\4\2\0\x0a\0\0"
_HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: vedette\r\nConnection: close\r\n\r\n"
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"

_GREETINGS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("nats", re.compile(rb"INFO \{")),
    ("mysql", re.compile(rb"...\x00(?:\x0a[0-9]|\xff)", re.DOTALL)),
    ("ssh", re.compile(rb"SSH-")),
    ("smtp", re.compile(rb"220[ -]")),
)
_ANSWERS: dict[str, tuple[bytes, re.Pattern[bytes]]] = {
    "postgres": (_POSTGRES_SSL, re.compile(rb"[SN]\Z|E.*SFATAL", re.DOTALL)),
    "redis": (b"PING\r\n", re.compile(rb"\+PONG|-(?:NOAUTH|DENIED|ERR|LOADING|MASTERDOWN)")),
    "http": (_HTTP, re.compile(rb"HTTP/1\.[01] ")),
    "amqp": (_AMQP, re.compile(rb"AMQP|\x01\x00\x00\x00\x00")),
    "mqtt": (_MQTT, re.compile(rb"\x20\x02")),
    "grpc": (_HTTP2, re.compile(rb"\x00\x00.\x04\x00\x00\x00\x00\x00", re.DOTALL)),
}
_LIKELY = {
    **dict.fromkeys((80, 443, 2379, 8080, 8222, 8443, 9090, 9100, 9901, 15672), "http"),
    1883: "mqtt", 3306: "mysql", 4222: "nats", 5432: "postgres", 5672: "amqp", 6379: "redis",
    6380: "redis", 26257: "postgres",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """What answered. protocol: "" when nobody we know did; tls: whether within TLS."""

    protocol: str
    tls: bool = False
    greeting: str = ""


async def knock(look: Look, host: str, port: int) -> Heard:
    """Return what speaks there, asking the likeliest first, one connection a question."""
    if greeted := await _greeting(look, host, port):
        return greeted
    likely = _LIKELY.get(port, "postgres")
    order = sorted(_ANSWERS, key=lambda protocol: protocol != likely)
    for protocol in order:
        said = await _said(look, host, port, _ANSWERS[protocol][0])
        if said is None:
            return Heard("")
        for other, (_, pattern) in _ANSWERS.items():
            # Some answer another's question in their own words: those are as good.
            if pattern.match(said) and (other == protocol or other in ("redis", "http")):
                # Those who expect TLS say so in the clear.
                if other == "http" and b"HTTPS" in said and await _speaks_tls(look, host, port):
                    return Heard("http", tls=True)
                return Heard(other)
    if await _speaks_tls(look, host, port):
        return Heard(await _within_tls(look, host, port), tls=True)
    return Heard("")


async def _greeting(look: Look, host: str, port: int) -> Heard | None:
    said = await _said(look, host, port, b"", GREETING_S) or b""
    for protocol, pattern in _GREETINGS:
        if pattern.match(said):
            line = said.split(b"\r\n")[0][:80].decode("ascii", "replace")
            return Heard(protocol, greeting=line)
    return None


async def _within_tls(look: Look, host: str, port: int) -> str:
    said = await _said(look, host, port, _HTTP, tls=tls_context(insecure=True))
    return "http" if said and _ANSWERS["http"][1].match(said) else ""


async def _speaks_tls(look: Look, host: str, port: int) -> bool:
    return await _said(look, host, port, b"", 0.0, tls=tls_context(insecure=True)) is not None


async def _said(
    look: Look,
    host: str,
    port: int,
    first: bytes,
    patience_s: float | None = None,
    *,
    tls: ssl.SSLContext | None = None,
) -> bytes | None:
    """Return the first bytes that come; None when no connection does."""
    said = b""
    try:
        async with asyncio.timeout(ANSWER_S * 2), wire(look, host, port, tls=tls) as opened:
            with suppress(TimeoutError, ConnectionError, EOFError):
                opened.writer.write(first)
                async with asyncio.timeout(ANSWER_S if patience_s is None else patience_s):
                    said = await opened.reader.read(_READ_BYTES)
    except EXPECTED:
        return None
    return said
