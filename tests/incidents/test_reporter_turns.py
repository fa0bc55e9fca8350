"""A storm of reporters is taken together: nobody waits for all the others, nobody suffers for one of them."""

import asyncio

import psycopg
import pytest
from psycopg_pool import PoolClosed
from tests.factories import make_component

from vedette.db.pool import open_pool
from vedette.errors import Invalid, Unavailable
from vedette.incidents import turns as module
from vedette.incidents.components import Named, components
from vedette.incidents.model import Impact
from vedette.incidents.reporter_rules import Deed
from vedette.incidents.reporters import Post, Word
from vedette.incidents.turns import Turns


@pytest.fixture
async def pool(fresh_app_url):
    pool = await open_pool(fresh_app_url, max_size=2)
    yield pool
    await pool.close()


@pytest.fixture
async def orders(pool):
    async with pool.connection() as conn:
        number = await make_component(conn)
        return (await components(conn, [number]))[0]


def finds(component, impact=1):
    async def find(conn):
        return [Word(Post(component=component, impact=Impact(impact)), "reporter")]

    return find


async def tells(conn, outcomes):
    (outcome,) = outcomes
    return outcome.deed


async def test_all_that_wait_are_taken_by_one_connection(pool, orders):
    turns = Turns(pool)
    deeds = await asyncio.gather(*(turns.report(finds(orders), tells) for _ in range(300)))
    assert deeds.count(Deed.OPEN) == 1
    assert deeds.count(Deed.KEEP) == 299
    async with pool.connection() as conn:
        rows = await conn.execute("SELECT version FROM incidents.incident")
        assert await rows.fetchall() == [(1,)]


async def test_one_transaction_goes_through_the_whole_table(pool, orders):
    turns = Turns(pool)
    impacts = (1, 1, 2, 1, 3)
    deeds = await asyncio.gather(*(turns.report(finds(orders, i), tells) for i in impacts))
    assert deeds == [Deed.OPEN, Deed.KEEP, Deed.ESCALATE, Deed.KEEP, Deed.ESCALATE]


async def test_who_cannot_be_taken_is_told_and_the_others_are_taken(pool, orders):
    async def nobody(conn):
        raise Invalid("Component not found")

    async def untold(conn, outcomes):
        raise Invalid("there is no answer")

    turns = Turns(pool)
    found = await asyncio.gather(
        turns.report(nobody, tells),
        turns.report(finds(orders, 0), tells),
        turns.report(finds(orders), untold),
        turns.report(finds(orders), tells),
        return_exceptions=True,
    )
    assert [getattr(each, "message", each) for each in found[:3]] == [
        "Component not found",
        "Incident impact is not allowed by configuration",
        "there is no answer",
    ]
    assert found[3] is Deed.KEEP


def names(name):
    async def find(together):
        if name not in together.called:
            raise Invalid("Component not found")
        return [Word(Post(component=together.called[name], impact=Impact(1)), "reporter")]

    return find


async def test_a_component_is_known_by_the_name_it_has_as_its_post_is_taken(pool, orders):
    turns, old, new = Turns(pool), Named(orders.service), Named("Renamed")
    posts = [turns.report(names(name), tells, name=name) for name in (old, new, old)]
    found = await asyncio.gather(*posts, return_exceptions=True)
    assert [type(each) for each in found] == [Deed, Invalid, Deed]
    async with pool.connection() as conn:
        await conn.execute("UPDATE fleet.service SET name = 'Renamed'")
    posts = [turns.report(names(name), tells, name=name) for name in (old, new)]
    found = await asyncio.gather(*posts, return_exceptions=True)
    assert [type(each) for each in found] == [Invalid, Deed]


async def test_a_retired_component_is_called_nothing(pool, orders):
    turns, name = Turns(pool), Named(orders.service)
    assert await turns.report(names(name), tells, name=name) is Deed.OPEN
    async with pool.connection() as conn:
        await conn.execute("UPDATE fleet.component SET retired_at = now()")
    with pytest.raises(Invalid, match="not found"):
        await turns.report(names(name), tells, name=name)


async def test_a_name_that_no_database_can_be_asked_for_harms_its_own_post_alone(pool, orders):
    turns, name, wrong = Turns(pool), Named(orders.service), Named("no\0name")
    posts = [turns.report(names(one), tells, name=one) for one in (wrong, name)]
    found = await asyncio.gather(*posts, return_exceptions=True)
    assert isinstance(found[0], psycopg.DataError)
    assert found[1] is Deed.OPEN


def answers(asked):
    async def version(conn, number):
        asked.append(number)
        row = await conn.execute("SELECT version FROM incidents.incident WHERE id = %s", (number,))
        return (await row.fetchone())[0]

    async def tell(together, outcomes):
        return await together.once(version, outcomes[0].incident_id)

    return tell


async def test_what_all_of_them_are_answered_is_asked_for_once(pool, orders):
    asked = []
    turns, tell = Turns(pool), answers(asked)
    assert await asyncio.gather(*(turns.report(finds(orders), tell) for _ in range(9))) == [1] * 9
    assert len(asked) == 1
    assert await turns.report(finds(orders, 2), tell) == 2


async def test_what_each_is_answered_alone_is_asked_for_again(pool, orders):
    turns, tell = Turns(pool), answers([])
    posts = [turns.report(finds(orders, impact), tell) for impact in (1, 0, 2)]
    found = await asyncio.gather(*posts, return_exceptions=True)
    assert [found[0], type(found[1]), found[2]] == [1, Invalid, 2]


async def test_who_went_away_keeps_nobody_waiting(pool, orders):
    turns = Turns(pool)
    gone = asyncio.create_task(turns.report(finds(orders), tells))
    await asyncio.sleep(0)
    gone.cancel()
    assert await turns.report(finds(orders), tells) in (Deed.OPEN, Deed.KEEP)


async def test_no_more_wait_than_fit(pool, orders, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 2)
    turns = Turns(pool)
    posts = [turns.report(finds(orders), tells) for _ in range(5)]
    found = await asyncio.gather(*posts, return_exceptions=True)
    assert sum(isinstance(each, Unavailable) for each in found) == 3


async def test_what_breaks_the_database_breaks_its_own_answer_alone(pool, orders):
    turns = Turns(pool)

    async def breaks(together):
        await together.conn.execute("SELECT 1 / 0")

    broken, taken = await asyncio.gather(
        turns.report(breaks, tells), turns.report(finds(orders), tells), return_exceptions=True
    )
    assert isinstance(broken, psycopg.errors.DivisionByZero)
    assert taken is Deed.OPEN


async def test_a_database_that_is_away_is_told_to_all(pool, orders):
    await pool.close()
    turns = Turns(pool)
    posts = [turns.report(finds(orders), tells) for _ in range(3)]
    found = await asyncio.gather(*posts, return_exceptions=True)
    assert [type(each) for each in found] == [PoolClosed] * 3
