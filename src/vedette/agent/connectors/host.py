"""Connector `host`: the host the agent runs on."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors.errors import Fault, failed
from vedette.agent.connectors.host_commands import COMMANDS
from vedette.agent.connectors.host_commands import ask as ask_host
from vedette.agent.connectors.host_reading import (
    LIMITS,
    MEASURES,
    SHARES,
    Reading,
    facts,
    measured,
    read_host,
)
from vedette.agent.connectors.wire import within
from vedette.agent.settings_schema import parse
from vedette.health.model import Report, State

_WINDOW_S = 600.0
_SETTLED_S = 120.0
"""A window shorter than that is no ground for calling a host degraded by its processor."""


class Host:
    """Reads /proc through psutil; shares are of the last ten minutes, rates since the last look."""

    description: ClassVar[Description] = Description(
        name="host",
        help="Watches the agent's own host: processor, memory, disks, network, pressure.",
        settings=(
            Setting("mounts", "list", "Mount points to watch; default every real file system."),
            Setting("nics", "list", "Network interfaces to watch; default all but loopback."),
        ),
        pack=LIMITS,
        measures=MEASURES,
        entities=("mount", "nic"),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        self.unjudged: frozenset[str] = frozenset()
        self._past: deque[Reading] = deque()
        self._reading: asyncio.Future[Reading] | None = None

    async def probe(self, look: Look) -> Report:
        """Read once; what does not answer in time is degraded, as the host's storage is."""
        begun = time.perf_counter()
        try:
            async with within(look):
                reading = await self._read()
        except TimeoutError:
            words = "a file system or a part of /proc does not answer"
            return failed(Fault("storage", words, State.DEGRADED))
        return self._report(reading, time.perf_counter() - begun)

    async def _read(self) -> Reading:
        # In a thread, since a dead network mount holds whoever asks for its size; and only one, or
        # every look would leave another thread behind until none is left for anybody's names.
        if self._reading is None:
            mounts, nics = self._settings["mounts"], self._settings["nics"]
            self._reading = asyncio.ensure_future(asyncio.to_thread(read_host, mounts, nics))
        try:
            return await asyncio.shield(self._reading)
        finally:
            if self._reading.done():
                self._reading = None

    def _report(self, reading: Reading, took_s: float) -> Report:
        while len(self._past) > 1 and reading.at - self._past[0].at > _WINDOW_S:
            self._past.popleft()
        report = Report(
            state=State.UP,
            rtt=timedelta(seconds=took_s),
            measurements=tuple(
                measured(
                    reading,
                    oldest=self._past[0] if self._past else None,
                    latest=self._past[-1] if self._past else None,
                )
            ),
            facts=facts(),
        )
        self._past.append(reading)
        settled = reading.at - self._past[0].at >= _SETTLED_S
        self.unjudged = frozenset() if settled else frozenset(SHARES)
        return report

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `host_commands`."""
        for row in await ask_host(name, params):
            yield row

    async def aclose(self) -> None:
        """Leave a reading that does not end to itself; a thread cannot be stopped."""
        if self._reading is not None:
            self._reading.cancel()
