"""A CockroachDB cluster over real HTTP, in both JSON dialects, in every state we know of.

`vedette lab` serves it where CockroachDB is not installed, and our tests where they need a state that a
real one takes hours to reach. It answers as the monitoring doors of a cluster do; there is no SQL
behind it. Shapes are written after the vendor's protobuf definitions: `/_status` and `/_admin` in
camelCase with 64-bit integers as texts, `/api/v2` in snake_case with numbers.
"""

import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from vedette.lab.cockroachdb_node import Node, metrics_text, vars_text
from vedette.lab.http_server import Asked, Reply, http_server

LIVE, DEAD, UNAVAILABLE = 3, 1, 2
DECOMMISSIONING, DECOMMISSIONED, DRAINING, STARTING = 4, 5, 6, 7
HANG = Reply(hang=True)
SHUTTING_DOWN = "node is shutting down"
NOT_INITIALISED = "node is waiting for cluster initialization"
NOT_HEALTHY = "node is not healthy"
SESSION = "CIGA8JfMhtSnExIQ=="


@dataclass
class Cluster:
    """What all nodes say alike.

    json: what the shared doors do instead of answering. secure: they want the session that a login
    gives. old: as versions before v23 speak. page: nodes on one page of `/api/v2/nodes/`.
    critical: nodes whose loss takes quorum. at_risk: list of the walk over all ranges → its ranges.
    sessions, events: in the dialect of `/api/v2`.
    """

    nodes: list[Node]
    json: Reply | None = None
    secure: bool = False
    old: bool = False
    password: str = "roach"  # noqa: S105 - of a play
    page: int = 100
    jobs: list[dict[str, Any]] = field(default_factory=list)
    critical: list[int] = field(default_factory=list)
    at_risk: dict[str, list[int]] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    session: str = SESSION
    doors: dict[str, Reply] = field(default_factory=dict)

    @property
    def urls(self) -> list[str]:
        """The HTTP address of each node that was served."""
        return [node.http.url for node in self.nodes if node.http]

    def answer(self, node: Node, asked: Asked) -> Reply:
        """Return what that node says to a request."""
        path = asked.path.partition("?")[0]
        for doors in (node.doors, self.doors):
            if (reply := doors.get(asked.path) or doors.get(path)) is not None:
                return reply
        if path == "/health":
            return ready(node) if "ready=1" in asked.path else Reply(body=b"{}")
        if path == "/_status/vars":
            return Reply(body=vars_text(node), headers={"Content-Type": "text/plain"})
        if path == "/metrics" and not self.old:
            return Reply(body=metrics_text(node), headers={"Content-Type": "text/plain"})
        if path == "/api/v2/login/":
            ok = f"password={self.password}".encode() in asked.body
            return as_json({"session": self.session}) if ok else Reply(401, b"unauthorized\n")
        return self._shared(path, asked)

    def _shared(self, path: str, asked: Asked) -> Reply:
        if self.secure and not self._shows_session(path, asked):
            return Reply(401, b"a valid authentication cookie is required\n")
        if self.json is not None:
            return self.json
        made: Callable[[], object] | None = {
            "/_status/nodes": lambda: nodes_json(self),
            "/_admin/v1/liveness": lambda: liveness_json(self),
            "/_admin/v1/jobs": lambda: {"jobs": self.jobs, "earliestRetainedTime": None},
            "/_status/hotranges": lambda: hot_ranges_json(self),
            "/api/v2/nodes/": lambda: api_v2_nodes_json(self, _offset(asked)),
            "/api/v2/ranges/hot/": lambda: api_v2_hot_ranges_json(self),
            "/api/v2/sessions/": lambda: {"sessions": self.sessions},
            "/api/v2/events/": lambda: {"events": self.events},
        }.get(path)
        if path == "/_status/critical_nodes" and not self.old:
            made = (lambda: critical_nodes_json(self)) if asked.method == "POST" else None
        return as_json(made()) if made else Reply(404, b"not found\n")

    def _shows_session(self, path: str, asked: Asked) -> bool:
        if path.startswith("/api/v2/"):
            return asked.headers.get("x-cockroach-api-session") == self.session
        return f"session={self.session}" in asked.headers.get("cookie", "")


def cluster_of(count: int = 3, **settings: Any) -> Cluster:  # noqa: ANN401 - the cluster's own
    """Return a cluster of so many nodes that are well; settings are those of `Cluster`."""
    return Cluster(nodes=[Node(n) for n in range(1, count + 1)], **settings)


@asynccontextmanager
async def serving(
    cluster: Cluster,
    *,
    ports: Sequence[int] = (),
    keeps: bool = True,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Cluster]:
    """Serve every node for a block, on these ports or on free ones.

    keeps: remember what each node was asked. tls: what its doors show, and ask of who knocks.
    """
    async with AsyncExitStack() as stack:
        for place, node in enumerate(cluster.nodes):

            def reply(asked: Asked, node: Node = node) -> Reply:
                return cluster.answer(node, asked)

            alone = AsyncExitStack()
            node.http = await alone.enter_async_context(
                http_server(reply, port=ports[place] if ports else 0, keeps=keeps, tls=tls)
            )
            if node.offline:
                await alone.aclose()
            else:
                stack.push_async_exit(alone.__aexit__)
        yield cluster


