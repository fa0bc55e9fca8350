"""REST routes: agents that fell silent, and endpoints with several agents."""

from litestar import get

from vedette import clock
from vedette.db.queries import Connection
from vedette.fleet import endpoints
from vedette.fleet.endpoints import Double, Offline


@get("/api/v1/agents/offline")
async def list_offline(conn: Connection) -> list[Offline]:
    """List agents that spoke within 30 days and not within 5 minutes, the latest first."""
    return await endpoints.offline(conn, now=clock.now())


@get("/api/v1/agents/doubles")
async def list_doubles(conn: Connection) -> list[Double]:
    """List the agents of endpoints on which several with different keys spoke within 10 minutes."""
    return await endpoints.doubles(conn, now=clock.now())


routes = [list_offline, list_doubles]
