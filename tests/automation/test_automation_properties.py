"""Whatever happens in whatever order: one automatic incident a component, and nothing of a person's is touched."""

import asyncio
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.factories import NOON, make_component, make_component_state, make_transition

from vedette.automation.incidents_from_transitions import run_once
from vedette.db.pool import connect
from vedette.errors import VedetteError
from vedette.incidents import tick
from vedette.incidents.close import close_incident, reopen_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.policy import keep_policies
from vedette.incidents.update import update_incident

ADA = "person:ada"

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["down", "degraded", "up", "unknown", "initialising"] * 3
            + ["maintain", "tell", "take", "close", "reopen", "away", "policy"]
        ),
        st.integers(0, 2),
        st.sampled_from([0, 1, 2, 4, 6, 11, 25]),
    ),
    min_size=3,
    max_size=18,
)

PERSONS = """
    SELECT i.id, i.title, i.impact, i.status, i.starts_at, i.ends_at, i.published_at, i.publish_at, a.members
    FROM incidents.incident AS i
    CROSS JOIN LATERAL (
        SELECT array_agg((m.component_id, m.joined_at, m.left_at)::text ORDER BY m.id) AS members
        FROM incidents.affected AS m WHERE m.incident_id = i.id) AS a
    WHERE NOT i.system ORDER BY i.id"""

TWICE = """
    SELECT a.component_id FROM incidents.affected AS a
    JOIN incidents.incident AS i ON i.id = a.incident_id
    WHERE i.origin = 'automation' AND i.system AND i.is_open AND a.left_at IS NULL
    GROUP BY a.component_id HAVING count(*) > 1"""

WELL_AND_TOLD = """
    SELECT a.component_id FROM incidents.affected AS a
    JOIN incidents.incident AS i ON i.id = a.incident_id
    JOIN health.component_state AS s ON s.component_id = a.component_id
    WHERE i.origin = 'automation' AND i.system AND i.is_open AND a.left_at IS NULL AND s.state = 'up'
      AND NOT EXISTS (
          SELECT FROM incidents.flapping AS f WHERE f.component_id = a.component_id AND f.to_at IS NULL)"""

ILL_AND_UNTOLD = """
    SELECT s.component_id FROM health.component_state AS s
    WHERE s.state IN ('down', 'degraded')
      AND NOT EXISTS (
          SELECT FROM incidents.affected AS a JOIN incidents.incident AS i ON i.id = a.incident_id
          WHERE a.component_id = s.component_id AND i.status <> 'planned'
            AND (a.left_at IS NULL AND i.is_open OR coalesce(a.left_at, i.ends_at) >= s.since))
      AND NOT EXISTS (
          SELECT FROM incidents.flapping AS f WHERE f.component_id = s.component_id AND f.to_at IS NULL)"""

SPANS = (
    "SELECT component_id, incident_id, impact, from_at, to_at FROM incidents.span ORDER BY 1, 4, 2"
)


async def rows(conn, sql):
    return await (await conn.execute(sql)).fetchall()


class Life:
    """Three components, a clock, and a person."""

    def __init__(self, conn, components):
        self.conn, self.components, self.now = conn, components, NOON
        self.held = {}

    async def step(self, what, which):
        component_id = self.components[which]
        if what in {"down", "degraded", "up", "unknown", "initialising"}:
            if self.held.get(component_id) != what:
                await make_transition(
                    self.conn,
                    what,
                    at=self.now,
                    was=self.held.get(component_id),
                    component_id=component_id,
                )
                await make_component_state(self.conn, component_id, what, since=self.now)
                self.held[component_id] = what
        elif what == "policy":
            said = {"publish_after": timedelta(minutes=3 * which), "cap": which + 1}
            await keep_policies(self.conn, {("", ""): said}, by="test")
        elif what != "away":
            await self.person(what, component_id)

    async def person(self, what, component_id):
        conn, now = self.conn, self.now
        if what in {"maintain", "tell"}:
            is_plan = what == "maintain"
            draft = Draft(
                kind=Kind.MAINTENANCE if is_plan else Kind.INCIDENT,
                title="A person's",
                impact=Impact.MAINTENANCE if is_plan else Impact.MINOR,
                status=Status.IN_PROGRESS if is_plan else Status.ANALYZING,
                starts_at=now,
                ends_at=now + timedelta(minutes=10) if is_plan else None,
                published_at=now,
                components=[component_id],
            )
            await open_incident(conn, draft, by=ADA, now=now)
            return
        found = await rows(
            conn, "SELECT id FROM incidents.incident WHERE kind = 'incident' ORDER BY id DESC"
        )
        if not found:
            return
        number = found[component_id % len(found)][0]
        try:
            if what == "take":
                await update_incident(conn, number, by=ADA, now=now, text="ours now")
            elif what == "close":
                await close_incident(conn, number, by=ADA, now=now)
            else:
                await reopen_incident(conn, number, by=ADA, now=now)
        except VedetteError:
            pass

    async def turn(self):
        persons = await rows(self.conn, PERSONS)
        await run_once(self.conn, now=self.now)
        assert await rows(self.conn, PERSONS) == persons
        await tick.run_once(self.conn, now=self.now)
        await run_once(self.conn, now=self.now)
        versions = await rows(self.conn, "SELECT id, version FROM incidents.incident ORDER BY 1")
        await run_once(self.conn, now=self.now)
        assert (
            await rows(self.conn, "SELECT id, version FROM incidents.incident ORDER BY 1")
            == versions
        )
        assert await rows(self.conn, TWICE) == []
        assert await rows(self.conn, WELL_AND_TOLD) == []
        assert await rows(self.conn, ILL_AND_UNTOLD) == []
        before = await rows(self.conn, SPANS)
        await self.conn.execute(
            "SELECT incidents.settle((SELECT array_agg(id) FROM incidents.incident))"
        )
        assert await rows(self.conn, SPANS) == before
        assert not await rows(
            self.conn,
            "SELECT FROM incidents.span s JOIN incidents.incident i ON i.id = s.incident_id"
            " WHERE i.published_at IS NULL",
        )


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
async def test_any_life_of_three_components(conn, life):
    async with conn.transaction(force_rollback=True):
        components = [await make_component(conn, name) for name in ("Orders", "Stock", "Mail")]
        world = Life(conn, components)
        for what, which, minutes in life:
            await world.step(what, which)
            if what != "away":
                await world.turn()
            world.now += timedelta(minutes=minutes)
        await world.turn()


async def test_two_servers_at_once_take_each_change_once(fresh_app_url):
    async with await connect(fresh_app_url) as one, await connect(fresh_app_url) as other:
        async with one.transaction():
            components = [await make_component(one, f"S{n}", region=None) for n in range(40)]
            for component_id in components:
                await make_transition(one, "down", at=NOON, component_id=component_id)
                await make_component_state(one, component_id, "down")
        async with asyncio.timeout(60):
            while await rows(one, "SELECT FROM health.transition WHERE handled_at IS NULL"):
                await asyncio.gather(
                    *(run_once(conn, now=NOON + timedelta(seconds=1)) for conn in (one, other))
                )
        assert len(await rows(one, "SELECT FROM incidents.incident")) == 40
        assert len(await rows(one, "SELECT FROM incidents.affected")) == 40
        assert len(await rows(one, "SELECT FROM incidents.judgement WHERE deed = 'open'")) == 40
