"""Questions to the fleet: one function, one query."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.fleet.model import (
    Agent,
    Cluster,
    Component,
    Configuration,
    Duplicate,
    Region,
    Service,
    Target,
)

Q = load(__file__, "reads.sql")

MOST = 10_000
"""Rows of a list that asks for no page."""

DUPLICATE_SHOWN_FOR = timedelta(days=7)


async def targets_of(conn: Connection, agent_id: int) -> list[Target]:
    """Return what this agent probes and may speak of, in the order of their ids."""
    return await Q.all(conn, "targets_of", agent_id=agent_id, row=Target)


async def configuration_of(conn: Connection, agent_id: int) -> Configuration:
    """Return the agent's whole configuration.

    The revision is read first: should it change in between, the agent gets newer targets under an
    older number and then the same once more, never older targets under a newer one.
    """
    revision = await Q.value(conn, "revision_of", agent_id=agent_id)
    if revision is None:
        raise Missing(f"there is no agent with the id {agent_id}")
    targets = await targets_of(conn, agent_id)
    return Configuration(revision=revision, targets=tuple(targets))


async def targets(conn: Connection) -> list[Target]:
    """Return every target that is not retired, by name."""
    return await Q.all(conn, "targets", row=Target)


async def agents(
    conn: Connection, *, name: str | None = None, after: str = "", limit: int = MOST
) -> list[Agent]:
    """Return the agents by name, revoked ones too, retired ones not; `after` resumes a page."""
    return await Q.all(conn, "agents", name=name, after=after, limit=limit, row=Agent)


async def agent(conn: Connection, name: str) -> Agent:
    """Return the agent of that name; raises Missing."""
    found = await agents(conn, name=name, limit=1)
    if not found:
        raise Missing(f"no agent is called {name[:80]!a}", hint="`vedette agents list` lists them")
    return found[0]


async def duplicates_of(
    conn: Connection, agent_ids: Sequence[int], *, now: datetime
) -> list[Duplicate]:
    """Return the machines that lately came with the keys of these agents, latest first."""
    return await Q.all(
        conn,
        "duplicates_of",
        agents=list(agent_ids),
        since=now - DUPLICATE_SHOWN_FOR,
        row=Duplicate,
    )


async def regions(conn: Connection) -> list[Region]:
    """Return every region by name."""
    return await Q.all(conn, "regions", row=Region)


async def clusters(conn: Connection, *, after: str = "", limit: int = MOST) -> list[Cluster]:
    """Return the clusters by name."""
    return await Q.all(conn, "clusters", after=after, limit=limit, row=Cluster)


async def services(conn: Connection, *, after: str = "", limit: int = MOST) -> list[Service]:
    """Return the services by name, each with the slugs of its components."""
    return await Q.all(conn, "services", after=after, limit=limit, row=Service)


async def components(conn: Connection) -> list[Component]:
    """Return every component that is not retired, by slug."""
    return await Q.all(conn, "components", row=Component)
