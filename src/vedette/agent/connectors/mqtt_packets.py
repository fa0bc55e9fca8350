"""MQTT 3.1.1, as much of it as a round trip and a reading of `$SYS` need; no sockets of its own."""

import struct
from asyncio import StreamReader
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from vedette.agent.connectors.errors import Fault

_LIMIT_BYTES = 1 << 20
_REFUSED = 0x80


class Kind(IntEnum):
    """The packets we know, by the first half of their first byte."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet as it came: its kind, the flags of its first byte, and what follows the length."""

    kind: Kind
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was delivered; number is 0 unless it wants a PUBACK."""

    topic: str
    payload: bytes
    number: int


PING = bytes((Kind.PINGREQ << 4, 0))
DISCONNECT = bytes((Kind.DISCONNECT << 4, 0))


def connect(client_id: str, *, keep_alive_s: int, user: str | None, password: str | None) -> bytes:
    """Return a CONNECT with a clean session."""
    flags = 0x02 | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + struct.pack("!BBH", 4, flags, keep_alive_s) + _text(client_id)
    if user is not None:
        body += _text(user)
    if password is not None:
        body += _text(password)
    return _packet(Kind.CONNECT, 0, body)


def subscribe(number: int, topic: str, *, qos: int) -> bytes:
    """Return a SUBSCRIBE to one topic."""
    return _packet(Kind.SUBSCRIBE, 2, struct.pack("!H", number) + _text(topic) + bytes((qos,)))


def unsubscribe(number: int, topic: str) -> bytes:
    """Return an UNSUBSCRIBE from one topic."""
    return _packet(Kind.UNSUBSCRIBE, 2, struct.pack("!H", number) + _text(topic))


def publish(number: int, topic: str, payload: bytes) -> bytes:
    """Return a PUBLISH that wants a PUBACK."""
    return _packet(Kind.PUBLISH, 2, _text(topic) + struct.pack("!H", number) + payload)


def acknowledge(number: int) -> bytes:
    """Return a PUBACK."""
    return _packet(Kind.PUBACK, 0, struct.pack("!H", number))


async def read_packet(reader: StreamReader) -> Packet:
    """Return the next packet; raise a `protocol` fault for what is none of MQTT."""
    first = (await reader.readexactly(1))[0]
    size = 0
    for place in range(4):
        digit = (await reader.readexactly(1))[0]
        size |= (digit & 0x7F) << (7 * place)
        if digit < 0x80:
            break
    else:
        raise foreign()
    if size > _LIMIT_BYTES:
        raise Fault("too_large", f"a packet of {size} bytes is longer than {_LIMIT_BYTES}")
    try:
        kind = Kind(first >> 4)
    except ValueError:
        raise foreign() from None
    return Packet(kind, first & 0x0F, await reader.readexactly(size))


def read_message(packet: Packet) -> Message:
    """Return what a PUBLISH delivers."""
    try:
        (length,) = struct.unpack_from("!H", packet.body)
        topic = packet.body[2 : 2 + length].decode("utf-8", "replace")
        if packet.flags & 0x06 == 0:
            return Message(topic, packet.body[2 + length :], 0)
        (number,) = struct.unpack_from("!H", packet.body, 2 + length)
    except struct.error:
        raise foreign() from None
    return Message(topic, packet.body[4 + length :], number)


def return_codes(packet: Packet) -> Sequence[int]:
    """Return what a CONNACK or SUBACK says; 0x80 in a SUBACK is a refusal."""
    if len(packet.body) < (2 if packet.kind is Kind.CONNACK else 3):
        raise foreign()
    return packet.body[1:2] if packet.kind is Kind.CONNACK else packet.body[2:]


def is_refused(packet: Packet) -> bool:
    """Say whether a SUBACK refuses."""
    return _REFUSED in return_codes(packet)


def foreign() -> Fault:
    """Return the fault of a peer that does not speak MQTT."""
    return Fault("protocol", "what answers does not speak MQTT 3.1.1")


def _packet(kind: Kind, flags: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        length += bytes((digit | (0x80 if size else 0),))
        if not size:
            return bytes((kind << 4 | flags,)) + length + body


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("!H", len(encoded)) + encoded
