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
    """

    node_id: str
    host: str = ""
    version: str = ""
    locality: str = ""
    memory_bytes: float | None = None
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


def read_nodes(body: bytes) -> tuple[list[NodeStatus], dict[str, Member]]:
    """Read `/_status/nodes` or `/api/v2/nodes/`: nodes, and what liveness it tells of them."""
    document = _document(body, "nodes")
    nodes = [_node(item) for item in document["nodes"] if isinstance(item, dict)]
    statuses = document.get("livenessByNodeId") or {
        str(item.get("node_id")): item["liveness_status"]
        for item in document["nodes"]
        if isinstance(item, dict) and "liveness_status" in item
    }
    return [node for node in nodes if node.node_id], _statuses(statuses)


def read_liveness(body: bytes) -> dict[str, Member]:
    """Read `/_admin/v1/liveness`, the authority on membership."""
    document = _document(body, "livenesses")
    statuses = _statuses(document.get("statuses") or {})
    members = dict(statuses)
    for item in document["livenesses"]:
        if not isinstance(item, dict):
            continue
        node_id = str(_either(item, "nodeId", "node_id"))
        known = statuses.get(node_id, Member(liveness=Liveness.UNKNOWN))
        membership = _enum(Membership, item.get("membership"), Membership.ACTIVE)
        members[node_id] = Member(
            liveness=known.liveness, membership=membership, draining=item.get("draining") is True
        )
    return members


def read_jobs(body: bytes) -> Jobs:
    """Read `/_admin/v1/jobs`."""
    over = {"succeeded", "failed", "canceled", "cancelled", "revert-failed"}
    items = [item for item in _document(body, "jobs")["jobs"] if isinstance(item, dict)]
    pending = [item for item in items if item.get("status") not in over]
    made = [at for item in pending if (at := _time(item.get("created"))) is not None]
    return Jobs(pending=len(pending), oldest=min(made, default=None))


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
    stores = [store for store in item.get("storeStatuses") or () if isinstance(store, dict)]
    return NodeStatus(
        node_id=str(_either(described, "nodeId", "node_id")),
        host=host.strip("[]"),
        version=str(_either(described, "buildTag", "build_tag")),
        locality=_locality(described.get("locality")),
        memory_bytes=_number(_either(item, "totalSystemMemory", "total_system_memory")) or None,
        values=_metrics(item.get("metrics")),
        stores={key: values for store in stores for key, values in _store(store)},
    )


def _store(store: dict[str, Any]) -> Iterable[tuple[str, dict[str, float]]]:
    described = _mapping(store.get("desc"))
    capacity = _mapping(described.get("capacity"))
    known = {
        "capacity": _number(capacity.get("capacity")),
        "capacity_available": _number(capacity.get("available")),
        "capacity_used": _number(capacity.get("used")),
        "replicas": _number(capacity.get("rangeCount")),
    }
    values = {name: value for name, value in known.items() if value is not None}
    store_id = _either(described, "storeId", "store_id")
    if store_id:
        yield str(store_id), {**values, **_metrics(store.get("metrics"))}


def _metrics(metrics: object) -> dict[str, float]:
    return {
        re.sub(r"[.-]", "_", str(name)): number
        for name, value in _mapping(metrics).items()
        if (number := _number(value)) is not None
    }


def _statuses(statuses: object) -> dict[str, Member]:
    return {
        str(node_id): Member(
            liveness=liveness,
            membership={
                Liveness.DECOMMISSIONING: Membership.DECOMMISSIONING,
                Liveness.DECOMMISSIONED: Membership.DECOMMISSIONED,
            }.get(liveness, Membership.ACTIVE),
            draining=liveness is Liveness.DRAINING,
        )
        for node_id, value in _mapping(statuses).items()
        for liveness in [_enum(Liveness, value, Liveness.UNKNOWN)]
    }


def _locality(locality: object) -> str:
    tiers = _mapping(locality).get("tiers") or ()
    return ",".join(f"{t.get('key')}={t.get('value')}" for t in tiers if isinstance(t, dict))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _either(item: Mapping[str, Any], camel: str, snake: str) -> Any:  # noqa: ANN401 - JSON
    value = item.get(camel, item.get(snake))
    return "" if value is None else value


def _number(value: object) -> float | None:
    # A 64-bit integer is a text in one dialect, a number in the other; either may be fractional.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def _enum(kind: Any, value: object, default: Any) -> Any:  # noqa: ANN401 - an IntEnum and its member
    if isinstance(value, str) and not value.isdigit():
        # Names, as in NODE_STATUS_LIVE, are how protobuf spells enums when told to.
        return next((m for m in kind if value.upper().endswith(m.name)), default)
    try:
        return kind(int(value))  # type: ignore[call-overload]  # int or float, as the caller says
    except (TypeError, ValueError):
        return default


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None
