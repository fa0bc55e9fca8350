"""Connector `mqtt`: does a broker deliver what is published, and what Mosquitto's `$SYS` says."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors.errors import EXPECTED, failed
from vedette.agent.connectors.mqtt_commands import COMMANDS, rows_of
from vedette.agent.connectors.mqtt_session import Session
from vedette.agent.connectors.mqtt_sys import (
    LIMITS,
    MEASURES,
    Topics,
    counters,
    facts,
    measured,
    uptime_s,
)
from vedette.agent.connectors.rates import Counters, Gains
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS
from vedette.agent.connectors.wire import once_more, within
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State


class Mqtt:
    """Keeps one connection; each look sends a message to itself, then reads `$SYS`."""

    description: ClassVar[Description] = Description(
        name="mqtt",
        help="Watches an MQTT broker: a message there and back, and Mosquitto's $SYS.",
        settings=(
            Setting("host", "str", "Name or address of the broker.", default="127.0.0.1"),
            Setting("port", "int", "Port of the broker.", default=1883),
            Setting("user", "str", "User to sign in as."),
            Setting("password", "str", "Password of the user.", secret=True),
            Setting("round_trip", "bool", "Send a message and await it.", default=True),
            Setting(
                "topic",
                "str",
                "Topic under which it is sent: the access list must let us write and read there.",
                default="vedette/echo",
            ),
            Setting("sys", "bool", "Read $SYS, as Mosquitto has it.", default=True),
            Setting("tls", "bool", "Speak TLS.", default=False),
            *TLS_SETTINGS,
        ),
        pack=LIMITS,
        measures=MEASURES,
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        if any(char in self._settings["topic"] for char in "+#\0"):
            raise Invalid("topic must be a topic to publish to, without + and #")
        self._session = Session(self._settings)
        self._counters = Counters()
        self._gains = Gains({}, 0.0)
        self._uptime_s: float | None = None

    async def probe(self, look: Look) -> Report:
        """Use the kept connection; one that the broker closed meanwhile is replaced once."""
        try:
            async with within(look):
                return await once_more(
                    lambda: self._look(look), kept=self._session.is_open, drop=self._session.drop
                )
        except EXPECTED as error:
            return failed(error, f"{self._settings['host']}:{self._settings['port']}")

    async def _look(self, look: Look) -> Report:
        session = self._session
        if not session.is_open:
            await session.open(look)
        if self._settings["round_trip"]:
            name, rtt_s = "round_trip_s", await session.round_trip()
        else:
            name, rtt_s = "ping_s", await session.ping()
        topics = await session.read_sys() if self._settings["sys"] else {}
        return Report(
            state=State.UP,
            rtt=timedelta(seconds=rtt_s),
            measurements=(Measurement(name, rtt_s), *measured(topics, self._gains_in(topics))),
            facts=facts(topics) if self._settings["sys"] else {},
        )

    def _gains_in(self, topics: Topics) -> Gains:
        # The broker writes its numbers every sys_interval: between two, nothing is gained.
        at = uptime_s(topics)
        if at is not None and at != self._uptime_s:
            self._gains = self._counters.gained(counters(topics), at=at)
            self._uptime_s = at
        return self._gains

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `mqtt_commands`."""
        async with within(look):
            await self._session.open(look)
            topics = await self._session.read_sys()
        for row in rows_of(topics, str(params["under"])):
            yield row

    async def aclose(self) -> None:
        """Say goodbye and close the kept connection."""
        self._session.drop(politely=True)
