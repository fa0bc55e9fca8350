"""One look becomes one report, whatever happens to it.

A connector that raises, hangs or returns nonsense is our own fault and says nothing of the target:
`unknown`. Only silence within the time allowed is the target's: `down`, class `timeout`.
"""

import asyncio
import math
from dataclasses import replace
from typing import Protocol

import msgspec

from vedette.agent.connector import Look, RefusedByHost
from vedette.agent.secrets import SecretMissing, redact
from vedette.errors import VedetteError
from vedette.health.model import Bulk, Measurement, Report, State

GRACE_S = 1.0
"""How long a cancelled look may take to let go before it is left to itself."""

MEASURES = 4_096
BULK = 65_536
MESSAGE_BYTES = 1_024
FACTS_BYTES = 8_192
FACT_BYTES = 1_024


class Probes(Protocol):
    """What can be looked with: a connector here, or one in a process of its own."""

    async def probe(self, look: Look) -> Report:
        """Look once."""
        ...

    async def aclose(self) -> None:
        """Let go."""
        ...


class Stuck:
    """Looks that were cancelled and have not let go; a target with one is not looked at again."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Report]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def leave(self, task: "asyncio.Task[Report]") -> None:
        """Leave a task to itself until it ends."""
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Report]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen; nobody else will ask


async def look_once(connector: Probes, look: Look, stuck: Stuck) -> Report:
    """Probe once and return a report within the timeout and the grace; never raises of itself."""
    if stuck:
        return _unknown("connector_crash", "an earlier look was cancelled and has not let go yet")
    task = asyncio.create_task(connector.probe(look), name=f"look at {look.target}")
    try:
        done, _ = await asyncio.wait({task}, timeout=look.timeout_s)
        if not done:
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_S)
    except asyncio.CancelledError:
        task.cancel()
        stuck.leave(task)
        raise
    if not done:
        stuck.leave(task)
        return Report(
            state=State.DOWN,
            error_class="timeout",
            message=f"no answer within {look.timeout_s:g} s",
        )
    return _checked(_outcome(task), look)


def failure_report(error: BaseException) -> Report:
    """Return the report of a look that ended with this exception; the message holds no trace."""
    if isinstance(error, RefusedByHost):
        return _unknown("refused_by_host", str(error))
    if isinstance(error, SecretMissing):
        return _unknown("secret_missing", str(error))
    if isinstance(error, VedetteError):
        return _unknown("bad_settings", str(error))
    if isinstance(error, asyncio.CancelledError):
        return _unknown("connector_crash", "the connector cancelled itself")
    words = " ".join(str(error).split())
    return _unknown("connector_crash", f"{type(error).__name__}: {words}".rstrip(": "))


def bounded(report: Report, secrets: frozenset[str]) -> Report:
    """Return the report within the wire's limits, without secrets and numbers that are none."""
    measurements = tuple(m for m in report.measurements[:MEASURES] if math.isfinite(m.value))
    error_class = "" if report.state is State.UP else report.error_class or "unspecified"
    return replace(
        report,
        error_class=error_class,
        message=cut(redact(report.message, secrets), MESSAGE_BYTES),
        measurements=_unnamed(measurements, secrets) if secrets else measurements,
        bulk=_checked_bulk(report.bulk),
        facts=_bounded_facts(report.facts, secrets),
    )


def _unnamed(
    measurements: tuple[Measurement, ...], secrets: frozenset[str]
) -> tuple[Measurement, ...]:
    """Return the measurements; an entity is a URL at times, and settings make URLs of secrets."""
    said = "\0".join({one.entity for one in measurements})
    if redact(said, secrets) == said:
        return measurements
    return tuple(replace(one, entity=redact(one.entity, secrets)) for one in measurements)


def cut(text: str, limit: int) -> str:
    """Return at most `limit` bytes of the text in UTF-8, whole characters, without NUL."""
    clean = text.replace("\x00", "").encode(errors="replace")
    if len(clean) <= limit:
        return clean.decode()
    return clean[: limit - 3].decode(errors="ignore") + "…"


def _outcome(task: "asyncio.Task[Report]") -> object:
    if task.cancelled():
        return asyncio.CancelledError()
    return task.exception() or task.result()


def _checked(outcome: object, look: Look) -> Report:
    if not isinstance(outcome, Report):
        if not isinstance(outcome, BaseException):
            outcome = TypeError(f"the connector returned {type(outcome).__name__}, not a Report")
        return bounded(failure_report(outcome), look.secrets)
    try:
        return bounded(outcome, look.secrets)
    except Exception as fault:  # noqa: BLE001 - a report of nonsense is a crash of its connector
        return bounded(failure_report(fault), look.secrets)


def _checked_bulk(bulk: Bulk | None) -> Bulk | None:
    if bulk is None:
        return None
    if len(bulk.values) != len(bulk.naming.series) or len(bulk.values) > BULK:
        raise ValueError(f"{len(bulk.values)} values in bulk do not fit their names")
    # A sum that is finite has no part that is not; the other case may be two great numbers.
    if not math.isfinite(sum(bulk.values)) and not all(map(math.isfinite, bulk.values)):
        raise ValueError("a value in bulk is not finite")
    return bulk


def _bounded_facts(facts: dict[str, str], secrets: frozenset[str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    room = FACTS_BYTES
    for name, said in facts.items():
        key, text = cut(str(name), 128), cut(redact(str(said), secrets), FACT_BYTES)
        room -= len(msgspec.json.encode({key: text}))
        if room < 0:
            break
        kept[key] = text
    return kept


def _unknown(error_class: str, message: str) -> Report:
    return Report(state=State.UNKNOWN, error_class=error_class, message=message)
