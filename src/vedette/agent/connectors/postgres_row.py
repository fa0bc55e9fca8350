"""A look's row of PostgreSQL read into measurements and a verdict; no I/O."""

from collections.abc import Mapping
from typing import Any

from vedette.agent.connector import Measures
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.limits import measurements, ratio, state_of
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

Row = Mapping[str, Any]

COUNTERS = (
    "commits",
    "rollbacks",
    "hits",
    "reads",
    "temp_bytes",
    "deadlocks",
    "timed",
    "requested",
    "write_ms",
    "sync_ms",
    "wal_bytes",
    "archived",
    "archive_failures",
)
"""Columns that only grow, until statistics are reset."""

LIMITS: Pack = {
    "connections_ratio": Threshold(0.9, 0.8),
    "locks_ratio": Threshold(0.8, 0.7),
    "xid_ratio": Threshold(0.9, 0.85),
    "multixact_ratio": Threshold(0.9, 0.85),
    "replay_delay_s": Threshold(300.0, 60.0),
    "longest_transaction_s": Threshold(3600.0, 1800.0),
    "longest_idle_in_transaction_s": Threshold(900.0, 300.0),
    "deadlocks_per_s": Threshold(10 / 60, 5 / 60),
    "archive_failures_per_s": 0.0,
}

MEASURES = (
    Measures("query_s", "seconds", "Time of the look's own query, there and back."),
    Measures("uptime_s", "seconds", "Time since the server started."),
    Measures("in_recovery", "", "1 on a standby, 0 on a primary."),
    Measures("connections", "count", "Client connections, ours apart."),
    Measures("connections_ratio", "ratio", "Client connections of max_connections."),
    Measures("connections_active", "count", "Connections running a query."),
    Measures("connections_idle", "count", "Connections waiting for a query."),
    Measures("connections_idle_in_transaction", "count", "Connections idle within a transaction."),
    Measures("connections_waiting", "count", "Connections waiting for a lock."),
    Measures("longest_transaction_s", "seconds", "Age of the oldest open transaction."),
    Measures("longest_idle_in_transaction_s", "seconds", "Longest idling within a transaction."),
    Measures("longest_query_s", "seconds", "Age of the oldest running query."),
    Measures("longest_prepared_s", "seconds", "Age of the oldest prepared transaction."),
    Measures("oldest_xmin_age", "count", "Transactions a session keeps vacuum from cleaning."),
    Measures("blocked_sessions", "count", "Sessions that wait for a lock another one holds."),
    Measures("locks_ratio", "ratio", "Locks of the shared lock table's size."),
    Measures("transactions_per_s", "per_second", "Commits and rollbacks, all databases."),
    Measures("rollback_ratio", "ratio", "Rollbacks of all transactions since the last look."),
    Measures("cache_hit_ratio", "ratio", "Blocks found in memory since the last look."),
    Measures("temp_bytes_per_s", "bytes_per_second", "Temporary files written by queries."),
    Measures("deadlocks_per_s", "per_second", "Deadlocks."),
    Measures("wal_bytes_per_s", "bytes_per_second", "Write-ahead log generated (from 14)."),
    Measures("checkpoints_requested_ratio", "ratio", "Checkpoints forced rather than timed."),
    Measures("checkpoint_write_ratio", "ratio", "Share of the time checkpoints were writing."),
    Measures("checkpoint_sync_ratio", "ratio", "Share of the time checkpoints were syncing."),
    Measures("archive_failures_per_s", "per_second", "Failed attempts to archive a log file."),
    Measures("xid_age", "count", "Transactions since the oldest unfrozen one."),
    Measures("xid_ratio", "ratio", "That age of the 2^31 at which the server stops."),
    Measures("freeze_ratio", "ratio", "That age of autovacuum_freeze_max_age."),
    Measures("multixact_ratio", "ratio", "Age of the oldest multixact of the 2^31 limit."),
    Measures("replay_delay_s", "seconds", "On a standby: age of what was replayed last."),
    Measures("replicas", "count", "Replicas that stream from this server."),
    Measures("lag_bytes", "bytes", "Of a replica: log it has yet to replay."),
    Measures("write_lag_s", "seconds", "Of a replica: until it has written."),
    Measures("flush_lag_s", "seconds", "Of a replica: until it has flushed."),
    Measures("replay_lag_s", "seconds", "Of a replica: until it has replayed."),
    Measures("slots", "count", "Replication slots."),
    Measures("slots_inactive", "count", "Replication slots nobody reads."),
    Measures("retained_bytes", "bytes", "Of a slot: log kept for it."),
    Measures("safe_wal_bytes", "bytes", "Of a slot: log that may follow before it is lost."),
    Measures("database_bytes", "bytes", "Size of the connected database; every 5 minutes."),
    Measures("dead_rows", "count", "Dead rows of the connected database; every 5 minutes."),
    Measures("dead_rows_ratio", "ratio", "Dead of all rows; every 5 minutes."),
    Measures(
        "oldest_vacuum_s", "seconds", "Longest time a table with a million dead rows went unswept."
    ),
    Measures("state", "state", "Of a replica or slot: its own state, as a number."),
)

_WRAPAROUND = 2.0**31


def counters(row: Row) -> dict[str, float | None]:
    """Return the counters whose gains `measured` wants."""
    return {name: _number(row, name) for name in COUNTERS}


