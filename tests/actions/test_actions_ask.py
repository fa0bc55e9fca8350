"""Taking a question in: who may, how often, which agent, what is written down; and its states."""

from datetime import timedelta

import psycopg
import pytest

from factories import NOON, make_agent, make_assignment, make_target
from vedette.access.model import Actor, Scope
from vedette.actions import ask as asking
from vedette.actions.ask import ask
from vedette.actions.ask_deliver import cancel, send_again, take_due
from vedette.actions.ask_expire import KEPT, run_once
from vedette.actions.ask_reads import heard
from vedette.actions.ask_settle import finish, settle
from vedette.actions.model import Column, Command, Ending, Outcome, Part, Question
from vedette.errors import Denied, Missing, TooMany, Unavailable

COMMANDS = (
    Command(name="locks", help="Locks.", columns=(Column("pid", "integer", "A process."),)),
    Command(name="activity", help="What runs.", columns=(), scope="ask:content"),
)
BY = Actor("token:ops", frozenset({Scope.ASK}))
SECOND = timedelta(seconds=1)


async def attached(conn, name="local", *targets, epoch=1, at=NOON):
    agent = await make_agent(conn, name)
    await conn.execute(
        "INSERT INTO fleet.stream (agent_id, epoch, run_id, connected_at, heartbeat_at)"
        " VALUES (%s, %s, gen_random_uuid(), %s, %s)"
        " ON CONFLICT (agent_id) DO UPDATE SET epoch = EXCLUDED.epoch, run_id = EXCLUDED.run_id,"
        " connected_at = EXCLUDED.connected_at, heartbeat_at = EXCLUDED.heartbeat_at",
        (agent, epoch, at, at),
    )
    for target in targets:
        await make_assignment(conn, target, agent)
    return agent


async def asked(conn, target="orders-db", command="locks", by=BY, now=NOON, **more):
    question = Question(target=target, command=command, parameters={}, **more)
    return await ask(conn, question, lambda _: COMMANDS, by=by, now=now, source="10.0.0.9")


@pytest.fixture
async def agent(conn):
    return await attached(conn, "local", await make_target(conn))


async def row_of(conn, command_id):
    found = await conn.execute(
        "SELECT state, outcome, parts, row_count, attempts FROM actions.ask WHERE id = %s",
        (command_id,),
    )
    return await found.fetchone()


async def sent(conn, agent, epoch=1, now=NOON):
    return await take_due(conn, agent, epoch, at_most=4, now=now)


async def test_a_question_is_a_row_and_a_line_in_the_audit_log(conn, agent):
    took = await asked(conn)
    assert (took.agent, took.expires_at) == ("local", NOON + 10 * SECOND)
    assert await row_of(conn, took.id) == ("ready", None, 0, 0, 0)
    line = await conn.execute(
        "SELECT actor, action, object, source, detail->>'command' FROM access.audit"
        " ORDER BY id DESC LIMIT 1"
    )
    assert await line.fetchone() == (
        "token:ops", "target.ask", "target:orders-db", "10.0.0.9", "locks",
    )  # fmt: skip


async def test_what_shows_content_needs_the_scope_for_it(conn, agent):
    with pytest.raises(Denied, match="it needs the scope ask:content"):
        await asked(conn, command="activity")
    reader = Actor("token:dba", frozenset({Scope.ASK, Scope.ASK_CONTENT}))
    assert (await asked(conn, command="activity", by=reader)).command == "activity"


async def test_what_is_not_there_is_said_at_once(conn, agent):
    with pytest.raises(Missing, match="no target 'orders'"):
        await asked(conn, target="orders")
    with pytest.raises(Missing, match="no target"):
        await asked(conn, target="a\0b")
    with pytest.raises(Missing, match="did you mean 'locks'"):
        await asked(conn, command="lock")
    with pytest.raises(Missing, match="there are: local"):
        await asked(conn, agent="edge")


async def test_an_offline_agent_is_no_reason_to_wait(conn):
    target = await make_target(conn)
    with pytest.raises(Unavailable, match="no agent looks at 'orders-db'"):
        await asked(conn)
    agent = await attached(conn, "local", target, at=NOON - timedelta(minutes=5))
    with pytest.raises(Unavailable, match="cannot be asked: offline is 'local'"):
        await asked(conn)
    await attached_again(conn, agent)
    assert (await asked(conn)).agent == "local"
    await conn.execute("UPDATE fleet.stream SET disconnected_at = %s", (NOON,))
    with pytest.raises(Unavailable, match="offline is 'local'"):
        await asked(conn)


async def attached_again(conn, agent, epoch=2):
    await conn.execute(
        "UPDATE fleet.stream SET epoch = %s, heartbeat_at = %s WHERE agent_id = %s",
        (epoch, NOON, agent),
    )


async def test_of_several_agents_one_that_is_here_and_least_busy_answers(conn):
    target = await make_target(conn)
    await attached(conn, "away", target, at=NOON - timedelta(hours=1))
    for name in ("one", "two"):
        await attached(conn, name, target)
    chosen = [(await asked(conn)).agent for _ in range(4)]
    assert sorted(chosen) == ["one", "one", "two", "two"]
    assert (await asked(conn, agent="one")).agent == "one"


