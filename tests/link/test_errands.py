"""A signed action goes down the stream of whoever it means, and the answer is believed by the agent's key alone."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from agents_world import door_on

from actions_world import action, answer_body, bundle, signed_bundle, signed_by
from signing_world import needs_ssh
from vedette.actions import conclude, reads, steer
from vedette.actions.launch import propose
from vedette.actions.push_trust import push_trust
from vedette.link import vedette_pb2 as pb
from vedette.trust.keys import make_key
from vedette.trust.result_signature import sign_result
from vedette.trust.signed import read_signed

pytestmark = needs_ssh


def now():
    return datetime.now(UTC)


@pytest.fixture
async def door(fresh_app_url, tmp_path):
    async with door_on(fresh_app_url, tmp_path) as door:
        errands = asyncio.create_task(door.link.errands.run(fresh_app_url))
        yield door
        errands.cancel()
        await asyncio.gather(errands, return_exceptions=True)


def fresh_bundle(version=1, **changes):
    return signed_bundle(
        bundle(
            version,
            made_at=now() - timedelta(hours=1),
            expires_at=now() + timedelta(days=1),
            **changes,
        )
    )


async def launched(door, made=None, **launch):
    async with door.pool.connection() as conn:
        await push_trust(conn, fresh_bundle(), by="root", now=now())
        document = signed_by(made or action(now=now(), target="true"), "ada", "bob")
        return await propose(conn, document, by="ada", now=now(), **launch)


def result(act_id, body, key, **further):
    return pb.Result(
        id=act_id, number=1, piece=body, last=True, signature=sign_result(key, body), **further
    )


async def stands(door, action_id):
    async with door.pool.connection() as conn:
        return (await reads.counts(conn, [action_id]))[action_id]


async def test_an_action_reaches_the_agent_and_its_answer_is_stored(door):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        found = await launched(door)
        act = (await talk.hear("act")).act
        assert act.document.startswith(b"{")
        assert len(act.signatures) == 2
        await talk.say(result=result(act.id, answer_body(act.id, elements=["/etc"]), agent.key))
        assert list((await talk.hear("told")).told.ids) == [act.id]
    assert await stands(door, found.id) == {"success": 1}
    async with door.pool.connection() as conn:
        (row,) = await reads.results(conn, found.id)
    assert row.answer == answer_body(act.id, elements=["/etc"]).decode()
    assert row.found is True


async def test_the_bundle_comes_before_what_is_judged_by_it(door):
    agent = await door.agent("one", "db")
    await launched(door)
    async with agent.stream() as talk:
        kinds = [(await talk.call.read()).WhichOneof("kind") for _ in range(4)]
        assert kinds.index("trust") < kinds.index("act")


async def test_an_agent_that_holds_the_newest_bundle_is_not_sent_it(door):
    agent = await door.agent("one", "db")
    await launched(door)
    async with agent.stream(facts=pb.AgentFacts(bundle_version=1)) as talk:
        kinds = [(await talk.call.read()).WhichOneof("kind") for _ in range(3)]
        assert "trust" not in kinds
        async with door.pool.connection() as conn:
            await push_trust(conn, fresh_bundle(2), by="root", now=now())
        sent = (await talk.hear("trust")).trust.signed
        assert b'"version":2' in read_signed(sent).document


async def test_an_agent_that_was_away_gets_it_when_it_comes(door):
    agent = await door.agent("one", "db")
    found = await launched(door)
    assert await stands(door, found.id) == {"offline": 1}
    async with agent.welcomed() as talk:
        assert (await talk.hear("act")).act.id


async def test_more_agents_than_are_looked_after_together_all_get_it(door, monkeypatch):
    monkeypatch.setattr("vedette.link.errands.PORTION", 2)
    agents = [await door.agent(f"agent-{number}") for number in range(5)]
    async with AsyncExitStack() as stack:
        talks = [await stack.enter_async_context(agent.welcomed()) for agent in agents]
        await launched(door)
        acts = [(await talk.hear("act")).act for talk in talks]
    assert len({act.id for act in acts}) == 5


async def test_one_agent_gets_more_than_is_taken_in_one_transaction(door, monkeypatch):
    monkeypatch.setattr("vedette.actions.deliver.AT_ONCE", 2)
    monkeypatch.setattr("vedette.link.errands.AT_ONCE", 2)
    agent = await door.agent("one", "db")
    async with door.pool.connection() as conn:
        await push_trust(conn, fresh_bundle(), by="root", now=now())
        for name in ("a", "b", "c", "d", "e"):
            made = signed_by(action(name, now=now(), target="true"), "ada", "bob")
            await propose(conn, made, by="ada", now=now())
    async with agent.welcomed() as talk:
        acts = [(await talk.hear("act")).act.id for _ in range(5)]
    assert acts == sorted(set(acts))


async def test_what_a_broken_stream_took_goes_down_the_next_one(door):
    agent = await door.agent("one", "db")
    found = await launched(door)
    async with agent.welcomed() as talk:
        first = (await talk.hear("act")).act
    agent.welcomed_run = agent.run
    async with agent.welcomed() as talk:
        second = (await talk.hear("act")).act
        assert second.id == first.id
        body = answer_body(second.id)
        await talk.say(result=result(second.id, body, agent.key))
        await talk.hear("told")
        await talk.say(result=result(second.id, body, agent.key))
        assert list((await talk.hear("told")).told.ids) == [second.id]
    assert await stands(door, found.id) == {"success": 1}
    assert await door.rows("SELECT attempts FROM actions.command") == [(2,)]
    assert door.link.errands.results.unasked == 1


async def test_an_answer_in_many_pieces_is_one(door):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        found = await launched(door)
        act = (await talk.hear("act")).act
        body = answer_body(act.id, elements=["x" * 1000] * 3000)
        pieces = [body[at : at + (1 << 20)] for at in range(0, len(body), 1 << 20)]
        assert len(pieces) > 2
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            signature = sign_result(agent.key, body) if last else b""
            await talk.say(
                result=pb.Result(
                    id=act.id, number=number, piece=piece, last=last, signature=signature
                )
            )
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}


async def test_an_answer_of_another_key_or_for_another_agent_changes_nothing(door):
    asked, rogue = await door.agent("asked", "db"), await door.agent("rogue", "db2")
    found = await launched(door, action(now=now(), target="name='asked'"))
    async with asked.welcomed() as talk, rogue.welcomed() as other:
        act = (await talk.hear("act")).act
        body = answer_body(act.id, elements=["lies"])
        await other.say(result=result(act.id, body, rogue.key))
        await other.hear("told")
        await other.say(result=result(act.id, body, make_key()))
        await other.hear("told")
        assert await stands(door, found.id) == {"running": 1}
        await talk.say(result=result(act.id, answer_body(act.id), asked.key))
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}
    assert (door.link.errands.results.unasked, door.link.errands.results.unfit) == (1, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"command": 1, "digest": "", "status": "expired", "results": []}',
        b'{"command": -1, "digest": "", "status": "success", "results": []}',
        b'{"command": 1, "digest": "", "status": "success", "results": [{}]}',
        b'{"command": 1, "digest": "", "status": "success", "message": "\\u0000", "results": []}',
        b'{"command": 1, "digest": "", "status": "success", "took_ms": NaN, "results": []}',
        b'{"command": 1, "digest": "", "status": "success", "results": [], "message": "\xff"}',
    ],
)
async def test_what_is_no_answer_is_dropped_and_the_stream_goes_on(door, body):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        found = await launched(door)
        act = (await talk.hear("act")).act
        await talk.say(result=result(act.id, body, agent.key))
        await talk.hear("told")
        assert await stands(door, found.id) == {"running": 1}
        await talk.say(
            result=result(act.id, answer_body(act.id, "refused", found=False), agent.key)
        )
        await talk.hear("told")
    assert await stands(door, found.id) == {"refused": 1}


async def test_pieces_out_of_order_are_no_answer(door):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        found = await launched(door)
        act = (await talk.hear("act")).act
        await talk.say(result=pb.Result(id=act.id, number=2, piece=b"x", last=True))
        await talk.hear("told")
        await talk.say(result=result(act.id, answer_body(act.id), agent.key))
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}


async def test_a_cancelled_action_is_said_to_who_may_be_running_it(door):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        found = await launched(door)
        act = (await talk.hear("act")).act
        async with door.pool.connection() as conn:
            await steer.cancel(conn, found.id, by="ada", now=now())
        cancelled = (await talk.hear("act")).act
        assert (cancelled.id, cancelled.cancelled) == (act.id, True)


async def test_a_paused_action_waits_until_somebody_resumes_it(door):
    agent = await door.agent("one", "db")
    found = await launched(door)
    async with door.pool.connection() as conn:
        await steer.pause(conn, found.id, "wait", by="ada", now=now())
    async with agent.welcomed() as talk:
        await asyncio.sleep(0)
        assert await stands(door, found.id) == {"waiting": 1}
        async with door.pool.connection() as conn:
            await steer.resume(conn, found.id, by="ada", now=now())
        assert (await talk.hear("act")).act.id


async def test_a_database_that_goes_away_costs_no_answer(door):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        found = await launched(door)
        act = (await talk.hear("act")).act
        await door.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await talk.say(result=result(act.id, answer_body(act.id), agent.key))
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}


async def test_modules_that_agents_announce_are_known_by_name(door):
    agent = await door.agent("one", "db")
    async with agent.stream(
        facts=pb.AgentFacts(modules=["file", "netstat"], mode="checkin")
    ) as talk:
        await talk.hear("welcome")
        await launched(door)
        for _ in range(100):
            names = await door.rows("SELECT name FROM actions.module ORDER BY name")
            if names:
                break
            await asyncio.sleep(0.05)
    assert names == [("file",), ("netstat",)]
    assert await door.rows("SELECT mode, modules FROM fleet.agent") == [
        ("checkin", ["file", "netstat"])
    ]


async def test_who_refused_is_asked_again_under_another_number(door):
    agent = await door.agent("one", "db")
    async with agent.welcomed() as talk:
        found = await launched(door)
        first = (await talk.hear("act")).act
        await talk.say(
            result=result(first.id, answer_body(first.id, "refused", found=False), agent.key)
        )
        await talk.hear("told")
        async with door.pool.connection() as conn:
            await conclude.run_once(conn, now=now())
            assert await steer.run_again(conn, found.id, by="ada", now=now()) == 1
        second = (await talk.hear("act")).act
        assert (second.id != first.id, second.document) == (True, first.document)
        await talk.say(result=result(second.id, answer_body(second.id), agent.key))
        await talk.hear("told")
    assert await stands(door, found.id) == {"success": 1}
