import asyncio

from vedette.db.listen import Notice, listen
from vedette.db.locks import alone, lock_number
from vedette.db.pool import connect


async def test_the_first_word_is_that_something_may_have_been_missed(fresh_database_url):
    notices = listen(fresh_database_url, ["vedette_fleet"])
    assert await anext(notices) == Notice("", "")
    async with await connect(fresh_database_url) as conn:
        await conn.execute("NOTIFY vedette_fleet, 'targets'")
        await conn.execute("NOTIFY vedette_access, 'token:1'")
        await conn.execute("NOTIFY vedette_fleet, 'agent:7'")
    assert await anext(notices) == Notice("vedette_fleet", "targets")
    assert await anext(notices) == Notice("vedette_fleet", "agent:7")
    await notices.aclose()


async def test_a_lost_connection_is_made_again_and_said(fresh_database_url):
    notices = listen(fresh_database_url, ["vedette_fleet"])
    await anext(notices)
    waiting = asyncio.create_task(anext(notices))
    async with await connect(fresh_database_url) as conn:
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'vedette listen' AND datname = current_database()"
        )
        assert await asyncio.wait_for(waiting, 30) == Notice("", "")
        await conn.execute("NOTIFY vedette_fleet, 'targets'")
    assert await asyncio.wait_for(anext(notices), 30) == Notice("vedette_fleet", "targets")
    await notices.aclose()


def test_a_lock_has_the_same_number_in_every_release():
    assert lock_number("vedette upgrade") == lock_number("vedette upgrade")
    assert lock_number("a") != lock_number("b")
    assert -(2**63) <= lock_number("a") < 2**63


async def test_only_one_does_it_at_a_time(fresh_database_url):
    async with await connect(fresh_database_url) as one, await connect(fresh_database_url) as two:
        async with one.transaction():
            assert await alone(one, "days")
            async with two.transaction():
                assert not await alone(two, "days")
                assert await alone(two, "deadman")
        async with two.transaction():
            assert await alone(two, "days")
