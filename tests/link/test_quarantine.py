"""A rogue agent: what it says for others, floods, huge answers; it is found out, sent no more, and let out by a person."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from agents_world import batch, door_on, now_us
from test_errands import launched, now, result, stands

from actions_world import action, answer_body, signed_by
from signing_world import needs_ssh
from vedette.actions.launch import propose
from vedette.fleet import reads
from vedette.fleet.quarantine import MOST_FAULTS, WITHIN, count_faults, release_agent
from vedette.fleet.status import Standing, status_of
from vedette.link import errands as errands_module
from vedette.link import vedette_pb2 as pb
from vedette.trust.result_signature import sign_result

pytestmark = needs_ssh


@pytest.fixture
async def door(fresh_app_url, tmp_path, monkeypatch):
    monkeypatch.setattr(errands_module, "LOOK_EVERY_S", 0.02)
    async with door_on(fresh_app_url, tmp_path) as door:
        errands = asyncio.create_task(door.link.errands.run(fresh_app_url))
        yield door
        errands.cancel()
        await asyncio.gather(errands, return_exceptions=True)


async def until(true):
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - what changes is in the database
            await asyncio.sleep(0.02)


async def agent_row(door, name):
    async with door.pool.connection() as conn:
        return await reads.agent(conn, name)


async def is_quarantined(door, name):
    return (await agent_row(door, name)).quarantined_at is not None


async def misbehave(talk, key, times=MOST_FAULTS, *, first=1_000):
    """Answer, signed, what nobody asked."""
    for number in range(first, first + times):
        await talk.say(result=result(number, answer_body(number), key))
        await talk.hear("told")


async def test_who_answers_what_nobody_asked_gets_no_more_orders_until_somebody_lets_it(door):
    rogue = await door.agent("rogue", "db")
    async with rogue.welcomed() as talk:
        await misbehave(talk, rogue.key)
        await until(lambda: is_quarantined(door, "rogue"))
        found = await launched(door)
        await until(lambda: stands_quarantined(door, found.id))
        status = status_of(await agent_row(door, "rogue"), now=now())
        assert status.standing is Standing.QUARANTINED
        assert "20 answers within an hour that nobody could take" in status.reason
        async with door.pool.connection() as conn:
            assert await release_agent(conn, "rogue", by="ada")
            assert not await release_agent(conn, "rogue", by="ada")
        refusal = await talk.refusal()
        assert (refusal.reason, refusal.final) == ("released", False)
    rogue.welcomed_run = rogue.run
    async with rogue.welcomed() as talk:
        act = (await talk.hear("act")).act
        await talk.say(result=result(act.id, answer_body(act.id), rogue.key))
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}
    log = await door.rows(
        "SELECT actor, action, object FROM access.audit WHERE object = 'agent:rogue' ORDER BY at, action"
    )
    assert log == [
        ("server", "agent.quarantine", "agent:rogue"),
        ("ada", "agent.release", "agent:rogue"),
    ]


async def stands_quarantined(door, action_id):
    return await stands(door, action_id) == {"quarantined": 1}


async def test_what_it_was_asked_before_goes_down_again_and_what_it_said_meanwhile_is_heard(door):
    rogue = await door.agent("rogue", "db")
    async with rogue.welcomed() as talk:
        found = await launched(door)
        act = (await talk.hear("act")).act
        await misbehave(talk, rogue.key)
        await until(lambda: is_quarantined(door, "rogue"))
        await until(lambda: knows(door, rogue))
        await talk.say(result=result(act.id, answer_body(act.id), rogue.key))
        async with door.pool.connection() as conn:
            await release_agent(conn, "rogue", by="ada")
        await talk.refusal()
    assert await stands(door, found.id) != {"success": 1}
    rogue.welcomed_run = rogue.run
    async with rogue.welcomed() as talk:
        assert (await talk.hear("act")).act.id == act.id
        await talk.say(result=result(act.id, answer_body(act.id), rogue.key))
        assert list((await talk.hear("told")).told.ids) == [act.id]
    assert await stands(door, found.id) == {"success": 1}


async def knows(door, agent):
    return door.link.errands.holds_back(agent.agent_id)


async def test_saying_an_answer_again_is_no_fault(door):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        await launched(door)
        act = (await talk.hear("act")).act
        for _ in range(MOST_FAULTS + 1):
            await talk.say(result=result(act.id, answer_body(act.id), agent.key))
            await talk.hear("told")
        await misbehave(talk, agent.key, 1)
        await until(lambda: counted(door, "one"))
    assert await door.rows("SELECT faults FROM fleet.agent") == [(1,)]


async def counted(door, name):
    return (await door.rows("SELECT faults FROM fleet.agent WHERE name = %s", name))[0][0] > 0


async def test_an_answer_for_another_does_not_push_out_the_answer_of_who_was_asked(door):
    """Both come while the database is busy, the rogue's first: they are stored in one batch."""
    asked, rogue = await door.agent("asked", "db"), await door.agent("rogue", "db2")
    found = await launched(door, action(now=now(), target="name='asked'"))
    async with asked.welcomed() as talk, rogue.welcomed() as other:
        act = (await talk.hear("act")).act
        async with door.pool.connection() as busy, busy.transaction():
            await busy.execute("LOCK TABLE actions.command IN ACCESS EXCLUSIVE MODE")
            await other.say(result=result(1, answer_body(1), rogue.key))
            await until(lambda: is_being_stored(door))
            await other.say(result=result(2, answer_body(2), rogue.key))
            lie = answer_body(act.id, elements=["lies"])
            await other.say(result=result(act.id, lie, rogue.key))
            await talk.say(result=result(act.id, answer_body(act.id), asked.key))
            await until(lambda: waits(door, 3))
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}
    assert await door.rows("SELECT count(*) FROM actions.result") == [(1,)]


