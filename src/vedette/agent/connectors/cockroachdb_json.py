"""CockroachDB's JSON in both its dialects, read into the same nouns; only what we need, as float.

`/_status` and `/_admin` speak protobuf's JSON (camelCase, 64-bit integers as strings, enums as
numbers), `/api/v2` plain JSON (snake_case, numbers). A field that is missing or odd is left out; a
document of another shape is a `protocol` fault.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from vedette.agent.connectors.errors import Fault


class Liveness(IntEnum):
    """What the cluster holds a node to be; mixes process and membership, as CockroachDB does."""

    UNKNOWN = 0
    DEAD = 1
    UNAVAILABLE = 2
    LIVE = 3
    DECOMMISSIONING = 4
    DECOMMISSIONED = 5
    DRAINING = 6
    STARTING = 7


class Membership(IntEnum):
    """Whether a node belongs to the cluster, dead or alive."""

    ACTIVE = 0
    DECOMMISSIONING = 1
    DECOMMISSIONED = 2
    STARTING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """A node as the cluster describes it.

    values, stores: by the names `/_status/vars` uses; memory_bytes: of its host, None when unsaid.
    peer_rtt_s: mean round trip to its peers, None when it has none.
    """

    node_id: str
    host: str = ""
    version: str = ""
    locality: str = ""
    memory_bytes: float | None = None
    peer_rtt_s: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    stores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node as the liveness range knows it."""

    liveness: Liveness
    membership: Membership = Membership.ACTIVE
    draining: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Jobs that are not over: how many, and when the oldest was made."""

    pending: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a walk over all ranges found.

    critical_nodes: whose loss would take quorum from some range.
    violating: ranges whose replicas stand where their zone does not want them.
    """

    critical_nodes: int
    unavailable: int
    underreplicated: int
    overreplicated: int
    violating: int


_OVER = frozenset({"succeeded", "failed", "canceled", "cancelled", "revert-failed"})
_MOST = 10**15
"""No number of a node or store, and no page, is so high."""


def read_nodes(body: bytes) -> tuple[list[NodeStatus], dict[str, Member]]:
    """Read `/_status/nodes` or `/api/v2/nodes/`: nodes, and what liveness it tells of them."""
    document = _document(body, "nodes")
    items = _list(document, "nodes")
    nodes = [_node(item) for item in items]
    statuses = document.get("livenessByNodeId") or {
        node_id: item["liveness_status"]
        for item in items
        if "liveness_status" in item and (node_id := _id(item.get("node_id")))
    }
    return [node for node in nodes if node.node_id], _statuses(statuses)


def read_liveness(body: bytes) -> dict[str, Member]:
    """Read `/_admin/v1/liveness`, the authority on membership."""
    document = _document(body, "livenesses")
    statuses = _statuses(document.get("statuses") or {})
    members = dict(statuses)
    for item in _list(document, "livenesses"):
        node_id = _id(_either(item, "nodeId", "node_id"))
        if not node_id:
            continue
        known = statuses.get(node_id, Member(liveness=Liveness.UNKNOWN))
        membership = _enum(Membership, item.get("membership"), Membership.ACTIVE)
        members[node_id] = Member(
            liveness=known.liveness, membership=membership, draining=item.get("draining") is True
        )
    return members


def read_jobs(body: bytes) -> Jobs:
    """Read `/_admin/v1/jobs`."""
    items = _list(_document(body, "jobs"), "jobs")
    pending = [item for item in items if str(item.get("status")) not in _OVER]
    made = [at for item in pending if (at := _time(item.get("created"))) is not None]
    return Jobs(pending=len(pending), oldest=min(made, default=None))


def read_survey(body: bytes) -> Survey:
    """Read `/_status/critical_nodes`."""
    document = _document(body, "criticalNodes")
    report = _mapping(document.get("report"))
    return Survey(
        critical_nodes=len(_list(document, "criticalNodes")),
        unavailable=len(_list(report, "unavailable")),
        underreplicated=len(_list(report, "underReplicated")),
        overreplicated=len(_list(report, "overReplicated")),
        violating=len(_list(report, "violatingConstraints")),
    )


def next_page(body: bytes) -> int:
    """Return where the next page of `/api/v2/nodes/` begins, 0 when this is the last."""
    number = number_of(_document(body, "nodes").get("next"))
    return int(number) if number is not None and 0 < number < _MOST else 0


