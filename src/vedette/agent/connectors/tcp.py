"""Connector `tcp`: does something listen, and does it greet as it should."""

import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Measures, Setting
from vedette.agent.connectors.door_commands import PHASES, phases_of
from vedette.agent.connectors.errors import EXPECTED, Fault, failed
from vedette.agent.connectors.limits import measurements
from vedette.agent.connectors.wire import Wire, wire, within
from vedette.agent.packs import Threshold
from vedette.agent.settings_schema import parse
from vedette.health.model import Report, State

_BANNER_BYTES = 4096


class Tcp:
    """Opens a fresh connection each look, reads a greeting when one is expected, and closes."""

    description: ClassVar[Description] = Description(
        name="tcp",
        help="Opens a TCP connection and, when asked, waits for a greeting.",
        settings=(
            Setting("host", "str", "Name or address to connect to.", required=True),
            Setting("port", "int", "Port to connect to.", required=True),
            Setting("expect", "str", "A text the greeting must hold, within its first 4 KiB."),
        ),
        pack={"connect_s": Threshold(2.0, 1.0), "greeting_s": Threshold(5.0, 3.0)},
        measures=(
            Measures("resolve_s", "seconds", "Time to resolve the name."),
            Measures("connect_s", "seconds", "Time until the connection was accepted."),
            Measures("greeting_s", "seconds", "Time from then until the expected greeting was in."),
        ),
        commands=(PHASES,),
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)

    async def probe(self, look: Look) -> Report:
        """Connect once."""
        try:
            async with (
                within(look),
                wire(look, self._settings["host"], self._settings["port"]) as opened,
            ):
                return await self._greeted(opened)
        except EXPECTED as error:
            return failed(error, f"{self._settings['host']}:{self._settings['port']}")

    async def _greeted(self, opened: Wire) -> Report:
        connected = time.perf_counter()
        values = {"resolve_s": opened.resolve_s, "connect_s": opened.connect_s}
        if expected := self._settings["expect"]:
            await _read_until(opened, expected.encode())
            values["greeting_s"] = time.perf_counter() - connected
        return Report(
            state=State.UP,
            rtt=timedelta(seconds=opened.connect_s),
            measurements=tuple(measurements(values)),
            facts={"address": opened.address},
        )

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer `phases`."""
        for row in phases_of(await self.probe(look)):
            yield row

    async def aclose(self) -> None:
        """Nothing is held between looks."""


async def _read_until(opened: Wire, expected: bytes) -> None:
    greeting = b""
    while expected not in greeting:
        piece = await opened.reader.read(_BANNER_BYTES - len(greeting))
        greeting += piece
        if not piece:
            raise Fault("bad_content", f"the greeting does not hold {expected.decode()!r}")