def as_json(document: object) -> Reply:
    """Return a document as the doors send it."""
    body = json.dumps(document, indent=2).encode()
    return Reply(body=body, headers={"Content-Type": "application/json"})


def ready(node: Node) -> Reply:
    """Return what `/health?ready=1` of that node says."""
    if not node.reason:
        return Reply(body=b"{}")
    text = node.reason
    document = {"error": text, "code": 14, "message": text, "details": []}
    return Reply(503, json.dumps(document).encode())


def nodes_json(cluster: Cluster) -> dict[str, Any]:
    """Return what `/_status/nodes` says."""
    present = [node for node in cluster.nodes if node.membership != 2]
    return {
        "nodes": [_node_json(node, old=cluster.old) for node in present],
        "livenessByNodeId": {str(node.node_id): node.liveness for node in cluster.nodes},
    }


def _node_json(node: Node, *, old: bool) -> dict[str, Any]:
    version = {"majorVal": 24, "minorVal": 1, "patch": 0, "unstable" if old else "internal": 0}
    address = {"networkField": "tcp", "addressField": f"n{node.node_id}:26257"}
    return {
        "desc": {
            "nodeId": node.node_id,
            "address": address,
            "attrs": {"attrs": []},
            "locality": {"tiers": [{"key": "region", "value": "eu-1"}]},
            "ServerVersion": version,
            "buildTag": node.version,
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
        "activity": {
            str(node.node_id): {"incoming": "0", "outgoing": "0", "latency": "0"},
            "99": {"incoming": "0", "outgoing": "0", "latency": "677603"},
        },
        "totalSystemMemory": "34359738368",
        "numCpus": 16,
    }


def _store_json(node: Node, store: int) -> dict[str, Any]:
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


def liveness_json(cluster: Cluster) -> dict[str, Any]:
    """Return what `/_admin/v1/liveness` says."""
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


def api_v2_nodes_json(cluster: Cluster, offset: int = 0) -> dict[str, Any]:
    """Return a page of what `/api/v2/nodes/` says."""
    end = offset + cluster.page
    return {
        "nodes": [
            {
                "node_id": node.node_id,
                "address": {"network_field": "tcp", "address_field": f"n{node.node_id}:26257"},
                "attrs": {"attrs": None},
                "locality": {"tiers": [{"key": "region", "value": "eu-1"}]},
                "ServerVersion": {"major_val": 24, "minor_val": 1, "patch": 0, "internal": 0},
                "build_tag": node.version,
                "started_at": 1763700000000000000,
                "cluster_name": "",
                "metrics": {"sys.rss": 314691584.5, "clock-offset.meannanos": node.clock_offset_ns},
                "total_system_memory": 34359738368,
                "num_cpus": 16,
                "updated_at": 1763712224000000000,
                "liveness_status": node.liveness,
            }
            for node in cluster.nodes[offset:end]
        ],
        "next": end if end < len(cluster.nodes) else 0,
    }


def critical_nodes_json(cluster: Cluster) -> dict[str, Any]:
    """Return what `/_status/critical_nodes` says."""
    lists = ("underReplicated", "overReplicated", "violatingConstraints", "unavailable")
    return {
        "criticalNodes": [{"nodeId": node_id} for node_id in cluster.critical],
        "report": {
            **{name: [_range_json(it) for it in cluster.at_risk.get(name, ())] for name in lists},
            "unavailableNodeIds": [],
        },
    }


def _range_json(range_id: int) -> dict[str, Any]:
    replicas = [{"nodeId": n, "storeId": n, "replicaId": n, "type": 0} for n in (1, 2)]
    return {
        "rangeDescriptor": {
            "rangeId": str(range_id),
            "startKey": "vQ==",
            "endKey": "vg==",
            "internalReplicas": replicas,
        },
        "config": {"numReplicas": 3},
    }


def hot_ranges_json(cluster: Cluster) -> dict[str, Any]:
    """Return what `/_status/hotranges` says: a range a node, the later nodes the busier."""
    return {
        "nodeId": 1,
        "hotRangesByNodeId": {
            str(node.node_id): {
                "errorMessage": "",
                "stores": [{"storeId": node.node_id, "hotRanges": [_hot_range_json(node)]}],
            }
            for node in cluster.nodes
        },
    }


def _hot_range_json(node: Node) -> dict[str, Any]:
    return {
        "desc": {"rangeId": str(70 + node.node_id)},
        "queriesPerSecond": 1.5 * node.node_id,
        "leaseholderNodeId": node.node_id,
    }


def api_v2_hot_ranges_json(cluster: Cluster) -> dict[str, Any]:
    """Return what `/api/v2/ranges/hot/` says of the same ranges."""
    return {
        "ranges": [
            {
                "range_id": 70 + node.node_id,
                "node_id": node.node_id,
                "qps": 1.5 * node.node_id,
                "leaseholder_node_id": node.node_id,
                "store_id": node.node_id,
            }
            for node in cluster.nodes
        ]
    }


def _offset(asked: Asked) -> int:
    [offset] = parse_qs(asked.path.partition("?")[2]).get("offset", ["0"])
    return int(offset) if offset.isdecimal() else 0
