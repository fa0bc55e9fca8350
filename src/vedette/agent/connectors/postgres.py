"""Connector `postgres`: does PostgreSQL answer, in the right role, with what experts watch."""

import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from vedette.actions.model import Row as Answered
from vedette.actions.model import Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors.errors import EXPECTED, failed
from vedette.agent.connectors.postgres_commands import COMMANDS
from vedette.agent.connectors.postgres_commands import ask as ask_session
from vedette.agent.connectors.postgres_row import (
    LIMITS,
    MEASURES,
    counters,
    facts,
    fault_in,
    measured,
    sizes,
)
from vedette.agent.connectors.rates import Counters
from vedette.agent.connectors.wire import has_ended, once_more, within
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State

if TYPE_CHECKING:
    from vedette.agent.connectors.postgres_session import Row, Session

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class Postgres:
    """Keeps one connection; each look is one read-only transaction in one round trip."""

    description: ClassVar[Description] = Description(
        name="postgres",
        help="Watches PostgreSQL 10 and later: connections, locks, replication, wraparound, log.",
        settings=(
            Setting("host", "str", "Name, address or socket directory.", default="127.0.0.1"),
            Setting("port", "int", "Port of the server.", default=5432),
            Setting("user", "str", "Role to connect as; pg_monitor sees all.", default="postgres"),
            Setting("password", "str", "Password of the role.", secret=True),
            Setting("database", "str", "Database to connect to.", default="postgres"),
            Setting("role", "str", "`primary` or `replica`: degraded when it is the other."),
            Setting("sslmode", "str", "libpq's sslmode.", default="prefer"),
            Setting("ca_file", "str", "PEM file of the authorities to trust."),
            Setting("client_cert", "str", "PEM file of a certificate to show."),
            Setting("client_key", "str", "PEM file of its key."),
            Setting(
                "sizes_every",
                "duration",
                "How often to measure sizes and dead rows.",
                default=300.0,
            ),
        ),
        pack=LIMITS,
        measures=MEASURES,
        entities=("replica", "slot"),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        if self._settings["role"] not in (None, "primary", "replica"):
            raise Invalid(f"role must be primary or replica, not {self._settings['role']!r}")
        if self._settings["sslmode"] not in _SSL_MODES:
            raise Invalid("sslmode is none of libpq's", hint=f"one of {', '.join(_SSL_MODES)}")
        self._session: Session | None = None
        self._counters = Counters()
        self._sizes: list[Measurement] = []
        self._sized_at: float | None = None

    async def probe(self, look: Look) -> Report:
        """Ask on the kept connection; one that the server closed meanwhile is replaced once."""
        # psycopg costs 11 MB: only agents that watch PostgreSQL pay.
        from vedette.agent.connectors.postgres_session import Session

        session = self._session = self._session or Session(self._settings)
        try:
            async with within(look):
                return await once_more(
                    lambda: self._ask(look, session),
                    kept=session.is_open,
                    drop=session.drop,
                    ended=_has_ended,
                )
        except EXPECTED as error:
            return failed(error, f"{self._settings['host']}:{self._settings['port']}")

    async def _ask(self, look: Look, session: "Session") -> Report:
        if not session.is_open:
            await session.open(look)
        begun = time.perf_counter()
        due = self._sized_at is None or begun - self._sized_at >= self._settings["sizes_every"]
        row, sized = await session.ask(look, sizes=due)
        rtt = time.perf_counter() - begun
        if sized is not None:
            self._sizes, self._sized_at = sizes(sized), begun
        return self._report(row, rtt)

    def _report(self, row: "Row", rtt: float) -> Report:
        fault = fault_in(row, self._settings["role"])
        gains = self._counters.gained(counters(row), at=time.monotonic())
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message if fault else "",
            rtt=timedelta(seconds=rtt),
            measurements=(Measurement("query_s", rtt), *measured(row, gains), *self._sizes),
            facts=facts(row),
        )

    async def ask(
        self, look: Look, name: str, params: Mapping[str, Value]
    ) -> AsyncIterator[Answered]:
        """Answer a command of `postgres_commands`."""
        from vedette.agent.connectors.postgres_session import Session

        session = self._session = self._session or Session(self._settings)
        if not session.is_open:
            await session.open(look)
        async for row in ask_session(session, look, name, params):
            yield row

    async def aclose(self) -> None:
        """Close the kept connection."""
        if self._session is not None:
            self._session.drop()


def _has_ended(error: BaseException) -> bool:
    # A server that shuts down says so before it hangs up.
    return has_ended(error) or getattr(error, "error_class", "") == "stopping"
