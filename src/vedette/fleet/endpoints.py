"""Endpoints where something is amiss: agents that fell silent, hosts with two agents. MIG's two queries."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.db.queries import Connection, load

Q = load(__file__, "endpoints.sql")

SEEN_WITHIN = timedelta(days=30)
SILENT_FOR = timedelta(minutes=5)
ALIVE_WITHIN = timedelta(minutes=10)
MOST = 10_000
"""Rows of a list."""


@dataclass(frozen=True, slots=True)
class Offline:
    """An agent that spoke within SEEN_WITHIN, and not within SILENT_FOR."""

    name: str
    queueloc: str
    hostname: str
    os: str
    version: str
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class Double:
    """One of several agents, with keys of their own, that speak for one endpoint now."""

    queueloc: str
    name: str
    key: str
    hostname: str
    version: str
    pid: int
    started_at: datetime | None
    heartbeat_at: datetime


async def offline(conn: Connection, *, now: datetime) -> list[Offline]:
    """Return agents that fell silent, the latest first; who was sent away is not among them."""
    return await Q.all(
        conn,
        "offline",
        row=Offline,
        seen_from=now - SEEN_WITHIN,
        silent_from=now - SILENT_FOR,
        limit=MOST,
    )


async def doubles(conn: Connection, *, now: datetime) -> list[Double]:
    """Return the agents of endpoints that have several, those with most first.

    Often an upgrade did not stop the older agent, or a host was enrolled anew beside it.
    """
    return await Q.all(conn, "doubles", row=Double, alive_from=now - ALIVE_WITHIN, limit=MOST)
