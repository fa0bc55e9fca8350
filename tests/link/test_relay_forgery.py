"""A collector in an enemy's hands: it may delay and withhold, which shows; it cannot do anything else."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import grpc
import grpc.aio
import pytest
from agents_world import batch, door_on, now, now_us
from relay_world import known

from factories import make_assignment, make_target
from vedette.health import expect
from vedette.link import vedette_pb2 as pb
from vedette.link import vedette_pb2_grpc as rpc
from vedette.link.channel import CLIENT_OPTIONS
from vedette.link.relay_signature import Signer, digest

LAYOUT = pb.Layout(connector="test", measures=[pb.Measure(name="load", unit="ratio")])
TERMS = pb.Terms(layouts=[pb.Term(ref=1, digests=[digest(LAYOUT.SerializeToString())])])


@pytest.fixture
async def door(fresh_app_url, tmp_path):
    async with door_on(fresh_app_url, tmp_path) as door:
        yield door


class Speaker:
    """An agent, or the collector itself: signs what it is told to."""

    def __init__(self, who, agent_id, target=0):
        self.who, self.agent_id, self.target = who, agent_id, target
        self.begin()

    def begin(self, welcomed=""):
        self.run = uuid4()
        self.signer = Signer(self.who.held.key_pem, self.run.bytes)
        self.hello = pb.Hello(
            protocol=1, run_id=str(self.run), welcomed_run_id=welcomed, clock_us=now_us()
        )
        return self

    def opened(self):
        frame = pb.FromAgent(hello=self.hello).SerializeToString()
        return pb.Open(public_key=self.signer.public_key, hello=self.signer.sign(frame))

    def batch(self, seq, prev, value=0.5):
        from array import array

        told = batch(self.target, values=array("d", [value]).tobytes())
        told.seq, told.prev = seq, prev
        frame = pb.FromAgent(batch=told).SerializeToString()
        return self.signer.sign(frame, seq=seq, terms=TERMS.SerializeToString())


class Enemy:
    """A collector's open stream, in the hands of a test."""

    def __init__(self, call):
        self.call = call

    async def say(self, channel, **kind):
        await self.call.write(pb.FromCollector(channel=channel, **kind))

    async def hear(self, channel, kind):
        while True:
            message = await asyncio.wait_for(self.call.read(), 10)
            assert isinstance(message, pb.ToCollector), f"the stream ended before any {kind}"
            if message.channel == channel and message.message.WhichOneof("kind") == kind:
                return getattr(message.message, kind)

    async def open(self, channel, speaker):
        await self.say(channel, open=speaker.opened())
        return await self.hear(channel, "welcome")


@pytest.fixture
async def edge(door):
    return Speaker(*await known(door, "edge-1", "", kind="collector"))


async def agent_of(door, name, via="edge-1"):
    who, agent_id = await known(door, name, "", via=via)
    async with door.pool.connection() as conn:
        target = await make_target(conn, f"of-{name}")
        await make_assignment(conn, target, agent_id)
        await expect.run_once(conn, now=now())
    return Speaker(who, agent_id, target)


@asynccontextmanager
async def enemy_of(door, speaker):
    held = speaker.who.held
    credentials = grpc.ssl_channel_credentials(
        held.authority_pem, held.key_pem, held.certificate_pem
    )
    address = f"127.0.0.1:{door.port}"
    async with grpc.aio.secure_channel(address, credentials, options=CLIENT_OPTIONS) as channel:
        yield Enemy(rpc.LinkStub(channel).Relay())


@asynccontextmanager
async def attached(door, edge):
    async with enemy_of(door, edge) as enemy:
        await enemy.open(0, edge)
        await enemy.say(0, meanings=pb.Meanings(layouts=[LAYOUT.SerializeToString()]))
        yield enemy


async def values(door):
    return [v for (v,) in await door.rows('SELECT "values"[1] FROM health.report ORDER BY 1')]


def altered(signed, **fields):
    copy = pb.Signed()
    copy.CopyFrom(signed)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def spoiled(agent, other):
    """Every way to change a frame that its agent signed."""
    good, worse = agent.batch(2, 1, value=2.0), agent.batch(3, 2, value=3.0)
    message = pb.FromAgent.FromString(good.frame)
    message.batch.prev = 0
    renumbered = pb.FromAgent.FromString(good.frame)
    renumbered.batch.seq = 9
    terms = pb.Terms(layouts=[pb.Term(ref=1, digests=[digest(b"another")])]).SerializeToString()
    return {
        "one byte changed": altered(good, frame=good.frame[:-1] + bytes([good.frame[-1] ^ 1])),
        "another chain": altered(good, frame=message.SerializeToString()),
        "another number in the frame": altered(good, frame=renumbered.SerializeToString()),
        "another number outside": altered(good, number=9),
        "another run": altered(good, run=uuid4().bytes),
        "half a run": altered(good, run=b"12345678"),
        "other terms": altered(good, terms=terms),
        "another frame's signature": altered(good, signature=worse.signature),
        "no signature": altered(good, signature=b""),
        "another agent's frame": other.batch(2, 1),
        "a frame that is no message": agent.signer.sign(b"\x1a\xff", seq=2),
        "a Hello in a frame": agent.signer.sign(
            pb.FromAgent(hello=agent.hello).SerializeToString()
        ),
    }