async def is_being_stored(door):
    """Say whether a batch stands before the table: what comes now is of the next."""
    held = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'actions.command'::regclass"
    return bool(await door.rows(held))


async def waits(door, number):
    return door.link.errands.results.waiting >= number


async def test_a_flood_of_pieces_costs_its_sender_its_orders_and_nobody_else_anything(door):
    honest, rogue = await door.agent("honest", "db"), await door.agent("rogue", "db2")
    async with honest.welcomed() as talk, rogue.welcomed() as other:
        for number in range(2, 60):
            await other.say(result=pb.Result(id=7, number=number, piece=b"x" * 1000, last=True))
        found = await launched(door, action(now=now(), target="name='honest'"))
        act = (await talk.hear("act")).act
        await talk.say(result=result(act.id, answer_body(act.id), honest.key))
        await talk.hear("told")
        await until(lambda: is_quarantined(door, "rogue"))
    assert await stands(door, found.id) == {"success": 1}
    assert not await is_quarantined(door, "honest")


@pytest.mark.parametrize(
    "elements",
    [
        b"[" * 10_000 + b"]" * 10_000,
        b"[" + b"[]," * 5_000_000 + b"[]]",
        b"[" + b"[1.5]," * 20_000 + b"1e999]",
    ],
    ids=["deep", "many", "vast"],
)
async def test_an_answer_that_is_a_burden_is_taken_or_refused_and_the_stream_goes_on(
    door, elements
):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        found = await launched(door)
        act = (await talk.hear("act")).act
        body = answer_body(act.id).replace(b'"elements":null', b'"elements":' + elements)
        pieces = [body[begin : begin + (1 << 20)] for begin in range(0, len(body), 1 << 20)]
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            signature = sign_result(agent.key, body) if last else b""
            await talk.say(
                result=pb.Result(
                    id=act.id, number=number, piece=piece, last=last, signature=signature
                )
            )
        await talk.hear("told")
        await talk.say(result=result(act.id, answer_body(act.id), agent.key))
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}


async def proposed(door, made):
    async with door.pool.connection() as conn:
        return await propose(conn, signed_by(made, "ada", "bob"), by="ada", now=now())


async def test_an_agent_that_calls_itself_another_gets_nothing_that_is_not_its_own(door):
    """What it says of itself is a claim: the name it was enrolled with and our tags stand."""
    rogue = await door.agent("rogue", "db")
    facts = pb.AgentFacts(
        hostname="prod",
        os="windows",
        tags_json='{"role": "db"}',
        environment_json='{"name": "prod"}',
    )
    async with rogue.stream(facts=facts) as talk:
        await talk.hear("configuration")
        named = await launched(door, action(now=now(), target="name='prod'"))
        tagged = await proposed(door, action("tags", now=now(), target="tag:role=db"))
        mine = await proposed(door, action("mine", now=now(), target="name='rogue'"))
        assert (await talk.hear("act")).act.id
    assert await stands(door, mine.id)
    for action_id in (named.id, tagged.id):
        rows = await door.rows("SELECT id FROM actions.command WHERE action_id = %s", action_id)
        assert rows == []


async def test_a_second_machine_with_its_key_is_refused_and_shown_beside_it(door):
    first = await door.agent("one", "db")
    async with first.welcomed() as talk:
        await talk.say(heartbeat=pb.Heartbeat(clock_us=now_us(), welcomed=True))
        await talk.send(batch(*first.targets))
        await talk.acked()
        await door.link.keep_beats()
        found = await launched(door)
        act = (await talk.hear("act")).act
        async with first.stream(run_id=str(uuid4()), welcomed_run_id="") as other:
            refusal = await other.refusal()
            assert (refusal.reason, refusal.final) == ("duplicate_identity", True)
        await talk.say(result=result(act.id, answer_body(act.id), first.key))
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}
    assert len(await door.rows("SELECT agent_id FROM fleet.duplicate")) == 1


async def test_faults_of_long_ago_do_not_count(conn):
    from factories import NOON, make_agent

    agent_id = await make_agent(conn, "edge")
    few = MOST_FAULTS - 1
    assert await count_faults(conn, {agent_id: few}, now=NOON) == []
    assert await count_faults(conn, {agent_id: few}, now=NOON + WITHIN) == []
    later = NOON + WITHIN + timedelta(minutes=1)
    assert await count_faults(conn, {agent_id: 1}, now=later) == ["edge"]
    assert await count_faults(conn, {agent_id: 1}, now=later) == []
