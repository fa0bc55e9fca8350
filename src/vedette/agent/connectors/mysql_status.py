"""What MySQL and MariaDB show of themselves, read into measurements and a verdict; no I/O."""

from collections.abc import Mapping, Sequence

from vedette.agent.connector import Measures
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.limits import measurements, ratio, state_of
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

Row = Mapping[str, str | None]

COUNTERS = (
    "Questions",
    "Slow_queries",
    "Aborted_connects",
    "Aborted_clients",
    "Connection_errors_max_connections",
    "Innodb_buffer_pool_reads",
    "Innodb_buffer_pool_read_requests",
    "Innodb_buffer_pool_wait_free",
    "Innodb_row_lock_waits",
    "Innodb_deadlocks",
    "Created_tmp_tables",
    "Created_tmp_disk_tables",
    "Table_locks_immediate",
    "Table_locks_waited",
    "Bytes_received",
    "Bytes_sent",
    "wsrep_flow_control_paused_ns",
)
"""Fields of SHOW GLOBAL STATUS that only grow, until the server restarts."""

STATUS_NAMES = (
    *COUNTERS,
    "Threads_connected",
    "Threads_running",
    "Max_used_connections",
    "Innodb_row_lock_current_waits",
    "Innodb_buffer_pool_pages_total",
    "Innodb_buffer_pool_pages_free",
    "Innodb_buffer_pool_pages_dirty",
    "Uptime",
    "wsrep_cluster_status",
    "wsrep_cluster_size",
    "wsrep_ready",
    "wsrep_local_state_comment",
    "wsrep_local_recv_queue",
)
VARIABLE_NAMES = (
    "version",
    "version_comment",
    "hostname",
    "max_connections",
    "read_only",
    "super_read_only",
    "innodb_read_only",
    "wsrep_on",
)

LIMITS: Pack = {
    "connections_ratio": Threshold(0.9, 0.8),
    "connections_rejected_per_s": 0.0,
    "slow_queries_per_s": Threshold(1.0, 0.5),
    "behind_s": Threshold(30.0, 10.0),
    "table_lock_waited_ratio": Threshold(0.25, 0.2),
    "flow_control_paused_ratio": Threshold(0.1, 0.05),
}

MEASURES = (
    Measures("ping_s", "seconds", "Time from COM_PING to its answer."),
    Measures("uptime_s", "seconds", "Time since the server started."),
    Measures("connections", "count", "Open connections."),
    Measures("connections_ratio", "ratio", "Open connections of max_connections."),
    Measures("connections_peak", "count", "Most connections at once since the start."),
    Measures("connections_rejected_per_s", "per_second", "Turned away for max_connections."),
    Measures("aborted_connects_per_s", "per_second", "Attempts to connect that failed."),
    Measures("aborted_clients_per_s", "per_second", "Clients that went without a goodbye."),
    Measures("threads_running", "count", "Connections that are executing something."),
    Measures("queries_per_s", "per_second", "Statements of clients (Questions)."),
    Measures("slow_queries_per_s", "per_second", "Statements that took over long_query_time."),
    Measures("received_bytes_per_s", "bytes_per_second", "Bytes from clients."),
    Measures("sent_bytes_per_s", "bytes_per_second", "Bytes to clients."),
    Measures("buffer_pool_miss_ratio", "ratio", "Page reads that had to go to disk."),
    Measures("buffer_pool_waits_per_s", "per_second", "Waits for a free page of the pool."),
    Measures("buffer_pool_used_ratio", "ratio", "Pages of the pool in use."),
    Measures("buffer_pool_dirty_ratio", "ratio", "Pages of the pool not yet on disk."),
    Measures("row_lock_waiting", "count", "Row locks being waited for now."),
    Measures("row_lock_waits_per_s", "per_second", "Row locks that had to be waited for."),
    Measures("deadlocks_per_s", "per_second", "Deadlocks; absent without PROCESS on MySQL."),
    Measures("table_lock_waited_ratio", "ratio", "Table locks that had to be waited for."),
    Measures("tmp_disk_tables_ratio", "ratio", "Temporary tables that went to disk."),
    Measures("read_only", "bool", "1 when it takes no writes."),
    Measures(
        "behind_s", "seconds", "Of a channel: how far behind its source, any wanted delay off."
    ),
    Measures("relay_log_bytes", "bytes", "Of a channel: relay logs kept."),
    Measures("state", "state", "Of a channel: its own state, as a number."),
    Measures("cluster_size", "count", "Galera: nodes in this node's component."),
    Measures("flow_control_paused_ratio", "ratio", "Galera: share of time replication was paused."),
    Measures("receive_queue", "count", "Galera: write sets received and not yet applied."),
)


