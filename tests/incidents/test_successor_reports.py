"""What reporters post to the Status Dashboard's successor: its eleven cases, and its first version."""

from datetime import timedelta

import pytest
from tests.access.test_reporter_tokens import token
from tests.incidents.successor_world import REPORTER, event, patch, successor_over

from vedette import clock

A, B, C = "cce-EU-DE", "ecs-EU-DE", "dcs-EU-DE"
V1 = "/v1/component_status"


@pytest.fixture
async def world(fresh_app_url):
    async with successor_over(fresh_app_url) as world:
        yield world


@pytest.mark.parametrize("kind", ["maintenance", "info"])
async def test_a_system_event_is_an_incident(world, kind):
    ends = (clock.now() + timedelta(hours=1)).isoformat()
    body = event(0, [world.ids[A]], type=kind, system=True, end_date=ends)
    answer = await world.rest.http.post("/v2/events", json=body, headers=REPORTER)
    assert (answer.status_code, answer.json()) == (400, {"errMsg": "system incident must be of type 'incident'"})  # fmt: skip


async def test_nothing_stands_so_one_is_made(world):
    number = await world.reported(2, A, title="System incident from monitoring system")
    made = await world.event(number)
    assert made["title"] == "System incident from monitoring system"
    assert (made["impact"], made["system"], made["type"]) == (2, True, "incident")
    assert (made["components"], made["status"]) == ([world.ids[A]], "detected")
    assert made["description"].startswith("System-wide incident affecting multiple components.")
    assert [said["text"] for said in made["updates"]] == ["The incident is detected."]
    assert "end_date" not in made


async def test_the_same_impact_joins_and_a_repeat_changes_nothing(world):
    number = await world.reported(1, A)
    assert await world.reported(1, B) == number
    before = await world.event(number)
    for name in (A, B):
        assert await world.reported(1, name) == number
    assert await world.event(number) == before
    assert before["updates"][-1]["text"] == (
        "Elastic Cloud Server (Compute, EU-DE, ecs) added to the incident by system."
    )


async def test_a_maintenance_is_left_alone(world):
    ends = (clock.now() + timedelta(hours=1)).isoformat()
    number = await world.opened(0, A, end_date=ends)
    assert await world.report(3, A, B) == [
        {"component_id": world.ids[A], "incident_id": number, "error": "event creation failed, component in maintenance"},
        {"component_id": world.ids[B], "incident_id": max(await world.open_ones())},
    ]  # fmt: skip


async def test_what_a_person_holds_is_left_to_them_whatever_the_impact(world):
    number = await world.opened(1, A)
    assert await world.reported(3, A) == number
    assert await world.open_ones() == {number: (1, [world.ids[A]])}


async def test_it_never_goes_down(world):
    number = await world.reported(3, A)
    assert await world.reported(1, A) == number
    assert (await world.event(number))["impact"] == 3


async def test_alone_it_grows(world):
    number = await world.reported(1, A)
    assert await world.reported(2, A) == number
    assert await world.open_ones() == {number: (2, [world.ids[A]])}


async def test_among_others_it_gets_one_of_its_own(world):
    number = await world.reported(1, A)
    await world.reported(1, B)
    alone = await world.reported(2, B)
    assert await world.open_ones() == {
        number: (1, [world.ids[A]]),
        alone: (2, [world.ids[B]]),
    }


async def test_it_moves_to_one_that_stands_and_the_emptied_one_closes(world):
    source, target = await world.reported(1, A), await world.reported(2, B)
    assert await world.reported(2, A) == target
    assert await world.open_ones() == {target: (2, sorted([world.ids[A], world.ids[B]]))}
    emptied = await world.event(source)
    assert (emptied["status"], emptied["components"]) == ("resolved", [world.ids[A]])


async def test_the_sources_own_count_decides_whether_it_closes(world):
    """Its predecessor counted the target: a source with others closed, an emptied one stayed."""
    source, target = await world.reported(1, A), await world.reported(2, C)
    await world.reported(1, B)
    assert await world.reported(2, A) == target
    assert (await world.open_ones())[source] == (1, [world.ids[B]])


async def test_several_components_are_taken_one_by_one(world):
    number = await world.reported(2, A)
    results = await world.report(2, A, B, C)
    assert {each["incident_id"] for each in results} == {number}
    assert (await world.event(number))["components"] == sorted(world.ids[name] for name in (A, B, C))  # fmt: skip


