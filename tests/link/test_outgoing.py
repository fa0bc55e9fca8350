"""What waits for whoever does not read has a bound."""

import asyncio

import pytest

from vedette.link import outgoing
from vedette.link import vedette_pb2 as pb
from vedette.link.outgoing import Outgoing
from vedette.link.stream import Stream


class Shut:
    """A reader that takes nothing until it is told to, or breaks off."""

    def __init__(self):
        self.opened = asyncio.Event()
        self.broken = None
        self.taken = 0

    async def write(self, _):
        await self.opened.wait()
        if self.broken:
            raise self.broken
        self.taken += 1


def message() -> pb.ToAgent:
    return pb.ToAgent(refusal=pb.Refusal(message="x" * 1_000))


@pytest.fixture(autouse=True)
def little(monkeypatch):
    monkeypatch.setattr(outgoing, "MOST_BYTES", 10_000)


@pytest.mark.parametrize("broken", [None, asyncio.InvalidStateError(), asyncio.CancelledError()])
async def test_what_waits_is_counted_until_it_is_written_or_its_reader_is_gone(broken):
    shut = Shut()
    out = Outgoing(shut.write)
    for _ in range(10):
        assert not out.is_full
        out.put(message())
        await asyncio.sleep(0)
    assert out.is_full
    shut.broken = broken
    shut.opened.set()
    await out.emptied()
    assert (out.is_full, out.waiting_bytes, shut.taken) == (False, 0, 0 if broken else 10)


async def test_an_agent_that_reads_nothing_is_let_go():
    shut = Shut()

    async def serve():
        stream = Stream(shut, None, b"", b"", None, "", 0)  # type: ignore[arg-type]
        task = asyncio.create_task(flood(stream))
        try:
            await asyncio.Event().wait()
        finally:
            await task
            assert stream.is_refused
            assert stream._outgoing.waiting_bytes < 12_000

    async def flood(stream):
        for _ in range(100):
            stream.send(message())
            await asyncio.sleep(0)

    serving = asyncio.create_task(serve())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(serving, 10)
