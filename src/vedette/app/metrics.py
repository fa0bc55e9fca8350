"""Our own health for Prometheus, gathered from the database and from this process when asked.

Cardinality stays that of the loops: nothing here grows with targets or agents.
"""

import resource
from collections.abc import Iterable
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from psycopg_pool import AsyncConnectionPool

from vedette import __version__, clock
from vedette.app.loops import Pulse
from vedette.db.queries import load
from vedette.link.gate import Gate

Q = load(__file__, "metrics.sql")
MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
STATES = ("up", "unknown", "initialising", "draining", "degraded", "down")

log = structlog.get_logger(__name__)


class _Gathered:
    """What one scrape found, as the client library wants it."""

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self.metrics


async def gather(pool: AsyncConnectionPool, gate: Gate, pulses: list[Pulse]) -> bytes:
    """Return the metrics as text; without the database, those of this process alone."""
    now = clock.now()
    found = [*_process(), *_loops(pulses, now), *_link(gate), *_pool(pool)]
    is_there = GaugeMetricFamily("vedette_database_up", "1 when the database answered this scrape.")
    try:
        found += await _database(pool)
        is_there.add_metric([], 1)
    except Exception as error:  # noqa: BLE001 - whatever keeps the database away, the rest is told
        log.warning("metrics without the database", error=str(error))
        is_there.add_metric([], 0)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gathered([*found, is_there]))
    return generate_latest(registry)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"vedette_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"vedette_{name}", text, value=value)


def _process() -> Iterable[Metric]:
    build = GaugeMetricFamily("vedette_build", "1, with the version.", labels=["version"])
    build.add_metric([__version__], 1)
    yield build
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = used.ru_utime + used.ru_stime
    yield CounterMetricFamily("process_cpu_seconds", "CPU time of the server.", value=cpu_s)


def _loops(pulses: list[Pulse], now: datetime) -> Iterable[Metric]:
    runs = CounterMetricFamily("vedette_loop_runs", "Turns begun.", labels=["loop"])
    failures = CounterMetricFamily("vedette_loop_failures", "Turns that failed.", labels=["loop"])
    success = GaugeMetricFamily(
        "vedette_loop_last_success_timestamp_seconds",
        "When a turn last went well.",
        labels=["loop"],
    )
    lag = GaugeMetricFamily(
        "vedette_loop_lag_seconds", "By how much the last turn came late.", labels=["loop"]
    )
    alive = GaugeMetricFamily(
        "vedette_loop_alive", "1 when a turn went well lately enough.", labels=["loop"]
    )
    for pulse in pulses:
        name = [pulse.loop.name]
        runs.add_metric(name, pulse.runs)
        failures.add_metric(name, pulse.failures)
        if pulse.last_success_at is not None:
            success.add_metric(name, pulse.last_success_at.timestamp())
        lag.add_metric(name, pulse.lag_s)
        alive.add_metric(name, pulse.is_alive(now))
    return [runs, failures, success, lag, alive]


def _link(gate: Gate) -> Iterable[Metric]:
    counts = gate.ingest.counts
    yield _gauge("agents_connected", "Agents with an open stream here.", len(gate.link.streams))
    subscribers = gate.feed.subscribers + gate.doors.reports.subscribers
    yield _gauge("subscribers", "Clients that subscribe to changes or reports here.", subscribers)
    yield _gauge("ingest_queue", "Frames received and not yet durable.", gate.ingest.waiting)
    yield _counter("ingest_reports", "Reports made durable.", counts.reports)
    yield _counter("ingest_samples", "Measurements made durable.", counts.samples)
    yield _counter("ingest_commits", "Commits of reports.", counts.commits)
    yield _counter("ingest_commit_seconds", "Time those commits took.", counts.commit_seconds)
    yield _counter("ingest_failures", "Commits that failed.", counts.failures)
    yield _counter("ingest_lost_reports", "Reports agents had to drop.", counts.lost_reports)
    yield _counter("transitions", "Changes of state this server recorded.", counts.transitions)


def _pool(pool: AsyncConnectionPool) -> Iterable[Metric]:
    held = pool.get_stats()
    size, free = held.get("pool_size", 0), held.get("pool_available", 0)
    yield _gauge("pool_connections", "Connections to the database.", size)
    yield _gauge("pool_connections_used", "Those in use.", size - free)
    yield _gauge("pool_waiting", "Requests that wait for one.", held.get("requests_waiting", 0))


async def _database(pool: AsyncConnectionPool) -> Iterable[Metric]:
    async with pool.connection(timeout=2) as conn:
        states = await Q.all(conn, "states")
        fleet = await Q.one(conn, "fleet")
    assert fleet is not None
    targets = GaugeMetricFamily("vedette_targets", "Targets by state.", labels=["state"])
    components = GaugeMetricFamily("vedette_components", "Components by state.", labels=["state"])
    counted = {(kind, state): number for kind, state, number in states}
    for state in STATES:
        targets.add_metric([state], counted.get(("target", state), 0))
        components.add_metric([state], counted.get(("component", state), 0))
    agents, spooled, dropped, unhandled, lag_s = fleet
    return [
        targets,
        components,
        _gauge("agents", "Agents that are enrolled and not revoked.", agents),
        _gauge("agents_spooled_bytes", "What waits on the disks of agents.", spooled),
        _gauge("agents_dropped_reports", "Reports agents dropped since enrolment.", dropped),
        _gauge("transitions_unhandled", "Changes no automation has seen yet.", unhandled),
        _gauge("heartbeat_lag_seconds", "Age of the oldest heartbeat of an open stream.", lag_s),
    ]
