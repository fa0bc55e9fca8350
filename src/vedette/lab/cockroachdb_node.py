"""A node of the played CockroachDB, and what it counts: as `/_status/vars` and as `/metrics` tell it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from vedette.lab.http_server import HttpServer, Reply

FOLDED = {
    "sql_select_count": 'sql_count{query_type="select"',
    "sql_insert_count": 'sql_count{query_type="insert"',
    "sql_insert_count_internal": 'sql_count{query_type="insert",query_internal="true"',
    "jobs_backup_currently_running": 'jobs{type="backup",status="currently_running"',
    "jobs_restore_currently_paused": 'jobs{name="restore",status="currently_paused"',
    "jobs_backup_resume_failed": 'jobs_resume{name="backup",status="failed"',
    "jobs_changefeed_protected_age_sec": 'jobs_protected_age_sec{type="changefeed"',
    "schedules_BACKUP_failed": 'schedules{name="BACKUP",status="failed"',
    "security_certificate_expiration_node": (
        'security_certificate_expiration{certificate_type="node"'
    ),
    "security_certificate_expiration_client_ca": (
        'security_certificate_expiration{certificate_type="client-ca"'
    ),
}
"""Family → how it begins at `/metrics`."""

BOUNDS = ("1000000.0", "10000000.0", "+Inf")


@dataclass
class Node:
    """One node; `doors` overrides what a path answers, `offline` closes its port."""

    node_id: int
    liveness: int = 3
    membership: int = 0
    draining: bool = False
    reason: str = ""
    stores: tuple[int, ...] = ()
    offline: bool = False
    clock_offset_ns: float = -14326.0
    queries: float = 1000.0
    heartbeats: tuple[float, ...] = (90.0, 99.0, 100.0)
    version: str = "v24.1.5"
    values: dict[str, float] = field(default_factory=dict)
    doors: dict[str, Reply] = field(default_factory=dict)
    http: HttpServer | None = None

    def __post_init__(self) -> None:
        self.stores = self.stores or (self.node_id,)


def vars_text(node: Node) -> bytes:
    """Return `/_status/vars`: families in no order, floats as Prometheus prints them."""
    return _text(node, folded=False)


def metrics_text(node: Node) -> bytes:
    """Return `/metrics`: the same, with families that differ in a word folded into labels."""
    return _text(node, folded=True)


def _text(node: Node, *, folded: bool) -> bytes:
    on = f'node_id="{node.node_id}",tenant="system"'
    lines = []
    for name, value in node_values(node).items():
        start = FOLDED[name] + "," if folded and name in FOLDED else name + "{"
        family = start.partition("{")[0]
        lines += [f"# HELP {family} About {family}", f"# TYPE {family} gauge"]
        lines.append(f"{start}{on}}} {value!r}")
    lines += [
        f'node_id{{advertise_addr="n{node.node_id}:26257",http_addr="x"}} {node.node_id}.0',
        f'build_timestamp{{{on},tag="{node.version}",go_version="go1.22"}} 1.7637e+09',
        *_histograms(node, on),
    ]
    for store in node.stores:
        for name, value in store_values(node).items():
            lines.append(f'{name}{{store="{store}",{on}}} {value!r}')
    return ("\n".join(lines) + "\n").encode()


def node_values(node: Node) -> dict[str, float]:
    """Return what a node says of itself."""
    return {
        "sys_rss": 314691584.0,
        "liveness_livenodes": 3.0,
        "liveness_heartbeatfailures": 0.0,
        "clock_offset_meannanos": node.clock_offset_ns,
        "rpc_connection_avg_round_trip_latency": 1355206.0,
        "rpc_connection_healthy": 2.0,
        "rpc_connection_unhealthy": 0.0,
        "sql_query_count": node.queries,
        "sql_query_count_internal": 99999.0,
        "sql_select_count": node.queries,
        "sql_insert_count": 15.0,
        "sql_insert_count_internal": 99999.0,
        "sql_restart_savepoint_count_internal": 0.0,
        "sql_conns": 4.0,
        "sys_cpu_combined_percent_normalized": 0.0085,
        "sys_fd_open": 80.0,
        "sys_fd_softlimit": 1048576.0,
        "sys_host_disk_iopsinprogress": 1.0,
        "sys_uptime": 86400.0,
        "jobs_backup_currently_running": 1.0,
        "jobs_restore_currently_paused": 2.0,
        "jobs_backup_resume_failed": 0.0,
        "jobs_changefeed_protected_age_sec": 0.0,
        "schedules_BACKUP_failed": 0.0,
        "schedules_BACKUP_last_completed_time": 0.0,
        "requests_slow_raft": 0.0,
        "security_certificate_expiration_node": 0.0,
        "security_certificate_expiration_client_ca": 0.0,
        **node.values,
    }


def _histograms(node: Node, on: str) -> Iterator[str]:
    for family in ("liveness_heartbeatlatency", "round_trip_latency", "sql_service_latency"):
        for bound, count in zip(BOUNDS, node.heartbeats, strict=True):
            yield f'{family}_bucket{{{on},le="{bound}"}} {count}'


def store_values(node: Node) -> dict[str, float]:
    """Return what a node says of each of its stores."""
    values = {
        "capacity": 6.4202351837184e13,
        "capacity_available": 4.0402062147584e13,
        "capacity_used": 131897916.0,
        "capacity_reserved": 0.0,
        "ranges": 7.0,
        "ranges_unavailable": 0.0,
        "ranges_underreplicated": 0.0,
        "ranges_overreplicated": 0.0,
        "rebalancing_queriespersecond": 0.8,
        "replicas": 34.0,
        "replicas_leaders": 7.0,
        "replicas_leaseholders": 7.0,
        "replicas_quiescent": 30.0,
        "queue_replicate_pending": 2.0,
        "queue_gc_pending": 1.0,
        "rocksdb_read_amplification": 3.0,
        "storage_write_stalls": 0.0,
    }
    return values | {name: value for name, value in node.values.items() if name in values}
