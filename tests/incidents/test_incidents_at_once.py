"""Several people and machines change incidents at once; whatever they do, the book stays right."""

import asyncio
import random
from datetime import timedelta

import pytest
from tests.factories import at, make_component

from vedette.db.pool import open_pool
from vedette.errors import Conflict, Invalid, Missing
from vedette.incidents.close import close_incident, reopen_incident
from vedette.incidents.components import component_named
from vedette.incidents.correct import correct_incident
from vedette.incidents.listing import Wanted, listed
from vedette.incidents.merge import merge_incidents
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.publish import publish_incident
from vedette.incidents.reporters import Post, report
from vedette.incidents.separate import separate_components
from vedette.incidents.update import note, update_incident

WRITERS = 4
DEEDS = 40
IMPACTS = (Impact.MINOR, Impact.MAJOR, Impact.OUTAGE)

RIGHT = {
    "an open incident has no end, a closed one has": """
        SELECT id FROM incidents.incident
        WHERE is_open <> (ends_at IS NULL) OR is_open = (status = 'resolved')""",
    "a version is a row for subscribers and a line of the audit log": """
        SELECT i.id FROM incidents.incident AS i
        WHERE i.version <> (SELECT count(*) FROM incidents.outbox AS o
                            WHERE o.incident_id = i.id AND o.version <= i.version)
           OR i.version <> (SELECT count(*) FROM access.audit AS a
                            WHERE string_to_array(a.object, ' ') @> ARRAY['incident:' || i.id])""",
    "only what is public, and still stands for itself, was told": """
        SELECT i.id FROM incidents.incident AS i JOIN incidents.span AS s ON s.incident_id = i.id
        WHERE i.published_at IS NULL OR i.merged_into IS NOT NULL""",
    "what was told lies within the incident": """
        SELECT i.id FROM incidents.incident AS i JOIN incidents.span AS s ON s.incident_id = i.id
        WHERE s.from_at < i.starts_at OR coalesce(s.to_at, 'infinity') > coalesce(i.ends_at, 'infinity')""",
    "an incident tells nothing twice of a component": """
        SELECT a.incident_id FROM incidents.span AS a
        JOIN incidents.span AS b USING (incident_id, component_id)
        WHERE a.ctid < b.ctid
          AND tstzrange(a.from_at, a.to_at) && tstzrange(b.from_at, b.to_at)""",
    "an incident is as grave as its last step": """
        SELECT i.id FROM incidents.incident AS i
        WHERE i.merged_into IS NULL AND i.impact <> (
            SELECT g.impact FROM incidents.gravity AS g
            WHERE g.incident_id = i.id ORDER BY g.since DESC LIMIT 1)""",
    "every incident affects somebody": """
        SELECT i.id FROM incidents.incident AS i
        WHERE NOT EXISTS (SELECT 1 FROM incidents.affected AS a WHERE a.incident_id = i.id)""",
    "a component stands in one public open incident of a machine at most": """
        SELECT a.component_id FROM incidents.affected AS a
        JOIN incidents.incident AS i ON i.id = a.incident_id
        WHERE i.system AND i.is_open AND i.published_at IS NOT NULL AND a.left_at IS NULL
        GROUP BY a.component_id HAVING count(*) > 1""",
}  # fmt: skip
"""What must hold, and the rows where it does not."""


async def a_deed(conn, dice: random.Random, components: list[int], *, by: str, now) -> None:
    """Do something to some incident, as whoever reads only half of the page would."""
    number, other = dice.randint(1, 12), dice.randint(1, 12)
    ago = now - timedelta(seconds=dice.randint(0, 4000))
    some = dice.sample(components, dice.randint(1, 3))
    whose = {"by": by, "now": now}
    match dice.randint(0, 12):
        case 0 | 1:
            draft = Draft(
                kind=Kind.INCIDENT,
                title="Something",
                impact=dice.choice(IMPACTS),
                status=Status.ANALYZING,
                starts_at=ago,
                ends_at=dice.choice([None, None, now]),
                components=some,
                published_at=dice.choice([None, now, now]),
            )
            await open_incident(conn, draft, **whose, text="Look.")
        case 2 | 3:
            await update_incident(conn, number, **whose, impact=dice.choice(IMPACTS), at=dice.choice([None, ago]))  # fmt: skip
        case 4:
            await close_incident(conn, number, **whose, at=dice.choice([None, ago]))
        case 5:
            await reopen_incident(conn, number, **whose)
        case 6:
            await correct_incident(conn, number, **whose, starts_at=ago)
        case 7:
            await separate_components(conn, number, some[:1], **whose)
        case 8:
            await merge_incidents(conn, number, other, **whose)
        case 9:
            await publish_incident(conn, number, **whose)
        case 10:
            await note(conn, number, "Ours.", **whose)
        case 11 | 12:
            component = await component_named(conn, dice.choice("ABCDE"), {"region": "EU-DE"})
            post = Post(component=component, impact=dice.choice(IMPACTS), title="")
            await report(conn, post, by="reporter", now=now)


async def a_writer(pool, seed: str, components: list[int]) -> int:
    dice, done = random.Random(seed), 0
    for turn in range(DEEDS):
        now = at("12:00") + timedelta(seconds=30 * turn + dice.randint(0, 29))
        async with pool.connection() as conn:
            try:
                await a_deed(conn, dice, components, by=f"person:{seed}", now=now)
                done += 1
            except (Invalid, Conflict, Missing):
                continue
    return done


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_several_do_at_once_the_book_stays_right(fresh_app_url, seed):
    pool = await open_pool(fresh_app_url, max_size=WRITERS)
    try:
        async with pool.connection() as conn:
            components = [await make_component(conn, name) for name in "ABCDE"]
        done = await asyncio.gather(
            *(a_writer(pool, f"{seed}-{number}", components) for number in range(WRITERS))
        )
        assert sum(done) > WRITERS * DEEDS / 4
        async with pool.connection() as conn:
            for rule, wrong in RIGHT.items():
                rows = await (await conn.execute(wrong)).fetchall()
                assert rows == [], rule
            page = await listed(conn, Wanted(), limit=1000)
            assert all(one.published_at is not None for one in page.incidents)
    finally:
        await pool.close()
