"""The first Status Dashboard's own tests, at a real socket: all sixteen of them that ask over HTTP.

Each has the name of the original (`test_api`, `test_rss`, `test_web` of stackmon/status-dashboard, 2025),
its fixture and its token; beyond what the original asserts, the whole answer and what stands afterwards.
Its successor's are in `test_successor_reports.py` and `test_successor_events.py`, at a socket as well.
"""

import re

import pytest
from tests.incidents.black_box_world import PATH, board_over

MINUTE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


@pytest.fixture
async def board(fresh_app_url):
    async with board_over(fresh_app_url) as board:
        yield board


async def test_get_plain(board):
    answer = await board.get(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()[:2] == [
        {"attributes": [{"name": "a1", "value": "v1"}, {"name": "a2", "value": "v2"}], "id": board.ids["cmp1"], "incidents": [], "name": "cmp1"},
        {"attributes": [{"name": "a1", "value": "v1"}], "id": board.ids["cmp2"], "incidents": [], "name": "cmp2"},
    ]  # fmt: skip


async def test_post_unauthorized(board):
    body = {"name": "cmp1", "impact": 1, "attributes": [{"name": "a1", "value": "v1"}]}
    answer = await board.http.post(PATH, json=body)
    assert (answer.status_code, answer.text) == (401, "Unauthorized Access")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Authentication Required"'
    assert await board.incidents() == {}


async def test_post_no_incident(board):
    closed = await board.closed("cmp1", 1)
    answer = await board.post("cmp1", 1)
    made = answer.json()
    assert (answer.status_code, list(made)) == (
        201,
        ["end_date", "id", "impact", "start_date", "text", "updates"],
    )
    assert MINUTE.fullmatch(made["start_date"])
    assert made | {"start_date": ""} == {
        "end_date": None, "id": made["id"], "impact": 1, "start_date": "", "text": "Incident", "updates": [],
    }  # fmt: skip
    assert await board.active() == {made["id"]: made}
    assert set(await board.incidents()) == {closed, made["id"]}


async def test_post_active_maintenance(board):
    number = await board.maintained("cmp1")
    before = await board.incidents()
    answer = await board.post("cmp1", 1)
    assert (answer.status_code, answer.json()) == (201, before[number])
    assert await board.active() == {}
    assert await board.incidents() == before


async def test_post_active_maintenance_other_component(board):
    number = await board.maintained("cmp1")
    answer = await board.post("cmp2", 1)
    assert answer.status_code == 201
    assert answer.json()["id"] != number
    assert set(await board.active()) == {answer.json()["id"]}
    assert await board.has("cmp1") == set()
    assert (await board.incidents())[number]["impact"] == 0


async def test_post_active_incident(board):
    first, second = await board.post("cmp1", 1), await board.post("cmp2", 1)
    number = first.json()["id"]
    assert (first.status_code, second.status_code) == (201, 201)
    assert await board.active() == {number: second.json()}
    (said,) = second.json()["updates"]
    assert (said["status"], said["text"]) == ("SYSTEM", "cmp2 (v1) added to Incident")
    assert await board.has("cmp1") == await board.has("cmp2") == {number}


async def test_post_incident_changing_impact(board):
    first, second = await board.post("cmp1", 1), await board.post("cmp1", 2)
    assert (second.status_code, second.json()["id"]) == (201, first.json()["id"])
    assert second.json()["impact"] == 2
    (said,) = second.json()["updates"]
    assert (said["status"], said["text"]) == ("SYSTEM", "impact changed from minor to major")
    assert set(await board.active()) == {first.json()["id"]}


async def test_post_incident_creating_multiple(board):
    first, second = await board.post("cmp1", 1), await board.post("cmp2", 2)
    assert (first.status_code, second.status_code) == (201, 201)
    assert {id_: one["impact"] for id_, one in (await board.active()).items()} == {
        first.json()["id"]: 1,
        second.json()["id"]: 2,
    }
    assert await board.has("cmp1") == {first.json()["id"]}


async def test_post_incident_moving_component(board):
    first = (await board.post("cmp1", 1, text="one")).json()
    second = (await board.post("cmp2", 2, text="two")).json()
    assert (first["text"], second["text"]) == ("one", "two")
    answer = await board.post("cmp1", 2)
    moved = answer.json()
    assert (answer.status_code, moved["impact"], moved["end_date"]) == (201, 2, None)
    assert await board.active() == {second["id"]: moved}
    assert any("cmp1" in said["text"] for said in moved["updates"])
    emptied = (await board.incidents())[first["id"]]
    assert emptied["end_date"]
    assert emptied["updates"][0]["text"] == "CLOSED BY SYSTEM"
    assert await board.has("cmp1") == await board.has("cmp2") == {second["id"]}


@pytest.fixture
async def told(board):
    """The feed's world: a minor incident of one region, a major one of another."""
    board.minor = await board.told("Component1", 1)
    board.major = await board.told("Component2", 2)
    return board


async def test_get_regandcomp_200(told):
    answer = await told.get("/rss/?mt=Region1&srv=Component1")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/rss+xml")
    assert "<title>Component1 (Region1) - Incidents" in answer.text
    assert "Incident impact: minor" in answer.text
    assert "Component2" not in answer.text
    assert "Incident impact: major" not in answer.text


async def test_get_regandcomp_404(told):
    answer = await told.get("/rss/?mt=Region1&srv=Component11")
    assert answer.status_code == 404
    assert "Component: Component11 is not found" in answer.text


async def test_get_region_200(told):
    answer = await told.get("/rss/?mt=Region1")
    assert answer.status_code == 200
    assert "<title>Region1 - Incidents" in answer.text
    assert "Incident impact: major" not in answer.text


async def test_get_region_404(told):
    answer = await told.get("/rss/?mt=Region12")
    assert answer.status_code == 404
    assert "Region12 is not a supported region" in answer.text


async def test_01_get_root(told):
    for path in ("/", "/index"):
        answer = await told.http.get(path, follow_redirects=True)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")  # fmt: skip
        # Components without region and category stand there, too.
        assert all(name in answer.text for name in told.ids)


async def test_02_get_incidents_no_auth(board):
    answer = await board.get("/incidents")
    assert answer.status_code == 401


async def test_03_get_incident(told):
    answer = await told.get(f"/incidents/{told.minor}")
    assert answer.status_code == 200
    assert "Told by a person" in answer.text
    assert (await told.get("/incidents/4711")).status_code == 404