async def test_a_frame_that_was_changed_is_refused_and_nothing_of_it_stored(door, edge):
    agent, other = await agent_of(door, "a"), await agent_of(door, "b")
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)
        await enemy.say(1, carried=agent.batch(1, 0, value=1.0))
        assert (await enemy.hear(1, "ack")).durable_seq == 1
        for channel, (fault, frame) in enumerate(spoiled(agent, other).items(), start=2):
            await enemy.open(channel, agent)
            await enemy.say(channel, carried=frame)
            refusal = await enemy.hear(channel, "refusal")
            assert (fault, refusal.reason in {"forged", "bad_frame"}) == (fault, True)
        await enemy.open(99, agent)
        await enemy.say(99, carried=agent.batch(2, 1, value=2.0))
        assert (await enemy.hear(99, "ack")).durable_seq == 2
    assert await values(door) == [1.0, 2.0]


async def test_a_frame_brought_twice_is_stored_once(door, edge):
    agent = await agent_of(door, "a")
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)
        first = agent.batch(1, 0, value=1.0)
        for frame in (first, agent.batch(2, 1, value=2.0), first, first):
            await enemy.say(1, carried=frame)
        await enemy.say(1, carried=agent.batch(3, 2, value=3.0))
        while (await enemy.hear(1, "ack")).durable_seq < 3:
            pass
    async with attached(door, edge.begin(str(edge.run))) as enemy:
        assert (await enemy.open(1, agent)).durable_seq == 3
        await enemy.say(1, carried=first)
        assert (await enemy.hear(1, "ack")).durable_seq == 3
    assert await values(door) == [1.0, 2.0, 3.0]
    assert await door.rows("SELECT * FROM health.gap") == []


async def test_what_is_withheld_shows_as_a_gap_and_cannot_be_brought_later(door, edge):
    agent = await agent_of(door, "a")
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)
        await enemy.say(1, carried=agent.batch(1, 0, value=1.0))
        late = agent.batch(2, 1, value=2.0)
        await enemy.say(1, carried=agent.batch(3, 2, value=3.0))
        while (await enemy.hear(1, "ack")).durable_seq < 3:
            pass
        await enemy.say(1, carried=late)
        await enemy.hear(1, "ack")
    assert await values(door) == [1.0, 3.0]
    assert await door.rows("SELECT agent_id, seq, reason FROM health.gap") == [
        (agent.agent_id, 2, "withheld")
    ]


async def test_a_gap_a_collector_invents_moves_nothing(door, edge):
    agent = await agent_of(door, "a")
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)
        await enemy.say(1, dropped=pb.Dropped(seq=1 << 40, reports=5, reason="x"))
        await enemy.say(1, carried=agent.batch(1, 0, value=1.0))
        assert (await enemy.hear(1, "ack")).durable_seq == 1
    assert await door.rows("SELECT * FROM health.gap") == []


async def test_no_collector_speaks_for_an_agent_without_its_key(door, edge):
    agent = await agent_of(door, "a")
    opened = agent.opened()
    mine = edge.signer.sign(opened.hello.frame)
    stolen = pb.Open(public_key=opened.public_key, hello=mine)
    other_run = agent.begin().opened()
    mixed = pb.Open(public_key=opened.public_key, hello=opened.hello)
    mixed.hello.frame = other_run.hello.frame
    async with attached(door, edge) as enemy:
        for channel, forged in enumerate((stolen, mixed), start=1):
            await enemy.say(channel, open=forged)
            assert (await enemy.hear(channel, "refusal")).reason == "forged"
    assert await door.rows(
        "SELECT epoch FROM fleet.stream WHERE agent_id = %s", agent.agent_id
    ) in ([(0,)], [])


