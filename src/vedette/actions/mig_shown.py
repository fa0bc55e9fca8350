"""Actions, commands, agents and investigators in MIG's JSON."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vedette.actions.mig_permissions import named
from vedette.actions.mig_wire import NOT_BEGUN, NOT_ENDED, Json, written

EMPTY_RESULT: Json = {
    "foundanything": False,
    "success": False,
    "elements": None,
    "statistics": None,
    "errors": None,
}
"""What MIG shows for each operation before its answer is there."""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """A row of `mig.actions`."""

    id: int
    name: str
    target: str
    description: Any
    threat: Any
    operations: list[Any]
    validfrom: datetime
    expireafter: datetime
    starttime: datetime | None
    finishtime: datetime | None
    lastupdatetime: datetime
    status: str
    pgpsignatures: list[str]
    syntaxversion: int


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A row of `mig.commands`; results: None before the answer came."""

    id: int
    action_id: int
    agent_id: int
    status: str
    results: list[Any] | None
    starttime: datetime
    finishtime: datetime | None


@dataclass(frozen=True, slots=True)
class AgentRow:
    """A row of `mig.agents`."""

    id: int
    name: str
    queueloc: str
    mode: str
    version: str
    pid: int | None
    starttime: datetime | None
    destructiontime: datetime | None
    heartbeattime: datetime | None
    refreshtime: datetime | None
    status: str
    environment: Any
    tags: Any


@dataclass(frozen=True, slots=True)
class InvestigatorRow:
    """An investigator; in_bundle: the trust bundle says who he is, and whether his word counts."""

    id: int
    name: str
    fingerprint: str
    public_key: str | None
    status: str
    permissions: int
    created_at: datetime
    changed_at: datetime
    in_bundle: bool


def counters(statuses: Mapping[str, int]) -> Json:
    """Return MIG's counters of an action, from how many of its commands have which status; zeros are left out."""
    sent = sum(statuses.values())
    inflight = statuses.get("sent", 0) + statuses.get("prepared", 0)
    ended = {
        name: statuses.get(name, 0)
        for name in ("success", "cancelled", "expired", "failed", "timeout")
    }
    found = {"sent": sent, "done": sent - inflight, "inflight": inflight, **ended}
    return {name: count for name, count in found.items() if count}


def action(row: ActionRow, counted: Json, investigators: Sequence[Json]) -> Json:
    """Return an action."""
    return {
        "id": row.id,
        "name": row.name,
        "target": row.target,
        "description": row.description or {},
        "threat": row.threat or {},
        "validfrom": written(row.validfrom),
        "expireafter": written(row.expireafter),
        "operations": row.operations,
        "pgpsignatures": row.pgpsignatures,
        "investigators": list(investigators),
        "status": row.status,
        "starttime": written(row.starttime, NOT_BEGUN),
        "finishtime": written(row.finishtime, NOT_ENDED),
        "lastupdatetime": written(row.lastupdatetime, NOT_BEGUN),
        "counters": counted,
        "syntaxversion": row.syntaxversion,
    }


def agent(row: AgentRow) -> Json:
    """Return an agent."""
    return {
        "id": row.id,
        "name": row.name,
        "queueloc": row.queueloc,
        "mode": row.mode,
        "version": row.version,
        "pid": row.pid or 0,
        "starttime": written(row.starttime),
        "destructiontime": written(row.destructiontime),
        "heartbeatts": written(row.heartbeattime),
        "refreshts": written(row.refreshtime),
        "status": row.status,
        "environment": row.environment or {},
        "tags": row.tags or {},
    }


def command(row: CommandRow, order: Json, of: Json) -> Json:
    """Return a command with the whole action and its agent; one result for each operation, as in MIG."""
    results = row.results
    if not results:
        results = [EMPTY_RESULT for _ in order.get("operations", ())]
    return {
        "id": row.id,
        "action": order,
        "agent": of,
        "status": row.status,
        "results": results,
        "starttime": written(row.starttime),
        "finishtime": written(row.finishtime, NOT_ENDED),
    }


def investigator(row: InvestigatorRow, *, api_key: str = "") -> Json:
    """Return an investigator; api_key: one that was made just now, and is shown this once."""
    key = (row.public_key or "").encode()
    found: Json = {
        "id": row.id,
        "name": row.name,
        "pgpfingerprint": row.fingerprint,
        "publickey": base64.b64encode(key).decode(),
        "status": row.status,
        "createdat": written(row.created_at),
        "lastmodified": written(row.changed_at),
        "permissions": named(row.permissions),
    }
    return {**found, "apikey": api_key} if api_key else found
