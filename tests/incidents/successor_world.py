"""The successor's fixture: six components, asked over HTTP by a reporter and by a person."""

from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from tests.access.test_reporter_tokens import SECRET, token
from tests.factories import make_component
from tests.rest_world import rest_over
from tests.web.chromium import served

from vedette import clock
from vedette.access.reporter_tokens import ReporterKey

REPORTER = {"authorization": f"Bearer {token({'other': 'claims'})}"}


class World:
    """What posts to `/v1` and `/v2` see; `ids` are the components' by name."""

    def __init__(self, rest, ids):
        self.rest, self.ids = rest, ids

    async def get(self, path, status=200):
        answer = await self.rest.http.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def report(self, impact, *names, **more):
        """The results of a system incident of these components."""
        body = event(impact, [self.ids[name] for name in names], system=True, **more)
        answer = await self.rest.http.post("/v2/events", json=body, headers=REPORTER)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    async def reported(self, impact, name, **more) -> int:
        """The id of the incident that the component is in after the report."""
        (result,) = await self.report(impact, name, **more)
        return result["incident_id"]

    async def person(self, method, path, json, status=200, scopes=("incidents:write",)):
        answer = await self.rest.ask(method, path, json=json, scopes=scopes)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def opened(self, impact, *names, **more) -> int:
        """The id of a person's event."""
        body = event(impact, [self.ids[name] for name in names], **more)
        made = await self.person("POST", "/v2/events", body)
        (number,) = {each["incident_id"] for each in made["result"]}
        return number

    async def event(self, number):
        return await self.get(f"/v2/events/{number}")

    async def open_ones(self):
        """Impact and components of every incident that is open, by id."""
        found = (await self.get("/v2/events?active=true&type=incident"))["data"]
        return {each["id"]: (each["impact"], each["components"]) for each in found}


def event(impact, components, **more):
    """A new event's body, begun a minute ago."""
    return {
        "title": "Something",
        "impact": impact,
        "components": components,
        "start_date": (clock.now() - timedelta(minutes=1)).isoformat(),
        "type": "incident" if impact else "maintenance",
    } | more


def patch(status, **more):
    return {"message": "Words", "status": status, "update_date": clock.now().isoformat()} | more


@asynccontextmanager
async def successor_over(dsn):
    """Serve six components over this database, at a port of loopback."""
    async with rest_over(dsn, reporters=ReporterKey(SECRET)) as rest:
        async with rest.pool.connection() as conn:
            ids = {
                f"{type_}-{region}": await make_component(
                    conn, service, region=region, category=category, type=type_
                )
                for service, category, type_ in (
                    ("Cloud Container Engine", "Container", "cce"),
                    ("Elastic Cloud Server", "Compute", "ecs"),
                    ("Distributed Cache Service", "Database", "dcs"),
                )
                for region in ("EU-DE", "EU-NL")
            }
        async with (
            served(rest.app) as address,
            httpx.AsyncClient(base_url=address) as rest.http,
        ):
            yield World(rest, ids)
