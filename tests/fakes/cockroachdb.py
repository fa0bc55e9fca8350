"""A CockroachDB cluster over real HTTP, in both JSON dialects, in every state we know of.

Shapes are written after the vendor's protobuf definitions: `/_status` and `/_admin` in camelCase with
64-bit integers as texts, `/api/v2` in snake_case with numbers.
"""

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.http_server import Asked, HttpServer, Reply, http_server

LIVE, DEAD, UNAVAILABLE, DECOMMISSIONING, DECOMMISSIONED, DRAINING = 3, 1, 2, 4, 5, 6
HANG = Reply(hang=True)
SHUTTING_DOWN = "node is shutting down"
NOT_INITIALISED = "node is waiting for cluster initialization"
NOT_HEALTHY = "node is not healthy"
SESSION = "CIGA8JfMhtSnExIQ=="


@dataclass
class Node:
    """One node; `doors` overrides what a path answers, `offline` closes its port."""

    node_id: int
    liveness: int = LIVE
    membership: int = 0
    draining: bool = False
    reason: str = ""
    stores: tuple[int, ...] = ()
    offline: bool = False
    clock_offset_ns: float = -14326.0
    queries: float = 1000.0
    heartbeats: tuple[float, ...] = (90.0, 99.0, 100.0)
    values: dict[str, float] = field(default_factory=dict)
    doors: dict[str, Reply] = field(default_factory=dict)
    http: HttpServer | None = None

    def __post_init__(self) -> None:
        self.stores = self.stores or (self.node_id,)


