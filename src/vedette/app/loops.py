"""Everything that runs by the clock, in one table, and how each of it fares.

Every server runs every loop; a loop that must not run twice at once takes a lock itself
(`db/locks`), so servers may come and go. A failure is counted, logged and tried again at the next
turn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from vedette import clock
from vedette.db.queries import load
from vedette.records.options import RecordOptions

if TYPE_CHECKING:
    from vedette.actions.spool import Spool
    from vedette.health.keeping import Keeping
    from vedette.incidents.availability_rules import Reporting
    from vedette.link.gate import Gate

Q = load(__file__, "loops.sql")
log = structlog.get_logger(__name__)

KEEP_EVERY = timedelta(seconds=10)
"""How often the counts are written to `health.loop`."""

LATE_AFTER = 10
"""A loop that has not succeeded for this many of its turns, and at least a minute, is not alive."""


class RunOnce(Protocol):
    """One turn; safe to repeat, safe on several servers."""

    def __call__(self, conn: AsyncConnection[Any], /, *, now: datetime) -> Awaitable[object]:
        """Do what is due and return."""
        ...


@dataclass(frozen=True, slots=True)
class Loop:
    """Something to do every so often; the first turn comes at start."""

    name: str
    every: timedelta
    run_once: RunOnce


def the_loops(
    gate: "Gate",
    keeping: "Callable[[], Keeping]",
    reporting: "Callable[[], Reporting]",
    tell: RunOnce,
    causes_within: timedelta = timedelta(minutes=60),
    kept: RecordOptions = RecordOptions(),  # noqa: B008 - frozen
    spool: "Spool | None" = None,
) -> tuple[Loop, ...]:
    """Return every loop of a server.

    keeping: how long history is kept, reporting: how availability is told; asked anew each time.
    tell: sends notices to people. causes_within: how long before an incident a deployment may have caused it.
    kept: how long what we know of services is. spool: actions as files; None: there is none.
    """
    from vedette.access import repeated, sessions
    from vedette.automation import (
        causes_from_deployments,
        incidents_from_transitions,
        notices_from_doubles,
        notices_from_kev,
    )
    from vedette.health import days, deadman, partitions, rollups
    from vedette.health.intake_fold import Fold
    from vedette.incidents import availability_freeze, tick
    from vedette.records import daily, exposures, intake_upkeep

    async def heartbeats(_: AsyncConnection[Any], *, now: datetime) -> int:
        return await gate.link.keep_beats()

    async def roll_up(conn: AsyncConnection[Any], *, now: datetime) -> int:
        return await rollups.run_once(conn, now=now, keeping=keeping())

    async def publish_months(conn: AsyncConnection[Any], *, now: datetime) -> int:
        return await availability_freeze.run_once(conn, now=now, reporting=reporting())

    async def records_history(conn: AsyncConnection[Any], *, now: datetime) -> int:
        return await daily.keep_house(conn, now=now, options=kept)

    async def propose_causes(conn: AsyncConnection[Any], *, now: datetime) -> int:
        return await causes_from_deployments.run_once(conn, now=now, within=causes_within)

    async def history(conn: AsyncConnection[Any], *, now: datetime) -> int:
        return await rollups.keep_house(conn, now=now, keeping=keeping())

    return (
        Loop("heartbeats", timedelta(seconds=1), heartbeats),
        Loop("partitions", timedelta(hours=1), partitions.run_once),
        Loop("intake", timedelta(seconds=1), Fold().run_once),
        Loop("deadman", timedelta(seconds=1), deadman.run_once),
        Loop("automation", timedelta(seconds=1), incidents_from_transitions.run_once),
        Loop("causes", timedelta(seconds=15), propose_causes),
        *_loops_of_actions(spool),
        Loop("sessions", timedelta(minutes=10), sessions.run_once),
        Loop("incidents", timedelta(seconds=2), tick.run_once),
        Loop("notices", timedelta(seconds=2), tell),
        Loop("repeats", timedelta(minutes=10), repeated.run_once),
        Loop("availability", timedelta(hours=1), publish_months),
        Loop("records", timedelta(minutes=1), intake_upkeep.run_once),
        Loop("days", timedelta(minutes=10), days.run_once),
        Loop("rollups", timedelta(minutes=1), roll_up),
        Loop("history", timedelta(minutes=15), history),
        Loop("exposures", timedelta(seconds=2), exposures.run_once),
        Loop("kev_notices", timedelta(seconds=30), notices_from_kev.run_once),
        Loop("double_agents", timedelta(seconds=30), notices_from_doubles.run_once),
        Loop("records_history", timedelta(hours=1), records_history),
    )


def _loops_of_actions(spool: "Spool | None") -> tuple[Loop, ...]:
    from vedette.actions import ask_expire, conclude, mandates
    from vedette.automation import notes_from_results

    return (
        Loop("commands", timedelta(seconds=10), ask_expire.run_once),
        Loop("actions", timedelta(seconds=1), conclude.run_once),
        Loop("mandates", timedelta(seconds=1), mandates.run_once),
        Loop("late_agents", timedelta(seconds=15), conclude.look_for_late),
        Loop("action_notes", timedelta(seconds=5), notes_from_results.run_once),
        *([Loop("spool", timedelta(seconds=1), spool.run_once)] if spool else []),
    )


@dataclass(slots=True)
class Pulse:
    """How a loop fares on this server since it started.

    lag_s: by how much the last turn came late. last_error: "" after a success.
    """

    loop: Loop
    started_at: datetime
    runs: int = 0
    failures: int = 0
    last_success_at: datetime | None = None
    last_error: str = ""
    lag_s: float = 0.0

    def is_alive(self, now: datetime) -> bool:
        """Say whether it has succeeded lately enough to be believed."""
        patience = max(self.loop.every * LATE_AFTER, timedelta(minutes=1))
        return now - (self.last_success_at or self.started_at) <= patience


class Loops:
    """The loops of one server, running between `start` and `stop`."""

    def __init__(self, pool: AsyncConnectionPool, server: str, loops: Sequence[Loop]) -> None:
        self.pool = pool
        self.server = server
        self.pulses = [Pulse(loop, clock.now()) for loop in loops]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; the first turns run at once."""
        self._tasks = [asyncio.create_task(self._run(pulse)) for pulse in self.pulses]
        self._tasks.append(asyncio.create_task(self._keep()))

    async def stop(self) -> None:
        """Let go; a turn under way is rolled back."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        with suppress(Exception):  # the database may be the reason why we stop
            async with asyncio.timeout(2), self.pool.connection() as conn:
                await Q.run(conn, "forget_loops", server=self.server)

    async def _run(self, pulse: Pulse) -> None:
        every = pulse.loop.every.total_seconds()
        due = asyncio.get_running_loop().time()
        while True:
            pulse.lag_s = max(0.0, asyncio.get_running_loop().time() - due)
            await turn(self.pool, pulse)
            # Turns that were missed are not made up for: each looks at everything that is due.
            due = max(due + every, asyncio.get_running_loop().time())
            await asyncio.sleep(due - asyncio.get_running_loop().time())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY.total_seconds())
            with suppress(Exception):  # counted where it matters: the loops meet the same trouble
                async with self.pool.connection() as conn:
                    await keep(conn, self.server, self.pulses)


async def turn(pool: AsyncConnectionPool, pulse: Pulse) -> None:
    """Run one turn of a loop and note how it went; never raises."""
    pulse.runs += 1
    try:
        async with pool.connection() as conn:
            await pulse.loop.run_once(conn, now=clock.now())
    except Exception as error:
        pulse.failures += 1
        first = pulse.last_error == ""
        pulse.last_error = f"{type(error).__name__}: {error}"
        # Said once until it works again: a database that is away for an hour is one line.
        if first:
            log.exception("a loop failed", loop=pulse.loop.name)
        return
    if pulse.last_error:
        log.info("a loop works again", loop=pulse.loop.name)
    pulse.last_success_at, pulse.last_error = clock.now(), ""


async def keep(conn: AsyncConnection[Any], server: str, pulses: Sequence[Pulse]) -> None:
    """Write how the loops of this server fare to `health.loop`."""
    for pulse in pulses:
        await Q.run(
            conn,
            "keep_loop",
            server=server,
            name=pulse.loop.name,
            runs=pulse.runs,
            failures=pulse.failures,
            last_success_at=pulse.last_success_at,
            last_error=pulse.last_error[:500],
        )
