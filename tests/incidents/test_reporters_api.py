"""The first Status Dashboard's API, asked as its reporters and its own tests ask it."""

import asyncio
from datetime import timedelta

import pytest
from tests.access.test_reporter_tokens import SECRET, token
from tests.factories import make_component, make_region, make_service
from tests.rest_world import rest_over

from vedette import clock
from vedette.access.reporter_tokens import ReporterKey
from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident

PATH = "/api/v1/component_status"
REPORTER = {"authorization": f"bearer {token({'stackmon': 'dummy'})}"}


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url, reporters=ReporterKey(SECRET)) as rest:
        async with rest.pool.connection() as conn:
            for name, attributes in (("cmp1", {"a1": "v1", "a2": "v2"}), ("cmp2", {"a1": "v1"})):
                await bare_component(conn, name, attributes)
            await make_component(conn, "Component1", region="Region1")
            await make_component(conn, "Component2", region="Region2")
        yield rest


async def bare_component(conn, name, attributes) -> int:
    from psycopg.types.json import Jsonb

    service = await make_service(conn, name, category=None)
    row = await conn.execute(
        "INSERT INTO fleet.component (slug, service_id, attributes) VALUES (%s, %s, %s) RETURNING id",
        (name, service, Jsonb(attributes)),
    )
    return (await row.fetchone())[0]


async def post(rest, name, impact, *, headers=REPORTER, **more):
    body = {"name": name, "impact": impact, "attributes": [{"name": "a1", "value": "v1"}], **more}
    return await rest.http.post(PATH, json=body, headers=headers)


async def opened(rest, name, impact, **given) -> int:
    async with rest.pool.connection() as conn:
        row = await conn.execute(
            "SELECT c.id FROM fleet.component c JOIN fleet.service s ON s.id = c.service_id WHERE s.name = %s",
            (name,),
        )
        (component,) = await row.fetchone()
        now = clock.now()
        draft = Draft(
            **{
                "kind": Kind.INCIDENT,
                "title": "Ours",
                "impact": Impact(impact),
                "status": Status.ANALYZING,
                "starts_at": now - timedelta(hours=1),
                "published_at": now,
                "components": [component],
            }
            | given
        )
        return await open_incident(conn, draft, by="person:ada", now=now)


async def active(rest) -> list[dict]:
    found = (await rest.http.get("/api/v1/incidents")).json()
    return [one for one in found if one["end_date"] is None]


async def test_get_plain(rest):
    answer = await rest.http.get(PATH)
    assert answer.status_code == 200
    first = answer.json()[0]
    assert first == {
        "attributes": [{"name": "a1", "value": "v1"}, {"name": "a2", "value": "v2"}],
        "id": first["id"],
        "incidents": [],
        "name": "cmp1",
    }
    assert list(first) == sorted(first)


async def test_post_unauthorized(rest):
    answer = await rest.http.post(PATH, json={"nonsense": 1})
    assert (answer.status_code, answer.text) == (401, "Unauthorized Access")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Authentication Required"'


async def test_post_no_incident(rest):
    number = await opened(rest, "cmp1", 1)
    async with rest.pool.connection() as conn:
        await close_incident(conn, number, by="person:ada", now=clock.now())
    answer = await post(rest, "cmp1", 1)
    assert answer.status_code == 201
    assert answer.json()["id"] != number
    assert list(answer.json()) == ["end_date", "id", "impact", "start_date", "text", "updates"]


async def test_post_active_maintenance(rest):
    ends = clock.now() + timedelta(hours=1)
    work = {"kind": Kind.MAINTENANCE, "status": Status.IN_PROGRESS, "ends_at": ends}
    number = await opened(rest, "cmp1", 0, **work)
    answer = await post(rest, "cmp1", 1)
    assert (answer.status_code, answer.json()["id"]) == (201, number)
    assert await active(rest) == []
    other = await post(rest, "cmp2", 1)
    assert (other.status_code, other.json()["id"]) != (201, number)
    assert len(await active(rest)) == 1


async def test_post_active_incident(rest):
    first, second = await post(rest, "cmp1", 1), await post(rest, "cmp2", 1)
    assert (second.status_code, second.json()["id"]) == (201, first.json()["id"])
    assert len(await active(rest)) == 1
    assert second.json()["updates"][0]["status"] == "SYSTEM"
    assert second.json()["updates"][0]["text"].startswith("cmp2 (v1) added to ")


async def test_post_incident_changing_impact(rest):
    first, second = await post(rest, "cmp1", 1), await post(rest, "cmp1", 2)
    assert (second.status_code, second.json()["id"]) == (201, first.json()["id"])
    assert (second.json()["impact"], len(await active(rest))) == (2, 1)
    assert second.json()["updates"][0]["text"] == "impact changed from minor to major"


async def test_post_incident_moving_component(rest):
    first = await post(rest, "cmp1", 1, text="one")
    second = await post(rest, "cmp2", 2, text="two")
    assert first.json()["text"] == "one"
    moved = await post(rest, "cmp1", 2)
    assert (moved.status_code, moved.json()["impact"]) == (201, 2)
    assert (
        [one["id"] for one in await active(rest)] == [second.json()["id"]] == [moved.json()["id"]]
    )
    assert any("cmp1" in update["text"] for update in moved.json()["updates"])


async def test_the_same_again_is_a_conflict_that_names_what_there_is(rest):
    first = (await post(rest, "cmp1", 2)).json()
    for impact in (2, 1):
        answer = await post(rest, "cmp1", impact)
        assert answer.status_code == 409
        assert answer.json() == {
            "message": "Incident with this the component already exists",
            "targetComponent": "cmp1 (v1, v2)",
            "existingIncidentId": first["id"],
            "existingIncidentTitle": first["text"],
            "details": "Check your request parameters",
        }


