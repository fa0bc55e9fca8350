"""Whatever reporters post in whatever order, what people read stays whole."""

import re
from random import Random

import pytest
from tests.factories import at, make_component

from vedette.incidents.close import close_incident
from vedette.incidents.components import components
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.reads import incident
from vedette.incidents.reporter_rules import Deed
from vedette.incidents.reporters import Manners, Post, Word, report, report_all

NOW = at("12:00")
POSTS = 80

TWO_OF_AN_IMPACT = """
SELECT impact FROM incidents.incident
WHERE is_open AND system AND origin = 'reporter' GROUP BY impact HAVING count(*) > 1"""
IN_TWO = """
SELECT a.component_id FROM incidents.affected AS a JOIN incidents.incident AS i ON i.id = a.incident_id
WHERE i.is_open AND i.system AND a.left_at IS NULL GROUP BY 1 HAVING count(*) > 1"""
OPEN_AND_EMPTY = """
SELECT i.id FROM incidents.incident AS i
WHERE i.is_open AND NOT EXISTS (
    SELECT FROM incidents.affected AS a WHERE a.incident_id = i.id AND a.left_at IS NULL)"""
WEIGHTS_GO_DOWN = """
SELECT g.incident_id FROM incidents.gravity AS g JOIN incidents.gravity AS h USING (incident_id)
WHERE g.since < h.since AND g.impact > h.impact"""
SPANS_OF_TWO_MACHINES = """
SELECT s.component_id FROM incidents.span AS s JOIN incidents.incident AS i ON i.id = s.incident_id
WHERE s.to_at IS NULL AND i.system GROUP BY 1 HAVING count(*) > 1"""
NEVER = (TWO_OF_AN_IMPACT, IN_TWO, OPEN_AND_EMPTY, WEIGHTS_GO_DOWN, SPANS_OF_TWO_MACHINES)
"""What there must never be a row of."""


async def a_person_comes(conn, chance, ids):
    """Now and then a person closes what is open, or takes a component over."""
    if chance.random() < 0.5:
        rows = await conn.execute("SELECT id FROM incidents.incident WHERE is_open")
        for (number,) in await rows.fetchall():
            await close_incident(conn, number, by="person:ada", now=NOW)
        return
    draft = Draft(
        kind=Kind.INCIDENT,
        title="Ours",
        impact=Impact(chance.randint(1, 3)),
        status=Status.ANALYZING,
        starts_at=NOW,
        published_at=NOW,
        components=chance.sample(ids, 2),
    )
    await open_incident(conn, draft, by="person:ada", now=NOW)


@pytest.mark.parametrize("manners", Manners)
@pytest.mark.parametrize("seed", range(3))
async def test_any_posts_in_any_order(conn, manners, seed):
    chance = Random(seed)
    for name in "ABCDEF":
        await make_component(conn, name)
    known = await components(conn)
    for _ in range(POSTS):
        if chance.random() < 0.1:
            await a_person_comes(conn, chance, [one.id for one in known])
        post = Post(
            component=chance.choice(known),
            impact=Impact(chance.choice([1, 1, 1, 2, 2, 3])),
            manners=manners,
        )
        outcome = await report(conn, post, by="reporter", now=NOW)
        held = await incident(conn, outcome.incident_id)
        assert held.is_open
        assert held.impact >= post.impact or not held.system
        again = await report(conn, post, by="reporter", now=NOW)
        assert again.deed is Deed.KEEP
        assert (await incident(conn, held.id)).version == held.version
        for query in NEVER:
            assert await (await conn.execute(query)).fetchall() == [], query


THE_BOOK = (
    "SELECT id, title, impact, status, is_open FROM incidents.incident ORDER BY id",
    "SELECT incident_id, component_id, joined_at, left_at, exclusive FROM incidents.affected ORDER BY id",
    "SELECT incident_id, status, text, internal, made_by FROM incidents.update ORDER BY id",
    "SELECT incident_id, since::text, impact FROM incidents.gravity ORDER BY 1, 2",
    "SELECT incident_id, component_id, impact, from_at, to_at FROM incidents.span ORDER BY 1, 2, 4",
)


async def the_book(conn):
    """All that is written, incidents numbered from 0 as they were opened."""
    written = [await (await conn.execute(query)).fetchall() for query in THE_BOOK]
    nth = {row[0]: number for number, row in enumerate(written[0])}

    def named(value):
        if not isinstance(value, str):
            return value
        return re.sub(r"/incidents/(\d+)", lambda found: f"/incidents/{nth[int(found[1])]}", value)

    return [[(nth[row[0]], *map(named, row[1:])) for row in rows] for rows in written]


@pytest.mark.parametrize("manners", Manners)
@pytest.mark.parametrize("seed", range(6))
async def test_posts_that_are_taken_together_write_what_they_would_write_one_by_one(
    conn, manners, seed
):
    chance = Random(seed)
    for name in "ABCDEFGH":
        await make_component(conn, name)
    known = await components(conn)
    await a_person_comes(conn, Random(2), [one.id for one in known])
    words = [
        Word(
            Post(
                component=chance.choice(known),
                impact=Impact(chance.randint(1, 3)),
                title=f"Title [{seed}]",
                manners=manners,
            ),
            chance.choice(["reporter", "token:other"]),
        )
        for _ in range(40)
    ]
    async with conn.transaction(force_rollback=True):
        outcomes = [await report(conn, word.post, by=word.by, now=NOW) for word in words]
        deeds, one_by_one = [one.deed for one in outcomes], await the_book(conn)
    together = await report_all(conn, words, now=NOW)
    assert [one.deed for one in together] == deeds
    assert await the_book(conn) == one_by_one
    assert {Deed.JOIN, Deed.KEEP} < set(deeds)
