"""Components whose states and whose clock a test sets by hand."""

from tests.factories import at, make_component_state, make_transition

from vedette.automation.incidents_from_transitions import run_once
from vedette.incidents import tick
from vedette.incidents.policy import keep_policies


class World:
    """A component's states and the clock, driven by hand."""

    def __init__(self, conn):
        self.conn = conn
        self.held = {}

    async def policy(self, place=("", ""), **said):
        await keep_policies(self.conn, {place: said}, by="test")

    async def becomes(self, component_id, state, clock):
        await make_transition(
            self.conn,
            state,
            at=at(clock),
            was=self.held.get(component_id),
            component_id=component_id,
            reason="connect to 10.0.0.7: password of shop refused",
        )
        await make_component_state(self.conn, component_id, state, since=at(clock))
        self.held[component_id] = state

    async def turn(self, clock):
        await run_once(self.conn, now=at(clock))
        await tick.run_once(self.conn, now=at(clock))

    async def rows(self, sql, *params):
        return await (await self.conn.execute(sql, params)).fetchall()

    async def incidents(self):
        return await self.rows(
            "SELECT id, status, impact, published_at IS NOT NULL, is_open"
            " FROM incidents.incident WHERE kind = 'incident' ORDER BY id"
        )

    async def spans(self):
        return await self.rows(
            "SELECT component_id, impact, from_at, to_at FROM incidents.span ORDER BY 1, 3"
        )

    async def deeds(self, component_id):
        rows = await self.rows(
            "SELECT deed FROM incidents.judgement WHERE component_id = %s ORDER BY id", component_id
        )
        return [row[0] for row in rows]

    async def notes(self, number):
        rows = await self.rows(
            "SELECT text FROM incidents.update WHERE incident_id = %s AND internal ORDER BY id",
            number,
        )
        return [row[0] for row in rows]
