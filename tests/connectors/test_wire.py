"""A question on a kept connection that ended meanwhile is asked once more on a new one; no other is."""

import asyncio

import pytest

from vedette.agent.connectors.wire import once_more


class Line:
    """A connection that fails as often as told, then answers."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.dropped = 0

    async def ask(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "well"

    def drop(self) -> None:
        self.dropped += 1


@pytest.mark.parametrize("end", [ConnectionResetError(), EOFError()])
async def test_what_ended_while_it_was_kept_is_opened_anew(end: Exception) -> None:
    line = Line(end)
    assert await once_more(line.ask, kept=True, drop=line.drop) == "well"
    assert line.dropped == 1


async def test_a_new_connection_that_ends_is_the_answer() -> None:
    line = Line(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await once_more(line.ask, kept=False, drop=line.drop)
    assert line.dropped == 1


async def test_a_server_that_ends_the_new_one_too_is_not_asked_thrice() -> None:
    line = Line(EOFError(), ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await once_more(line.ask, kept=True, drop=line.drop)
    assert line.dropped == 2


@pytest.mark.parametrize("failure", [TimeoutError(), asyncio.CancelledError(), ValueError()])
async def test_what_failed_otherwise_is_let_go_and_not_repeated(failure: BaseException) -> None:
    line = Line(failure)
    with pytest.raises(type(failure)):
        await once_more(line.ask, kept=True, drop=line.drop)
    assert line.dropped == 1