def fault_in(
    status: Row,
    variables: Row,
    channels: Sequence[Row] | None,
    role: str | None,
    *,
    largest_cluster: float = 0.0,
) -> Fault | None:
    """Return what keeps this server from being up.

    A Galera node outside the primary component, or not ready, serves nobody: down. One that joins
    is initialising. A donor, a lost node, a broken channel and the wrong role are degraded.
    largest_cluster: the most nodes seen of late.
    """
    return (
        _galera_fault(status, variables, largest_cluster)
        or _role_fault(variables, channels, role)
        or _channel_fault(channels or ())
    )


def counters(status: Row) -> dict[str, float | None]:
    """Return the counters whose gains `measured` wants."""
    return {name: _number(status, name) for name in COUNTERS}


def cluster_size(status: Row, variables: Row) -> float | None:
    """Return how many nodes the component has; None where Galera is not on."""
    return _number(status, "wsrep_cluster_size") if _is_galera(variables) else None


def measured(
    status: Row, variables: Row, channels: Sequence[Row] | None, gains: Gains
) -> list[Measurement]:
    """Return everything but the ping."""
    connections = _number(status, "Threads_connected")
    pages = _number(status, "Innodb_buffer_pool_pages_total")
    free = _number(status, "Innodb_buffer_pool_pages_free")
    values = {
        "uptime_s": _number(status, "Uptime"),
        "connections": connections,
        "connections_ratio": ratio(connections, _number(variables, "max_connections")),
        "connections_peak": _number(status, "Max_used_connections"),
        "connections_rejected_per_s": gains.per_s("Connection_errors_max_connections"),
        "aborted_connects_per_s": gains.per_s("Aborted_connects"),
        "aborted_clients_per_s": gains.per_s("Aborted_clients"),
        "threads_running": _number(status, "Threads_running"),
        "queries_per_s": gains.per_s("Questions"),
        "slow_queries_per_s": gains.per_s("Slow_queries"),
        "received_bytes_per_s": gains.per_s("Bytes_received"),
        "sent_bytes_per_s": gains.per_s("Bytes_sent"),
        "buffer_pool_miss_ratio": gains.share(
            "Innodb_buffer_pool_reads", "Innodb_buffer_pool_read_requests"
        ),
        "buffer_pool_waits_per_s": gains.per_s("Innodb_buffer_pool_wait_free"),
        "buffer_pool_used_ratio": ratio(pages - free, pages)
        if pages is not None and free is not None
        else None,
        "buffer_pool_dirty_ratio": ratio(_number(status, "Innodb_buffer_pool_pages_dirty"), pages),
        "row_lock_waiting": _number(status, "Innodb_row_lock_current_waits"),
        "row_lock_waits_per_s": gains.per_s("Innodb_row_lock_waits"),
        "deadlocks_per_s": gains.per_s("Innodb_deadlocks"),
        "table_lock_waited_ratio": gains.share(
            "Table_locks_waited", "Table_locks_waited", "Table_locks_immediate"
        ),
        "tmp_disk_tables_ratio": gains.share("Created_tmp_disk_tables", "Created_tmp_tables"),
        "read_only": _is_read_only(variables),
    }
    if _is_galera(variables):
        paused_ns = gains.per_s("wsrep_flow_control_paused_ns")
        values |= {
            "cluster_size": cluster_size(status, variables),
            "flow_control_paused_ratio": paused_ns / 1e9 if paused_ns is not None else None,
            "receive_queue": _number(status, "wsrep_local_recv_queue"),
        }
    found = measurements(values)
    for channel in channels or ():
        entity = f"channel:{_channel_name(channel)}"
        fault = _channel_fault([channel])
        found.append(state_of(entity, fault.state if fault else State.UP))
        relayed = {
            "behind_s": _behind_s(channel),
            "relay_log_bytes": _number(channel, "Relay_Log_Space"),
        }
        found += measurements(relayed, entity)
    return found


