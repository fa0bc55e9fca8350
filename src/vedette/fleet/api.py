"""REST routes of the fleet: agents, clusters, regions, services."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, post

from vedette import clock
from vedette.access.api import address_of
from vedette.access.model import Actor
from vedette.db.queries import Connection
from vedette.fleet import reads
from vedette.fleet.model import Agent as KeptAgent
from vedette.fleet.model import Duplicate
from vedette.fleet.quarantine import release_agent
from vedette.fleet.revoke import retire_agent, revoke_agent
from vedette.fleet.status import Standing, is_connected, status_of
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)
from vedette.rest.request_id import request_id_of
from vedette.trust.names import plain_text

AnyRequest = Request[Any, Any, Any]


class Agent(msgspec.Struct, kw_only=True):
    """A machine that looks; a duplicate is a row of its own, with the name whose key it holds.

    state: online, offline, quarantined, revoked or duplicate; reason says why. tags are ours, claims its own.
    clock_offset_s: its clock minus ours. spooled_*: what waits on its disk to be sent.
    attempts: how often a duplicate came. kind: agent or collector; via: the collector it comes through.
    """

    name: str
    state: str
    reason: str
    connected: bool
    hostname: str
    queueloc: str
    address: str
    heartbeat_at: datetime | None
    os: str = ""
    version: str = ""
    pid: int = 0
    targets: int = 0
    tags: dict[str, Any] = {}
    claims: dict[str, Any] = {}
    environment: dict[str, Any] = {}
    connectors: list[str] = []
    server: str = ""
    clock_offset_s: float = 0.0
    spooled_bytes: int = 0
    spooled_reports: int = 0
    dropped_reports: int = 0
    started_at: datetime | None = None
    enrolled_at: datetime | None = None
    certificate_not_after: datetime | None = None
    attempts: int = 0
    kind: str = "agent"
    via: str = ""


class Cluster(msgspec.Struct, kw_only=True):
    """Machines that are run together."""

    name: str
    slug: str
    region: str | None


class Region(msgspec.Struct, kw_only=True):
    """Where things run."""

    name: str
    slug: str


class Service(msgspec.Struct, kw_only=True):
    """What people depend on; components: the slugs of the living ones."""

    name: str
    slug: str
    category: str | None
    components: list[str]


@get("/api/v1/agents")
async def list_agents(
    request: AnyRequest, conn: Connection, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response[list[Agent]]:
    """List the agents by name, each followed by the machines that lately came with its key."""
    now = clock.now()
    found = await reads.agents(conn, after=_after(cursor), limit=limit)
    duplicates: dict[int, list[Duplicate]] = {}
    for duplicate in await reads.duplicates_of(conn, [agent.id for agent in found], now=now):
        duplicates.setdefault(duplicate.agent_id, []).append(duplicate)
    rows = []
    for agent in found:
        rows.append(_shown(agent, now=now))
        rows += [_shown_duplicate(agent.name, each) for each in duplicates.get(agent.id, ())]
    return _page(request, rows, found, limit)


@post("/api/v1/agents/{name:str}/revoke", status_code=204)
async def send_away(request: AnyRequest, conn: Connection, actor: Actor, name: str) -> None:
    """Revoke an agent at once and for good; the host can only be enrolled anew."""
    await revoke_agent(
        conn,
        name,
        by=actor.name,
        now=clock.now(),
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )


@post("/api/v1/agents/{name:str}/retire", status_code=204)
async def retire(request: AnyRequest, conn: Connection, actor: Actor, name: str) -> None:
    """Revoke an agent and take it from the lists; its history stays, its name is free."""
    await retire_agent(
        conn,
        name,
        by=actor.name,
        now=clock.now(),
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )


@post("/api/v1/agents/{name:str}/release", status_code=204)
async def release(request: AnyRequest, conn: Connection, actor: Actor, name: str) -> None:
    """Let an agent out of quarantine: it gets orders again, and what it was asked goes down to it once more."""
    await release_agent(
        conn,
        name,
        by=actor.name,
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )


@get("/api/v1/clusters")
async def list_clusters(
    request: AnyRequest, conn: Connection, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response[list[Cluster]]:
    """List the clusters by name."""
    found = await reads.clusters(conn, after=_after(cursor), limit=limit)
    rows = [Cluster(name=row.name, slug=row.slug, region=row.region) for row in found]
    return _page(request, rows, found, limit)


@get("/api/v1/regions")
async def list_regions(conn: Connection) -> list[Region]:
    """List the regions by name."""
    return [Region(name=row.name, slug=row.slug) for row in await reads.regions(conn)]


@get("/api/v1/services")
async def list_services(
    request: AnyRequest, conn: Connection, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response[list[Service]]:
    """List the services by name."""
    found = await reads.services(conn, after=_after(cursor), limit=limit)
    rows = [
        Service(
            name=row.name, slug=row.slug, category=row.category, components=list(row.components)
        )
        for row in found
    ]
    return _page(request, rows, found, limit)


routes = [list_agents, send_away, retire, release, list_clusters, list_regions, list_services]


def _after(cursor: str | None) -> str:
    # A cursor is the client's text again: PostgreSQL takes no NUL.
    return plain_text(decode_cursor(cursor, str), limit=1000) if cursor else ""


def _page(
    request: AnyRequest, rows: list[Any], found: list[Any], limit: int
) -> Response[list[Any]]:
    more = encode_cursor(found[-1].name) if len(found) == limit else None
    return Response(rows, headers=next_link(request, more))


def _shown(agent: KeptAgent, *, now: datetime) -> Agent:
    status = status_of(agent, now=now)
    return Agent(
        name=agent.name,
        state=status.standing,
        reason=status.reason,
        connected=is_connected(agent, now=now),
        hostname=agent.hostname,
        queueloc=agent.queueloc,
        address=agent.address,
        heartbeat_at=agent.heartbeat_at,
        os=agent.os,
        version=agent.version,
        pid=agent.pid,
        targets=agent.targets,
        tags=dict(agent.tags),
        claims=dict(agent.claims),
        environment=dict(agent.environment),
        connectors=list(agent.connectors),
        server=agent.server,
        clock_offset_s=agent.clock_offset_s,
        spooled_bytes=agent.spooled_bytes,
        spooled_reports=agent.spooled_reports,
        dropped_reports=agent.dropped_reports,
        started_at=agent.started_at,
        enrolled_at=agent.enrolled_at,
        certificate_not_after=agent.certificate_not_after,
        kind=agent.kind,
        via=agent.via,
    )


def _shown_duplicate(name: str, duplicate: Duplicate) -> Agent:
    return Agent(
        name=name,
        state=Standing.DUPLICATE,
        reason=f"another machine came with the key of {name!r} and was refused",
        connected=False,
        hostname=duplicate.hostname,
        queueloc=duplicate.queueloc,
        address=duplicate.address,
        heartbeat_at=duplicate.last_seen_at,
        attempts=duplicate.attempts,
    )