async def test_a_token_and_a_target_are_asked_only_so_often(conn, agent, monkeypatch):
    monkeypatch.setattr(asking, "CALLER_RATE", 2)
    for _ in range(2):
        await asked(conn)
    with pytest.raises(TooMany, match="'token:ops' asked 2 times in a minute"):
        await asked(conn)
    monkeypatch.setattr(asking, "TARGET_RATE", 2)
    with pytest.raises(TooMany, match="'orders-db' was asked 2 times"):
        await asked(conn, by=Actor("token:other", frozenset({Scope.ASK})))
    later = NOON + timedelta(seconds=61)
    await conn.execute("UPDATE fleet.stream SET heartbeat_at = %s", (later,))
    await asked(conn, now=later)


async def test_too_many_waiting_for_one_agent_are_refused(conn, agent, monkeypatch):
    monkeypatch.setattr(asking, "WAITING", 2)
    for _ in range(2):
        await asked(conn)
    with pytest.raises(TooMany, match="2 commands wait for agent 'local'"):
        await asked(conn)


async def test_the_life_of_a_command(conn, agent):
    took = await asked(conn)
    [due] = await sent(conn, agent)
    assert (due.id, due.name, due.columns) == (took.id, "locks", COMMANDS[0].columns)
    assert await sent(conn, agent) == []
    assert await row_of(conn, took.id) == ("inflight", None, 0, 0, 1)
    one = Part(number=1, rows="[[1],[2]]", row_count=2)
    assert await settle(conn, took.id, 1, part=one, ending=None, now=NOON)
    assert not await settle(conn, took.id, 1, part=one, ending=None, now=NOON)
    assert await heard(conn, took.id, after=0) == (["[[1],[2]]"], None)
    end = Ending(outcome=Outcome.ANSWERED, took_ms=5)
    assert await settle(conn, took.id, 1, part=None, ending=end, now=NOON)
    assert not await settle(conn, took.id, 1, part=None, ending=end, now=NOON)
    assert await row_of(conn, took.id) == ("returned", "answered", 1, 2, 1)
    await finish(conn, took.id, now=NOON)
    assert await row_of(conn, took.id) == ("done", "answered", 1, 2, 1)
    parts, ending = await heard(conn, took.id, after=0)
    assert (parts, ending.row_count) == ([], 2)


async def test_only_the_newest_stream_gets_commands_and_is_believed(conn, agent):
    took = await asked(conn)
    assert await sent(conn, agent, epoch=0) == []
    [due] = await sent(conn, agent)
    await attached_again(conn, agent)
    await send_again(conn, agent, now=NOON)
    assert await row_of(conn, took.id) == ("ready", None, 0, 0, 1)
    end = Ending(outcome=Outcome.ANSWERED)
    assert not await settle(conn, due.id, 1, part=None, ending=end, now=NOON)
    [again] = await sent(conn, agent, epoch=2)
    assert again.id == took.id
    assert await settle(conn, due.id, 2, part=None, ending=end, now=NOON)


async def test_what_is_overdue_expires_and_says_why(conn, agent):
    waits = await asked(conn)
    late = NOON + 20 * SECOND
    assert await sent(conn, agent, now=late) == []
    assert await run_once(conn, now=late) == 1
    _, ending = await heard(conn, waits.id, after=0)
    assert ending.outcome is Outcome.EXPIRED
    assert ending.message == "agent 'local' did not take the command in time"
    assert await run_once(conn, now=late) == 0


async def test_an_answer_nobody_fetches_is_dropped_and_the_row_after_days(conn, agent):
    took = await asked(conn)
    await sent(conn, agent)
    one = Part(number=1, rows="[[1]]", row_count=1)
    end = Ending(outcome=Outcome.ANSWERED)
    await settle(conn, took.id, 1, part=one, ending=end, now=NOON)
    await run_once(conn, now=NOON + timedelta(minutes=2))
    assert (await row_of(conn, took.id))[0] == "done"
    assert (await heard(conn, took.id, after=0))[0] == []
    await run_once(conn, now=NOON + KEPT + SECOND)
    assert await row_of(conn, took.id) is None
    assert (await heard(conn, took.id, after=0))[1].outcome is Outcome.LOST


async def test_a_cancelled_command_is_done_and_its_answer_late(conn, agent):
    took = await asked(conn)
    await sent(conn, agent)
    await cancel(conn, took.id, now=NOON)
    await cancel(conn, took.id, now=NOON)
    assert (await row_of(conn, took.id))[:2] == ("done", "cancelled")
    end = Ending(outcome=Outcome.ANSWERED)
    assert not await settle(conn, took.id, 1, part=None, ending=end, now=NOON)


@pytest.mark.parametrize(
    "change",
    [
        "state = 'inflight'",
        "state = 'returned', outcome = 'answered'",
        "state = 'done', outcome = 'answered'",
        "state = 'done', done_at = now()",
        "outcome = 'answered'",
        "parts = 1",
        "expires_at = asked_at",
        "state = 'elsewhere'",
    ],
)
async def test_the_table_holds_the_states_whoever_writes(conn, agent, change):
    took = await asked(conn)
    with pytest.raises(psycopg.errors.CheckViolation):
        async with conn.transaction():
            await conn.execute(f"UPDATE actions.ask SET {change} WHERE id = {took.id}")
