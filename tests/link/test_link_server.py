"""The agents' door: what is stored, what is refused, and that it stands whatever comes."""

import asyncio
from array import array
from uuid import uuid4

import grpc
import pytest
from agents_world import batch, door_on, now_us

from vedette.link import vedette_pb2 as pb
from vedette.trust.authority import Authority
from vedette.trust.keys import make_csr, make_key


@pytest.fixture
async def door(fresh_app_url, tmp_path):
    async with door_on(fresh_app_url, tmp_path) as door:
        yield door


async def stored(door):
    return (await door.rows("SELECT count(*) FROM health.report"))[0][0]


async def test_an_acknowledged_report_is_in_the_database(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await talk.send(batch(*agent.targets))
        assert await talk.acked() == 1
        assert await door.rows('SELECT target_id, "values" FROM health.report') == [
            (agent.targets[0], [0.5])
        ]


async def test_the_welcome_says_where_to_go_on_and_what_to_look_at(door):
    agent = await door.agent("local", "orders-db", "orders-cache")
    async with agent.stream() as talk:
        welcome = (await talk.hear("welcome")).welcome
        configuration = (await talk.hear("configuration")).configuration
    assert (welcome.agent_name, welcome.durable_seq) == ("local", 0)
    assert welcome.credits > 0
    assert [target.id for target in configuration.targets] == sorted(agent.targets)


async def test_a_batch_sent_again_after_a_reconnect_is_stored_once(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await talk.send(batch(*agent.targets))
        await talk.acked()
    async with agent.welcomed() as talk:
        assert talk.welcome.durable_seq == 1
        talk.seq = 0
        await talk.send(batch(*agent.targets))
        assert await talk.acked() == 1
        await talk.send(batch(*agent.targets))
        assert await talk.acked() == 2
    assert await stored(door) == 2


def spoiled(target: int) -> dict[str, pb.Batch]:
    four = array("I", [target]).tobytes()
    return {
        "empty": batch(target, rows=0),
        "fewer rows than said": batch(target, rows=2),
        "more rows than allowed": batch(target, rows=1 << 20),
        "half a column": batch(target, at=b"\0\0\0"),
        "no values": batch(target, values=b""),
        "too many values": batch(target, values=array("d", [1, 2]).tobytes()),
        "a value that is no number": batch(target, values=array("d", [float("nan")]).tobytes()),
        "an endless value": batch(target, values=array("d", [float("inf")]).tobytes()),
        "an unknown state": batch(target, state=6),
        "a negative time": batch(target, at_us=-(1 << 62)),
        "a time in a thousand years": batch(target, at_us=now_us() + 31_557_600_000_000_000),
        "a layout never defined": batch(target, layout=array("I", [9]).tobytes()),
        "a layout beyond all": batch(target, layout=array("I", [0xFFFFFFFF]).tobytes()),
        "an error class never defined": batch(target, error=array("H", [7]).tobytes()),
        "a note for no row": batch(target, notes=[pb.Note(row=1)]),
        "a long message": batch(target, notes=[pb.Note(message="x" * 1025)]),
        "a NUL in a message": batch(target, notes=[pb.Note(message="a\0b")]),
        "facts that are no object": batch(target, notes=[pb.Note(facts_json="[1]")]),
        "facts nested deeply": batch(target, notes=[pb.Note(facts_json='{"a":' * 900 + "1")]),
        "facts with a NUL": batch(target, notes=[pb.Note(facts_json='{"a":"\\u0000"}')]),
        "another's target": batch(target + 1000, target=array("I", [target + 1000]).tobytes()),
        "target and half": batch(target, target=four + b"\0"),
    }


async def test_a_hostile_batch_ends_its_stream_with_a_reason_and_harms_nobody_else(door):
    agent = await door.agent("local", "orders-db")
    good = await door.agent("edge", "shop-api")
    faults = spoiled(agent.targets[0])
    async with good.welcomed() as other:
        for number, (fault, frame) in enumerate(faults.items(), start=1):
            async with agent.welcomed() as talk:
                await talk.send(frame)
                refusal = await talk.refusal()
            expected = "wrong_target" if fault == "another's target" else "bad_frame"
            assert (fault, refusal.reason, refusal.final) == (fault, expected, False)
            assert refusal.message
            await other.send(batch(*good.targets))
            assert await other.acked() == number
    assert await stored(door) == len(faults)


async def test_an_agent_that_sends_more_than_its_credits_is_refused(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk, door.ingest.pause:
        for _ in range(talk.welcome.credits + 1):
            await talk.send(batch(*agent.targets))
        assert (await talk.refusal()).reason == "credits"
        assert door.ingest.waiting <= talk.welcome.credits
    async with agent.welcomed() as talk:
        for _ in range(3 * talk.welcome.credits):
            await talk.send(batch(*agent.targets))
            await talk.acked()


async def test_a_frame_out_of_order_is_refused(door):
    agent = await door.agent("local", "orders-db")
    for seq, prev in ((1, 1), (5, 3), (1 << 63, 0)):
        async with agent.welcomed() as talk:
            if seq == 1:
                talk.seq = 0
                await talk.send(batch(*agent.targets))
                await talk.acked()
            frame = batch(*agent.targets)
            frame.seq, frame.prev = max(seq, 2), prev + 10 * (seq != 1 << 63)
            await talk.say(batch=frame)
            assert (await talk.refusal()).reason == "sequence"
    assert await stored(door) == 1


async def test_a_frame_larger_than_any_batch_ends_the_stream_not_the_server(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError, AssertionError)):
            await talk.send(batch(*agent.targets, values=bytes(40 << 20)))
            await talk.acked()
    async with agent.welcomed() as talk:
        await talk.send(batch(*agent.targets))
        await talk.acked()


async def test_another_version_of_the_protocol_is_refused_for_good(door):
    agent = await door.agent("local")
    async with agent.stream(protocol=99) as talk:
        refusal = await talk.refusal()
    assert (refusal.reason, refusal.final) == ("protocol_version", True)
    assert "99" in refusal.message


@pytest.mark.parametrize(
    "hello",
    [
        {"run_id": "no uuid"},
        {"facts": pb.AgentFacts(environment_json="{" * 10)},
        {"facts": pb.AgentFacts(environment_json="[" * 100_000)},
        {"facts": pb.AgentFacts(tags_json='{"a":"' + "x" * 5000 + '"}')},
        {"clock_us": 1 << 62},
    ],
)
async def test_a_hostile_hello_is_refused(door, hello):
    agent = await door.agent("local")
    async with agent.stream(**hello) as talk:
        assert (await talk.refusal()).reason == "bad_frame"


async def test_a_stream_begins_with_hello(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await talk.say(hello=pb.Hello(protocol=1))
        assert (await talk.refusal()).reason == "bad_frame"


async def test_a_stranger_with_a_certificate_of_ours_but_no_enrolment_is_refused(door):
    agent = await door.agent("local")
    await door.rows("DELETE FROM fleet.agent RETURNING id")
    async with agent.stream() as talk:
        refusal = await talk.refusal()
    assert (refusal.reason, refusal.final) == ("unknown_agent", True)


async def test_a_certificate_of_another_authority_never_gets_in(door):
    agent = await door.agent("local")
    other = Authority.make()
    agent.key = make_key()
    agent.certificate = other.issue_agent(
        make_csr(agent.key, "local"), "local", now=other.not_after.replace(year=2026)
    ).pem
    with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError, AssertionError)):
        async with agent.stream() as talk:
            await talk.hear("welcome")


async def test_a_newer_stream_of_the_same_run_takes_over(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as older, agent.welcomed() as newer:
        assert (await older.refusal()).reason == "superseded"
        await newer.send(batch(*agent.targets))
        assert await newer.acked() == 1


async def test_a_clone_is_refused_and_shown_and_the_first_goes_on(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await talk.say(heartbeat=pb.Heartbeat(clock_us=now_us(), welcomed=True))
        await talk.send(batch(*agent.targets))
        await talk.acked()
        await door.link.keep_beats()
        async with agent.stream(run_id=str(uuid4()), welcomed_run_id="") as clone:
            refusal = await clone.refusal()
        assert (refusal.reason, refusal.final) == ("duplicate_identity", True)
        assert len(await door.rows("SELECT FROM fleet.duplicate")) == 1
        await talk.send(batch(*agent.targets))
        assert await talk.acked() == 2


async def test_revoking_ends_the_stream_at_once_and_for_good(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await door.rows("UPDATE fleet.agent SET revoked_at = now() RETURNING id")
        await door.link.fleet_changed({agent.agent_id})
        refusal = await talk.refusal()
        assert (refusal.reason, refusal.final) == ("revoked", True)
    async with agent.stream() as talk:
        assert (await talk.refusal()).reason == "revoked"


async def test_a_new_target_reaches_the_agent_and_may_be_spoken_of(door):
    from factories import make_assignment, make_target

    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        async with door.pool.connection() as conn:
            new = await make_target(conn, "shop-api")
            await make_assignment(conn, new, agent.agent_id)
        await door.link.fleet_changed({agent.agent_id})
        told = (await talk.hear("configuration")).configuration
        assert {target.name for target in told.targets} == {"orders-db", "shop-api"}
        await talk.send(batch(new))
        assert await talk.acked() == 1


async def test_what_was_spooled_for_a_target_no_longer_assigned_is_welcome(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await door.rows("DELETE FROM fleet.assignment RETURNING target_id")
        await door.link.fleet_changed(None)
        await talk.send(batch(*agent.targets))
        assert await talk.acked() == 1


async def test_a_clock_a_day_ahead_is_corrected_and_shown(door):
    agent = await door.agent("local", "orders-db")
    day_us = 86_400_000_000
    async with agent.welcomed(clock_us=now_us() + day_us) as talk:
        await talk.send(batch(*agent.targets, at_us=now_us() + day_us))
        await talk.acked()
    rows = await door.rows(
        "SELECT abs(extract(epoch FROM now() - at)) < 5, clock_offset_s FROM health.report, fleet.stream"
    )
    assert rows[0][0]
    assert rows[0][1] == pytest.approx(86_400, abs=5)


async def test_a_report_from_the_future_is_dated_now(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await talk.send(batch(*agent.targets, at_us=now_us() + 3_600_000_000))
        await talk.acked()
    assert await door.rows("SELECT at <= now() + interval '2 s' FROM health.report") == [(True,)]


async def test_what_an_agent_lost_is_kept_and_acknowledged(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        gap = pb.Gap(
            seq=1, reports=17, from_us=now_us() - 10**9, to_us=now_us(), reason="disk_full"
        )
        await talk.say(gap=gap)
        assert await talk.acked() == 1
    assert await door.rows("SELECT reports, reason FROM health.gap") == [(17, "disk_full")]


async def test_a_renewed_certificate_is_of_the_same_key_only(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await talk.say(renew=pb.RenewRequest(csr_pem=make_csr(agent.key, "local")))
        renewed = (await talk.hear("renewed")).renewed
        assert b"BEGIN CERTIFICATE" in renewed.certificate_pem
        await talk.say(renew=pb.RenewRequest(csr_pem=make_csr(make_key(), "local")))
        assert (await talk.refusal()).reason == "wrong_key"


async def test_a_goodbye_comes_after_everything_is_stored(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        for _ in range(5):
            await talk.send(batch(*agent.targets))
        assert await talk.acked() >= 1
        await door.link.say_goodbye()
        refusal = await talk.refusal()
        assert (refusal.reason, refusal.final) == ("going_away", False)
    # Nobody takes a server that is gone for one that still holds the stream.
    assert await door.rows("SELECT disconnected_at IS NULL FROM fleet.stream") == [(False,)]


async def test_one_agent_defines_only_so_much(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        huge = pb.Layout(ref=2, connector="x", measures=[pb.Measure(name="m")] * 65_537)
        await talk.say(define=pb.Define(layouts=[huge]))
        assert (await talk.refusal()).reason == "bad_frame"
    async with agent.welcomed() as talk:
        many = [pb.ErrorClass(ref=n, name=f"e{n}") for n in range(1, 2002)]
        await talk.say(define=pb.Define(error_classes=many))
        assert (await talk.refusal()).reason == "bad_frame"


async def test_frames_wait_while_the_database_is_away_and_nothing_is_lost_or_doubled(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        await talk.send(batch(*agent.targets))
        await talk.acked()
        await door.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ingest' AND datname = current_database()"
        )
        await talk.send(batch(*agent.targets))
        assert (await talk.refusal()).reason == "database_away"
    async with agent.welcomed() as talk:
        assert talk.welcome.durable_seq == 1
        await talk.send(batch(*agent.targets))
        assert await talk.acked() == 2
    assert await stored(door) == 2