def facts(status: Row, variables: Row, channels: Sequence[Row] | None) -> dict[str, str]:
    """Return what people ask of a server."""
    version = variables.get("version") or ""
    kind = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    said = {
        "version": f"{kind} {version}",
        "role": "replica" if _is_read_only(variables) else "primary",
    }
    if hostname := variables.get("hostname"):
        said["hostname"] = hostname
    if channels is None:
        said["replication"] = "not shown to us: grant REPLICATION CLIENT (MariaDB: SLAVE MONITOR)"
    for channel in channels or ():
        source = _either(channel, "Source_Host", "Master_Host") or ""
        said[f"source of {_channel_name(channel)}"] = source
    if _is_galera(variables):
        said["galera"] = status.get("wsrep_local_state_comment") or ""
    return said


def _galera_fault(status: Row, variables: Row, largest: float) -> Fault | None:
    # With Galera compiled in and off, wsrep_ready is OFF and the status Disconnected, all well.
    if not _is_galera(variables):
        return None
    state = status.get("wsrep_local_state_comment") or ""
    if state.startswith(("Join", "Initialized")) and status.get("wsrep_ready") != "ON":
        return Fault("starting", f"Galera: it is {state[:40]}", State.INITIALISING)
    if (component := status.get("wsrep_cluster_status") or "") != "Primary":
        return Fault("quorum_lost", f"Galera: its component is {component[:40]}")
    if status.get("wsrep_ready") != "ON":
        return Fault("unhealthy", "Galera: wsrep_ready is OFF")
    if state != "Synced":
        return Fault("replication", f"Galera: it is {state[:40]}, not Synced", State.DEGRADED)
    size = _number(status, "wsrep_cluster_size") or 0.0
    if size < largest:
        words = f"Galera: {size:g} nodes of the {largest:g} there were"
        return Fault("node_down", words, State.DEGRADED)
    return None


def _role_fault(variables: Row, channels: Sequence[Row] | None, role: str | None) -> Fault | None:
    if role is None:
        return None
    actual = "replica" if _is_read_only(variables) else "primary"
    if actual != role:
        words = "read-only" if actual == "replica" else "not read-only"
        return Fault("wrong_role", f"it is {words}, not a {role}", State.DEGRADED)
    if role == "replica" and channels is not None and not channels:
        return Fault("replication", "it replicates from no source", State.DEGRADED)
    return None


def _channel_fault(channels: Sequence[Row]) -> Fault | None:
    for channel in channels:
        name = _channel_name(channel)
        for thread in ("IO", "SQL"):
            running = _either(channel, f"Replica_{thread}_Running", f"Slave_{thread}_Running")
            if running == "Yes":
                continue
            why = channel.get(f"Last_{thread}_Error") or ""
            words = f"channel {name}: the {thread} thread says {running}: {why[:200]}"
            return Fault("replication", words.rstrip(": "), State.DEGRADED)
    return None


def _behind_s(channel: Row) -> float | None:
    behind = _number(channel, "Seconds_Behind_Source")
    if behind is None:
        behind = _number(channel, "Seconds_Behind_Master")
    wanted = _number(channel, "SQL_Delay") or 0.0
    return max(behind - wanted, 0.0) if behind is not None else None


def _channel_name(channel: Row) -> str:
    return _either(channel, "Channel_Name", "Connection_name") or "default"


def _is_read_only(variables: Row) -> bool:
    # MariaDB 12 knows more ways than ON; Aurora's readers say it of InnoDB alone.
    names = ("read_only", "super_read_only", "innodb_read_only")
    return any((variables.get(name) or "OFF").upper() not in ("OFF", "0") for name in names)


def _is_galera(variables: Row) -> bool:
    return variables.get("wsrep_on") == "ON"


def _either(row: Row, new: str, old: str) -> str | None:
    return row.get(new) or row.get(old)


def _number(fields: Row, name: str) -> float | None:
    try:
        return float(fields.get(name) or "")
    except ValueError:
        return None
