import asyncio
from contextlib import aclosing
from time import monotonic

from tests.fakes.wire import wire_to

from vedette.db import listen as listening
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


async def test_a_network_that_falls_silent_is_noticed_though_nothing_was_closed(
    fresh_database_url, monkeypatch
):
    monkeypatch.setattr(listening, "ANSWERED_WITHIN_S", 0.2)
    lost, proofs = asyncio.Event(), []
    async with wire_to(fresh_database_url) as wire:
        told = {"on_lost": lost.set, "on_proof": proofs.append, "prove_every_s": 0.05}
        async with aclosing(listen(wire.dsn, ["vedette_fleet"], **told)) as notices:
            assert await anext(notices) == Notice("", "")
            waiting = asyncio.create_task(anext(notices))
            wire.carries.clear()
            fell_silent_at = monotonic()
            await asyncio.wait_for(lost.wait(), 30)
            assert max(proofs) <= fell_silent_at
            wire.carries.set()
            assert await asyncio.wait_for(waiting, 30) == Notice("", "")
            assert max(proofs) > fell_silent_at


async def test_what_was_told_before_a_sign_of_life_is_here_before_it(fresh_database_url):
    order = []
    channels = ["vedette_fleet"]
    told = {"on_proof": lambda _: order.append("proof"), "prove_every_s": 60}
    async with (
        aclosing(listen(fresh_database_url, channels, **told)) as notices,
        await connect(fresh_database_url) as conn,
    ):
        assert await anext(notices) == Notice("", "")
        assert order == ["proof"]
        await conn.execute("NOTIFY vedette_fleet, 'targets'")
        assert await anext(notices) == Notice("vedette_fleet", "targets")
        assert order == ["proof"]


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
