"""What a CockroachDB cluster, its nodes and its stores measure; no I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from vedette.agent.connector import Measures
from vedette.agent.connectors.cockroachdb_json import Jobs
from vedette.agent.connectors.cockroachdb_verdict import Node
from vedette.agent.connectors.histograms import gained, quantile
from vedette.agent.connectors.limits import measurements, ratio, state_of, total
from vedette.agent.connectors.rates import Counters
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

LIMITS: Pack = {
    "ranges_unavailable": 0.0,
    "disk_ratio": Threshold(0.9, 0.85),
    "memory_ratio": Threshold(0.9, 0.85),
    "files_ratio": Threshold(0.8, 0.7),
    "clock_offset_s": Threshold(0.3, 0.2),
    "heartbeat_p99_s": Threshold(3.0, 1.0),
}

_BOTH = (
    Measures("capacity_bytes", "bytes", "Size of the disks under the stores."),
    Measures("capacity_available_bytes", "bytes", "Space left on them."),
    Measures("capacity_used_bytes", "bytes", "Space CockroachDB uses."),
    Measures("capacity_reserved_bytes", "bytes", "Space it holds ready for snapshots."),
    Measures("disk_ratio", "ratio", "Space no longer available, whoever uses it."),
    Measures("usable_ratio", "ratio", "Space used of what CockroachDB uses or could use."),
    Measures("ranges", "count", "Ranges."),
    Measures("ranges_unavailable", "count", "Ranges without quorum."),
    Measures("ranges_underreplicated", "count", "Ranges with too few replicas."),
    Measures("ranges_overreplicated", "count", "Ranges with too many replicas."),
    Measures("replicas", "count", "Replicas."),
    Measures("leaders_without_lease", "count", "Raft leaders that do not hold the lease."),
    Measures("intents", "count", "Write intents not yet resolved."),
    Measures("pending_tasks", "count", "Replicas waiting in the internal queues."),
    Measures("memory_bytes", "bytes", "Resident memory of the process."),
    Measures("memory_reserved_bytes", "bytes", "What its two allocators hold and may use."),
    Measures("memory_total_bytes", "bytes", "Memory of the host."),
    Measures("memory_ratio", "ratio", "Resident memory of the host's."),
    Measures("queries_per_s", "per_second", "SQL queries of users."),
    Measures("selects_per_s", "per_second", "SELECT statements."),
    Measures("inserts_per_s", "per_second", "INSERT statements."),
    Measures("updates_per_s", "per_second", "UPDATE statements."),
    Measures("deletes_per_s", "per_second", "DELETE statements."),
    Measures("failures_per_s", "per_second", "Statements that failed."),
    Measures("connections", "count", "SQL connections."),
    Measures("clock_offset_s", "seconds", "Mean clock offset, signed; of a cluster the farthest."),
    Measures("heartbeat_p99_s", "seconds", "99 % of liveness heartbeats were faster."),
    Measures("cpu_ratio", "ratio", "Processor in use; of a cluster the busiest node's."),
    Measures("files_ratio", "ratio", "Open files of those allowed; of a cluster the worst."),
    Measures("uptime_s", "seconds", "Time since the start; of a cluster the latest started."),
    Measures("slow_requests", "count", "Requests stuck at latches, leases or Raft."),
    Measures("certificate_days_left", "days", "Days until a node's certificate expires."),
    Measures("jobs_running", "count", "Jobs running, as nodes count them."),
    Measures("jobs_paused", "count", "Jobs paused, as nodes count them."),
    Measures("rtt_s", "seconds", "Until the health door answered, connection included."),
)

MEASURES = (
    Measures("nodes", "count", "Nodes that belong to the cluster."),
    Measures("nodes_up", "count", "Nodes that are up."),
    Measures("nodes_down", "count", "Nodes that are down or dead."),
    Measures("nodes_draining", "count", "Nodes that drain or are being decommissioned."),
    Measures("jobs_pending", "count", "Jobs that are not over, from the list of jobs."),
    Measures("oldest_job_s", "seconds", "Age of the oldest job that is not over."),
    Measures("live_nodes", "count", "Of a node: nodes it holds to be live."),
    Measures("state", "state", "Of a node or store: its own state, as a number."),
    *_BOTH,
)

_RATES = {
    "sql_query_count": "queries_per_s",
    "sql_select_count": "selects_per_s",
    "sql_insert_count": "inserts_per_s",
    "sql_update_count": "updates_per_s",
    "sql_delete_count": "deletes_per_s",
    "sql_failure_count": "failures_per_s",
}
_STORE_SUMS = {
    "capacity": "capacity_bytes",
    "capacity_available": "capacity_available_bytes",
    "capacity_used": "capacity_used_bytes",
    "capacity_reserved": "capacity_reserved_bytes",
    "ranges": "ranges",
    "ranges_unavailable": "ranges_unavailable",
    "ranges_underreplicated": "ranges_underreplicated",
    "ranges_overreplicated": "ranges_overreplicated",
    "replicas": "replicas",
    "replicas_leaders_not_leaseholders": "leaders_without_lease",
    "intentcount": "intents",
}
_ADD_UP = (
    *_STORE_SUMS.values(),
    *_RATES.values(),
    "pending_tasks",
    "memory_bytes",
    "memory_reserved_bytes",
    "memory_total_bytes",
    "connections",
    "slow_requests",
    "jobs_running",
    "jobs_paused",
)
_WORST_HIGH = ("heartbeat_p99_s", "cpu_ratio", "files_ratio", "memory_ratio", "rtt_s")
_WORST_LOW = ("uptime_s", "certificate_days_left")

Values: TypeAlias = dict[str, float | None]


class Past:
    """What a node counted at the look before."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.heartbeats: Mapping[float, float] | None = None


