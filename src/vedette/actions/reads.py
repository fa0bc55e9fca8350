"""What is asked of actions: the list, one of them, its commands, and what the agents answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vedette.db.queries import Connection, load
from vedette.errors import Missing

Q = load(__file__, "reads.sql")

BEGINNING = datetime.min.replace(tzinfo=UTC)
PIECE_BYTES = 16 << 20
"""Of answers that are read at once; the first of them may be longer, since an agent's may have that much."""
AGENTS_NAMED = 20
"""Agents that are named of a group of answers that are alike."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An action as it is kept; `command.Launch` says what its limits mean.

    bundle_version: of the trust bundle by which it was weighed when it was launched.
    """

    id: int
    state: str
    name: str
    target: str
    modules: list[str]
    reason: str
    syntax_version: int
    valid_from: datetime
    expire_after: datetime
    proposed_by: str
    proposed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    why_invalid: str
    cancelled_by: str | None
    paused_at: datetime | None
    paused_why: str
    canary: int | None
    canary_passed_at: datetime | None
    rate: float | None
    at_once: int | None
    most_agents: int | None
    most_failures: float | None
    late: bool
    origin: str
    description: dict[str, Any]
    threat: dict[str, Any]
    operations: list[Any]
    incident_id: int | None
    bundle_version: int | None

    @property
    def paused(self) -> str:
        """Why it is paused; "" when it is not."""
        return "" if self.paused_at is None else self.paused_why or "paused"


@dataclass(frozen=True, slots=True)
class CommandRow:
    """An action's command for one agent."""

    id: int
    action_id: int
    agent_id: int
    agent: str
    state: str
    outcome: str | None
    reason: str
    message: str
    truncated: bool
    found: bool | None
    is_held: bool
    is_quarantined: bool
    due_at: datetime | None
    sent_at: datetime | None
    returned_at: datetime | None
    done_at: datetime | None
    took_ms: int
    is_online: bool

    @property
    def standing(self) -> str:
        """How it is, in one word (`command_standing`)."""
        return command_standing(
            self.state,
            self.outcome,
            is_quarantined=self.is_quarantined,
            is_held=self.is_held,
            is_online=self.is_online,
        )

    @property
    def took_s(self) -> float:
        """How long the host needed."""
        return self.took_ms / 1000


def command_standing(
    state: str, outcome: str | None, *, is_quarantined: bool, is_held: bool, is_online: bool
) -> str:
    """Return in one word how a command of an action is.

    Its outcome; else of one that was not carried down: quarantined (its agent gets no orders), held, waiting or
    offline; of one that was: unheard (its agent's answers are not read, being in quarantine), running or silent.
    """
    if outcome is not None:
        return outcome
    if state == "ready":
        if is_quarantined:
            return "quarantined"
        if is_held:
            return "held"
        return "waiting" if is_online else "offline"
    if is_quarantined:
        return "unheard"
    return "running" if is_online else "silent"


@dataclass(frozen=True, slots=True)
class ResultRow:
    """An answer; `answer` is the JSON that the agent signed, to the letter."""

    id: int
    agent: str
    agent_key: str
    outcome: str
    reason: str
    message: str
    truncated: bool
    found: bool | None
    took_ms: int
    stored_at: datetime
    answer: str
    signature: bytes
    public_key: bytes | None

    @property
    def took_s(self) -> float:
        """How long the host needed."""
        return self.took_ms / 1000


@dataclass(frozen=True, slots=True)
class AlikeRow:
    """Answers that say the same: how many, of whom (the first by name), and one of them."""

    alike: str
    commands: int
    outcome: str
    reason: str
    message: str
    found: bool | None
    agents: list[str]
    answer: str


@dataclass(frozen=True, slots=True)
class SignerRow:
    """Who signed; in_bundle: the newest trust bundle names the key."""

    name: str
    fingerprint: str
    status: str
    in_bundle: bool
    signature: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class DenialRow:
    """Who said no, and why."""

    by: str
    reason: str
    at: datetime


async def actions(
    conn: Connection,
    *,
    states: Sequence[str] | None = None,
    name: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Shown]:
    """Return actions, the newest first. name: a part of it, case apart."""
    pattern = None if name is None else f"%{name.replace('%', '')}%"
    return await Q.all(
        conn,
        "actions",
        row=Shown,
        id=None,
        before=before,
        states=None if states is None else list(states),
        name=pattern,
        limit=limit,
    )


async def action(conn: Connection, action_id: int) -> Shown:
    """Return the action; raises Missing."""
    found = await Q.one(
        conn, "actions", row=Shown, id=action_id, before=None, states=None, name=None, limit=1
    )
    if found is None:
        raise Missing(
            f"there is no action {action_id}", hint="`vedette act list` shows those there are"
        )
    return found


async def counts(conn: Connection, ids: Sequence[int]) -> Mapping[int, dict[str, int]]:
    """Return for each of the actions how many of its commands stand how (`CommandRow.standing`)."""
    found: dict[int, dict[str, int]] = {action_id: {} for action_id in ids}
    for action_id, standing, commands in await Q.all(conn, "counts", ids=list(ids)):
        found[action_id][standing] = commands
    return found


async def commands(
    conn: Connection,
    action_id: int | None = None,
    *,
    agent: str | None = None,
    command_id: int | None = None,
    outcomes: Sequence[str] | None = None,
    found: bool | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[CommandRow]:
    """Return commands by their ids, above `after`; of one action, of one agent, or one of them."""
    return await Q.all(
        conn,
        "commands",
        row=CommandRow,
        action_id=action_id,
        agent=agent,
        id=command_id,
        outcomes=None if outcomes is None else list(outcomes),
        found=found,
        after=after,
        limit=limit,
    )


async def results(
    conn: Connection,
    action_id: int,
    *,
    found: bool | None = None,
    after: tuple[datetime, int] = (BEGINNING, 0),
    limit: int = 100,
) -> list[ResultRow]:
    """Return answers as they came, after the one stored at that time with that command's id.

    As many as have `PIECE_BYTES` together, and one at least: fewer than the limit need not be the last.
    """
    return await Q.all(
        conn,
        "results",
        row=ResultRow,
        action_id=action_id,
        found=found,
        after_at=after[0],
        after_id=after[1],
        limit=limit,
        most_bytes=PIECE_BYTES,
    )


async def alike(conn: Connection, action_id: int, *, limit: int = 50) -> list[AlikeRow]:
    """Return the answers grouped by what they say, the commonest first."""
    return await Q.all(
        conn, "alike", row=AlikeRow, action_id=action_id, limit=limit, names=AGENTS_NAMED
    )


async def signers(conn: Connection, action_id: int) -> list[SignerRow]:
    """Return who signed the action, in the order in which their signatures are handed on."""
    return await Q.all(conn, "signers", row=SignerRow, id=action_id)


async def denials(conn: Connection, action_id: int) -> list[DenialRow]:
    """Return who said no."""
    return await Q.all(conn, "denials", row=DenialRow, id=action_id)
