"""REST route: the agents beneath an incident, a service, a component or a vulnerability."""

from typing import Annotated

import msgspec
from litestar import post
from msgspec import Meta

from vedette.automation.agents_beneath import (
    Beneath,
    beneath_component,
    beneath_incident,
    beneath_service,
    beneath_vulnerability,
)
from vedette.db.queries import Connection
from vedette.errors import Invalid

Name = Annotated[str, Meta(max_length=500)]


class Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One of the four."""

    incident: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    service: Name = ""
    component: Name = ""
    cve: Name = ""


class AgentBeneath(msgspec.Struct, kw_only=True):
    """An agent; through: what led to it."""

    name: str
    key: str
    os: str
    queueloc: str
    version: str
    through: list[str]


@post("/api/v1/agents/beneath", status_code=200)
async def agents_beneath(conn: Connection, data: Asked) -> list[AgentBeneath]:
    """Return the agents beneath it by name, each with what led to it. Nothing is asked of them."""
    return [
        AgentBeneath(
            name=one.name,
            key=one.key,
            os=one.os,
            queueloc=one.queueloc,
            version=one.version,
            through=list(one.through),
        )
        for one in await _found(conn, data)
    ]


async def _found(conn: Connection, asked: Asked) -> list[Beneath]:
    given = [name for name in ("incident", "service", "component", "cve") if getattr(asked, name)]
    if len(given) != 1:
        raise Invalid("name one of incident, service, component and cve")
    if asked.incident:
        return await beneath_incident(conn, asked.incident)
    if asked.service:
        return await beneath_service(conn, asked.service)
    if asked.component:
        return await beneath_component(conn, asked.component)
    return await beneath_vulnerability(conn, asked.cve)


routes = [agents_beneath]
