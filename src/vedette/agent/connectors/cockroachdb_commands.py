"""What a CockroachDB cluster can be asked: its nodes, its jobs, its hottest ranges."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.agent.connectors.cockroachdb_json import Liveness, read_liveness, read_nodes
from vedette.agent.connectors.errors import Fault

Ask = Callable[[str], Awaitable[bytes]]
"""Path → body; raises a `Fault` for every status but 200."""

COMMANDS = (
    Command(
        name="nodes",
        help="The nodes as the cluster sees them.",
        columns=(
            Column("node", "integer", "Its number."),
            Column("state", "text", "live, dead, draining, decommissioning and so on."),
            Column("host", "text", "Where it is."),
            Column("version", "text", "What it runs."),
            Column("locality", "text", "Its region, zone and so on."),
            Column("ranges", "integer", "Replicas on it."),
            Column("size_bytes", "integer", "Of its stores.", "bytes"),
            Column("free_bytes", "integer", "Of its stores.", "bytes"),
        ),
    ),
    Command(
        name="jobs",
        help="The jobs, the newest first.",
        scope="ask:content",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=50, least=1, most=1_000),
            Parameter("status", "text", "Only jobs with this status, as in running.", default=""),
        ),
        columns=(
            Column("id", "text", "Its number."),
            Column("type", "text", "What kind of job."),
            Column("status", "text", "running, succeeded, failed and so on."),
            Column("done_ratio", "number", "How much of it is done.", "ratio"),
            Column("user", "text", "Who began it."),
            Column("created", "text", "When it was made."),
            Column("finished", "text", "When it ended."),
            Column("error", "text", "Why it failed."),
            Column("description", "text", "What it does."),
        ),
    ),
    Command(
        name="hot-ranges",
        help="The ranges with most queries, over all nodes.",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=20, least=1, most=1_000),
        ),
        columns=(
            Column("range", "text", "Its number."),
            Column("node", "integer", "The node that told."),
            Column("store", "integer", "Its store there."),
            Column("queries_per_s", "number", "Queries.", "per_second"),
            Column("leaseholder", "integer", "The node that serves it."),
        ),
    ),
)


async def rows_of(name: str, ask: Ask, params: Mapping[str, Value]) -> list[Row]:
    """Ask one node and return the rows of a command."""
    match name:
        case "nodes":
            return list(_nodes(await ask("/_status/nodes"), await ask("/_admin/v1/liveness")))
        case "jobs":
            jobs = _items(await ask("/_admin/v1/jobs?limit=1000"), "jobs")
            status = params["status"]
            wanted = [job for job in jobs if not status or job.get("status") == status]
            wanted.sort(key=lambda job: str(job.get("created")), reverse=True)
            return [_job(job) for job in wanted[: int(params["limit"])]]
        case _:
            hot = sorted(_hot(await ask("/_status/hotranges")), key=lambda row: -row[3])
            return list(hot[: int(params["limit"])])


def _nodes(nodes_body: bytes, liveness_body: bytes) -> Iterator[Row]:
    nodes, members = read_nodes(nodes_body)
    members |= read_liveness(liveness_body)
    known = {node.node_id: node for node in nodes}
    for node_id in sorted({*known, *members}, key=_whole):
        node, member = known.get(node_id), members.get(node_id)
        state = (member.liveness if member else Liveness.UNKNOWN).name.lower()
        stores = list(node.stores.values()) if node else []
        yield (
            _whole(node_id),
            "draining" if member and member.draining else state,
            node.host if node else None,
            node.version if node else None,
            node.locality if node else None,
            *(_sum(stores, key) for key in ("replicas", "capacity", "capacity_available")),
        )


def _job(job: Mapping[str, Any]) -> Row:
    done = job.get("fractionCompleted")
    return (
        str(job.get("id", "")),
        *(str(job.get(key) or "") or None for key in ("type", "status")),
        float(done) if isinstance(done, int | float) else None,
        *(
            str(job.get(key) or "") or None
            for key in ("username", "created", "finished", "error", "description")
        ),
    )


def _hot(body: bytes) -> Iterator[tuple[str, int, int, float, int | None]]:
    by_node = _document(body).get("hotRangesByNodeId")
    if not isinstance(by_node, dict):
        raise Fault("protocol", "the answer names no hot ranges")
    for node_id, node in by_node.items():
        for store in _list(node, "stores"):
            for hot in _list(store, "hotRanges"):
                described = hot["desc"] if isinstance(hot.get("desc"), dict) else {}
                leaseholder = hot.get("leaseholderNodeId")
                yield (
                    str(described.get("rangeId", "")),
                    _whole(node_id),
                    _whole(store.get("storeId")),
                    _rate(hot.get("queriesPerSecond")),
                    _whole(leaseholder) if leaseholder else None,
                )


def _sum(stores: list[Mapping[str, float]], key: str) -> int | None:
    return int(sum(store.get(key, 0.0) for store in stores)) if stores else None


def _rate(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _items(body: bytes, key: str) -> list[dict[str, Any]]:
    document = _document(body)
    if not isinstance(document.get(key), list):
        raise Fault("protocol", f"the answer has no list of {key}")
    return list(_list(document, key))


def _list(item: object, key: str) -> Iterator[dict[str, Any]]:
    found = item.get(key) if isinstance(item, dict) else None
    return (
        (each for each in found if isinstance(each, dict)) if isinstance(found, list) else iter(())
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Fault("protocol", "the answer is not whole JSON") from None
    if not isinstance(document, dict):
        raise Fault("protocol", "the answer is no object")
    return document