def _document(body: bytes, key: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Fault("protocol", "the answer is not whole JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get(key), list):
        raise Fault("protocol", f"the answer has no list of {key}")
    return document


def _node(item: dict[str, Any]) -> NodeStatus:
    described: dict[str, Any] = item["desc"] if isinstance(item.get("desc"), dict) else item
    address = _mapping(described.get("address"))
    host = str(_either(address, "addressField", "address_field")).rpartition(":")[0]
    stores = _list(item, "storeStatuses")
    return NodeStatus(
        node_id=_id(_either(described, "nodeId", "node_id")),
        host=host.strip("[]"),
        version=str(_either(described, "buildTag", "build_tag")),
        locality=_locality(described.get("locality")),
        memory_bytes=number_of(_either(item, "totalSystemMemory", "total_system_memory")) or None,
        peer_rtt_s=_mean_latency_s(item.get("activity")),
        values=_metrics(item.get("metrics")),
        stores={key: values for store in stores for key, values in _store(store)},
    )


def _mean_latency_s(activity: object) -> float | None:
    # Nanoseconds; 0 where there is no connection, and at the node itself.
    latencies_ns = [
        latency
        for peer in _mapping(activity).values()
        if (latency := number_of(_mapping(peer).get("latency"))) is not None and latency > 0
    ]
    return sum(latencies_ns) / len(latencies_ns) / 1e9 if latencies_ns else None


def _store(store: dict[str, Any]) -> Iterable[tuple[str, dict[str, float]]]:
    described = _mapping(store.get("desc"))
    capacity = _mapping(described.get("capacity"))
    known = {
        "capacity": number_of(capacity.get("capacity")),
        "capacity_available": number_of(capacity.get("available")),
        "capacity_used": number_of(capacity.get("used")),
        "replicas": number_of(capacity.get("rangeCount")),
        "rebalancing_queriespersecond": number_of(capacity.get("queriesPerSecond")),
    }
    values = {name: value for name, value in known.items() if value is not None}
    store_id = _id(_either(described, "storeId", "store_id"))
    if store_id:
        yield store_id, {**values, **_metrics(store.get("metrics"))}


def _metrics(metrics: object) -> dict[str, float]:
    return {
        re.sub(r"[.-]", "_", str(name)): number
        for name, value in _mapping(metrics).items()
        if (number := number_of(value)) is not None
    }


def _statuses(statuses: object) -> dict[str, Member]:
    return {
        node_id: Member(
            liveness=liveness,
            membership={
                Liveness.DECOMMISSIONING: Membership.DECOMMISSIONING,
                Liveness.DECOMMISSIONED: Membership.DECOMMISSIONED,
            }.get(liveness, Membership.ACTIVE),
            draining=liveness is Liveness.DRAINING,
        )
        for key, value in _mapping(statuses).items()
        for node_id in [_id(key)]
        if node_id
        for liveness in [_enum(Liveness, value, Liveness.UNKNOWN)]
    }


def _locality(locality: object) -> str:
    tiers = _list(_mapping(locality), "tiers")
    return ",".join(f"{tier.get('key')}={tier.get('value')}" for tier in tiers)


def _list(item: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = item.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _id(value: object) -> str:
    """Return the number of a node or store as we write it, "" when it is none."""
    number = number_of(value)
    whole = number is not None and number.is_integer() and 0 < number < _MOST
    return str(int(number)) if number is not None and whole else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _either(item: Mapping[str, Any], camel: str, snake: str) -> Any:  # noqa: ANN401 - JSON
    value = item.get(camel, item.get(snake))
    return "" if value is None else value


def number_of(value: object) -> float | None:
    """Return a number of either dialect, None when it is none.

    A 64-bit integer is a text in one dialect and a number in the other; either may be fractional.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def _enum(kind: Any, value: object, default: Any) -> Any:  # noqa: ANN401 - an IntEnum and its member
    number = number_of(value)
    if number is not None:
        return next((member for member in kind if member == number), default)
    if isinstance(value, str):
        # Names, as in NODE_STATUS_LIVE, are how protobuf spells enums when told to.
        return next((member for member in kind if value.upper().endswith(member.name)), default)
    return default


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    # A time that was never set is written as the first of January of the year 1.
    return at if at.tzinfo and at.year > 1970 else None
