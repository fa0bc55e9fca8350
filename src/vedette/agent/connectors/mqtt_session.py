"""One kept connection to an MQTT broker: messages that come back, and `$SYS` as it stands."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Mapping
from typing import Any

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.mqtt_packets import (
    DISCONNECT,
    PING,
    Kind,
    Packet,
    acknowledge,
    connect,
    foreign,
    is_refused,
    publish,
    read_message,
    read_packet,
    return_codes,
    subscribe,
    unsubscribe,
)
from vedette.agent.connectors.tls_contexts import context_for
from vedette.agent.connectors.wire import Wire, open_wire
from vedette.health.model import State

_SYS = "$SYS/broker/#"
_KEEP_ALIVE_S = 1200
"""Longer than anyone's interval: nothing pings between looks. Brokers refuse "never"."""

_GRACE_S = 1.0
"""How much later than its acknowledgement a message may come back through a cluster."""

_REFUSALS = {
    1: ("protocol", "it does not speak MQTT 3.1.1", State.DOWN),
    2: ("unhealthy", "it refuses our client identifier", State.DOWN),
    3: ("unhealthy", "it says that it is not available", State.DOWN),
    4: ("auth", "it refuses the user name or password", State.UNKNOWN),
    5: ("auth", "it does not authorise us to connect", State.UNKNOWN),
}
"""Return code of CONNACK → fault."""


class Session:
    """A connection, open after `open`; `drop` it when anything was raised."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._wire: Wire | None = None
        self._topic = ""
        self._numbers = itertools.cycle(range(1, 65_536))
        self._has_delivered = False

    @property
    def is_open(self) -> bool:
        """Whether a connection is kept."""
        return self._wire is not None

    async def open(self, look: Look) -> None:
        """Connect and, unless round trips are off, subscribe to a topic of our own."""
        settings = self._settings
        tls = context_for(dict(settings)) if settings["tls"] else None
        self._wire = await open_wire(look, settings["host"], settings["port"], tls=tls)
        client_id = f"vedette-{secrets.token_hex(4)}"
        password = look.settings.get("password") or settings["password"]
        user = settings["user"] if settings["user"] is not None or password is None else ""
        self._write(
            connect(
                client_id,
                keep_alive_s=_KEEP_ALIVE_S,
                user=user,
                password=str(password) if password is not None else None,
            )
        )
        try:
            code = return_codes(await self._next(Kind.CONNACK))[0]
        except (EOFError, ConnectionError):
            # Mosquitto's only sign that it has no room.
            words = "it closed the connection before it greeted us: max_connections, perhaps"
            raise Fault("closed", words) from None
        if code:
            error_class, words, state = _REFUSALS.get(
                code, ("protocol", f"CONNACK {code}", State.DOWN)
            )
            raise Fault(error_class, words, state)
        if settings["round_trip"]:
            self._topic = f"{settings['topic']}/{client_id}"
            self._write(subscribe(next(self._numbers), self._topic, qos=1))
            if is_refused(await self._next(Kind.SUBACK)):
                raise _denied(f"to subscribe to {self._topic}")

    async def round_trip(self) -> float:
        """Publish a message and return the seconds until it was delivered to us.

        Brokers acknowledge what their access list then drops: a message that is acknowledged and
        does not come back is our own fault, unless one ever did.
        """
        nonce = secrets.token_bytes(16).hex().encode()
        begun = time.perf_counter()
        self._write(publish(next(self._numbers), self._topic, nonce))
        try:
            async with asyncio.timeout(None) as patience:
                while not await self._is_back(nonce, patience):
                    pass
        except TimeoutError:
            if self._has_delivered:
                raise Fault(
                    "unhealthy", "it acknowledges a message and does not deliver it"
                ) from None
            raise _denied(f"to publish or read {self._topic}") from None
        self._has_delivered = True
        return time.perf_counter() - begun

    async def read_sys(self) -> dict[str, str]:
        """Return `$SYS` topic → text, as the broker retains them; empty where it shows none.

        Subscribing brings all at once, and nothing piles up between looks.
        """
        number = next(self._numbers)
        self._write(subscribe(number, _SYS, qos=0), PING)
        found: dict[str, str] = {}
        while (packet := await self._packet()).kind is not Kind.PINGRESP:
            if packet.kind is Kind.PUBLISH:
                message = read_message(packet)
                found[message.topic] = message.payload.decode("utf-8", "replace")
        self._write(unsubscribe(next(self._numbers), _SYS))
        return found

    async def ping(self) -> float:
        """Return the seconds from PINGREQ to PINGRESP."""
        begun = time.perf_counter()
        self._write(PING)
        await self._next(Kind.PINGRESP)
        return time.perf_counter() - begun

    def drop(self, *, politely: bool = False) -> None:
        """Let go of the connection; never waits."""
        if self._wire is not None:
            if politely:
                self._write(DISCONNECT)
            self._wire.close()
            self._wire = None

    async def _is_back(self, nonce: bytes, patience: asyncio.Timeout) -> bool:
        packet = await self._packet()
        if packet.kind is Kind.PUBACK:
            patience.reschedule(asyncio.get_running_loop().time() + _GRACE_S)
        return packet.kind is Kind.PUBLISH and read_message(packet).payload == nonce

    async def _next(self, kind: Kind) -> Packet:
        while (packet := await self._packet()).kind is not kind:
            if kind is Kind.CONNACK:
                raise foreign()
        return packet

    async def _packet(self) -> Packet:
        assert self._wire is not None
        packet = await read_packet(self._wire.reader)
        if packet.kind is Kind.PUBLISH and (number := read_message(packet).number):
            self._write(acknowledge(number))
        return packet

    def _write(self, *packets: bytes) -> None:
        assert self._wire is not None
        self._wire.writer.write(b"".join(packets))


def _denied(what: str) -> Fault:
    return Fault("auth", f"its access list does not let us, it seems: {what}", State.UNKNOWN)
