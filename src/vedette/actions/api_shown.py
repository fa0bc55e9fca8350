"""Actions as REST shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from litestar.params import Parameter

from vedette.actions import command as kept
from vedette.actions.reads import (
    AlikeRow,
    CommandRow,
    DenialRow,
    ResultRow,
    Shown,
    SignerRow,
)
from vedette.rest.paging import MAX_ID

Number = Annotated[int, Parameter(ge=1, le=MAX_ID)]
"""Of an action or a mandate."""
S = TypeVar("S", bound=msgspec.Struct)


class Weight(msgspec.Struct, kw_only=True):
    """What stands behind a module in a group, and what it needs there; shares: what each of the investigators weighs."""

    module: str
    group: str
    weight: int
    minimum: int
    investigators: Sequence[str]
    shares: Sequence[int]


class Standing(msgspec.Struct, kw_only=True):
    """How an action stands. missing: why it is not launched yet. agents: it means, or has asked.

    weights: what stands behind it, or stood behind it when it was launched. launched_before: it was launched, or over,
    before this was done; it is not launched twice.
    """

    id: int
    state: str
    agents: int
    valid_from: datetime
    expire_after: datetime
    weights: list[Weight]
    missing: list[str]
    launched_before: bool


class ActionSummary(msgspec.Struct, kw_only=True):
    """An action in a list.

    commands: how many stand how: success, failed, refused, timeout, lost, expired, cancelled, and of those under
    way held, waiting, offline, quarantined (not asked), running, silent, unheard (asked).
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
    """One action, whole; incident: the one it was launched for.

    weights: what stands behind it, or stood behind it when it was launched by bundle_version.
    """

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
    bundle_version: int | None
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
    return _shaped(Standing, standing, weights=_weights(standing), missing=list(standing.missing))


def summary_of(row: Shown, counted: Mapping[str, int]) -> ActionSummary:
    """Return an action's line in a list."""
    return _shaped(ActionSummary, row, commands=dict(counted))


def shown_action(
    row: Shown,
    counted: Mapping[str, int],
    signers: Sequence[SignerRow],
    denials: Sequence[DenialRow],
    standing: kept.Standing,
) -> Action:
    """Return a whole action."""
    return _shaped(
        Action,
        row,
        commands=dict(counted),
        cancelled_by=row.cancelled_by or "",
        incident=row.incident_id,
        signatures=[_shaped(Signer, one) for one in signers],
        denials=[_shaped(Denial, one) for one in denials],
        weights=_weights(standing),
        missing=list(standing.missing),
    )


def shown_command(row: CommandRow) -> Command:
    """Return a command as REST says it."""
    return _shaped(Command, row)


def shown_result(row: ResultRow) -> Result:
    """Return an answer as REST says it."""
    return _shaped(
        Result,
        row,
        agent_key=f"sha256:{row.agent_key}",
        results=results_in(row.answer),
        signature=row.signature.hex(),
        public_key=(row.public_key or b"").hex(),
    )


def shown_alike(row: AlikeRow) -> Alike:
    """Return a group of like answers as REST says it."""
    return _shaped(Alike, row, results=results_in(row.answer))


def results_in(answer: str) -> Any:  # noqa: ANN401 - whatever JSON modules answered
    """Return the results of an answer, one an operation, in MIG's shape."""
    return msgspec.json.decode(answer)["results"]


def _weights(standing: kept.Standing) -> list[Weight]:
    return [_shaped(Weight, one) for one in standing.weights]


def _shaped(shape: type[S], row: object, **others: Any) -> S:  # noqa: ANN401 - fields of the shape
    """Return the shape with what the row has under the same names, and the others."""
    same = {name: getattr(row, name) for name in shape.__struct_fields__ if name not in others}
    return shape(**same, **others)