async def test_a_hello_of_a_run_that_was_succeeded_is_refused(door, edge):
    agent = await agent_of(door, "a")
    old = agent.opened()
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)
        first = str(agent.run)
        beat = pb.FromAgent(heartbeat=pb.Heartbeat(clock_us=now_us(), welcomed=True))
        await enemy.say(1, carried=agent.signer.sign(beat.SerializeToString()))
        await enemy.open(2, agent.begin(first))
        await enemy.say(3, open=old)
        assert (await enemy.hear(3, "refusal")).reason == "duplicate_identity"
        await enemy.say(2, carried=agent.batch(1, 0, value=1.0))
        assert (await enemy.hear(2, "ack")).durable_seq == 1


async def test_a_collector_must_show_its_own_key_and_an_agent_is_no_collector(door, edge):
    agent = await agent_of(door, "a", via=None)
    async with enemy_of(door, agent) as enemy:
        await enemy.say(0, open=agent.opened())
        assert (await enemy.hear(0, "refusal")).reason == "not_bound"
    async with enemy_of(door, agent) as enemy:
        await enemy.say(0, open=edge.opened())
        assert (await enemy.hear(0, "refusal")).reason == "bad_frame"


async def test_a_value_without_a_meaning_is_refused(door, edge):
    agent = await agent_of(door, "a")
    async with enemy_of(door, edge) as enemy:
        await enemy.open(0, edge)
        await enemy.open(1, agent)
        await enemy.say(1, carried=agent.batch(1, 0))
        assert (await enemy.hear(1, "refusal")).reason == "unknown_layout"


async def test_credits_come_back_whatever_became_of_a_frame(door, edge):
    agent = await agent_of(door, "a")
    async with enemy_of(door, edge) as enemy:
        heard = 0
        await enemy.say(0, open=edge.opened())
        await enemy.say(0, meanings=pb.Meanings(layouts=[LAYOUT.SerializeToString()]))
        await enemy.say(1, open=agent.opened())
        good, bad = agent.batch(1, 0), altered(agent.batch(2, 1), signature=b"")
        for frame in (good, good, bad, agent.batch(3, 2)):
            await enemy.say(1, carried=frame)
        async with asyncio.timeout(10):
            while heard < 128 + 4:
                heard += (await enemy.call.read()).credits
    assert heard == 128 + 4


async def test_a_stream_that_sends_nonsense_ends_and_the_server_stands(door, edge):
    agent = await agent_of(door, "a")
    for nonsense in (
        pb.FromCollector(channel=3, open=agent.opened()),
        pb.FromCollector(channel=0, open=pb.Open(public_key=b"x" * 600)),
        pb.FromCollector(channel=0, open=pb.Open()),
    ):
        async with enemy_of(door, edge) as enemy:
            await enemy.call.write(nonsense)
            assert (await enemy.hear(0, "refusal")).reason in {"bad_frame", "forged"}
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)


async def test_a_frame_that_hides_its_kind_costs_its_agent_the_channel_and_nobody_else(door, edge):
    agent, neighbour = await agent_of(door, "a"), await agent_of(door, "b")
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)
        await enemy.open(2, neighbour)
        await enemy.say(1, carried=agent.batch(1, 0))
        await enemy.hear(1, "ack")
        unknown_field_first = b"\xfa\x7f\x00" + agent.batch(1, 0).frame
        hidden = agent.signer.sign(unknown_field_first, seq=1, terms=TERMS.SerializeToString())
        await enemy.say(1, carried=hidden)
        assert (await enemy.hear(1, "refusal")).reason == "bad_frame"
        await enemy.say(2, carried=neighbour.batch(1, 0))
        assert (await enemy.hear(2, "ack")).durable_seq == 1


async def test_an_agent_that_floods_its_collector_ends_its_own_channel_alone(door, edge):
    agent, neighbour = await agent_of(door, "a"), await agent_of(door, "b")
    renew = pb.FromAgent(renew=pb.RenewRequest(csr_pem=agent.who.request())).SerializeToString()
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)
        await enemy.open(2, neighbour)
        async with door.pool.connection(), door.pool.connection():
            for _ in range(2_000):
                await enemy.say(1, carried=agent.signer.sign(renew))
        assert (await enemy.hear(1, "refusal")).reason == "too_much"
        await enemy.say(2, carried=neighbour.batch(1, 0))
        assert (await enemy.hear(2, "ack")).durable_seq == 1
        agent.begin()
        await enemy.open(3, agent)


async def test_a_collector_that_sends_more_than_its_credits_is_refused(door, edge):
    agent = await agent_of(door, "a")
    async with attached(door, edge) as enemy:
        await enemy.open(1, agent)
        async with door.ingest.pause:
            for seq in range(1, 131):
                await enemy.say(1, carried=agent.batch(seq, seq - 1))
            assert (await enemy.hear(0, "refusal")).reason == "credits"