def fault_in(row: Row, role: str | None) -> Fault | None:
    """Return what keeps this server from being up; it answers, so it is at most degraded."""
    is_role = "replica" if row["in_recovery"] else "primary"
    if role is not None and role != is_role:
        return Fault("wrong_role", f"it is a {is_role}, not a {role}", State.DEGRADED)
    lost = [name for name, _, _, status, _ in row["slots"] or () if status == "lost"]
    if lost:
        message = f"replication slot {', '.join(lost)[:200]} has lost its log"
        return Fault("replication", message, State.DEGRADED)
    if row["archiving_fails"]:
        return Fault("storage", "it cannot archive its log", State.DEGRADED)
    return None


def measured(row: Row, gains: Gains) -> list[Measurement]:
    """Return everything but the look's own time and the sizes."""
    return [
        *measurements(_sessions(row)),
        *measurements(_work(gains)),
        *measurements(_ages(row)),
        *_replicas(row),
        *_slots(row),
    ]


def sizes(row: Row) -> list[Measurement]:
    """Return what is asked seldom."""
    dead, live = _number(row, "dead_rows") or 0.0, _number(row, "live_rows") or 0.0
    values = {
        "database_bytes": _number(row, "database_bytes"),
        "dead_rows": dead,
        "dead_rows_ratio": ratio(dead, dead + live),
        "oldest_vacuum_s": _number(row, "oldest_vacuum_s"),
    }
    return measurements(values)


def facts(row: Row) -> dict[str, str]:
    """Return what people ask of a server."""
    version = " ".join(str(row["version"]).split()[:2])
    return {"version": version, "role": "replica" if row["in_recovery"] else "primary"}


def _sessions(row: Row) -> dict[str, float | None]:
    connections = _number(row, "connections")
    return {
        "uptime_s": _number(row, "uptime_s"),
        "in_recovery": float(row["in_recovery"]),
        "connections": connections,
        "connections_ratio": ratio(connections, _number(row, "max_connections")),
        "connections_active": _number(row, "active"),
        "connections_idle": _number(row, "idle"),
        "connections_idle_in_transaction": _number(row, "idle_in_transaction"),
        "connections_waiting": _number(row, "waiting"),
        "longest_transaction_s": _number(row, "longest_transaction_s") or 0.0,
        "longest_idle_in_transaction_s": _number(row, "longest_idle_in_transaction_s") or 0.0,
        "longest_query_s": _number(row, "longest_query_s") or 0.0,
        "longest_prepared_s": _number(row, "longest_prepared_s") or 0.0,
        "oldest_xmin_age": _number(row, "oldest_xmin_age"),
        "blocked_sessions": _number(row, "blocked"),
        "locks_ratio": ratio(_number(row, "locks"), _number(row, "max_locks")),
    }


def _work(gains: Gains) -> dict[str, float | None]:
    commits, rollbacks = gains.per_s("commits"), gains.per_s("rollbacks")
    writing, syncing = gains.per_s("write_ms"), gains.per_s("sync_ms")
    return {
        "transactions_per_s": None if commits is None else commits + (rollbacks or 0.0),
        "rollback_ratio": gains.share("rollbacks", "commits", "rollbacks"),
        "cache_hit_ratio": gains.share("hits", "hits", "reads"),
        "temp_bytes_per_s": gains.per_s("temp_bytes"),
        "deadlocks_per_s": gains.per_s("deadlocks"),
        "wal_bytes_per_s": gains.per_s("wal_bytes"),
        "checkpoints_requested_ratio": gains.share("requested", "requested", "timed"),
        "checkpoint_write_ratio": None if writing is None else writing / 1000,
        "checkpoint_sync_ratio": None if syncing is None else syncing / 1000,
        "archive_failures_per_s": gains.per_s("archive_failures"),
    }


def _ages(row: Row) -> dict[str, float | None]:
    age = _number(row, "xid_age")
    return {
        "xid_age": age,
        "xid_ratio": ratio(age, _WRAPAROUND),
        "freeze_ratio": ratio(age, _number(row, "freeze_max_age")),
        "multixact_ratio": ratio(_number(row, "multixact_age"), _WRAPAROUND),
        "replay_delay_s": _number(row, "replay_delay_s"),
    }


def _replicas(row: Row) -> list[Measurement]:
    found = measurements({"replicas": len(row["replicas"] or ())})
    for name, state, lag, write_s, flush_s, replay_s in row["replicas"] or ():
        entity = f"replica:{name}"
        lags = {
            "lag_bytes": lag,
            "write_lag_s": write_s,
            "flush_lag_s": flush_s,
            "replay_lag_s": replay_s,
        }
        streams = state in ("streaming", None)  # None: our role may not see it
        found.append(state_of(entity, State.UP if streams else State.INITIALISING))
        found += measurements(lags, entity)
    return found


def _slots(row: Row) -> list[Measurement]:
    slots = row["slots"] or ()
    found = measurements({"slots": len(slots), "slots_inactive": sum(not s[1] for s in slots)})
    for name, active, retained, status, safe in slots:
        entity = f"slot:{name}"
        state = State.DOWN if status == "lost" else State.UP if active else State.DEGRADED
        found.append(state_of(entity, state))
        found += measurements({"retained_bytes": retained, "safe_wal_bytes": safe}, entity)
    return found


def _number(row: Row, name: str) -> float | None:
    value = row.get(name)
    return None if value is None else float(value)