async def test_what_plays_tricks_on_readers_is_taken_out_of_a_title(rest):
    answer = await post(rest, "cmp1", 2, text="Slow\r\nBcc: a@b \N{RIGHT-TO-LEFT OVERRIDE}fdp.exe")
    assert (answer.status_code, answer.json()["text"]) == (201, "Slow Bcc: a@b fdp.exe")
    answer = await post(rest, "cmp2", 3, text="\r\n\t")
    assert (answer.status_code, "cmp2" in answer.json()["text"]) == (201, True)


async def test_a_component_that_leaves_many_takes_an_incident_of_its_own(rest):
    await post(rest, "cmp1", 1)
    both = (await post(rest, "cmp2", 1)).json()
    alone = (await post(rest, "cmp2", 3, text="cmp2 is gone")).json()
    assert alone["id"] != both["id"]
    assert {one["id"]: one["impact"] for one in await active(rest)} == {
        both["id"]: 1,
        alone["id"]: 3,
    }


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        (b"{", 400, {"code": 400, "errors": {"json": ["Invalid JSON body."]}, "status": "Bad Request"}),
        (b'{"name": "cmp1", "impact": 0}', 400, {"code": 400, "message": "Incident impact is not allowed by configuration", "status": "Bad Request"}),
        (b'{"name": "cmp1", "impact": 9}', 400, {"code": 400, "message": "Incident impact is not allowed by configuration", "status": "Bad Request"}),
        (b'{"name": "nobody", "impact": 1}', 400, {"code": 400, "message": "Component not found", "status": "Bad Request"}),
        (b'{"impact": 1}', 422, {"code": 422, "errors": {"json": {"name": ["Missing data for required field."]}}, "status": "Unprocessable Entity"}),
        (b'{"name": "cmp1", "impact": 1, "more": 1}', 422, {"code": 422, "errors": {"json": {"more": ["Unknown field."]}}, "status": "Unprocessable Entity"}),
        (b'{"name": "cmp1", "impact": "x"}', 422, {"code": 422, "errors": {"json": {"impact": ["Not a valid integer."]}}, "status": "Unprocessable Entity"}),
        (b'{"name": 1, "impact": 1}', 422, {"code": 422, "errors": {"json": {"name": ["Not a valid string."]}}, "status": "Unprocessable Entity"}),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_told_in_its_words(rest, body, status, answer):
    headers = {**REPORTER, "content-type": "application/json"}
    found = await rest.http.post(PATH, content=body, headers=headers)
    assert (found.status_code, found.json()) == (status, answer)


@pytest.mark.parametrize(
    "body",
    [
        b"[1]", b"null", b'"x"', b"[" * 50_000, b"\xff\xfe", b'{"name":"cmp1","impact":1e999}',
        b'{"name":"cmp1","impact":NaN}', b'{"name":"cmp1","impact":true}', b'{"name":"\\u0000","impact":1}',
        b'{"name":"cmp1","impact":1,"attributes":{"a1":"v1"}}', b'{"name":"cmp1","impact":1,"attributes":[{"name":1,"value":[]}]}',
        b'{"name":"cmp1","impact":1,"text":"' + b"x" * 500 + b'"}', b'{"name":"' + b"x" * 900_000 + b'","impact":1}',
    ],
)  # fmt: skip
async def test_hostile_bodies_change_nothing(rest, body):
    headers = {**REPORTER, "content-type": "application/json"}
    assert (await rest.http.post(PATH, content=body, headers=headers)).status_code in (
        400,
        413,
        422,
    )
    assert await active(rest) == []


@pytest.mark.parametrize("impact", ["1", 1.5, 1.0])
async def test_numbers_may_be_written_as_that_api_takes_them(rest, impact):
    assert (await post(rest, "cmp1", impact)).json()["impact"] == 1


async def test_queries_of_the_document(rest):
    async def ids(query):
        found = (await rest.http.get(f"{PATH}?{query}")).json()
        return (
            [one["name"] for one in found] if isinstance(found, list) else found.get("name", found)
        )

    assert await ids("name=cmp") == ["cmp1", "cmp2"]
    assert await ids("name=nobody") == []
    assert (
        await ids("name=Component1&attribute_name=region&attribute_value=Region1") == "Component1"
    )
    assert len(await ids("what=ever")) == 4
    missing = await rest.http.get(f"{PATH}?name=cmp1&attribute_name=a1&attribute_value=v9")
    assert missing.status_code == 404
    assert missing.json() == {
        "code": 404,
        "message": "Component does not exist",
        "status": "Not Found",
    }


async def test_drafts_and_notes_are_nobodys_business(rest):
    await opened(rest, "cmp1", 2, published_at=None, title="hush")
    assert "hush" not in (await rest.http.get(PATH)).text
    assert (await rest.http.get("/api/v1/incidents")).json() == []


async def test_many_at_once_make_one_incident_of_each_impact(rest):
    async with rest.pool.connection() as conn:
        region = await make_region(conn, "EU-NL")
        assert region
        for number in range(20):
            await bare_component(conn, f"many{number}", {"a1": "v1"})
    posts = [post(rest, f"many{n % 20}", 1 + n % 3) for n in range(120)]
    codes = {answer.status_code for answer in await asyncio.gather(*posts)}
    assert codes <= {201, 409}
    found = await active(rest)
    assert len({one["impact"] for one in found}) == len(found)
    async with rest.pool.connection() as conn:
        rows = await conn.execute(
            "SELECT count(*), count(DISTINCT a.component_id) FROM incidents.affected a"
            " JOIN incidents.incident i ON i.id = a.incident_id WHERE i.is_open AND a.left_at IS NULL"
        )
        assert await rows.fetchone() == (20, 20)
