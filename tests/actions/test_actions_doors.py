"""Asking over REST and over gRPC: the same verb, refusals in each door's own words."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import grpc
import grpc.aio
import pytest

from factories import make_agent, make_assignment, make_target
from rest_world import rest_over
from vedette import clock
from vedette.access.tokens import create_token
from vedette.actions.ask_deliver import take_due
from vedette.actions.ask_settle import settle
from vedette.actions.model import Ending, Outcome, Part
from vedette.link import vedette_pb2 as pb
from vedette.link.commands_door import AskDoor
from vedette.link.signin import HouseSignIn
from vedette.link.vedette_pb2_grpc import ReportsStub

PATH = "/api/v1/targets/sessions/ask"
MEMORY = {"command": "memory"}


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        async with rest.pool.connection() as conn:
            target = await make_target(conn, "sessions", connector="redis")
            rest.agent = await make_agent(conn, "local")
            await make_assignment(conn, target, rest.agent)
            await conn.execute(
                "INSERT INTO fleet.stream (agent_id, epoch, connected_at, heartbeat_at)"
                " VALUES (%s, 1, now(), now()) ON CONFLICT (agent_id) DO UPDATE SET epoch = 1,"
                " connected_at = now(), heartbeat_at = now(), disconnected_at = NULL",
                (rest.agent,),
            )
        yield rest


@asynccontextmanager
async def answering(rest, *rows, **ending):
    """An agent that answers the next command so."""

    async def answer():
        async with asyncio.timeout(10), rest.pool.connection() as conn:
            while not (due := await take_due(conn, rest.agent, 1, at_most=1, now=clock.now())):  # noqa: ASYNC110 - a table signals nothing
                await asyncio.sleep(0.02)
            part = Part(number=1, rows=json.dumps(rows), row_count=len(rows)) if rows else None
            said = Ending(**{"outcome": Outcome.ANSWERED, "took_ms": 12, **ending})
            await settle(conn, due[0].id, 1, part=part, ending=said, now=clock.now())

    task = asyncio.create_task(answer())
    yield
    await task


async def test_an_answer_as_one_document(rest):
    async with answering(rest, ["used_memory", 5.0, None]):
        said = await rest.post(PATH, MEMORY, scopes=["ask"])
    assert said.status_code == 200
    body = said.json()
    assert (body["command"], body["agent"], body["truncated"]) == ("memory", "local", "")
    assert [column["name"] for column in body["columns"]] == ["name", "value", "text"]
    assert (body["rows"], body["took_s"]) == ([["used_memory", 5.0, None]], 0.012)
    assert said.headers["cache-control"] == "no-store"


async def test_an_answer_as_lines(rest):
    rest.http.headers["accept"] = "application/jsonl"
    async with answering(rest, ["a", 1.0, None], ["b", None, "x"], truncated="rows"):
        said = await rest.post(PATH, MEMORY)
    assert said.headers["content-type"].startswith("application/jsonl")
    lines = [json.loads(line) for line in said.text.splitlines()]
    assert [line["kind"] for line in lines] == ["asked", "row", "row", "end"]
    assert lines[2]["row"] == {"name": "b", "value": None, "text": "x"}
    assert (lines[3]["truncated"], lines[3]["error"]) == ("rows", "")


async def test_a_failure_is_a_problem_or_the_last_line(rest):
    refused = {"outcome": Outcome.REFUSED, "error_class": "refused_by_host", "message": "not here"}
    async with answering(rest, **refused):
        said = await rest.post(PATH, MEMORY)
    assert (said.status_code, said.json()["detail"]) == (403, "not here")
    rest.http.headers["accept"] = "application/x-ndjson, application/json;q=0.5"
    async with answering(rest, **refused):
        said = await rest.post(PATH, MEMORY)
    end = json.loads(said.text.splitlines()[-1])
    assert (said.status_code, end["error"], end["message"]) == (200, "denied", "not here")
    assert "agent.yaml" in end["hint"]


@pytest.mark.parametrize(
    ("body", "scopes", "status", "words"),
    [
        (MEMORY, ["read"], 403, "scope ask"),
        ({"command": "slow-log"}, ["ask"], 403, "may not ask slow-log"),
        ({"command": "slowlog"}, ["ask"], 404, "no command"),
        ({"command": "clients", "parameters": {"limit": 0}}, ["ask"], 400, "at least 1"),
        ({"command": "clients", "parameters": {"limit": [1]}}, ["ask"], 400, ""),
        ({**MEMORY, "within_s": 61}, ["ask"], 400, "up to 60 s"),
        ({**MEMORY, "within_s": -1}, ["ask"], 400, "up to 60 s"),
        ({**MEMORY, "colour": 1}, ["ask"], 400, ""),
        ({**MEMORY, "agent": "edge"}, ["ask"], 404, "no agent 'edge'"),
    ],
)
async def test_what_cannot_be_asked_is_a_problem(rest, body, scopes, status, words):
    said = await rest.post(PATH, body, scopes=scopes)
    assert said.status_code == status, said.text
    assert words in said.text


async def test_too_often_is_429_and_nobody_here_503_at_once(rest, monkeypatch):
    monkeypatch.setattr("vedette.actions.ask.TARGET_RATE", 0)
    said = await rest.post(PATH, MEMORY)
    assert (said.status_code, said.headers["retry-after"]) == (429, "5")
    monkeypatch.undo()
    async with rest.pool.connection() as conn:
        await conn.execute("UPDATE fleet.stream SET disconnected_at = now()")
    said = await asyncio.wait_for(rest.post(PATH, MEMORY), 2)
    assert (said.status_code, "offline is 'local'" in said.text) == (503, True)


async def test_what_can_be_asked_is_listed_for_those_who_may_read(rest):
    said = await rest.get("/api/v1/targets/sessions/commands", scopes=["read"])
    commands = {command["name"]: command for command in said.json()}
    assert {"health", "info", "slow-log", "clients", "memory"} == set(commands)
    assert commands["slow-log"]["scope"] == "ask:content"
    assert commands["slow-log"]["parameters"][0]["default"] == 25
    assert (await rest.get("/api/v1/targets/none/commands")).status_code == 404


@asynccontextmanager
async def grpc_door(rest):
    server = grpc.aio.server()
    AskDoor(rest.asks, HouseSignIn(rest.pool, pepper=rest.secrets.pepper)).open(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ReportsStub(channel)
    await server.stop(0)


async def token(rest, *scopes):
    async with rest.pool.connection() as conn:
        secret = await create_token(
            conn, "grpc", scopes, pepper=rest.secrets.pepper, by="test", now=datetime.now(UTC)
        )
    return [("authorization", f"Bearer {secret}")]


async def test_over_grpc_rows_come_between_who_answers_and_the_end(rest):
    metadata = await token(rest, "ask")
    request = pb.AskRequest(target="sessions", command="memory")
    async with grpc_door(rest) as reports, answering(rest, ["used_memory", 5.0, None]):
        said = [reply async for reply in reports.Ask(request, metadata=metadata)]
    assert (said[0].asked.agent, said[0].asked.columns[1].type) == ("local", "number")
    assert json.loads(said[1].rows_json) == [["used_memory", 5.0, None]]
    assert (said[-1].end.rows, said[-1].end.took_ms) == (1, 12)


@pytest.mark.parametrize(
    ("scopes", "request_", "status"),
    [
        (["read"], {}, "PERMISSION_DENIED"),
        (["ask"], {"command": "slow-log"}, "PERMISSION_DENIED"),
        (["ask"], {"command": "slowlog"}, "NOT_FOUND"),
        (["ask"], {"parameters_json": "{"}, "INVALID_ARGUMENT"),
        (["ask"], {"parameters_json": "[]"}, "INVALID_ARGUMENT"),
        (["ask"], {"target": "x" * 201}, "INVALID_ARGUMENT"),
        (["ask"], {"within_ms": 60_001}, "INVALID_ARGUMENT"),
        ([], {}, "UNAUTHENTICATED"),
    ],
)
async def test_over_grpc_a_refusal_is_a_status(rest, scopes, request_, status):
    metadata = await token(rest, *scopes) if scopes else []
    request = pb.AskRequest(**{"target": "sessions", "command": "memory", **request_})
    async with grpc_door(rest) as reports:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in reports.Ask(request, metadata=metadata):
                pass
    assert caught.value.code().name == status, caught.value.details()
