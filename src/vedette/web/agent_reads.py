"""Questions of the page of one agent, across rooms; one function, one query."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vedette.db.queries import Connection, load

Q = load(__file__, "agent_reads.sql")

ASKED, GROUPS, DOUBLES = 50, 100, 50
"""Commands, groups and endpoints shown at most."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an agent says it can: modules, what its kernel gives to hold them, the bundle it decides by."""

    modules: list[str]
    sandbox: Mapping[str, Any]
    bundle_version: int
    mode: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the bundle, and for each of its rules the weight that a module needs; `*` the others."""

    name: str
    modules: list[str]
    weights: list[int]


@dataclass(frozen=True, slots=True)
class AskedRow:
    """What an action asked of the agent."""

    id: int
    action_id: int
    name: str
    modules: list[str]
    state: str
    outcome: str | None
    reason: str
    message: str
    truncated: bool
    found: bool | None
    is_held: bool
    created_at: datetime
    sent_at: datetime | None
    took_ms: int


@dataclass(frozen=True, slots=True)
class Double:
    """Several agents, each with a key of its own, on one endpoint."""

    queueloc: str
    agents: list[str]


async def claims(conn: Connection, agent: int) -> Claims:
    """Return what the agent says it can."""
    found = await Q.one(conn, "claims", row=Claims, agent=agent)
    return found or Claims([], {}, 0, "daemon")


async def groups(conn: Connection, key: bytes) -> list[Group]:
    """Return the groups in which the agent with this key's fingerprint stands."""
    return await Q.all(conn, "groups", row=Group, key=key, limit=GROUPS)


async def newest_bundle(conn: Connection) -> int:
    """Return the version of the newest trust bundle; 0 before the first."""
    return int(await Q.value(conn, "newest_bundle") or 0)


async def asked(conn: Connection, agent: int) -> list[AskedRow]:
    """Return what actions asked of the agent, the newest first."""
    return await Q.all(conn, "asked", row=AskedRow, agent=agent, limit=ASKED)


async def doubles(conn: Connection) -> list[Double]:
    """Return the endpoints with several agents."""
    return await Q.all(conn, "doubles", row=Double, limit=DOUBLES)
