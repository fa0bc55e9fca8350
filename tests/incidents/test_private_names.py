"""What is private is named nowhere that the public reads, by whatever verb it comes and goes."""

import pytest
from tests.access.test_reporter_tokens import SECRET
from tests.factories import at, make_component
from tests.rest_world import rest_over
from tests.web.feeds_world import private

from vedette.access.reporter_tokens import ReporterKey
from vedette.db.pool import connect
from vedette.incidents.components import components
from vedette.incidents.merge import merge_incidents
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.publish import publish_incident
from vedette.incidents.reporters import Manners, Post, report
from vedette.incidents.separate import separate_components

NOW = at("12:00")
BY = {"by": "person:ada", "now": NOW}
PATHS = ("/api/v1/incidents", "/api/v1/component_status", "/v1/incidents", "/v1/component_status", "/v2/events", "/v2/incidents")  # fmt: skip


class World:
    """A public and two private components; `vault` and `safe` are not to be read of."""

    def __init__(self, rest, conn, ids):
        self.rest, self.conn, self.ids = rest, conn, ids

    async def told(self, *names, **given):
        draft = {
            "kind": Kind.INCIDENT, "title": "Told", "impact": Impact.MINOR, "status": Status.ANALYZING,
            "starts_at": NOW, "published_at": NOW, "components": [self.ids[name] for name in names],
        }  # fmt: skip
        return await open_incident(self.conn, Draft(**(draft | given)), **BY)

    async def reported(self, name, impact, **more):
        (component,) = await components(self.conn, [self.ids[name]])
        post = Post(component=component, impact=Impact(impact), **more)
        return (await report(self.conn, post, by="reporter", now=NOW)).incident_id

    async def assert_silent(self):
        for path in PATHS:
            text = (await self.rest.http.get(path)).text
            assert "vault" not in text.lower(), path
            assert "safe" not in text.lower(), path


@pytest.fixture
async def world(fresh_database_url):
    async with (
        rest_over(fresh_database_url, reporters=ReporterKey(SECRET)) as rest,
        await connect(fresh_database_url) as conn,
    ):
        names = ("Orders", "Vault", "Safe", "Shop")
        ids = {name: await make_component(conn, name) for name in names}
        for name in ("Vault", "Safe"):
            await private(conn, ids[name])
        yield World(rest, conn, ids)


@pytest.mark.parametrize("manners", Manners)
async def test_a_reporters_title_goes_back_to_nobody_private(world, manners):
    await world.reported("Vault", 1, manners=manners)
    await world.reported("Orders", 1, manners=manners)
    await world.assert_silent()
    await world.reported("Safe", 1, manners=manners)
    # Who is left in it is private, and the public still reads of it.
    await world.reported("Orders", 2, manners=manners)
    await world.assert_silent()
    await world.reported("Vault", 2, manners=manners)
    await world.reported("Safe", 3, manners=manners)
    await world.assert_silent()


async def test_separated(world):
    number = await world.told("Orders", "Shop", "Vault", "Safe")
    await separate_components(world.conn, number, [world.ids["Vault"], world.ids["Shop"]], **BY)
    await separate_components(world.conn, number, [world.ids["Safe"]], **BY)
    await world.assert_silent()
    titles = {one["text"] for one in (await world.rest.http.get("/api/v1/incidents")).json()}
    assert titles == {"Told", "Told (Shop)"}


async def test_merged(world):
    number = await world.told("Orders")
    hidden = await world.told("Vault", title="The vault is open")
    await merge_incidents(world.conn, hidden, number, **BY)
    await world.assert_silent()


async def test_taken_over(world):
    await world.told("Orders", "Vault")
    await world.told("Vault", title="The vault is open")
    await world.assert_silent()
    await world.told("Orders", title="Again")
    draft = await world.told("Orders", "Safe", title="Both", published_at=None)
    await publish_incident(world.conn, draft, **BY)
    await world.assert_silent()
