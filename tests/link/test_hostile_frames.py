"""Both gRPC ports under random fire: each stream ends with a reason, the server stands, memory stays flat.

A longer round by hand: VEDETTE_FUZZ_S=120 pytest tests/link/test_hostile_frames.py
"""

import asyncio
import os
import time
from random import Random

import grpc
import grpc.aio
import psutil
import pytest
from agents_world import batch, door_on, now_us
from doors_world import house_on
from hostile_frames import any_message, damaged, nested
from relay_world import known

from vedette.link import vedette_pb2 as pb
from vedette.link.channel import CLIENT_OPTIONS

SECONDS = float(os.environ.get("VEDETTE_FUZZ_S", "5"))
SEED = int(os.environ.get("VEDETTE_FUZZ_SEED", "20261122"))
pytestmark = pytest.mark.timeout(SECONDS + 120)
MORE_BYTES = 150 << 20
"""Arenas, pools and code paths first used; what leaks a stream, or a frame, soon passes it."""

FAULTS_OF_OURS = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
}


@pytest.fixture
async def door(fresh_app_url, tmp_path):
    async with door_on(fresh_app_url, tmp_path) as door:
        yield door


@pytest.fixture
async def house(fresh_app_url, tmp_path):
    async with house_on(fresh_app_url, tmp_path) as house:
        yield house


class Memory:
    """How much more this process, which is the server too, holds than when it was warm."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._warm = self._process.memory_info().rss

    def check(self) -> None:
        assert self._process.memory_info().rss - self._warm < MORE_BYTES


def rounds(seconds: float = SECONDS):
    """Yield random numbers for one round after the other until the time is over."""
    until = time.monotonic() + seconds
    number = 0
    while time.monotonic() < until:
        yield Random(f"{SEED} {number}")
        number += 1
    assert number > 3


def credentials_of(authority: bytes, key: bytes, certificate: bytes) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(authority, key, certificate)


async def fire(channel, method: str, frames: list[bytes], answers) -> list:
    """Send the bytes on one stream and hear until its end; return what was said."""
    call = channel.stream_stream(method, response_deserializer=answers.FromString)()
    heard = []
    try:
        for frame in frames:
            await call.write(frame)
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass  # hung up on already
    try:
        async with asyncio.timeout(30):
            heard = [message async for message in call]
    except grpc.aio.AioRpcError as ended:
        said = f"{ended.code()}: {ended.details()}"
        assert ended.code() not in FAULTS_OF_OURS, said
    return heard


def salvo(rng: Random, hello: bytes, good: bytes, kind) -> list[bytes]:
    """Up to six frames: anything, a good one damaged, a good one again, in any order."""
    frames = [hello] if rng.random() < 0.8 else []
    for _ in range(rng.randint(1, 5)):
        match rng.randrange(5):
            case 0 | 1:
                frames.append(any_message(kind, rng).SerializeToString())
            case 2:
                frames.append(damaged(good, rng))
            case 3:
                frames.append(nested(rng.choice((10, 99, 100_000))))
            case _:
                frames.append(rng.choice((hello, good)))
    return frames


async def test_whatever_an_agent_sends_the_door_stands_and_others_are_served(door):
    agent = await door.agent("hostile", "orders-db")
    good = await door.agent("edge", "shop-api")
    options = [*CLIENT_OPTIONS, ("grpc.use_local_subchannel_pool", 1)]
    credentials = credentials_of(door.secrets.authority.pem, agent.key, agent.certificate)
    hello = pb.Hello(protocol=1, run_id=agent.run, clock_us=now_us())
    said = pb.FromAgent(hello=hello).SerializeToString()
    memory = None
    async with (
        good.welcomed() as other,
        grpc.aio.secure_channel(f"127.0.0.1:{door.port}", credentials, options=options) as channel,
    ):
        for number, rng in enumerate(rounds(), start=1):
            frame = batch(*agent.targets)
            frame.seq = number
            sent = pb.FromAgent(batch=frame).SerializeToString()
            frames = salvo(rng, said, sent, pb.FromAgent)
            heard = await fire(channel, "/vedette.v1.Link/Attach", frames, pb.ToAgent)
            for refusal in (it.refusal for it in heard if it.HasField("refusal")):
                assert refusal.reason
                assert refusal.message
            await other.send(batch(*good.targets))
            await other.acked()
            memory = memory or Memory()
    memory.check()
    assert not door.link.streams.keys() - {good.agent_id}
    assert door.ingest.waiting == 0


async def test_whatever_a_collector_sends_the_door_stands_and_others_are_served(door):
    who, _ = await known(door, "edge-1", "", kind="collector")
    good = await door.agent("edge", "shop-api")
    held = who.held
    credentials = credentials_of(held.authority_pem, held.key_pem, held.certificate_pem)
    hello = pb.FromCollector(channel=0, open=pb.Open(public_key=b"x" * 91)).SerializeToString()
    memory = None
    async with (
        good.welcomed() as other,
        grpc.aio.secure_channel(
            f"127.0.0.1:{door.port}", credentials, options=CLIENT_OPTIONS
        ) as channel,
    ):
        for rng in rounds():
            frames = salvo(rng, hello, hello, pb.FromCollector)
            await fire(channel, "/vedette.v1.Link/Relay", frames, pb.ToCollector)
            await other.send(batch(*good.targets))
            await other.acked()
            memory = memory or Memory()
    memory.check()


CLIENTS_CALLS = {
    "/vedette.v1.Reports/Subscribe": pb.SubscribeRequest,
    "/vedette.v1.Reports/SubscribeReports": pb.SubscribeRequest,
    "/vedette.v1.Reports/Latest": pb.Filter,
    "/vedette.v1.Reports/Range": pb.RangeRequest,
    "/vedette.v1.Enrolment/Enrol": pb.EnrolRequest,
}


async def test_whatever_a_client_asks_its_door_stands(house):
    token = await house.token()
    memory = None
    async with house.reports(token) as client:
        for rng in rounds():
            method = rng.choice(list(CLIENTS_CALLS))
            asked = any_message(CLIENTS_CALLS[method], rng).SerializeToString()
            if rng.random() < 0.3 and asked:
                asked = damaged(asked, rng)
            call = client.channel.unary_stream(method)(asked, metadata=client.metadata)
            try:
                async with asyncio.timeout(30):
                    await call.read()
            except grpc.aio.AioRpcError as ended:
                said = f"{method} {asked[:200]!r}: {ended.code()}: {ended.details()}"
                assert ended.code() not in FAULTS_OF_OURS, said
            finally:
                call.cancel()
            memory = memory or Memory()
        assert (await client.latest(pb.Filter())).snapshot
    memory.check()
