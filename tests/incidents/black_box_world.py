"""The whole of HTTP at a real socket, with the fixture of the first Status Dashboard's own tests."""

from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from psycopg.types.json import Jsonb
from tests.access.test_reporter_tokens import SECRET, token
from tests.factories import make_component, make_service
from tests.rest_world import rest_over
from tests.web.chromium import served

from vedette import clock
from vedette.access.reporter_tokens import ReporterKey
from vedette.app.front import front
from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status, Titles
from vedette.incidents.open import open_incident
from vedette.web.site import site

PATH = "/api/v1/component_status"
REPORTER = {"authorization": f"bearer {token({'stackmon': 'dummy'})}"}
ATTRIBUTES = [{"name": "a1", "value": "v1"}]


class Board:
    """A server as its readers and reporters meet it; `ids` are the components' by name."""

    def __init__(self, http, pool, ids):
        self.http, self.pool, self.ids = http, pool, ids

    async def get(self, path):
        return await self.http.get(path)

    async def post(self, name, impact, **more):
        body = {"name": name, "impact": impact, "attributes": ATTRIBUTES, **more}
        return await self.http.post(PATH, json=body, headers=REPORTER)

    async def incidents(self):
        """Every incident and maintenance there ever was, by id."""
        return {one["id"]: one for one in (await self.get("/api/v1/incidents")).json()}

    async def active(self):
        """Those that are open, without maintenances, by id."""
        found = await self.incidents()
        return {id_: one for id_, one in found.items() if not one["end_date"] and one["impact"]}

    async def has(self, name) -> set[int]:
        """The ids of the open incidents that the component stands in."""
        found = (await self.get(f"{PATH}?name={name}")).json()
        return {one["id"] for each in found for one in each["incidents"] if not one["end_date"]}

    async def told(self, name, impact, **given) -> int:
        """Tell of an incident of an hour ago; return its id."""
        now = clock.now()
        draft = {
            "kind": Kind.INCIDENT,
            "title": "Told by a person",
            "impact": Impact(impact),
            "status": Status.ANALYZING,
            "starts_at": now - timedelta(hours=1),
            "published_at": now,
            "components": [self.ids[name]],
        }
        async with self.pool.connection() as conn:
            return await open_incident(conn, Draft(**(draft | given)), by="person:ada", now=now)

    async def closed(self, name, impact) -> int:
        """Tell of an incident that is over; return its id."""
        number = await self.told(name, impact)
        async with self.pool.connection() as conn:
            await close_incident(conn, number, by="person:ada", now=clock.now())
        return number

    async def maintained(self, name) -> int:
        """Begin a maintenance that lasts another hour; return its id."""
        ends = clock.now() + timedelta(hours=1)
        return await self.told(
            name, 0, kind=Kind.MAINTENANCE, status=Status.IN_PROGRESS, ends_at=ends
        )


@asynccontextmanager
async def board_over(dsn):
    """Serve pages, feeds and REST over this database at a port of loopback."""
    reporters = {"reporters": ReporterKey(SECRET), "reporter_titles": Titles.COMPATIBLE}
    async with rest_over(dsn, **reporters) as rest:
        ids = {}
        async with rest.pool.connection() as conn:
            for name, attributes in (("cmp1", {"a1": "v1", "a2": "v2"}), ("cmp2", {"a1": "v1"})):
                ids[name] = await bare(conn, name, attributes)
            for nth in (1, 2):
                name = f"Component{nth}"
                ids[name] = await make_component(conn, name, region=f"Region{nth}")
        pages = site(rest.pool, authenticate=nobody, cookie_key=b"k" * 32).pages
        async with (
            served(front(pages, rest.app)) as address,
            httpx.AsyncClient(base_url=address) as http,
        ):
            yield Board(http, rest.pool, ids)


async def nobody(_):
    return None


async def bare(conn, name, attributes) -> int:
    """A component without region and category."""
    service = await make_service(conn, name, category=None)
    row = await conn.execute(
        "INSERT INTO fleet.component (slug, service_id, attributes) VALUES (%s, %s, %s) RETURNING id",
        (name, service, Jsonb(attributes)),
    )
    (number,) = await row.fetchone()
    return number
