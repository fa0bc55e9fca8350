"""How an agent is called when one looks at it: online, offline, revoked, in quarantine; and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vedette.fleet.model import Agent

SILENT_AFTER = timedelta(seconds=90)
"""An open stream without a word for so long is a dead one; agents speak every 30 s at least."""

CLOCK_TOLERANCE_S = 5.0
"""A clock further off than this is worth a word."""


class Standing(StrEnum):
    """One word for an agent's row; `duplicate` is another machine that came with its key.

    Quarantined: whatever else it is, it gets no orders until somebody looked at it.
    """

    ONLINE = "online"
    OFFLINE = "offline"
    REVOKED = "revoked"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Status:
    """An agent's standing and, for people, why; the reason is "" when all is well."""

    standing: Standing
    reason: str = ""


def status_of(agent: Agent, *, now: datetime) -> Status:
    """Return how the agent is: revoked, in quarantine, else offline unless its stream is open and spoke lately."""
    if agent.revoked_at is not None:
        return Status(Standing.REVOKED, f"revoked at {_minute(agent.revoked_at)}")
    if agent.quarantined_at is not None:
        since = _minute(agent.quarantined_at)
        return Status(Standing.QUARANTINED, f"{agent.quarantined_why}; no orders since {since}")
    return _presence_of(agent, now)


def is_connected(agent: Agent, *, now: datetime) -> bool:
    """Return whether its stream is open and spoke lately, in quarantine or not."""
    return agent.revoked_at is None and _presence_of(agent, now).standing is Standing.ONLINE


def _presence_of(agent: Agent, now: datetime) -> Status:
    if agent.connected_at is None or agent.heartbeat_at is None:
        return Status(Standing.OFFLINE, "it has never connected")
    if agent.disconnected_at is not None:
        through = f" through {agent.via}" if agent.via else ""
        ended = f"its stream{through} ended at {_minute(agent.disconnected_at)}"
        return Status(Standing.OFFLINE, ended)
    if now - agent.heartbeat_at > SILENT_AFTER:
        return Status(Standing.OFFLINE, f"no heartbeat since {_minute(agent.heartbeat_at)}")
    if abs(agent.clock_offset_s) > CLOCK_TOLERANCE_S:
        ahead = "ahead of" if agent.clock_offset_s > 0 else "behind"
        off = timedelta(seconds=round(abs(agent.clock_offset_s)))
        return Status(Standing.ONLINE, f"its clock is {off} {ahead} ours")
    return Status(Standing.ONLINE)


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
