"""What a CockroachDB cluster, its nodes and its stores measure; no I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from vedette.agent.connectors.cockroachdb_catalogue import (
    ADD_UP,
    NODE_RATES,
    STORE_SUMS,
    WORST_HIGH,
    WORST_LOW,
)
from vedette.agent.connectors.cockroachdb_json import Liveness, Member, Membership
from vedette.agent.connectors.cockroachdb_told import Told
from vedette.agent.connectors.cockroachdb_vars import HEARTBEATS, ROUND_TRIPS, STATEMENTS
from vedette.agent.connectors.cockroachdb_verdict import Node
from vedette.agent.connectors.histograms import gained, quantile
from vedette.agent.connectors.limits import measurements, ratio, state_of, total
from vedette.agent.connectors.rates import Counters, Gains
from vedette.health.model import Measurement, State

Values: TypeAlias = dict[str, float | None]

_NANO = 1e9
_DAY_S = 86_400
_CERTIFICATES = "security_certificate_expiration_"
_STALLS = "storage_write_stalls"
_JOBS_FAILED = "jobs_resume_failed"


class Past:
    """What a node counted at the look before."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.histograms: Mapping[str, Mapping[float, float]] = {}


def measured(
    nodes: Sequence[Node],
    told: Told,
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
        values |= _together(list(stores.values()))
        per_node.append(values)
        found.append(state_of(f"node:{node.node_id}", node.state))
        found += measurements(values, f"node:{node.node_id}")
        for key, store in stores.items():
            found.append(state_of(f"store:{key}", node.state))
            found += measurements(_shares(store), f"store:{key}")
    return [*measurements(_cluster(nodes, per_node, told, now)), *found]


def _cluster(
    nodes: Sequence[Node], per_node: Sequence[Values], told: Told, now: datetime
) -> Values:
    values: Values = {
        **_standing(nodes, told),
        **{name: total(v.get(name) for v in per_node) for name in ADD_UP},
        **{name: max(_present(per_node, name), default=None) for name in WORST_HIGH},
        **{name: min(_present(per_node, name), default=None) for name in WORST_LOW},
        "clock_offset_s": max(_present(per_node, "clock_offset_s"), key=abs, default=None),
    }
    live = _present(per_node, "live_nodes")
    values["live_nodes_spread"] = max(live) - min(live) if live else None
    values["versions"] = len({node.version for node in nodes if node.version}) or None
    backups = [
        at for node in nodes if (at := _own(node).get("schedules_BACKUP_last_completed_time"))
    ]
    # A node that was restarted says 0; the newest of all nodes counts.
    values["backup_age_s"] = max(now.timestamp() - max(backups), 0.0) if backups else None
    return _shares(values | _listed(values, told, now))


def _standing(nodes: Sequence[Node], told: Told) -> Values:
    """Count nodes by state; what only the cluster knows is left out when it does not say."""
    values: Values = {
        "nodes": len(nodes),
        "nodes_up": sum(node.state is State.UP for node in nodes),
        "nodes_down": sum(node.state is State.DOWN for node in nodes),
        "nodes_initialising": sum(node.state is State.INITIALISING for node in nodes),
        "nodes_draining": sum(node.is_draining for node in nodes),
    }
    if told.members:
        members = list(told.members.values())
        present = [it for it in members if it.membership is not Membership.DECOMMISSIONED]
        values |= {
            "nodes_decommissioning": _count(present, membership=Membership.DECOMMISSIONING),
            "nodes_decommissioned": len(members) - len(present),
            "nodes_unavailable": _count(present, liveness=Liveness.UNAVAILABLE),
            "nodes_dead": _count(present, liveness=Liveness.DEAD),
        }
    return values


def _count(members: Sequence[Member], **wanted: object) -> int:
    return sum(all(getattr(it, key) is value for key, value in wanted.items()) for it in members)


def _listed(values: Values, told: Told, now: datetime) -> Values:
    """Return what stands in the cluster's lists: jobs, and what a walk over its ranges found."""
    found: Values = {}
    if told.jobs is not None:
        oldest = told.jobs.oldest
        found["jobs_pending"] = told.jobs.pending
        found["oldest_job_s"] = max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
    if told.survey is not None:
        found["critical_nodes"] = told.survey.critical_nodes
        found["ranges_misplaced"] = told.survey.violating
        # Leaseholders count these at every look; the walk serves where none of them can be asked.
        for kind in ("unavailable", "underreplicated", "overreplicated"):
            if values.get(f"ranges_{kind}") is None:
                found[f"ranges_{kind}"] = getattr(told.survey, kind)
    return found


def _node(
    node: Node, past: Past, at: float, now: datetime, host_memory_bytes: float | None
) -> Values:
    known = {**(node.status.values if node.status else {}), **_own(node)}
    rss = known.get("sys_rss")
    host = (node.status.memory_bytes if node.status else None) or host_memory_bytes
    expiries = [v for name, v in known.items() if name.startswith(_CERTIFICATES) and v > 0]
    slow = ("requests_slow_latch", "requests_slow_lease", "requests_slow_raft")
    gains = _gains(node, past, at)
    quantiles = _quantiles(node, past)
    return {
        **{measure: gains.per_s(family) for family, measure in NODE_RATES.items()},
        "write_stalls_per_s": gains.per_s(_STALLS),
        "jobs_failed_per_s": gains.per_s(_JOBS_FAILED),
        "rtt_s": node.door.rtt_s if node.door else None,
        "memory_bytes": rss,
        "memory_reserved_bytes": total(known.get(f"sys_{it}_totalbytes") for it in ("go", "cgo")),
        "memory_total_bytes": host,
        "memory_ratio": ratio(rss, host),
        "connections": known.get("sql_conns"),
        "clock_offset_s": _seconds(known.get("clock_offset_meannanos")),
        "heartbeat_p99_s": _either(
            quantiles[HEARTBEATS], _seconds(known.get("liveness_heartbeatlatency_p99"))
        ),
        "statement_p99_s": _either(
            quantiles[STATEMENTS], _seconds(known.get("sql_service_latency_p99"))
        ),
        "peer_rtt_s": _peer_rtt_s(node, known),
        "peer_rtt_p99_s": _either(
            quantiles[ROUND_TRIPS], _seconds(known.get("round_trip_latency_p99"))
        ),
        "peers_unhealthy": known.get("rpc_connection_unhealthy"),
        "cpu_ratio": known.get("sys_cpu_combined_percent_normalized"),
        "files_ratio": ratio(known.get("sys_fd_open"), known.get("sys_fd_softlimit")),
        "disk_operations": known.get("sys_host_disk_iopsinprogress"),
        "uptime_s": known.get("sys_uptime"),
        "live_nodes": known.get("liveness_livenodes"),
        "slow_requests": total(known.get(name) for name in slow),
        "jobs_running": _jobs(known, "_currently_running"),
        "jobs_paused": _jobs(known, "_currently_paused"),
        "jobs_idle": _jobs(known, "_currently_idle"),
        "changefeed_lag_s": known.get("jobs_changefeed_protected_age_sec"),
        "certificate_days_left": (min(expiries) - now.timestamp()) / _DAY_S if expiries else None,
    }


def _gains(node: Node, past: Past, at: float) -> Gains:
    # Only a node's own counters make rates: what others say of it is minutes old.
    own = _own(node)
    stores = node.door.vars.stores.values() if node.door and node.door.vars else ()
    return past.counters.gained(
        {
            **{name: own.get(name) for name in NODE_RATES},
            _STALLS: total(store.get(_STALLS) for store in stores),
            _JOBS_FAILED: _jobs(own, "_resume_failed"),
        },
        at=at,
    )


def _quantiles(node: Node, past: Past) -> dict[str, float | None]:
    """Return the 99 % quantiles of what came between the last two looks."""
    before, past.histograms = past.histograms, {}
    if node.door and node.door.vars:
        past.histograms = node.door.vars.histograms
    found: dict[str, float | None] = {}
    for family in (HEARTBEATS, STATEMENTS, ROUND_TRIPS):
        old, new = before.get(family), past.histograms.get(family)
        found[family] = quantile(gained(old, new), 0.99) if old and new else None
    return found


def _peer_rtt_s(node: Node, known: Mapping[str, float]) -> float | None:
    # The family is the sum over the connections that work.
    summed, healthy = (
        known.get(f"rpc_connection_{name}") for name in ("avg_round_trip_latency", "healthy")
    )
    return _either(
        _seconds(ratio(summed, healthy)), node.status.peer_rtt_s if node.status else None
    )


def _own(node: Node) -> Mapping[str, float]:
    return node.door.vars.values if node.door and node.door.vars else {}


def _stores(node: Node) -> Mapping[str, Mapping[str, float]]:
    if node.door and node.door.vars and node.door.vars.stores:
        return node.door.vars.stores
    return node.status.stores if node.status else {}


def _store(values: Mapping[str, float]) -> Values:
    return {
        **{measure: values.get(family) for family, measure in STORE_SUMS.items()},
        "pending_tasks": total(
            value
            for name, value in values.items()
            if name.startswith("queue_") and name.endswith("_pending")
        ),
        "read_amplification": values.get("rocksdb_read_amplification"),
    }


def _together(stores: Sequence[Values]) -> Values:
    sums = {name: total(s.get(name) for s in stores) for name in STORE_SUMS.values()}
    return _shares(
        {
            **sums,
            "pending_tasks": total(s.get("pending_tasks") for s in stores),
            "read_amplification": max(_present(stores, "read_amplification"), default=None),
        }
    )


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


def _present(of: Sequence[Values], name: str) -> list[float]:
    return [value for values in of if (value := values.get(name)) is not None]


def _seconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _NANO


def _either(first: float | None, second: float | None) -> float | None:
    return second if first is None else first
