"""Commands through the agents' door: real gRPC, a real database, agents that say what a test wants."""

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from agents_world import door_on, now
from relay_world import agent_behind, collector

from vedette.access.model import Actor, Scope
from vedette.actions.ask_hear import Asks, Ears
from vedette.actions.model import PART_BYTES, Column, Command, Ending, Parameter, Question
from vedette.link import vedette_pb2 as pb
from vedette.link.commands import Commands
from vedette.link.orders import Said

LOCKS = Command(
    name="locks",
    help="Who waits for whom.",
    columns=(Column("pid", "integer", "A process."), Column("query", "text", "What it runs.")),
    parameters=(Parameter("limit", "integer", "Rows at most.", default=50),),
)
BY = Actor("token:ops", frozenset({Scope.ASK}))


@asynccontextmanager
async def serving(dsn, directory):
    """A server with an agents' door, its commands running, and the asks of its clients."""
    directory.mkdir(exist_ok=True)
    async with door_on(dsn, directory) as door:
        commands = asyncio.create_task(door.link.commands.run(dsn))
        door.asks = Asks(
            pool=door.pool, commands_of=lambda _: (LOCKS,), ears=door.link.commands.ears
        )
        try:
            yield door
        finally:
            commands.cancel()
            await asyncio.gather(commands, return_exceptions=True)


@pytest.fixture
async def door(fresh_app_url, tmp_path):
    async with serving(fresh_app_url, tmp_path / "one") as door:
        yield door


async def ask(door, target="orders-db", *, within_s=5.0, **more):
    question = Question(
        target=target, command="locks", parameters=more.pop("parameters", {}),
        within=timedelta(seconds=within_s), **more,
    )  # fmt: skip
    return await door.asks.ask(question, by=BY)


async def whole(door, asked):
    """The rows and the ending."""
    rows = []
    async with aclosing(door.asks.answer(asked)) as answer:
        async for each in answer:
            if isinstance(each, Ending):
                return rows, each
            rows += json.loads(each)
    raise AssertionError("an answer without an end")


async def commanded(talk) -> pb.Command:
    return (await talk.hear("command")).command


def part(command, number, rows, **end):
    return pb.Answer(id=command.id, number=number, rows_json=json.dumps(rows).encode(), **end)


async def state_of(door, asked):
    [(state,)] = await door.rows("SELECT state FROM actions.ask WHERE id = %s", asked.id)
    return state


async def settled(door, sql, *params, within_s=5.0):
    """Wait until this query says true."""
    async with asyncio.timeout(within_s):
        while not (await door.rows(sql, *params))[0][0]:  # noqa: ASYNC110 - a table signals nothing
            await asyncio.sleep(0.02)


