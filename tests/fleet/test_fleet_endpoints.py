"""Agents that fell silent, and hosts with two agents: shown, and told once."""

import pytest

from actions_world import NOW, agents
from rest_world import rest_over
from vedette.automation.notices_from_doubles import run_once
from vedette.db.pool import connect
from vedette.fleet.endpoints import doubles, offline


async def rows(conn, query, *given):
    return await (await conn.execute(query, given or None)).fetchall()


async def now_of(conn):
    ((now,),) = await rows(conn, "SELECT now()")
    return now


async def silent(conn, name, span):
    await conn.execute(
        "UPDATE fleet.stream SET heartbeat_at = now() - %s::interval"
        " WHERE agent_id = (SELECT id FROM fleet.agent WHERE name = %s)",
        [span, name],
    )


async def together(conn, *names, endpoint="linux.one"):
    await conn.execute(
        "UPDATE fleet.agent SET queueloc = %s WHERE name = ANY(%s)", [endpoint, list(names)]
    )


async def double_names(conn):
    return sorted(one.name for one in await doubles(conn, now=await now_of(conn)))


async def test_offline_is_who_was_heard_lately_and_is_not_now(conn):
    await agents(conn, 4)
    await silent(conn, "linux-1", "6 minutes")
    await silent(conn, "linux-2", "31 days")
    await silent(conn, "linux-3", "4 minutes")
    assert [one.name for one in await offline(conn, now=await now_of(conn))] == ["linux-1"]


async def test_who_was_sent_away_is_neither_offline_nor_a_double(conn):
    await agents(conn, 2)
    await together(conn, "linux-1", "linux-2")
    await conn.execute("UPDATE fleet.agent SET revoked_at = now() WHERE name = 'linux-2'")
    await silent(conn, "linux-2", "6 minutes")
    assert await offline(conn, now=await now_of(conn)) == []
    assert await double_names(conn) == []


async def test_two_keys_on_one_endpoint_are_doubles_while_both_speak(conn):
    await agents(conn, 3)
    await together(conn, "linux-1", "linux-2")
    assert await double_names(conn) == ["linux-1", "linux-2"]
    await silent(conn, "linux-2", "11 minutes")
    assert await double_names(conn) == []


async def test_agents_that_have_not_said_where_they_are_are_no_doubles(conn):
    await agents(conn, 2)
    await together(conn, "linux-1", "linux-2", endpoint="")
    assert await double_names(conn) == []


async def test_a_double_is_told_once_and_again_when_another_joins_or_it_comes_back(conn):
    await agents(conn, 3)
    now = await now_of(conn)
    await together(conn, "linux-1", "linux-2")
    assert [await run_once(conn, now=now), await run_once(conn, now=now)] == [1, 0]
    await together(conn, "linux-3")
    assert [await run_once(conn, now=now), await run_once(conn, now=now)] == [1, 0]
    assert await rows(conn, "SELECT queueloc, agents, ended_at FROM fleet.double_agent") == [
        ("linux.one", ["linux-1", "linux-2", "linux-3"], None)
    ]
    for name in ("linux-2", "linux-3"):
        await silent(conn, name, "11 minutes")
    assert await run_once(conn, now=now) == 0
    await silent(conn, "linux-2", "1 minute")
    assert await run_once(conn, now=now) == 1
    ended = await rows(conn, "SELECT ended_at IS NULL FROM fleet.double_agent ORDER BY id")
    assert ended == [(False,), (True,)]


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as client:
        yield client


async def test_both_lists_are_there_for_programs(rest, fresh_app_url):
    async with await connect(fresh_app_url) as conn:
        await agents(conn, 3, now=NOW)
        await together(conn, "linux-1", "linux-2")
        await silent(conn, "linux-3", "6 minutes")
    [one] = (await rest.get("/api/v1/agents/offline", scopes=["read"])).json()
    assert one["name"] == "linux-3"
    found = (await rest.get("/api/v1/agents/doubles", scopes=["read"])).json()
    assert {(one["queueloc"], one["name"]) for one in found} == {
        ("linux.one", "linux-1"),
        ("linux.one", "linux-2"),
    }
    assert all(one["key"].startswith("sha256:") for one in found)
