"""NATS' client protocol, as much of it as proves that a server takes clients and answers them."""

import json
import ssl
import time
from asyncio import LimitOverrunError
from collections.abc import Mapping
from typing import Any

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault, told
from vedette.agent.connectors.tls_contexts import context_for
from vedette.agent.connectors.wire import Wire, open_wire
from vedette.health.model import State

_REFUSALS = (
    ("authorization", "auth", State.UNKNOWN),
    ("authentication", "auth", State.UNKNOWN),
    ("permissions", "auth", State.UNKNOWN),
    ("account", "auth", State.UNKNOWN),
    ("maximum connections", "full", State.DEGRADED),
    ("maximum account active connections", "full", State.DEGRADED),
    ("secure connection", "tls", State.UNKNOWN),
)
"""What an -ERR holds → error class and state, the last that fits; others are `unhealthy`, down."""


class Client:
    """One kept connection; `ping` opens it when it is not open."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._wire: Wire | None = None
        self.info: dict[str, Any] = {}

    @property
    def is_open(self) -> bool:
        """Whether a connection is kept."""
        return self._wire is not None

    async def ping(self, look: Look) -> float:
        """Return the seconds from PING to PONG; connects and signs in first when it must."""
        if self._wire is None:
            self._wire = await self._signed_in(look)
        begun = time.perf_counter()
        self._wire.writer.write(b"PING\r\n")
        await self._until_pong(self._wire, look)
        return time.perf_counter() - begun

    def drop(self) -> None:
        """Let go of the connection at once."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def _signed_in(self, look: Look) -> Wire:
        settings = self._settings
        tls = context_for(dict(settings)) if settings["tls"] else None
        first = tls if settings["tls_first"] else None
        host = settings["host"] or "127.0.0.1"
        opened = await open_wire(look, host, settings["port"], tls=first)
        try:
            self.info = _info(await _line(opened))
            if first is None:
                await _secure(opened, tls, host, self.info)
            options = json.dumps(self._options(look), separators=(",", ":"))
            opened.writer.write(b"CONNECT " + options.encode() + b"\r\nPING\r\n")
            await self._until_pong(opened, look)
        except BaseException:
            opened.close()
            raise
        return opened

    def _options(self, look: Look) -> dict[str, Any]:
        options: dict[str, Any] = {
            "verbose": False,
            "pedantic": False,
            "name": "vedette",
            "lang": "python",
            "version": "1",
            "protocol": 1,  # so that the server tells us when it goes into lame duck mode
        }
        for ours, theirs in (("user", "user"), ("password", "pass"), ("token", "auth_token")):
            value = look.settings.get(ours) or self._settings[ours]
            if value is not None:
                options[theirs] = str(value)
        return options

    async def _until_pong(self, opened: Wire, look: Look) -> None:
        while (line := await _line(opened)) != b"PONG":
            word, _, rest = line.partition(b" ")
            if word == b"PING":
                opened.writer.write(b"PONG\r\n")
            elif word == b"INFO":
                self.info = _info(line)
            elif word == b"-ERR":
                raise _refusal(rest.decode(errors="replace").strip("' "), look)
            elif word != b"+OK":
                raise _foreign()


def fault_in(info: Mapping[str, Any]) -> Fault | None:
    """Return what the server's greeting says against it: lame duck mode."""
    if info.get("ldm"):
        return Fault("stopping", "it is in lame duck mode", State.DRAINING)
    return None


async def _secure(
    opened: Wire, tls: ssl.SSLContext | None, host: str, info: Mapping[str, Any]
) -> None:
    # The server greets in clear and only then expects TLS.
    if tls is None and info.get("tls_required"):
        raise Fault("tls", "the server demands TLS; set tls: true", State.UNKNOWN)
    if tls is None:
        return
    if not (info.get("tls_required") or info.get("tls_available")):
        raise Fault("tls", "the server offers no TLS")
    await opened.writer.start_tls(tls, server_hostname=host)


async def _line(opened: Wire) -> bytes:
    try:
        return (await opened.reader.readuntil(b"\r\n"))[:-2]
    except LimitOverrunError:
        raise _foreign() from None


def _info(line: bytes) -> dict[str, Any]:
    word, _, document = line.partition(b" ")
    if word == b"-ERR":
        raise _refusal(document.decode(errors="replace").strip("' "))
    try:
        info = json.loads(document) if word == b"INFO" else None
    except ValueError:
        info = None
    if not isinstance(info, dict):
        raise _foreign()
    return info


def _refusal(text: str, look: Look | None = None) -> Exception:
    lower = text.lower()
    if "stale connection" in lower:
        return ConnectionResetError("the server closed the connection")
    found = [(c, s) for words, c, s in _REFUSALS if words in lower]
    error_class, state = found[-1] if found else ("unhealthy", State.DOWN)
    return Fault(error_class, told(text, look) if look else text[:300], state)


def _foreign() -> Fault:
    return Fault("protocol", "what answers does not speak NATS' protocol")
