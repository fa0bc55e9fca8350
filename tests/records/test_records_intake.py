"""What a server holds of records that come: bounded in bytes and in number, and let go of whatever happens."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from psycopg_pool import AsyncConnectionPool

from vedette.errors import Invalid, Unavailable
from vedette.records import intake
from vedette.records.intake import RecordIntake
from vedette.records.intake_read import collector_at_rest
from vedette.records.options import RecordOptions

MIB = 1 << 20


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // MIB):
        yield bytes(MIB)


def an_intake() -> RecordIntake:
    return RecordIntake(cast("AsyncConnectionPool", None), RecordOptions(max_body=4 * MIB))


async def test_a_server_holds_two_of_the_largest_bodies_and_turns_away_the_next() -> None:
    taken = an_intake()
    async with AsyncExitStack() as held:
        for _ in range(2):
            body = await held.enter_async_context(taken.received(chunks(4 * MIB)))
            assert len(body) == 4 * MIB
        with pytest.raises(Unavailable, match="too many large bodies"):
            await held.enter_async_context(taken.received(chunks(MIB)))
        assert taken.counts.turned_away == 1
    assert (taken.held, taken.waiting) == (0, 0)
    async with taken.received(chunks(4 * MIB)):
        assert taken.held == 4 * MIB


async def test_a_body_too_large_is_not_held() -> None:
    taken = an_intake()
    with pytest.raises(Invalid, match="larger than 4 MiB"):
        async with taken.received(chunks(5 * MIB)):
            pass
    assert (taken.held, taken.waiting) == (0, 0)


async def test_whoever_goes_away_in_the_middle_leaves_nothing_held() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(MIB)
        raise ConnectionError

    taken = an_intake()
    with pytest.raises(ConnectionError):
        async with taken.received(broken()):
            pass
    assert (taken.held, taken.waiting) == (0, 0)


async def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "WAITING", 1)
    taken = an_intake()
    async with taken.received(chunks(MIB)):
        with pytest.raises(Unavailable):
            async with taken.received(chunks(MIB)):
                pass


def test_the_collector_is_as_it_was_after_a_large_body() -> None:
    def is_on() -> bool:
        return gc.isenabled()

    assert is_on()
    with pytest.raises(ZeroDivisionError), collector_at_rest():
        assert not is_on()
        _: Any = 1 / 0
    assert is_on()
