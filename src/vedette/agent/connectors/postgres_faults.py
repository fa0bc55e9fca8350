"""Why PostgreSQL refused: by SQLSTATE, which no language of the server changes.

libpq hides the SQLSTATE of a refused connection, so we knock once more ourselves and read it.
"""

import struct

from psycopg import Error

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault, told
from vedette.agent.connectors.wire import wire
from vedette.health.model import State

_PROTOCOL_3 = 196_608
_LIMIT_BYTES = 65_536

_SQLSTATES: dict[str, tuple[str, State]] = {
    "57P03": ("starting", State.INITIALISING),
    "57P02": ("starting", State.INITIALISING),
    "57P01": ("stopping", State.DRAINING),
    "57014": ("slow", State.DEGRADED),
    "3D": ("auth", State.UNKNOWN),
    "42501": ("auth", State.UNKNOWN),
    "28": ("auth", State.UNKNOWN),
    "53": ("full", State.DEGRADED),
    "58": ("storage", State.DOWN),
    "42": ("protocol", State.UNKNOWN),
}
"""SQLSTATE, or its class, → error class and state; others are `unhealthy`, down."""

_TLS_WORDS = {
    "does not match host name": "name_mismatch",
    "certificate has expired": "expired",
    "certificate is not yet valid": "not_yet_valid",
    "certificate verify failed": "untrusted",
    "root certificate file": "untrusted",
    "SSL": "tls",
}
"""What libpq says of TLS, in the agent's language, which is English → error class."""


def fault_by_state(sqlstate: str, text: str) -> Fault:
    """Return what a server's error means."""
    found = _SQLSTATES.get(sqlstate) or _SQLSTATES.get(sqlstate[:2])
    error_class, state = found or ("unhealthy", State.DOWN)
    if sqlstate == "57P03" and "shutting down" in text:
        error_class, state = "stopping", State.DRAINING
    return Fault(error_class, f"{text} [{sqlstate}]" if sqlstate else text, state)


async def fault_of_connect(error: Error, look: Look, host: str, port: int, user: str) -> Fault:
    """Return why a connection came to nothing; raises what `errors.fault_of` understands."""
    text = told(str(error).rpartition("failed: ")[2], look)
    for words, error_class in _TLS_WORDS.items():
        if words in text and "FATAL" not in text:
            return Fault(error_class, text)
    if not host.startswith("/"):
        refusal = await _knock(look, host, port, user)
        if refusal is not None:
            return refusal
    if "connection slots" in text or "too many" in text:
        return fault_by_state("53300", text)
    if "starting up" in text or "shutting down" in text or "recovery" in text:
        return fault_by_state("57P03", text)
    if "FATAL" in text or "password" in text:
        return Fault("auth", text, State.UNKNOWN)
    return Fault("closed", text)


async def _knock(look: Look, host: str, port: int, user: str) -> Fault | None:
    # None: the server would talk to us, so what it refused came after: our credentials.
    body = struct.pack("!I", _PROTOCOL_3) + b"".join(
        part.encode() + b"\0" for part in ("user", user, "database", "postgres", "")
    )
    async with wire(look, host, port) as opened:
        opened.writer.write(struct.pack("!I", len(body) + 4) + body)
        kind = await opened.reader.readexactly(1)
        (length,) = struct.unpack("!I", await opened.reader.readexactly(4))
        if kind == b"R":
            return None
        if kind != b"E" or not 4 <= length <= _LIMIT_BYTES:
            return Fault("protocol", "what answers does not speak PostgreSQL's protocol")
        answer = await opened.reader.readexactly(length - 4)
    fields = {f[:1]: f[1:].decode("utf-8", "replace") for f in answer.split(b"\0") if f}
    sqlstate = fields.get(b"C", "")
    # Without TLS, or in another database, it may turn away whom it would otherwise let in.
    return None if sqlstate[:2] == "28" else fault_by_state(sqlstate, told(fields.get(b"M"), look))