def measured(
    nodes: Sequence[Node],
    jobs: Jobs | None,
    past: dict[str, Past],
    *,
    at: float,
    now: datetime,
    host_memory_bytes: float | None,
) -> list[Measurement]:
    """Return everything: the cluster's own, then each node's and each store's.

    past: kept and brought up to date, node by node. at: monotonic, for rates.
    """
    found: list[Measurement] = []
    per_node: list[Values] = []
    for node in nodes:
        stores = {key: _store(values) for key, values in _stores(node).items()}
        values = _node(node, past.setdefault(node.node_id, Past()), at, now, host_memory_bytes)
        sums = _shares({n: total(s.get(n) for s in stores.values()) for n in _store_names()})
        per_node.append({**values, **sums})
        found.append(state_of(f"node:{node.node_id}", node.state))
        found += measurements({**values, **sums}, f"node:{node.node_id}")
        for key, store in stores.items():
            found.append(state_of(f"store:{key}", node.state))
            found += measurements(_shares(store), f"store:{key}")
    return [*measurements(_cluster(nodes, per_node, jobs, now)), *found]


def _cluster(
    nodes: Sequence[Node], per_node: Sequence[Values], jobs: Jobs | None, now: datetime
) -> Values:
    values: Values = {
        "nodes": len(nodes),
        "nodes_up": sum(node.state is State.UP for node in nodes),
        "nodes_down": sum(node.state is State.DOWN for node in nodes),
        "nodes_draining": sum(node.state is State.DRAINING for node in nodes),
    }
    values |= {name: total(v.get(name) for v in per_node) for name in _ADD_UP}
    for names, choose in ((_WORST_HIGH, max), (_WORST_LOW, min)):
        for name in names:
            present = [value for v in per_node if (value := v.get(name)) is not None]
            values[name] = choose(present, default=None)
    offsets = [value for v in per_node if (value := v.get("clock_offset_s")) is not None]
    values["clock_offset_s"] = max(offsets, key=abs, default=None)
    if jobs is not None:
        values["jobs_pending"] = jobs.pending
        values["oldest_job_s"] = (now - jobs.oldest).total_seconds() if jobs.oldest else 0.0
    return _shares(values)


