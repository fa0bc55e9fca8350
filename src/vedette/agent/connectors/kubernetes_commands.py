"""What a Kubernetes API can be asked: the pods that are not ready and why, and what happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.agent.connectors.kubernetes_feed import Api, listed
from vedette.agent.connectors.kubernetes_objects import Kind, Meta

_LIMIT = Parameter("limit", "integer", "Rows at most.", default=100, least=1, most=10_000)
_ALL = Parameter("all", "boolean", "Also what is as it should be.", default=False)

COMMANDS = (
    Command(
        name="pods",
        help="The pods that are not ready and why, those that restarted most first.",
        parameters=(_LIMIT, _ALL),
        columns=(
            Column("pod", "text", "Its namespace and name."),
            Column("phase", "text", "As in Pending or Running."),
            Column("is_ready", "boolean", "Whether it takes traffic."),
            Column("reason", "text", "Why not, as in CrashLoopBackOff."),
            Column("message", "text", "The same in words."),
            Column("restarts", "integer", "Restarts of its containers."),
            Column("node", "text", "Where it runs."),
        ),
    ),
    Command(
        name="events",
        help="Warnings of the cluster, the newest first; it keeps them for an hour.",
        parameters=(_LIMIT, _ALL),
        columns=(
            Column("at", "time", "When it last happened."),
            Column("type", "text", "Warning or Normal."),
            Column("reason", "text", "What happened, in a word."),
            Column("object", "text", "Kind, namespace and name of what it is about."),
            Column("count", "integer", "How often."),
            Column("message", "text", "What happened."),
        ),
    ),
)


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Why(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _ContainerState(msgspec.Struct):
    waiting: _Why | None = None
    terminated: _Why | None = None


class _Container(msgspec.Struct, rename="camel"):
    restart_count: int = 0
    state: _ContainerState = msgspec.field(default_factory=_ContainerState)


class _Status(msgspec.Struct, rename="camel"):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[_Condition] = []
    container_statuses: list[_Container] = []
    init_container_statuses: list[_Container] = []


class _Spec(msgspec.Struct, rename="camel"):
    node_name: str = ""


class _Pod(msgspec.Struct):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class _About(msgspec.Struct):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class _Event(msgspec.Struct, rename="camel"):
    metadata: Meta
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    involved_object: _About = msgspec.field(default_factory=_About)
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A pod as its row. is_well: ready, or done."""

    row: Row
    is_well: bool
    restarts: int


async def rows_of(
    api: Api, namespaces: list[str], name: str, params: Mapping[str, Value]
) -> list[Row]:
    """Return the answer to a command; "" among the namespaces is all of them."""
    limit, everything = int(params["limit"]), bool(params["all"])
    if name == "pods":
        pods = [p for p in await _all(api, _PODS, namespaces) if everything or not p.is_well]
        pods.sort(key=lambda pod: (-pod.restarts, str(pod.row[0])))
        return [pod.row for pod in pods[:limit]]
    events = await _all(api, _EVENTS if everything else _WARNINGS, namespaces)
    events.sort(key=lambda row: str(row[0] or ""), reverse=True)
    return events[:limit]


async def _all(api: Api, kind: Kind, namespaces: list[str]) -> list[Any]:
    found: list[Any] = []
    for namespace in namespaces:
        objects, _ = await listed(api, kind, kind.path(namespace))
        found += objects.values()
    return found


def _seen(pod: _Pod) -> _Seen:
    status = pod.status
    containers = [*status.init_container_statuses, *status.container_statuses]
    ready = next((c for c in status.conditions if c.type == "Ready"), None)
    reasons = [c.state.waiting or c.state.terminated for c in containers]
    refused = [c for c in status.conditions if c.status == "False" and c.reason]
    why = [(each.reason, each.message) for each in reasons if each and each.reason != "Completed"]
    why += [(status.reason, status.message)] if status.reason else []
    why += [(each.reason, each.message) for each in refused]
    waits = any(c.state.waiting is not None for c in containers)
    is_ready = ready.status == "True" if ready else status.phase == "Running" and not waits
    is_well = is_ready or status.phase == "Succeeded"
    reason, message = ("", "") if is_well or not why else why[0]
    restarts = sum(c.restart_count for c in containers)
    row = (
        pod.metadata.full_name,
        status.phase,
        is_ready,
        reason or None,
        message or None,
        restarts,
        pod.spec.node_name or None,
    )
    return _Seen(row, is_well, restarts)


def _happened(event: _Event) -> Row:
    at = event.last_timestamp or event.event_time or event.first_timestamp
    about = event.involved_object
    return (
        at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else None,
        event.type,
        event.reason,
        "/".join(part for part in (about.kind, about.namespace, about.name) if part),
        event.count or 1,
        event.message,
    )


_PODS = Kind("pods", "/api/v1", _Pod, _seen)
_EVENTS = Kind("events", "/api/v1", _Event, _happened)
_WARNINGS = Kind("events", "/api/v1", _Event, _happened, query="fieldSelector=type%3DWarning")
