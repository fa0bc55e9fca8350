"""`/_status/vars` of a CockroachDB node: the few families we want, out of thousands of lines.

Newer versions tell the same at `/metrics`, where families that differed in a word of their names became
one with a label; they are read under their old names.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MARKER = "sql_restart_savepoint_count_internal"
"""A family every version has and nothing else; netdata's proof that a body is CockroachDB's."""

_PROOFS = (MARKER, "liveness_livenodes", "clock_offset_meannanos")
_PROOFS_OF_A_PART = (*_PROOFS, "sql_query_count")

HEARTBEATS = "liveness_heartbeatlatency_bucket"
ROUND_TRIPS = "round_trip_latency_bucket"
STATEMENTS = "sql_service_latency_bucket"
HISTOGRAMS = (HEARTBEATS, ROUND_TRIPS, STATEMENTS)

NODE_FAMILIES = (
    "node_id",
    "build_timestamp",
    "liveness_livenodes",
    "liveness_heartbeatfailures",
    "liveness_epochincrements",
    "sys_rss",
    "sys_go_totalbytes",
    "sys_cgo_totalbytes",
    "sys_uptime",
    "sys_cpu_combined_percent_normalized",
    "sys_fd_open",
    "sys_fd_softlimit",
    "sys_host_disk_iopsinprogress",
    "sql_conns",
    "sql_query_count",
    "sql_select_count",
    "sql_insert_count",
    "sql_update_count",
    "sql_delete_count",
    "sql_failure_count",
    "clock_offset_meannanos",
    "requests_slow_latch",
    "requests_slow_lease",
    "requests_slow_raft",
    "rpc_connection_avg_round_trip_latency",
    "rpc_connection_healthy",
    "rpc_connection_unhealthy",
    "schedules_BACKUP_failed",
    "schedules_BACKUP_last_completed_time",
    "jobs_changefeed_protected_age_sec",
    r"jobs_\w+_(?:currently_\w+|resume_failed)",
    r"security_certificate_expiration_\w+",
    MARKER,
    *HISTOGRAMS,
)
STORE_FAMILIES = (
    "capacity",
    "capacity_available",
    "capacity_used",
    "capacity_reserved",
    "ranges",
    "ranges_unavailable",
    "ranges_underreplicated",
    "ranges_overreplicated",
    "rebalancing_queriespersecond",
    "replicas",
    "replicas_leaders",
    "replicas_leaders_not_leaseholders",
    "replicas_leaseholders",
    "replicas_quiescent",
    "intentcount",
    "storage_write_stalls",
    "rocksdb_read_amplification",
    r"queue_[a-z]+_pending",
)
FOLDED_FAMILIES = (
    "jobs",
    "jobs_protected_age_sec",
    "jobs_resume",
    "schedules",
    "security_certificate_expiration",
    "sql_count",
)

_LINE = re.compile(
    rf"^({'|'.join((*NODE_FAMILIES, *STORE_FAMILIES, *FOLDED_FAMILIES))})"
    r"(?:\{([^\n]*)\})? ([^ \n]+)(?: [0-9]+)?$".encode(),
    re.MULTILINE,
)
_LABEL = re.compile(rb'([a-z_]+)="([^"]*)"')
_PARTS = frozenset({"application_name", "database", "remote_node_id", "scope", "tenant_id"})
"""Labels of the parts of a sum (`server.child_metrics.enabled`), which mostly stands there as well."""

_SHARED = ("sql_", "jobs_", "schedules_BACKUP_failed", "rpc_", "requests_slow_")
"""Families that every virtual cluster of a node tells of itself; their sum is the node's."""

_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
"""Of a node or store; 0 is a node that has none yet."""

_TAG_LENGTH = 50


@dataclass(slots=True)
class Vars:
    """What we read of one node.

    node_id: "" when the node has none yet. version: "" when it does not say.
    values: families of the node, jobs included.
    stores: store id → its families, queues included.
    histograms: family → upper bound in seconds → how many took at most that, since the node started.
    whole: whether the text ends where a line does.
    """

    node_id: str = ""
    version: str = ""
    values: dict[str, float] = field(default_factory=dict)
    stores: dict[str, dict[str, float]] = field(default_factory=dict)
    histograms: dict[str, dict[float, float]] = field(default_factory=dict)
    whole: bool = True
    is_cockroachdb: bool = False


def parse_vars(body: bytes) -> Vars:
    """Read a body; a last line without an end is not read, since its number may be cut."""
    found = Vars(whole=body.endswith(b"\n"))
    if not found.whole:
        body = body[: body.rfind(b"\n") + 1]
    parts = Vars()
    for line in _LINE.finditer(body.replace(b"\r\n", b"\n")):
        try:
            value = float(line[3])
        except ValueError:
            continue
        labels = {
            key.decode(): text.decode(errors="replace")
            for key, text in _LABEL.findall(line[2] or b"")
        }
        name = _unfolded(line[1].decode(), labels)
        if name is not None:
            _keep(found if labels.keys().isdisjoint(_PARTS) else parts, name, labels, value)
    _add_sums(found, parts)
    proofs = _PROOFS if found.whole else _PROOFS_OF_A_PART
    found.is_cockroachdb = any(proof in found.values for proof in proofs)
    return found


def _unfolded(name: str, labels: Mapping[str, str]) -> str | None:
    """Return a family's name at `/_status/vars`; None when we want nothing of it."""
    # `name` is where a version forgot to say `type`.
    kind, status = labels.get("type") or labels.get("name", ""), labels.get("status", "")
    match name:
        case "sql_count":
            internal = labels.get("query_internal") == "true"
            return None if internal else f"sql_{labels.get('query_type')}_count"
        case "jobs":
            return f"jobs_{kind}_{status}" if status.startswith("currently_") else None
        case "jobs_resume":
            return f"jobs_{kind}_resume_failed" if status == "failed" else None
        case "jobs_protected_age_sec":
            return f"jobs_{kind}_protected_age_sec"
        case "schedules":
            return f"schedules_{kind}_{status}"
        case "security_certificate_expiration":
            return f"{name}_{labels.get('certificate_type', '').replace('-', '_')}"
    return name


def _keep(found: Vars, name: str, labels: Mapping[str, str], value: float) -> None:
    if not found.node_id:
        found.node_id = _number(labels.get("node_id", ""))
    if name == "node_id":
        found.node_id = _number(f"{value:.0f}") or found.node_id
    elif name == "build_timestamp":
        found.version = labels.get("tag", "")[:_TAG_LENGTH]
    elif name in HISTOGRAMS:
        _count(found.histograms.setdefault(name, {}), labels.get("le", ""), value)
    elif not math.isfinite(value):
        return
    elif "store" in labels:
        if number := _number(labels["store"]):
            store = found.stores.setdefault(number, {})
            store[name] = store.get(name, 0.0) + value
    elif name.startswith(_SHARED):
        found.values[name] = found.values.get(name, 0.0) + value
    else:
        found.values[name] = value


def _number(text: str) -> str:
    return text if _NUMBER.fullmatch(text) else ""


def _add_sums(found: Vars, parts: Vars) -> None:
    found.values = {**parts.values, **found.values}
    for store, values in parts.stores.items():
        found.stores[store] = {**values, **found.stores.get(store, {})}


def _count(buckets: dict[float, float], bound_ns: str, count: float) -> None:
    try:
        bound = float(bound_ns) / 1e9
    except ValueError:
        return
    if not math.isnan(bound) and math.isfinite(count):
        buckets[bound] = buckets.get(bound, 0.0) + count