def _node(
    node: Node, past: Past, at: float, now: datetime, host_memory_bytes: float | None
) -> Values:
    known = {**(node.status.values if node.status else {}), **_own(node)}
    rss = known.get("sys_rss")
    host = (node.status.memory_bytes if node.status else None) or host_memory_bytes
    offset_ns = known.get("clock_offset_meannanos")
    expires = known.get("security_certificate_expiration_node") or None
    # Only a node's own counters make rates: what others say of it is minutes old.
    gains = past.counters.gained({name: _own(node).get(name) for name in _RATES}, at=at)
    slow = ("requests_slow_latch", "requests_slow_lease", "requests_slow_raft")
    return {
        **{measure: gains.per_s(family) for family, measure in _RATES.items()},
        "rtt_s": node.door.rtt_s if node.door else None,
        "memory_bytes": rss,
        "memory_reserved_bytes": total(known.get(f"sys_{it}_totalbytes") for it in ("go", "cgo")),
        "memory_total_bytes": host,
        "memory_ratio": ratio(rss, host),
        "connections": known.get("sql_conns"),
        "clock_offset_s": None if offset_ns is None else offset_ns / 1e9,
        "heartbeat_p99_s": _heartbeat(node, past, known),
        "cpu_ratio": known.get("sys_cpu_combined_percent_normalized"),
        "files_ratio": ratio(known.get("sys_fd_open"), known.get("sys_fd_softlimit")),
        "uptime_s": known.get("sys_uptime"),
        "live_nodes": known.get("liveness_livenodes"),
        "slow_requests": total(known.get(name) for name in slow),
        "jobs_running": _jobs(known, "_currently_running"),
        "jobs_paused": _jobs(known, "_currently_paused"),
        "certificate_days_left": (expires - now.timestamp()) / 86_400 if expires else None,
    }


def _heartbeat(node: Node, past: Past, known: Mapping[str, float]) -> float | None:
    before = past.heartbeats
    past.heartbeats = node.door.vars.heartbeats if node.door and node.door.vars else None
    if before and past.heartbeats:
        between = quantile(gained(before, past.heartbeats), 0.99)
        if between is not None:
            return between
    told_ns = known.get("liveness_heartbeatlatency_p99")
    return None if told_ns is None else told_ns / 1e9


def _own(node: Node) -> Mapping[str, float]:
    return node.door.vars.values if node.door and node.door.vars else {}


def _stores(node: Node) -> Mapping[str, Mapping[str, float]]:
    if node.door and node.door.vars and node.door.vars.stores:
        return node.door.vars.stores
    return node.status.stores if node.status else {}


def _store(values: Mapping[str, float]) -> Values:
    queues = (v for name, v in values.items() if name.startswith("queue_"))
    named = {measure: values.get(family) for family, measure in _STORE_SUMS.items()}
    waiting = total(v for v in queues)
    return {**named, "pending_tasks": waiting}


def _store_names() -> list[str]:
    return [*_STORE_SUMS.values(), "pending_tasks"]


def _shares(values: Values) -> Values:
    # Two honest figures: of the disk, whoever fills it; and of what CockroachDB could use.
    capacity, available = values.get("capacity_bytes"), values.get("capacity_available_bytes")
    used = values.get("capacity_used_bytes")
    left = ratio(available, capacity)
    usable = total((used, available)) if used is not None and available is not None else None
    return {
        **values,
        "disk_ratio": None if left is None else 1 - left,
        "usable_ratio": ratio(used, usable),
    }


def _jobs(known: Mapping[str, float], suffix: str) -> float | None:
    return total(
        value for name, value in known.items() if name.startswith("jobs_") and name.endswith(suffix)
    )
