"""What Envoy's statistics mean: measurements, and what keeps it from being up; no I/O."""

from collections.abc import Mapping

from vedette.agent.connector import Measures
from vedette.agent.connectors.envoy_reading import Members, Stats
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.limits import measurements, ratio, state_of, total
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

ENTITIES = 200
"""So many clusters are shown one by one, those in trouble first; all are counted."""

LIMITS: Pack = {
    "error_ratio": Threshold(0.05, 0.02),
    "overflows_per_s": 0.0,
    "rejected_updates_per_s": 0.0,
    "circuit_breakers_open": 0.0,
}

MEASURES = (
    Measures("uptime_s", "seconds", "Time since it started, as of its last flush."),
    Measures("memory_bytes", "bytes", "Memory it has allocated."),
    Measures("connections", "count", "Connections of all listeners, or to a cluster's hosts."),
    Measures("requests_active", "count", "Requests under way, downstream or to a cluster."),
    Measures("requests_per_s", "per_second", "Requests answered, downstream or by a cluster."),
    Measures("error_ratio", "ratio", "Of the answers since the last look, those with status 5xx."),
    Measures("timeouts_per_s", "per_second", "Requests to a cluster that ran out of time."),
    Measures("retries_per_s", "per_second", "Requests to a cluster tried again."),
    Measures("overflows_per_s", "per_second", "Requests refused since too many were waiting."),
    Measures("connect_failures_per_s", "per_second", "Connections to a cluster that failed."),
    Measures("ejected", "count", "Hosts of a cluster ejected as outliers."),
    Measures("circuit_breakers_open", "count", "Circuit breakers of a cluster that are open."),
    Measures("rejected_updates_per_s", "per_second", "Configurations it was sent and refused."),
    Measures("control_plane_connected", "bool", "Whether it hears its control plane."),
    Measures("certificate_days_left", "days", "Days until its first certificate expires."),
    Measures("clusters", "count", "Clusters it knows."),
    Measures("hosts", "count", "Hosts of all clusters, or of one."),
    Measures("healthy_hosts", "count", "Those of them that are healthy."),
    Measures("healthy_ratio", "ratio", "Healthy hosts of all hosts."),
    Measures("state", "state", "Of a cluster: its own state, as a number."),
)

_STATES = {
    "DRAINING": ("stopping", State.DRAINING),
    "PRE_INITIALIZING": ("starting", State.INITIALISING),
    "INITIALIZING": ("starting", State.INITIALISING),
}


def fault_of_server(state: str) -> Fault | None:
    """Return what `/server_info` says against it."""
    if state == "LIVE":
        return None
    if state not in _STATES:
        return Fault("protocol", f"it knows a state we do not: {state[:32]!r}")
    error_class, ours = _STATES[state]
    return Fault(error_class, f"its state is {state}", ours)


def fault_of_clusters(clusters: Mapping[str, Members], stats: Stats) -> Fault | None:
    """Return what its clusters and its control plane say against it: degraded at most."""
    if stats.server.get("control_plane.connected_state") == 0:
        return Fault("unhealthy", "it has lost its control plane", State.DEGRADED)
    ailing = sorted(
        (members.healthy / members.hosts, name, members)
        for name, members in clusters.items()
        if members.healthy < members.hosts
    )
    if not ailing:
        return None
    words = [
        f"{m.hosts - m.healthy} of {m.hosts} hosts of cluster {name[:80]} are not healthy"
        f" ({'; '.join(m.reasons[:2])})"
        for _, name, m in ailing[:3]
    ]
    if len(ailing) > len(words):
        words.append(f"and {len(ailing) - len(words)} clusters more")
    none_left = ailing[0][0] == 0
    return Fault("unhealthy" if none_left else "node_down", "; ".join(words), State.DEGRADED)


def counters(stats: Stats) -> dict[str, float | None]:
    """Return what only grows, by full name."""
    found: dict[str, float | None] = {
        name: value for name, value in stats.server.items() if name.endswith("update_rejected")
    }
    for prefix, owners in (("cluster", stats.clusters), ("http", stats.listeners)):
        for owner, values in owners.items():
            found.update({f"{prefix}.{owner}.{name}": value for name, value in values.items()})
    return found


def measured(clusters: Mapping[str, Members], stats: Stats, gains: Gains) -> list[Measurement]:
    """Return everything to be measured, of the whole and of each cluster."""
    hosts = sum(members.hosts for members in clusters.values())
    healthy = sum(members.healthy for members in clusters.values())
    # Our own look comes in by a listener too.
    fronts = {name: values for name, values in stats.listeners.items() if name != "admin"}
    server = stats.server
    rejected = [gains.per_s(name) for name in server if name.endswith("update_rejected")]
    values = {
        "uptime_s": server.get("server.uptime"),
        "memory_bytes": server.get("server.memory_allocated"),
        "certificate_days_left": server.get("server.days_until_first_cert_expiring"),
        "control_plane_connected": server.get("control_plane.connected_state"),
        "rejected_updates_per_s": total(rejected),
        "connections": total(v.get("downstream_cx_active") for v in fronts.values()),
        "requests_active": total(v.get("downstream_rq_active") for v in fronts.values()),
        "clusters": len(clusters),
        "hosts": hosts,
        "healthy_hosts": healthy,
        "healthy_ratio": ratio(healthy, hosts),
        **_answers(gains, [f"http.{name}.downstream_rq_" for name in fronts]),
    }
    found = measurements(values)
    for name in _shown(clusters):
        found += _of_cluster(name, clusters[name], stats.clusters.get(name, {}), gains)
    return found


def _of_cluster(
    name: str, members: Members, values: Mapping[str, float], gains: Gains
) -> list[Measurement]:
    entity, prefix = f"cluster:{name[:150]}", f"cluster.{name}.upstream_"
    state = State.UP
    if members.healthy < members.hosts:
        state = State.DEGRADED if members.healthy else State.DOWN
    breakers = [value for key, value in values.items() if key.startswith("circuit_breakers.")]
    numbers = {
        "hosts": members.hosts,
        "healthy_hosts": members.healthy,
        "connections": values.get("upstream_cx_active"),
        "requests_active": values.get("upstream_rq_active"),
        "ejected": values.get("outlier_detection.ejections_active"),
        "circuit_breakers_open": total(breakers),
        "timeouts_per_s": gains.per_s(f"{prefix}rq_timeout"),
        "retries_per_s": gains.per_s(f"{prefix}rq_retry"),
        "overflows_per_s": gains.per_s(f"{prefix}rq_pending_overflow"),
        "connect_failures_per_s": gains.per_s(f"{prefix}cx_connect_fail"),
        **_answers(gains, [f"{prefix}rq_"]),
    }
    return [state_of(entity, state), *measurements(numbers, entity)]


def _answers(gains: Gains, prefixes: list[str]) -> dict[str, float | None]:
    per_s = total(gains.per_s(f"{prefix}completed") for prefix in prefixes)
    bad = total(gains.of(f"{prefix}5xx") for prefix in prefixes)
    every = total(gains.of(f"{prefix}completed") for prefix in prefixes)
    if every and bad is None:
        # Statistics of a class of statuses begin with its first one.
        bad = 0.0
    return {"requests_per_s": per_s, "error_ratio": ratio(bad, every)}


def _shown(clusters: Mapping[str, Members]) -> list[str]:
    def trouble(name: str) -> tuple[float, str]:
        members = clusters[name]
        return (members.healthy / members.hosts if members.hosts else 1.0), name

    return sorted(clusters, key=trouble)[:ENTITIES]
