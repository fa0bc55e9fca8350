"""Connector `mysql`: does MySQL or MariaDB answer, in the right role, replicating, with room."""

import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors.errors import EXPECTED, failed
from vedette.agent.connectors.mysql_commands import COMMANDS
from vedette.agent.connectors.mysql_status import (
    LIMITS,
    MEASURES,
    cluster_size,
    counters,
    facts,
    fault_in,
    measured,
)
from vedette.agent.connectors.rates import Counters
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS
from vedette.agent.connectors.wire import once_more, within
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State

if TYPE_CHECKING:
    from vedette.agent.connectors.mysql_session import Reading, Session

_MEMORY_S = 120.0
"""How long a Galera node that left is missed."""


class MySQL:
    """Keeps one connection and shows status, variables and replication on it; writes nothing."""

    description: ClassVar[Description] = Description(
        name="mysql",
        help="Watches MySQL and MariaDB: connections, queries, locks, replication, Galera.",
        settings=(
            Setting("host", "str", "Name, address or socket of the server.", default="127.0.0.1"),
            Setting("port", "int", "Port of the server.", default=3306),
            Setting(
                "user",
                "str",
                "Account; grant it PROCESS and REPLICATION CLIENT (MariaDB: SLAVE MONITOR).",
                default="vedette",
            ),
            Setting("password", "str", "Password of the account.", secret=True),
            Setting(
                "role",
                "str",
                "`primary` (writable) or `replica` (read-only): degraded when it is the other.",
            ),
            Setting("tls", "bool", "Speak TLS.", default=False),
            *TLS_SETTINGS,
        ),
        pack=LIMITS,
        measures=MEASURES,
        entities=("channel",),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        if self._settings["role"] not in (None, "primary", "replica"):
            raise Invalid(f"role must be primary or replica, not {self._settings['role']!r}")
        self._session: Session | None = None
        self._counters = Counters()
        self._sizes: deque[tuple[float, float]] = deque()

    async def probe(self, look: Look) -> Report:
        """Ask on the kept connection; one that the server closed meanwhile is replaced once."""
        # PyMySQL and its cryptography cost 8 MB: only agents that watch MySQL pay.
        from vedette.agent.connectors.mysql_session import Session

        session = self._session = self._session or Session(self._settings)
        try:
            async with within(look):
                return self._report(await _ask(look, session))
        except EXPECTED as error:
            return failed(error, f"{self._settings['host']}:{self._settings['port']}")

    def _report(self, reading: "Reading") -> Report:
        at = time.monotonic()
        status, variables, channels = reading.status, reading.variables, reading.channels
        largest = self._largest(cluster_size(status, variables), at)
        fault = fault_in(
            status, variables, channels, self._settings["role"], largest_cluster=largest
        )
        gains = self._counters.gained(counters(status), at=at)
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message[:1024] if fault else "",
            rtt=timedelta(seconds=reading.ping_s),
            measurements=(
                Measurement("ping_s", reading.ping_s),
                *measured(status, variables, channels, gains),
            ),
            facts=facts(status, variables, channels),
        )

    def _largest(self, size: float | None, at: float) -> float:
        while self._sizes and at - self._sizes[0][0] > _MEMORY_S:
            self._sizes.popleft()
        if size is not None:
            self._sizes.append((at, size))
        return max((seen for _, seen in self._sizes), default=0.0)

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `mysql_commands` on a connection of its own."""
        from vedette.agent.connectors.mysql_session import Session

        session = self._session = self._session or Session(self._settings)
        async with within(look):
            await session.open(look)
            rows = await session.rows(look, name, params)
        for row in rows:
            yield row

    async def aclose(self) -> None:
        """Close the kept connection."""
        if self._session is not None:
            self._session.drop()


async def _ask(look: Look, session: "Session") -> "Reading":
    async def ask() -> "Reading":
        if not session.is_open:
            await session.open(look)
        return await session.ask(look)

    return await once_more(ask, kept=session.is_open, drop=session.drop)
