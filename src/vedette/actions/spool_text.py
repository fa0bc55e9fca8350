"""The JSON of the spool's files: actions and commands as MIG writes them, read back as they were signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from vedette.actions.document_json import read_json
from vedette.actions.document_write import ZERO_TIME

STATUS = {"proposed": "pending", "new": "scheduled", "done": "completed"}
"""MIG's words for states that it calls otherwise."""
FAILED = ("failed", "refused", "lost")


@dataclass(frozen=True, slots=True)
class ActionBody:
    """What an action's file says. outcomes: of its commands, `open` for those under way."""

    id: int
    state: str
    name: str
    target: str
    description: Mapping[str, Any] | None  # as it was written
    threat: Mapping[str, Any] | None
    operations: list[Any]
    syntax_version: int
    document: str
    valid_from: datetime
    expire_after: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    is_cancelled: bool
    signatures: list[str]
    outcomes: Mapping[str, int]
    investigators: list[Mapping[str, object]]

    @property
    def status(self) -> str:
        """How it stands in MIG's words; `completed` once everybody who was asked has answered."""
        if self.is_cancelled:
            return "cancelled"
        if self.state == "inflight" and self.outcomes and not self.outcomes.get("open"):
            return "completed"
        return STATUS.get(self.state, self.state)


@dataclass(frozen=True, slots=True)
class CommandBody:
    """What a command's file says beside its action."""

    id: int
    action_id: int
    outcome: str | None
    results: list[Any] | None
    started_at: datetime
    finished_at: datetime | None
    agent: Mapping[str, object]


def action_fields(body: ActionBody) -> dict[str, object]:
    """Return an action as MIG shows it; one of version 3 with the bytes that people signed."""
    fields: dict[str, object] = {
        "id": body.id,
        "name": body.name,
        "target": body.target,
        "description": body.description or {},
        "threat": body.threat or {},
        "validfrom": _time(body.valid_from),
        "expireafter": _time(body.expire_after),
        "operations": body.operations,
        "pgpsignatures": body.signatures,
        "investigators": body.investigators,
        "status": body.status,
        "starttime": _time(body.started_at),
        "finishtime": _time(body.finished_at),
        "lastupdatetime": _time(body.updated_at),
        "counters": _counters(body.outcomes),
        "syntaxversion": body.syntax_version,
    }
    if body.syntax_version == 3:
        fields |= {"document": body.document, "signatures": body.signatures}
    return fields


def command_fields(body: CommandBody, action: ActionBody) -> dict[str, object]:
    """Return a command as MIG shows it, with its whole action; before answers come, one empty for each operation."""
    nothing = dict.fromkeys(("elements", "statistics", "errors"))
    empty = {"foundanything": False, "success": False, **nothing}
    outcome = "failed" if body.outcome in FAILED else body.outcome or "sent"
    return {
        "id": body.id,
        "action": action_fields(action),
        "agent": body.agent,
        "status": outcome,
        "results": body.results or [empty for _ in action.operations],
        "starttime": _time(body.started_at),
        "finishtime": _time(body.finished_at),
    }


def file_of(fields: Mapping[str, object]) -> bytes:
    """Return the bytes of a file."""
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def handed_in(data: bytes) -> bytes:
    """Return the action of a file as it is handed in: of one of ours, what was signed alone.

    Raises Invalid for what is no JSON.
    """
    value = read_json(data)
    if isinstance(value, dict) and "id" in value and "document" in value:
        signed = {key: value.get(key) for key in ("document", "signatures")}
        return msgspec.json.encode(signed)
    return data


def _counters(outcomes: Mapping[str, int]) -> dict[str, int]:
    sent, still_open = sum(outcomes.values()), outcomes.get("open", 0)
    found = {
        "sent": sent,
        "done": sent - still_open,
        "inflight": still_open,
        "success": outcomes.get("success", 0),
        "cancelled": outcomes.get("cancelled", 0),
        "expired": outcomes.get("expired", 0),
        "failed": sum(outcomes.get(word, 0) for word in FAILED),
        "timeout": outcomes.get("timeout", 0),
    }
    return {word: count for word, count in found.items() if count}


def _time(at: datetime | None) -> str:
    if at is None:
        return ZERO_TIME
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
