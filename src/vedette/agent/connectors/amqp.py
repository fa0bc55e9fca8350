"""AMQP 0-9-1, as much of it as proves that a broker takes our credentials and answers a client."""

import struct
import time
from typing import Any

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault, told
from vedette.agent.connectors.wire import Wire
from vedette.health.model import State

_GREETING = b"AMQP\x00\x00\x09\x01"
_LIMIT_BYTES = 131_072
_METHOD, _HEARTBEAT, _END = 1, 8, 0xCE

_START, _START_OK = (10, 10), (10, 11)
_TUNE, _TUNE_OK = (10, 30), (10, 31)
_OPEN, _OPEN_OK = (10, 40), (10, 41)
_CLOSE, _CLOSE_OK = (10, 50), (10, 51)
_CHANNEL_OPEN, _CHANNEL_OPEN_OK = (20, 10), (20, 11)
_CHANNEL_CLOSE, _CHANNEL_CLOSE_OK = (20, 40), (20, 41)

_REFUSALS = {
    403: ("auth", State.UNKNOWN),
    530: ("auth", State.UNKNOWN),
    320: ("stopping", State.DRAINING),
    506: ("limit", State.DEGRADED),
}
"""Reply code of a connection.close → error class and state; others are `unhealthy`, down."""

Method = tuple[int, int]


async def sign_in(
    opened: Wire, look: Look, *, user: str, password: str, vhost: str
) -> dict[str, Any]:
    """Go from the greeting to open-ok; return the broker's properties."""
    opened.writer.write(_GREETING)
    start = await _expect(opened, look, _START, greeting=True)
    properties, _ = _read_table(start, 2)
    # So that it says why it turns us away, where else it would only hang up.
    ours = {"product": "vedette", "capabilities": {"authentication_failure_close": True}}
    plain = b"\x00" + user.encode() + b"\x00" + password.encode()
    _send(
        opened,
        _START_OK,
        _table(ours) + _short(b"PLAIN") + struct.pack("!I", len(plain)) + plain + _short(b"en_US"),
    )
    tune = await _expect(opened, look, _TUNE)
    # No heartbeats: nobody would send them between looks.
    _send(opened, _TUNE_OK, tune[:6] + b"\x00\x00")
    _send(opened, _OPEN, _short(vhost.encode()) + b"\x00\x00")
    await _expect(opened, look, _OPEN_OK)
    return properties


async def open_channel(opened: Wire, look: Look) -> float:
    """Open a channel and close it again; return the seconds until it was open."""
    begun = time.perf_counter()
    _send(opened, _CHANNEL_OPEN, b"\x00", channel=1)
    await _expect(opened, look, _CHANNEL_OPEN_OK)
    took_s = time.perf_counter() - begun
    _send(opened, _CHANNEL_CLOSE, struct.pack("!H", 200) + _short(b"") + b"\x00" * 4, channel=1)
    await _expect(opened, look, _CHANNEL_CLOSE_OK)
    return took_s


def say_goodbye(opened: Wire) -> None:
    """Tell the broker that we go, without waiting for its answer."""
    _send(opened, _CLOSE, struct.pack("!H", 200) + _short(b"") + b"\x00" * 4)


def _send(opened: Wire, method: Method, arguments: bytes, *, channel: int = 0) -> None:
    payload = struct.pack("!HH", *method) + arguments
    head = struct.pack("!BHI", _METHOD, channel, len(payload))
    opened.writer.write(head + payload + bytes((_END,)))


async def _expect(opened: Wire, look: Look, wanted: Method, *, greeting: bool = False) -> bytes:
    while True:
        head = await opened.reader.readexactly(7)
        if greeting and head.startswith(b"AMQP"):
            raise Fault("protocol", "it speaks another version of AMQP than 0-9-1")
        kind, _, size = struct.unpack("!BHI", head)
        if kind not in (_METHOD, _HEARTBEAT) or size > _LIMIT_BYTES:
            raise _foreign()
        frame = await opened.reader.readexactly(size + 1)
        if frame[-1] != _END:
            raise _foreign()
        if kind == _HEARTBEAT:
            continue
        if size < 4:
            raise _foreign()
        method, arguments = struct.unpack_from("!HH", frame), frame[4:-1]
        if method == wanted:
            return arguments
        if method in (_CLOSE, _CHANNEL_CLOSE):
            raise _refusal(arguments, look)


def _refusal(arguments: bytes, look: Look) -> Fault:
    try:
        code, length = struct.unpack_from("!HB", arguments)
    except struct.error:
        return _foreign()
    text = told(arguments[3 : 3 + length].decode("utf-8", "replace"), look)
    error_class, state = _REFUSALS.get(code, ("unhealthy", State.DOWN))
    if "limit" in text and "reached" in text:
        error_class, state = "full", State.DEGRADED
    elif "is down" in text:
        error_class, state = "unhealthy", State.DOWN
    return Fault(error_class, f"{text} [{code}]", state)


def _foreign() -> Fault:
    return Fault("protocol", "what answers does not speak AMQP 0-9-1")


def _short(text: bytes) -> bytes:
    return bytes((len(text[:255]),)) + text[:255]


def _table(fields: dict[str, Any]) -> bytes:
    body = b""
    for name, value in fields.items():
        body += _short(name.encode())
        if isinstance(value, bool):
            body += b"t" + bytes((value,))
        elif isinstance(value, dict):
            body += b"F" + _table(value)
        else:
            text = str(value).encode()
            body += b"S" + struct.pack("!I", len(text)) + text
    return struct.pack("!I", len(body)) + body


_FIXED = {
    "t": "?", "b": "b", "B": "B", "U": "h", "s": "h", "u": "H", "I": "i", "i": "I",
    "L": "q", "l": "q", "f": "f", "d": "d", "T": "Q",
}  # fmt: skip
"""Field types of a fixed size → how struct reads them."""


def _read_table(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    try:
        return _fields(data, at)
    except (struct.error, IndexError, RecursionError):
        raise _foreign() from None


def _fields(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    (size,) = struct.unpack_from("!I", data, at)
    at += 4
    end = at + size
    found: dict[str, Any] = {}
    while at < end:
        length = data[at]
        name = data[at + 1 : at + 1 + length].decode("utf-8", "replace")
        found[name], at = _field(data, at + 1 + length)
    return found, end


def _field(data: bytes, at: int) -> tuple[Any, int]:
    kind = chr(data[at])
    at += 1
    if kind == "F":
        return _fields(data, at)
    if kind == "V":
        return None, at
    if form := _FIXED.get(kind):
        return struct.unpack_from(f"!{form}", data, at)[0], at + struct.calcsize(f"!{form}")
    if kind not in "SxA":
        raise _foreign()
    (length,) = struct.unpack_from("!I", data, at)
    return data[at + 4 : at + 4 + length].decode("utf-8", "replace"), at + 4 + length