@dataclass
class Cluster:
    """json: what the shared doors do instead of answering. secure: they want a session."""

    nodes: list[Node]
    json: Reply | None = None
    secure: bool = False
    old: bool = False
    password: str = "roach"
    jobs: list[dict] = field(default_factory=list)
    doors: dict[str, Reply] = field(default_factory=dict)

    @property
    def urls(self) -> list[str]:
        return [node.http.url for node in self.nodes if node.http]

    def answer(self, node: Node, asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        for doors in (node.doors, self.doors):
            if (reply := doors.get(asked.path) or doors.get(path)) is not None:
                return reply
        if path == "/health":
            return ready(node) if "ready=1" in asked.path else Reply(body=b"{}")
        if path == "/_status/vars":
            return Reply(body=vars_text(node), headers={"Content-Type": "text/plain"})
        if path == "/api/v2/login/":
            ok = f"password={self.password}".encode() in asked.body
            return as_json({"session": SESSION}) if ok else Reply(401, b"unauthorized\n")
        return self.shared(path, asked)

    def shared(self, path: str, asked: Asked) -> Reply:
        if self.secure and not shows_session(path, asked):
            return Reply(401, b"a valid authentication cookie is required\n")
        if self.json is not None:
            return self.json
        made = {
            "/_status/nodes": lambda: nodes_json(self),
            "/_admin/v1/liveness": lambda: liveness_json(self),
            "/_admin/v1/jobs": lambda: {"jobs": self.jobs, "earliestRetainedTime": None},
            "/api/v2/nodes/": lambda: api_v2_nodes_json(self),
        }.get(path)
        return as_json(made()) if made else Reply(404, b"not found\n")


def cluster_of(count: int = 3, **settings) -> Cluster:
    return Cluster(nodes=[Node(n) for n in range(1, count + 1)], **settings)


@asynccontextmanager
async def serving(cluster: Cluster):
    async with AsyncExitStack() as stack:
        for node in cluster.nodes:

            def reply(asked: Asked, node: Node = node) -> Reply:
                return cluster.answer(node, asked)

            alone = AsyncExitStack()
            node.http = await alone.enter_async_context(http_server(reply))
            if node.offline:
                await alone.aclose()
            else:
                stack.push_async_exit(alone.__aexit__)
        yield cluster


def shows_session(path: str, asked: Asked) -> bool:
    if path.startswith("/api/v2/"):
        return asked.headers.get("x-cockroach-api-session") == SESSION
    return f"session={SESSION}" in asked.headers.get("cookie", "")


def as_json(document: object) -> Reply:
    body = json.dumps(document, indent=2).encode()
    return Reply(body=body, headers={"Content-Type": "application/json"})


def ready(node: Node) -> Reply:
    if not node.reason:
        return Reply(body=b"{}")
    text = node.reason
    document = {"error": text, "code": 14, "message": text, "details": []}
    return Reply(503, json.dumps(document).encode())


def vars_text(node: Node) -> bytes:
    """Families in no order, floats as Prometheus prints them, labels as newer versions put them."""
    on = f'node_id="{node.node_id}"'
    families = {
        "sys_rss": 314691584.0,
        "liveness_livenodes": 3.0,
        "clock_offset_meannanos": node.clock_offset_ns,
        "sql_query_count": node.queries,
        "sql_query_count_internal": 99999.0,
        "sql_restart_savepoint_count_internal": 0.0,
        "sql_conns": 4.0,
        "sys_cpu_combined_percent_normalized": 0.0085,
        "sys_fd_open": 80.0,
        "sys_fd_softlimit": 1048576.0,
        "sys_uptime": 86400.0,
        "jobs_backup_currently_running": 1.0,
        "jobs_restore_currently_paused": 2.0,
        "requests_slow_raft": 0.0,
        "security_certificate_expiration_node": 0.0,
        **node.values,
    }
    lines = []
    for name, value in families.items():
        lines += [f"# HELP {name} About {name}", f"# TYPE {name} gauge"]
        lines.append(f"{name}{{{on}}} {value!r}")
    lines.append(
        f'node_id{{advertise_addr="n{node.node_id}:26257",http_addr="x"}} {node.node_id}.0'
    )
    bounds = (1e6, 1e7, "+Inf")
    for bound, count in zip(bounds, node.heartbeats, strict=True):
        lines.append(f'liveness_heartbeatlatency_bucket{{{on},le="{bound}"}} {count}')
    for store in node.stores:
        for name, value in store_values(node).items():
            lines.append(f'{name}{{store="{store}",{on}}} {value!r}')
    return ("\n".join(lines) + "\n").encode()


def store_values(node: Node) -> dict[str, float]:
    values = {
        "capacity": 6.4202351837184e13,
        "capacity_available": 4.0402062147584e13,
        "capacity_used": 131897916.0,
        "capacity_reserved": 0.0,
        "ranges": 7.0,
        "ranges_unavailable": 0.0,
        "ranges_underreplicated": 0.0,
        "ranges_overreplicated": 0.0,
        "replicas": 34.0,
        "queue_replicate_pending": 2.0,
        "queue_gc_pending": 1.0,
    }
    return values | {k: v for k, v in node.values.items() if k in values}


def nodes_json(cluster: Cluster) -> dict:
    present = [node for node in cluster.nodes if node.membership != 2]
    return {
        "nodes": [_node_json(node, old=cluster.old) for node in present],
        "livenessByNodeId": {str(node.node_id): node.liveness for node in cluster.nodes},
    }


def _node_json(node: Node, *, old: bool) -> dict:
    version = {"majorVal": 24, "minorVal": 1, "patch": 0, "unstable" if old else "internal": 0}
    address = {"networkField": "tcp", "addressField": f"n{node.node_id}:26257"}
    return {
        "desc": {
            "nodeId": node.node_id,
            "address": address,
            "attrs": {"attrs": []},
            "locality": {"tiers": [{"key": "region", "value": "eu-1"}]},
            "ServerVersion": version,
            "buildTag": "v24.1.5",
            "startedAt": "1763700000000000000",
            "sqlAddress": address,
        },
        "updatedAt": "1763712224000000000",
        "metrics": {
            "liveness.heartbeatlatency-p99": 8126463.5,
            "clock-offset.meannanos": node.clock_offset_ns,
            "sys.rss": 314691584.5,
            "sql.query.count": node.queries,
        },
        "storeStatuses": [_store_json(node, store) for store in node.stores if store],
        "activity": {"2": {"latency": "677603"}},
        "totalSystemMemory": "34359738368",
        "numCpus": 16,
    }


def _store_json(node: Node, store: int) -> dict:
    return {
        "desc": {
            "storeId": store,
            "node": {"nodeId": node.node_id},
            "capacity": {
                "capacity": "64202351837184",
                "available": "40402062147584",
                "used": "131897916",
                "rangeCount": 34,
                "queriesPerSecond": 0.8,
            },
        },
        "metrics": {"capacity": 64202351837184, "replicas": 34, "ranges": 7.5},
    }


def liveness_json(cluster: Cluster) -> dict:
    return {
        "livenesses": [
            {
                "nodeId": node.node_id,
                "epoch": "1",
                "expiration": {"wallTime": "1763712230000000000", "logical": 0},
                "draining": node.draining,
                "membership": node.membership,
            }
            for node in cluster.nodes
        ],
        "statuses": {str(node.node_id): node.liveness for node in cluster.nodes},
    }


def api_v2_nodes_json(cluster: Cluster) -> dict:
    return {
        "nodes": [
            {
                "node_id": node.node_id,
                "address": {"network_field": "tcp", "address_field": f"n{node.node_id}:26257"},
                "attrs": {"attrs": None},
                "locality": {"tiers": [{"key": "region", "value": "eu-1"}]},
                "ServerVersion": {"major_val": 24, "minor_val": 1, "patch": 0, "internal": 0},
                "build_tag": "v24.1.5",
                "started_at": 1763700000000000000,
                "cluster_name": "",
                "metrics": {"sys.rss": 314691584.5, "clock-offset.meannanos": node.clock_offset_ns},
                "total_system_memory": 34359738368,
                "num_cpus": 16,
                "updated_at": 1763712224000000000,
                "liveness_status": node.liveness,
            }
            for node in cluster.nodes
        ],
        "next": 0,
    }
