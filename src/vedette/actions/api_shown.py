"""Actions as REST shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from vedette.actions import command as kept
from vedette.actions.reads import (
    AlikeRow,
    CommandRow,
    DenialRow,
    ResultRow,
    Shown,
    SignerRow,
)


class Weight(msgspec.Struct, kw_only=True):
    """What stands behind a module in a group, and what it needs there."""

    module: str
    group: str
    weight: int
    minimum: int
    investigators: list[str]


class Standing(msgspec.Struct, kw_only=True):
    """How an action stands. missing: why it is not launched yet. agents: it means, or has asked."""

    id: int
    state: str
    agents: int
    valid_from: datetime
    expire_after: datetime
    weights: list[Weight]
    missing: list[str]


class ActionSummary(msgspec.Struct, kw_only=True):
    """An action in a list.

    commands: how many stand how: success, failed, refused, timeout, lost, expired, cancelled, and of those under
    way held, waiting, offline, running, silent.
    """

    id: int
    state: str
    name: str
    target: str
    modules: list[str]
    valid_from: datetime
    expire_after: datetime
    proposed_by: str
    proposed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    paused: str
    commands: dict[str, int]


class Signer(msgspec.Struct, kw_only=True):
    """Who signed; in_bundle: the newest trust bundle names the key."""

    name: str
    fingerprint: str
    in_bundle: bool
    signed_at: datetime


class Denial(msgspec.Struct, kw_only=True):
    """Who said no, and why."""

    by: str
    reason: str
    at: datetime


class Action(ActionSummary, kw_only=True):
    """One action, whole; incident: the one it was launched for."""

    reason: str
    syntax_version: int
    operations: list[Any]
    description: dict[str, Any]
    threat: dict[str, Any]
    why_invalid: str
    cancelled_by: str
    origin: str
    rate: float | None
    at_once: int | None
    most_agents: int | None
    most_failures: float | None
    canary: int | None
    canary_passed_at: datetime | None
    late: bool
    incident: int | None
    signatures: list[Signer]
    denials: list[Denial]
    weights: list[Weight]
    missing: list[str]


class Command(msgspec.Struct, kw_only=True):
    """An action's command for one agent; standing says in one word how it is."""

    id: int
    agent: str
    state: str
    standing: str
    outcome: str | None
    reason: str
    message: str
    truncated: bool
    found: bool | None
    due_at: datetime | None
    sent_at: datetime | None
    returned_at: datetime | None
    done_at: datetime | None
    took_s: float


class Result(msgspec.Struct, kw_only=True):
    """An answer. answer: to the letter what the agent signed; signature: by its key, both of these in hex."""

    id: int
    agent: str
    agent_key: str
    outcome: str
    reason: str
    message: str
    truncated: bool
    found: bool | None
    took_s: float
    stored_at: datetime
    results: Any
    answer: str
    signature: str
    public_key: str


class Alike(msgspec.Struct, kw_only=True):
    """Answers that say the same; agents: the first of them by name; results: of one that stands for all."""

    alike: str
    commands: int
    outcome: str
    reason: str
    message: str
    found: bool | None
    agents: list[str]
    results: Any


class Matched(msgspec.Struct, kw_only=True):
    """An agent that a target means."""

    name: str
    key: str
    os: str
    status: str
    queueloc: str
    version: str


def shown_standing(standing: kept.Standing) -> Standing:
    """Return how it stands, as REST says it."""
    return Standing(
        id=standing.id,
        state=standing.state,
        agents=standing.agents,
        valid_from=standing.valid_from,
        expire_after=standing.expire_after,
        weights=_weights(standing.weights),
        missing=list(standing.missing),
    )


def summary_of(row: Shown, counted: Mapping[str, int]) -> ActionSummary:
    """Return an action's line in a list."""
    return ActionSummary(
        id=row.id,
        state=row.state,
        name=row.name,
        target=row.target,
        modules=row.modules,
        valid_from=row.valid_from,
        expire_after=row.expire_after,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        paused=_paused(row),
        commands=dict(counted),
    )


def shown_action(
    row: Shown,
    counted: Mapping[str, int],
    signers: Sequence[SignerRow],
    denials: Sequence[DenialRow],
    standing: kept.Standing,
) -> Action:
    """Return a whole action."""
    return Action(
        **msgspec.structs.asdict(summary_of(row, counted)),
        reason=row.reason,
        syntax_version=row.syntax_version,
        operations=row.operations,
        description=row.description,
        threat=row.threat,
        why_invalid=row.why_invalid,
        cancelled_by=row.cancelled_by or "",
        origin=row.origin,
        rate=row.rate,
        at_once=row.at_once,
        most_agents=row.most_agents,
        most_failures=row.most_failures,
        canary=row.canary,
        canary_passed_at=row.canary_passed_at,
        late=row.late,
        incident=row.incident_id,
        signatures=[
            Signer(
                name=one.name,
                fingerprint=one.fingerprint,
                in_bundle=one.in_bundle,
                signed_at=one.added_at,
            )
            for one in signers
        ],
        denials=[Denial(by=one.denied_by, reason=one.reason, at=one.denied_at) for one in denials],
        weights=_weights(standing.weights),
        missing=list(standing.missing),
    )


def shown_command(row: CommandRow) -> Command:
    """Return a command as REST says it."""
    return Command(
        id=row.id,
        agent=row.agent,
        state=row.state,
        standing=row.standing,
        outcome=row.outcome,
        reason=row.reason,
        message=row.message,
        truncated=row.truncated,
        found=row.found,
        due_at=row.due_at,
        sent_at=row.sent_at,
        returned_at=row.returned_at,
        done_at=row.done_at,
        took_s=row.took_ms / 1000,
    )


def shown_result(row: ResultRow) -> Result:
    """Return an answer as REST says it."""
    return Result(
        id=row.id,
        agent=row.agent,
        agent_key=f"sha256:{row.agent_key}",
        outcome=row.outcome,
        reason=row.reason,
        message=row.message,
        truncated=row.truncated,
        found=row.found,
        took_s=row.took_ms / 1000,
        stored_at=row.stored_at,
        results=results_in(row.answer),
        answer=row.answer,
        signature=row.signature.hex(),
        public_key=(row.public_key or b"").hex(),
    )


def shown_alike(row: AlikeRow) -> Alike:
    """Return a group of like answers as REST says it."""
    return Alike(
        alike=row.alike,
        commands=row.commands,
        outcome=row.outcome,
        reason=row.reason,
        message=row.message,
        found=row.found,
        agents=row.agents,
        results=results_in(row.answer),
    )


def results_in(answer: str) -> Any:  # noqa: ANN401 - whatever JSON modules answered
    """Return the results of an answer, one an operation, in MIG's shape."""
    return msgspec.json.decode(answer)["results"]


def _paused(row: Shown) -> str:
    return "" if row.paused_at is None else row.paused_why or "paused"


def _weights(weights: Sequence[kept.Weight]) -> list[Weight]:
    return [
        Weight(
            module=one.module,
            group=one.group,
            weight=one.weight,
            minimum=one.minimum,
            investigators=list(one.investigators),
        )
        for one in weights
    ]
