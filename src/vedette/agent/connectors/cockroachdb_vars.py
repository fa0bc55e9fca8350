"""`/_status/vars` of a CockroachDB node: the few families we want, out of thousands of lines."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MARKER = "sql_restart_savepoint_count_internal"
"""A family every version has and nothing else; netdata's proof that a body is CockroachDB's."""

_PROOFS = (MARKER, "liveness_livenodes", "clock_offset_meannanos", "sql_query_count")

NODE_FAMILIES = (
    "node_id",
    "liveness_livenodes",
    "liveness_heartbeatfailures",
    "sys_rss",
    "sys_go_totalbytes",
    "sys_cgo_totalbytes",
    "sys_uptime",
    "sys_cpu_combined_percent_normalized",
    "sys_fd_open",
    "sys_fd_softlimit",
    "sql_conns",
    "sql_query_count",
    "sql_select_count",
    "sql_insert_count",
    "sql_update_count",
    "sql_delete_count",
    "sql_failure_count",
    "clock_offset_meannanos",
    "security_certificate_expiration_node",
    "requests_slow_latch",
    "requests_slow_lease",
    "requests_slow_raft",
    "liveness_heartbeatlatency_bucket",
    MARKER,
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
    "replicas",
    "replicas_leaders_not_leaseholders",
    "intentcount",
    "storage_write_stalls",
    "rocksdb_read_amplification",
)

_FAMILIES = "|".join(
    (*NODE_FAMILIES, *STORE_FAMILIES, r"queue_[a-z]+_pending", r"jobs_\w+_currently_\w+")
)
_LINE = re.compile(
    rf"^({_FAMILIES})(?:\{{([^\n]*)\}})? ([^ \n]+)(?: [0-9]+)?$".encode(), re.MULTILINE
)
_LABEL = re.compile(rb'(store|le|node_id)="([^"]*)"')


@dataclass(slots=True)
class Vars:
    """What we read of one node.

    node_id: "" when the node has none yet.
    values: families of the node, jobs included.
    stores: store id → its families, queues included.
    heartbeats: upper bound in seconds → heartbeats that took at most that, since the node started.
    whole: whether the text ends where a line does.
    """

    node_id: str = ""
    values: dict[str, float] = field(default_factory=dict)
    stores: dict[str, dict[str, float]] = field(default_factory=dict)
    heartbeats: dict[float, float] = field(default_factory=dict)
    whole: bool = True
    is_cockroachdb: bool = False


def parse_vars(body: bytes) -> Vars:
    """Read a body; a last line without an end is not read, since its number may be cut."""
    found = Vars(whole=body.endswith(b"\n"))
    if not found.whole:
        body = body[: body.rfind(b"\n") + 1]
    for line in _LINE.finditer(body.replace(b"\r\n", b"\n")):
        name = line[1].decode()
        try:
            value = float(line[3])
        except ValueError:
            continue
        labels = dict(_LABEL.findall(line[2] or b""))
        _keep(found, name, labels, value)
    proofs = _PROOFS[:1] if found.whole else _PROOFS
    found.is_cockroachdb = any(proof in found.values for proof in proofs)
    return found


def _keep(found: Vars, name: str, labels: Mapping[bytes, bytes], value: float) -> None:
    if b"node_id" in labels and not found.node_id:
        found.node_id = labels[b"node_id"].decode()
    if name == "node_id":
        if value > 0:
            found.node_id = f"{value:.0f}"
    elif name == "liveness_heartbeatlatency_bucket":
        bound = float(labels.get(b"le", b"inf"))
        found.heartbeats[bound / 1e9] = value
    elif not math.isfinite(value):
        return
    elif b"store" in labels:
        found.stores.setdefault(labels[b"store"].decode(), {})[name] = value
    else:
        found.values[name] = value
