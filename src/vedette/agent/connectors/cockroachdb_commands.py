"""What a CockroachDB cluster can be asked: nodes, jobs, sessions, events, ranges in trouble or hot."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.agent.connectors.cockroachdb_json import (
    Liveness,
    number_of,
    read_liveness,
    read_nodes,
)
from vedette.agent.connectors.cockroachdb_told import Ask
from vedette.agent.connectors.errors import Fault

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
    Command(
        name="ranges-at-risk",
        help="Ranges without quorum, with too few or too many replicas, or against their zone's rules.",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=100, least=1, most=1_000),
        ),
        columns=(
            Column("range", "text", "Its number."),
            Column("trouble", "text", "unavailable, under-replicated and so on."),
            Column("nodes", "text", "Where its replicas are."),
            Column("wanted", "integer", "Replicas it should have."),
        ),
    ),
    Command(
        name="sessions",
        help="The SQL sessions, and what they run.",
        scope="ask:content",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=50, least=1, most=1_000),
        ),
        columns=(
            Column("node", "integer", "The node that serves it."),
            Column("user", "text", "Who is signed in."),
            Column("application", "text", "What it calls itself."),
            Column("client", "text", "Where it comes from."),
            Column("started", "text", "When it began."),
            Column("statements", "integer", "How many it runs now."),
            Column("statement", "text", "The first of them."),
        ),
    ),
    Command(
        name="events",
        help="What happened in the cluster, the newest first.",
        scope="ask:content",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=50, least=1, most=1_000),
        ),
        columns=(
            Column("at", "text", "When."),
            Column("type", "text", "node_join, create_database and so on."),
            Column("node", "integer", "The node that told."),
            Column("info", "text", "The rest, as CockroachDB wrote it."),
        ),
    ),
)

_MOST = 1 << 62
"""What a column of integers holds."""

_TROUBLES = {
    "unavailable": "unavailable",
    "underReplicated": "under-replicated",
    "violatingConstraints": "against its zone's rules",
    "overReplicated": "over-replicated",
}
"""List of the report → what is wrong with its ranges, the worst first."""


async def rows_of(name: str, ask: Ask, params: Mapping[str, Value]) -> list[Row]:
    """Ask one node and return the rows of a command."""
    limit = int(params.get("limit", 0))
    match name:
        case "nodes":
            return list(_nodes(await ask("/_status/nodes"), await ask("/_admin/v1/liveness")))
        case "jobs":
            jobs = _items(await ask("/_admin/v1/jobs?limit=1000"), "jobs")
            status = params["status"]
            wanted = [job for job in jobs if not status or job.get("status") == status]
            wanted.sort(key=lambda job: str(job.get("created")), reverse=True)
            return [_job(job) for job in wanted[:limit]]
        case "ranges-at-risk":
            return list(_at_risk(await ask("/_status/critical_nodes", b"{}")))[:limit]
        case "sessions":
            sessions = _items(await ask(f"/api/v2/sessions/?limit={limit}"), "sessions")
            return [_session(session) for session in sessions[:limit]]
        case "events":
            events = _items(await ask(f"/api/v2/events/?limit={limit}"), "events")
            events.sort(key=lambda event: str(event.get("timestamp")), reverse=True)
            return [_event(event) for event in events[:limit]]
        case _:
            hot = sorted(await _hot_ranges(ask, limit), key=lambda row: -row[3])
            return list(hot[:limit])


async def _hot_ranges(ask: Ask, limit: int) -> list[tuple[str, int, int, float, int | None]]:
    try:
        return list(_hot(await ask("/_status/hotranges")))
    except Fault as fault:
        if fault.error_class not in ("bad_status", "protocol"):
            raise
        try:
            ranges = _items(await ask(f"/api/v2/ranges/hot/?limit={limit}"), "ranges")
        except Fault:
            raise fault from None
        return [_hot_range(each) for each in ranges]


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
    return (
        str(job.get("id", "")),
        *(str(job.get(key) or "") or None for key in ("type", "status")),
        number_of(job.get("fractionCompleted")),
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


def _hot_range(hot: Mapping[str, Any]) -> tuple[str, int, int, float, int | None]:
    return (
        str(_whole(hot.get("range_id"))),
        _whole(hot.get("node_id")),
        _whole(hot.get("store_id")),
        _rate(hot.get("qps")),
        _whole(hot.get("leaseholder_node_id")) or None,
    )


def _at_risk(body: bytes) -> Iterator[Row]:
    report = _document(body).get("report")
    if not isinstance(report, dict):
        raise Fault("protocol", "the answer has no report on ranges")
    for key, trouble in _TROUBLES.items():
        for item in _list(report, key):
            described, config = item.get("rangeDescriptor"), item.get("config")
            nodes = sorted(_whole(it.get("nodeId")) for it in _list(described, "internalReplicas"))
            wanted = config.get("numReplicas") if isinstance(config, dict) else None
            yield (
                str(_whole(described.get("rangeId"))) if isinstance(described, dict) else "",
                trouble,
                ", ".join(map(str, nodes)),
                _whole(wanted) or None,
            )


def _session(session: Mapping[str, Any]) -> Row:
    running = list(_list(session, "active_queries"))
    return (
        _whole(session.get("node_id")),
        *(
            str(session.get(key) or "") or None
            for key in ("username", "application_name", "client_address", "start")
        ),
        len(running),
        str(running[0].get("sql") or "") or None if running else None,
    )


def _event(event: Mapping[str, Any]) -> Row:
    return (
        str(event.get("timestamp") or "") or None,
        str(event.get("event_type") or "") or None,
        _whole(event.get("reporting_id")) or None,
        str(event.get("info") or "") or None,
    )


def _sum(stores: list[Mapping[str, float]], key: str) -> int | None:
    return _whole(sum(store.get(key, 0.0) for store in stores)) if stores else None


def _rate(value: object) -> float:
    return number_of(value) or 0.0


def _whole(value: object) -> int:
    number = number_of(value)
    return int(number) if number is not None and abs(number) < _MOST else 0


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
