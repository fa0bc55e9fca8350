"""Answers are handed out as JSON, as JSON Lines and as CSV, a page of them or all."""

import csv
import io
import json

import pytest
from tests.web.actions_pages_world import answer, commands_of

from actions_world import NOW, action, agents, bundle, signed_by, trusting
from rest_world import rest_over
from signing_world import needs_ssh
from vedette import clock
from vedette.actions import reads
from vedette.actions.launch import propose
from vedette.actions.settle import settle
from vedette.db.pool import connect

pytestmark = needs_ssh
HOSTS = 250


@pytest.fixture
async def world(fresh_database_url):
    """REST over 250 hosts that answered, one of them with a cell that a spreadsheet would run."""
    async with await connect(fresh_database_url) as conn, conn.transaction():
        await trusting(conn, bundle())
        await agents(conn, HOSTS, online=False)
        found = await propose(conn, signed_by(action("look"), "ada", "bob"), by="ada", now=NOW)
        todo = await commands_of(conn, found.id)
        said = [
            answer(*one, found=at % 2 == 0, elements={"n": at}, message="=cmd|' /C calc'!A0")
            for at, one in enumerate(todo)
        ]
        await settle(conn, said, now=NOW)
    async with rest_over(fresh_database_url) as rest:
        rest.action = found.id
        yield rest


async def asked(rest, path, scopes=("actions:read",), **headers):
    return await rest.get(f"/api/v1/actions/{rest.action}{path}", scopes=scopes, headers=headers)


async def test_a_page_of_answers_is_csv_where_that_is_asked_for(world):
    answered = await asked(world, "/results?limit=10", accept="text/csv")
    rows = list(csv.DictReader(io.StringIO(answered.text)))
    assert answered.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(rows) == 10
    assert {row["message"] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert json.loads(rows[0]["elements"])[0].keys() == {"n"}
    assert 'rel="next"' in answered.headers["link"]


async def test_all_answers_come_in_one_file(world):
    answered = await asked(world, "/export")
    lines = [json.loads(line) for line in answered.text.splitlines()]
    assert len({one["agent"] for one in lines}) == len(lines) == HOSTS
    assert all(json.loads(one["answer"])["status"] == "success" for one in lines)
    assert "attachment" in answered.headers["content-disposition"]


async def test_all_that_found_something_come_as_csv_with_one_heading(world):
    answered = await asked(world, "/export?format=csv&found=true")
    rows = list(csv.DictReader(io.StringIO(answered.text)))
    assert len(rows) == HOSTS // 2
    assert {row["found"] for row in rows} == {"true"}


async def test_long_answers_come_in_pieces_that_are_bounded_by_their_bytes(world, monkeypatch):
    monkeypatch.setattr(reads, "PIECE_BYTES", 1_000)
    page = await asked(world, "/results?limit=200")
    few = [one["answer"] for one in page.json()]
    assert 1 < len(few) < HOSTS
    assert sum(map(len, few)) <= 1_000
    assert len((await asked(world, "/export")).text.splitlines()) == HOSTS


async def test_an_answer_longer_than_a_piece_comes_alone(world, monkeypatch):
    monkeypatch.setattr(reads, "PIECE_BYTES", 1)
    page = await asked(world, "/results?limit=200")
    assert len(page.json()) == 1
    assert 'rel="next"' in page.headers["link"]


async def test_what_is_not_there_or_not_allowed_is_not_exported(world):
    assert (await asked(world, "/export", scopes=("read",))).status_code == 403
    assert (await asked(world, "/export?format=xml")).status_code == 400
    world.action = 4711
    assert (await asked(world, "/export")).status_code == 404


async def test_an_action_for_an_incident_that_is_not_there_is_not_taken_in(world):
    made = signed_by(action("another", now=clock.now()), "ada").decode()
    body = {"document": made, "incident": 4711}
    answered = await world.post("/api/v1/actions", json=body, scopes=("actions:write",))
    assert answered.status_code == 404
    assert "there is no incident 4711" in answered.text
    assert (await world.get("/api/v1/actions?name=another", scopes=("actions:read",))).json() == []
