"""What an Envoy's admin door can be asked: every host of every cluster, and the listeners."""

from collections.abc import Iterator
from typing import Any

import msgspec

from vedette.actions.model import Column, Command, Row
from vedette.agent.connectors.envoy_reading import Health, decoded, reason_of
from vedette.agent.connectors.json_api import objects, text, whole

COMMANDS = (
    Command(
        name="clusters",
        help="Every host of every cluster, and what ails it; those that ail first.",
        columns=(
            Column("cluster", "text", "Its cluster."),
            Column("host", "text", "Its address; null: the cluster has none."),
            Column("is_healthy", "boolean", "Whether requests go there."),
            Column("reason", "text", "Why not."),
            Column("requests", "integer", "Requests sent there since the start."),
            Column("errors", "integer", "Of them failed."),
            Column("active", "integer", "Requests under way."),
        ),
    ),
    Command(
        name="listeners",
        help="Where it listens.",
        columns=(
            Column("name", "text", "The listener's name."),
            Column("address", "text", "Where it listens."),
        ),
    ),
)
PATHS = {"clusters": "/clusters?format=json", "listeners": "/listeners?format=json"}
"""Command → where its answer is."""


def rows_of(name: str, body: bytes) -> list[Row]:
    """Return the answer to a command; what is not Envoy's is a `protocol` fault."""
    document = decoded(body, dict[str, Any])
    if name == "listeners":
        return [
            (text(each, "name"), _address(each.get("local_address")))
            for each in objects(document, "listener_statuses")
        ]
    return sorted(_hosts(document), key=lambda row: (row[2] is not False, str(row[0]), str(row[1])))


def _hosts(document: dict[str, Any]) -> Iterator[Row]:
    for cluster in objects(document, "cluster_statuses"):
        name, empty = text(cluster, "name"), True
        for host in objects(cluster, "host_statuses"):
            empty = False
            reason = reason_of(_health(host.get("health_status")))
            # Counters that are 0 have no value.
            stats = {
                text(stat, "name"): whole(stat, "value") or 0 for stat in objects(host, "stats")
            }
            yield (
                name,
                _address(host.get("address")),
                not reason,
                reason or None,
                *(stats.get(key) for key in ("rq_total", "rq_error", "rq_active")),
            )
        if empty:
            yield name, None, None, None, None, None, None


def _health(said: object) -> Health:
    try:
        return msgspec.convert(said or {}, Health)
    except msgspec.ValidationError:
        return Health()


def _address(said: object) -> str | None:
    host, port = (
        text(said, "socket_address", "address"),
        whole(said, "socket_address", "port_value"),
    )
    return f"{host}:{port or 0}" if host else text(said, "pipe", "path")