async def test_a_reporter_opens_nothing_by_itself_and_changes_nothing(world):
    number = await world.reported(1, A)
    headers = REPORTER
    for method, path, body in (
        ("POST", "/v2/events", event(1, [world.ids[B]])),
        ("PATCH", f"/v2/events/{number}", patch("fixing")),
        ("POST", f"/v2/events/{number}/extract", {"components": [world.ids[A]]}),
        ("PATCH", f"/v2/events/{number}/updates/0", {"text": "Nothing"}),
        ("POST", "/v2/components", {"name": "x", "attrs": []}),
    ):
        answer = await world.rest.http.request(method, path, json=body, headers=headers)
        assert (answer.status_code, list(answer.json())) == (403, ["errMsg"]), path
    assert list(await world.open_ones()) == [number]


@pytest.mark.parametrize("path", [V1, "/v2/events"])
async def test_who_is_nobody_is_told_so_before_anything_is_read(world, path):
    for headers in ({}, {"authorization": f"Bearer {token({}, secret=b'another')}"}):
        answer = await world.rest.http.post(path, content=b"{", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"errMsg": "not authenticated"})


async def test_any_claims_count_here_and_not_at_the_first(world):
    body = {"name": "Elastic Cloud Server", "impact": 1, "attributes": [{"name": "region", "value": "EU-DE"}]}  # fmt: skip
    assert (await world.rest.http.post(V1, json=body, headers=REPORTER)).status_code == 201
    first = await world.rest.http.post("/api" + V1, json=body, headers=REPORTER)
    assert first.status_code == 401


async def posted(world, impact=2, name="Distributed Cache Service", region="EU-NL", **more):
    body = {"name": name, "impact": impact, "attributes": [{"name": "region", "value": region}]}
    return await world.rest.http.post(V1, json=body | more, headers=REPORTER)


async def test_its_first_version_answers_in_its_own_words(world):
    made = await posted(world, text="Cache")
    assert made.status_code == 201
    number = made.json()["id"]
    assert list(made.json()) == ["id", "text", "impact", "start_date", "end_date", "updates"]
    assert (made.json()["text"], made.json()["end_date"], made.json()["updates"]) == ("Cache", None, [])  # fmt: skip
    again = await posted(world)
    assert again.status_code == 409
    assert again.json() == {
        "message": "Incident with this the component already exists",
        "targetComponent": {
            "id": world.ids["dcs-EU-NL"],
            "name": "Distributed Cache Service",
            "attributes": [
                {"name": "category", "value": "Database"},
                {"name": "region", "value": "EU-NL"},
                {"name": "type", "value": "dcs"},
            ],
        },
        "existingIncidentId": number,
        "existingIncidentTitle": "Cache",
        "details": "Check your request parameters",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "component invalid format"),
        (b'{"name":"Elastic Cloud Server","impact":0,"attributes":[]}', "component invalid format"),
        (b'{"name":"Elastic Cloud Server","impact":"1","attributes":[]}', "component invalid format"),
        (b'{"name":"Elastic Cloud Server","impact":1}', "component invalid format"),
        (b'{"name":"Elastic Cloud Server","impact":1,"attributes":[{"name":"type","value":"ecs"}]}', "component attribute region is missing or invalid"),
        (b'{"name":"Elastic Cloud Server","impact":1,"attributes":[{"name":"region","value":"EU-NL1"}]}', "component does not exist"),
        (b'{"name":"Nobody","impact":1,"attributes":[{"name":"region","value":"EU-NL"}]}', "component does not exist"),
    ],
)  # fmt: skip
async def test_what_its_first_version_says_of_wrong_posts(world, body, message):
    answer = await world.rest.http.post(V1, content=body, headers=REPORTER)
    assert (answer.status_code, answer.json()) == (400, {"errMsg": message})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"x"', b"[" * 50_000, b"\xff\xfe", b"NaN",
        b'{"components":[1e999]}', b'{"components":[-1]}', b'{"components":"1"}', b'{"components":[99999999999]}',
        b'{"components":[1],"title":"\\u0000","impact":1,"start_date":"2026-11-01T00:00:00Z","type":"incident","system":true}',
        b'{"components":[1],"title":"x","impact":1,"start_date":"9999-12-31T23:59:59-23:00","type":"incident","system":true}',
        b'{"components":[1],"title":"x","impact":1,"start_date":"2026-11-01","type":"incident","system":true}',
        b'{"components":[' + b"1," * 2_000 + b'1]}',
    ],
)  # fmt: skip
async def test_hostile_bodies_are_refused_and_change_nothing(world, body):
    for path in (V1, "/v2/events"):
        answer = await world.rest.http.post(path, content=body, headers=REPORTER)
        assert (answer.status_code, list(answer.json())) == (400, ["errMsg"])
    assert await world.open_ones() == {}