async def test_an_ask_goes_down_the_stream_and_its_answer_comes_back_in_parts(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = await ask(door, parameters={"limit": "3"})
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(talk)
        assert (command.name, command.target) == ("locks", agent.targets[0])
        assert json.loads(command.parameters_json) == {"limit": 3}
        assert 3_000 < command.within_ms <= 5_000
        await talk.say(answer=part(command, 1, [[1, "a"], [2, None]]))
        await talk.say(answer=part(command, 2, [[3, "c"]], last=True, truncated="rows", took_ms=7))
        rows, ending = await hearing
    assert rows == [[1, "a"], [2, None], [3, "c"]]
    assert (ending.outcome, ending.truncated, ending.row_count) == ("answered", "rows", 3)
    assert ending.took_ms == 7
    assert await state_of(door, asked) == "done"
    assert await door.rows("SELECT count(*) FROM actions.ask_part") == [(0,)]


async def test_rows_are_heard_before_the_answer_is_whole(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = await ask(door)
        async with aclosing(door.asks.answer(asked)) as answer:
            command = await commanded(talk)
            await talk.say(answer=part(command, 1, [[1, "a"]]))
            assert json.loads(await anext(answer)) == [[1, "a"]]
            await talk.say(answer=part(command, 2, [], last=True))
            assert (await anext(answer)).outcome == "answered"


async def test_two_servers_on_one_database_one_has_the_agent_the_other_is_asked(
    fresh_app_url, tmp_path
):
    async with (
        serving(fresh_app_url, tmp_path / "keys") as one,
        serving_beside(one, fresh_app_url) as other,
    ):
        agent = await one.agent("local", "orders-db")
        async with agent.welcomed() as talk:
            asked = await ask(other)
            hearing = asyncio.create_task(whole(other, asked))
            command = await commanded(talk)
            await talk.say(answer=part(command, 1, [[1, "over there"]], last=True))
            rows, ending = await hearing
    assert rows == [[1, "over there"]]
    assert ending.outcome == "answered"


@dataclass
class Beside:
    """Another server on the same database, without agents of its own."""

    asks: Asks


@asynccontextmanager
async def serving_beside(one, dsn):
    commands = Commands(one.pool, {}, now, Ears())
    running = asyncio.create_task(commands.run(dsn))
    try:
        yield Beside(Asks(pool=one.pool, commands_of=lambda _: (LOCKS,), ears=commands.ears))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_command_whose_stream_broke_goes_down_the_next_one(door):
    agent = await door.agent("local", "orders-db")
    asked = None
    async with agent.welcomed() as talk:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        first = await commanded(talk)
        await talk.say(answer=part(first, 1, [[1, "a"]]))
        await settled(door, "SELECT parts = 1 FROM actions.ask WHERE id = %s", asked.id)
    async with agent.welcomed() as talk:
        again = await commanded(talk)
        assert again.id == first.id
        await talk.say(answer=part(again, 1, [[1, "a"]]))
        await talk.say(answer=part(again, 2, [[2, "b"]], last=True))
        rows, ending = await hearing
    assert rows == [[1, "a"], [2, "b"]]
    assert ending.outcome == "answered"
    assert await door.rows("SELECT attempts FROM actions.ask") == [(2,)]


async def test_an_answer_of_two_runs_of_the_agent_is_not_mixed(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(talk)
        await talk.say(heartbeat=pb.Heartbeat(clock_us=0, welcomed=True))
        await talk.say(answer=part(command, 1, [[1, "a"]]))
        await settled(door, "SELECT parts = 1 FROM actions.ask WHERE id = %s", asked.id)
    agent.welcomed_run, agent.run = agent.run, "5d3ad5c8-1f43-4d1c-9a4c-0a8dbbdcb5f1"
    async with agent.welcomed():
        rows, ending = await hearing
    assert rows == [[1, "a"]]
    assert ending.outcome == "lost"
    assert "restarted" in ending.message


async def test_who_never_answers_is_told_of_at_the_deadline(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = await ask(door, within_s=0.5)
        rows, ending = await asyncio.wait_for(whole(door, asked), 30)
        assert (rows, ending.outcome) == ([], "expired")
        assert "took the command, but no answer came" in ending.message
        # Later it answers all the same, and nothing comes of it.
        command = await commanded(talk)
        await talk.say(answer=part(command, 1, [[1, "late"]], last=True))
        await counted(door)
    assert await door.rows("SELECT state, outcome, row_count FROM actions.ask") == [
        ("done", "expired", 0)
    ]


async def counted(door, at_least=1):
    async with asyncio.timeout(5):
        while door.link.commands.dropped < at_least:  # noqa: ASYNC110 - nor does a counter
            await asyncio.sleep(0.02)


async def test_who_answers_twice_is_believed_once(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(talk)
        for words in ("first", "second"):
            await talk.say(answer=part(command, 1, [[1, words]], last=True))
        rows, _ = await hearing
        await counted(door)
    assert rows == [[1, "first"]]


async def test_an_answer_to_another_agents_command_is_dropped(door):
    agent = await door.agent("local", "orders-db")
    thief = await door.agent("thief", "other-db")
    async with agent.welcomed() as talk, thief.welcomed() as stolen:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(talk)
        await stolen.say(answer=part(command, 1, [[666, "forged"]], last=True))
        await counted(door)
        await talk.say(answer=part(command, 1, [[1, "true"]], last=True))
        rows, _ = await hearing
    assert rows == [[1, "true"]]


@pytest.mark.parametrize(
    ("rows_json", "why"),
    [
        (b"[[1]]", "a row of 1 cells where 2 columns are declared"),
        (b'[["1", "a"]]', "pid is not of type integer"),
        (b"[[1, 2]]", "query is not of type text"),
        (b"[[true, null]]", "pid is not of type integer"),
        (b"[[1, {}]]", "not rows"),
        (b"nonsense", "not rows"),
        (b"[" * 100_000, "a part of 100000 bytes"),
        (b"[" * 60_000, "not rows"),
        (b'[[9223372036854775808, "a"]]', "pid is not of type integer"),
        (b"[]", "a part without rows"),
        (b'[[1, "' + b"x" * 5_000 + b'"]]', "query is not of type text"),
    ],
)
async def test_an_answer_that_was_not_declared_so_fails_and_is_ended(door, rows_json, why):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(talk)
        await talk.say(answer=pb.Answer(id=command.id, number=1, rows_json=rows_json))
        rows, ending = await hearing
        assert (rows, ending.outcome, ending.error_class) == ([], "failed", "unfit")
        assert why in ending.message
        assert (await talk.hear("cancel")).cancel.id == command.id


async def test_an_answer_without_end_is_cut_off_at_its_size(door):
    agent = await door.agent("local", "orders-db")
    row = [1, "x" * 3_900]
    many = [row] * (PART_BYTES // 4_000)
    async with agent.welcomed() as talk:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(talk)
        for number in range(1, 20):
            await talk.say(answer=part(command, number, many))
        rows, ending = await hearing
    assert (ending.outcome, ending.error_class) == ("failed", "unfit")
    assert "more than 1048576 bytes" in ending.message
    assert len(rows) * 3_900 <= 1 << 20


async def test_what_an_agent_refuses_is_told_as_its_refusal(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(talk)
        refused = {"error_class": "refused_by_host", "message": "asks in agent.yaml …\0"}
        await talk.say(answer=pb.Answer(id=command.id, number=1, last=True, **refused))
        _, ending = await hearing
    assert (ending.outcome, ending.message) == ("refused", "asks in agent.yaml …\ufffd")


async def test_four_are_under_way_at_an_agent_and_the_fifth_waits_for_its_turn(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = [await ask(door) for _ in range(5)]
        hearing = [asyncio.create_task(whole(door, each)) for each in asked]
        commands = [await commanded(talk) for _ in range(4)]
        states = await door.rows("SELECT state, count(*) FROM actions.ask GROUP BY 1 ORDER BY 1")
        assert states == [("inflight", 4), ("ready", 1)]
        await talk.say(answer=part(commands[0], 1, [[1, "done"]], last=True))
        commands.append(await commanded(talk))
        for command in commands[1:]:
            await talk.say(answer=part(command, 1, [[1, "done"]], last=True))
        assert all(rows == [[1, "done"]] for rows, _ in await asyncio.gather(*hearing))
    assert len({command.id for command in commands}) == 5


async def test_when_the_asker_leaves_the_agent_is_told(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as talk:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(talk)
        hearing.cancel()
        assert (await talk.hear("cancel")).cancel.id == command.id
        await settled(door, "SELECT outcome = 'cancelled' FROM actions.ask")


async def test_commands_for_a_stream_that_was_superseded_go_to_the_newer_one(door):
    agent = await door.agent("local", "orders-db")
    async with agent.welcomed() as old, agent.welcomed() as new:
        asked = await ask(door)
        hearing = asyncio.create_task(whole(door, asked))
        command = await commanded(new)
        await new.say(answer=part(command, 1, [[1, "new"]], last=True))
        rows, _ = await hearing
        assert (await old.refusal()).reason == "superseded"
    assert rows == [[1, "new"]]


async def test_an_agent_behind_a_collector_is_asked_like_any_other(door, tmp_path):
    async with collector(door, tmp_path) as edge, agent_behind(door, tmp_path, edge) as agent:

        def obey(order):
            assert (order.name, order.target_id) == ("locks", agent.targets[0])
            agent.client.orders.say(
                Said(id=order.id, number=1, rows_json=b'[[1, "far"]]', last=True)
            )

        agent.client.orders.obey = obey
        await settled(
            door,
            "SELECT count(*) = 1 FROM fleet.stream WHERE agent_id = %s"
            " AND connected_at IS NOT NULL AND disconnected_at IS NULL",
            agent.agent_id,
        )
        rows, ending = await whole(door, await ask(door))
    assert (rows, ending.outcome) == ([[1, "far"]], "answered")
