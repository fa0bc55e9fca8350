"""Our own routes of incidents, asked as programs and the command line ask them."""

import asyncio

import httpx
import psycopg
import pytest
from tests.factories import make_component, make_region
from tests.rest_world import rest_over

from vedette import clock
from vedette.access import repeated
from vedette.access.tokens import create_token
from vedette.app.front import front
from vedette.rest.origin import origin

PATH = "/api/v1/events"


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        async with rest.pool.connection() as conn:
            await make_component(conn, "Orders")
            await make_component(conn, "Orders", region="EU-NL")
            await make_component(conn, "Stock")
        yield rest


async def opened(rest, title="Orders are slow", **given):
    body = {"title": title, **given}
    if not {"components", "services", "regions"} & set(given):
        body["components"] = ["orders@eu-de"]
    answer = await rest.post(PATH, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def titles(rest, query="", **more):
    answer = await rest.get(f"{PATH}?{query}", **more)
    assert answer.status_code == 200, answer.text
    return [event["title"] for event in answer.json()]


async def test_an_incident_is_opened_told_closed_and_read(rest):
    event = await opened(rest, text="We look.", impact="major", status="investigating")
    assert (event["impact"], event["status"]) == (2, "analyzing")
    assert [one["slug"] for one in event["components"]] == ["orders-eu-de"]
    path = f"{PATH}/{event['id']}"
    told = await rest.post(f"{path}/updates", {"status": "identified", "text": "A *disk*."})
    assert (told.status_code, told.json()["status"]) == (201, "fixing")
    over = await rest.post(f"{path}/close", {"text": "A new one."})
    assert over.json()["is_open"] is False
    shown = await rest.get(path)
    assert [said["text"] for said in shown.json()["updates"]] == [
        "A new one.",
        "A *disk*.",
        "We look.",
    ]
    assert (await rest.get(f"{path}/updates")).json() == shown.json()["updates"]
    done = (await rest.get(f"{path}/history")).json()
    assert [change["change"] for change in done] == ["close", "update", "open"]
    assert done[0]["by"].startswith("token:test-")


async def test_who_reads_the_audit_log_finds_where_each_change_came_from(rest):
    sent = {"authorization": f"Bearer {await rest.token()}", "x-request-id": "nightly-7"}
    transport = httpx.ASGITransport(front({}, rest.app), client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://vedette.test") as http:
        body = {"title": "Orders are slow", "services": ["Orders"]}
        number = (await http.post(PATH, json=body, headers=sent)).json()["id"]
        await http.post(f"{PATH}/{number}/close", json={}, headers=sent)
        await http.put("/api/v1/templates/slow", json={"title": "Slow"}, headers=sent)
    async with rest.pool.connection() as conn:
        lines = await conn.execute(
            "SELECT action, source, request_id FROM access.audit"
            " WHERE action ~ '^(incident|template)' ORDER BY id"
        )
        assert await lines.fetchall() == [
            ("incident.open", "192.0.2.7", "nightly-7"),
            ("incident.close", "192.0.2.7", "nightly-7"),
            ("template.keep", "192.0.2.7", "nightly-7"),
        ]
    assert origin() == ("", "")


@pytest.mark.parametrize(
    "change", ["UPDATE access.audit SET source = 'elsewhere'", "DELETE FROM access.audit"]
)
async def test_the_database_lets_no_server_change_what_was_noted(rest, change):
    await opened(rest)
    async with rest.pool.connection() as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute(change)


async def test_whole_services_and_regions_are_expanded(rest):
    both = await opened(rest, services=["orders"])
    assert [one["region"] for one in both["components"]] == ["EU-DE", "EU-NL"]
    there = await opened(rest, regions=["EU-DE"])
    assert [one["service"] for one in there["components"]] == ["Orders", "Stock"]
    one = await opened(rest, services=["Orders"], regions=["eu-nl"], components=["stock-eu-de"])
    assert [each["slug"] for each in one["components"]] == ["stock-eu-de", "orders-eu-nl"]


async def test_lists_are_narrowed(rest):
    await opened(rest, "Broken", services=["Orders"], impact=3, text="100% of a_b")
    await opened(rest, "Slow", components=["stock-eu-de"], ends_at="2026-11-01T11:00:00Z",
                 starts_at="2026-11-01T10:00:00Z")  # fmt: skip
    await opened(rest, "By the way", kind="info", regions=["EU-NL"])
    assert await titles(rest, "region=eu-de") == ["Broken", "Slow"]
    assert await titles(rest, "service=stock") == ["Slow"]
    assert await titles(rest, "component=orders-eu-nl&kind=incident") == ["Broken"]
    assert await titles(rest, "impact=outage") == await titles(rest, "impact=3") == ["Broken"]
    assert await titles(rest, "status=fixed") == await titles(rest, "open=false") == ["Slow"]
    assert await titles(rest, "start=2026-11-01T10:30:00Z&end=2026-11-01T10:40:00Z") == ["Slow"]
    assert await titles(rest, "end=2026-11-01T10:00:00Z") == []
    assert await titles(rest, "text=0%25 of a_") == ["Broken"]
    assert await titles(rest, "text=0_ of") == []


async def test_pages_follow_each_other_and_say_how_many_there_are(rest):
    for number in range(5):
        await opened(rest, f"n{number}", starts_at=f"2026-11-01T1{number // 2}:00:00Z")
    found, path = [], f"{PATH}?limit=2"
    while path:
        answer = await rest.get(path)
        assert answer.headers["x-total-count"] == "5"
        found += [event["title"] for event in answer.json()]
        path = answer.links.get("next", {}).get("url")
    assert found == ["n4", "n3", "n2", "n1", "n0"]


async def test_who_may_only_read_sees_neither_drafts_nor_notes(rest):
    draft = await opened(rest, "A guess", draft=True)
    event = await opened(rest, "For all", components=["stock-eu-de"])
    path = f"{PATH}/{event['id']}"
    await rest.post(f"{path}/updates", {"text": "Call Ada.", "internal": True})
    await rest.put(f"{path}/postmortem", {"text": "It was us."})
    reader = {"scopes": ("read",)}
    assert await titles(rest, **reader) == ["For all"]
    assert (
        await titles(rest, "text=Ada", **reader)
        == await titles(rest, "text=was us", **reader)
        == []
    )
    assert await titles(rest, "text=Ada") == ["For all"]
    assert (await rest.get(f"{PATH}/{draft['id']}", **reader)).status_code == 404
    assert (await rest.get(f"{PATH}/{draft['id']}/updates", **reader)).status_code == 404
    shown = (await rest.get(path, **reader)).text
    assert "Ada" not in shown
    assert "was us" not in shown
    assert (await rest.get(f"{path}/history", **reader)).status_code == 403
    assert (await rest.post(PATH, {}, **reader)).status_code == 403
    await rest.post(f"{PATH}/{draft['id']}/publish")
    assert sorted(await titles(rest, **reader)) == ["A guess", "For all"]


async def test_who_read_an_older_version_gets_a_conflict(rest):
    event = await opened(rest)
    path = f"{PATH}/{event['id']}"
    tag = (await rest.get(path)).headers["etag"]
    assert tag == f'"{event["version"]}"'
    told = await rest.post(f"{path}/updates", {"text": "More."}, headers={"if-match": tag})
    assert told.headers["etag"] == f'"{event["version"] + 1}"'
    late = await rest.post(f"{path}/close", {}, headers={"if-match": tag})
    assert (late.status_code, late.headers["content-type"]) == (409, "application/problem+json")
    assert "changed meanwhile" in late.json()["detail"]
    for wrong in ("7", '"x"', '"1", "2"', '"9999999999"'):
        answer = await rest.post(f"{path}/close", {}, headers={"if-match": wrong})
        assert answer.status_code == 400, wrong
    assert (
        await rest.get(path, headers={"if-none-match": told.headers["etag"]})
    ).status_code == 304


async def test_a_request_that_comes_twice_is_done_once(rest):
    async with rest.pool.connection() as conn:
        secret = await create_token(conn, "cron", ["incidents:write"], pepper=rest.secrets.pepper,
                                    by="test", now=clock.now())  # fmt: skip
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": "backup-1"}
    body = {"title": "Once", "components": ["orders-eu-de"]}
    answers = await asyncio.gather(
        *(rest.http.post(PATH, json=body, headers=headers) for _ in range(4))
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["etag"] for answer in answers} == {'"1"'}
    other = await rest.http.post(PATH, json={**body, "title": "Twice"}, headers=headers)
    assert other.status_code == 409
    assert await titles(rest) == ["Once"]
    # What was refused was not done, and may be tried again with the same key.
    headers["idempotency-key"] = "backup-2"
    assert (await rest.http.post(PATH, json={"title": "X"}, headers=headers)).status_code == 400
    assert (await rest.http.post(PATH, json=body, headers=headers)).status_code == 201
    assert (await rest.post(PATH, body, headers={"idempotency-key": "x" * 201})).status_code == 400
    async with rest.pool.connection() as conn:
        await repeated.run_once(conn, now=clock.now() + repeated.KEPT)
        row = await conn.execute("SELECT count(*) FROM access.repeated")
        assert await row.fetchone() == (0,)


async def test_separate_and_merge_answer_the_one_that_is_left_to_look_at(rest):
    event = await opened(rest, services=["Orders"])
    apart = await rest.post(f"{PATH}/{event['id']}/separate", {"components": ["orders@EU-NL"]})
    assert (apart.status_code, apart.json()["title"]) == (201, "Orders are slow (Orders)")
    back = await rest.post(f"{PATH}/{apart.json()['id']}/merge", {"into": event["id"]})
    assert [one["slug"] for one in back.json()["components"]] == ["orders-eu-de", "orders-eu-nl"]
    assert (await rest.get(f"{PATH}/{apart.json()['id']}")).json()["merged_into"] == event["id"]


async def test_times_and_words_are_put_right_afterwards(rest):
    event = await opened(rest, starts_at="2026-11-01T10:00:00Z", text="We lok.")
    path = f"{PATH}/{event['id']}"
    said = event["updates"][0]["id"]
    edited = await rest.ask("PATCH", f"{path}/updates/{said}", json={"text": "We look."})
    assert (
        edited.json()["updates"][0]["text"],
        bool(edited.json()["updates"][0]["edited_at"]),
    ) == (
        "We look.",
        True,
    )
    assert (
        await rest.ask("PATCH", f"{path}/updates/999999", json={"text": "x"})
    ).status_code == 404
    await rest.post(f"{path}/close", {"at": "2026-11-01T12:00:00Z"})
    right = await rest.post(f"{path}/correct", {"ends_at": "2026-11-01T11:00:00+01:00"})
    assert (right.json()["ends_at"], bool(right.json()["revised_at"])) == (
        "2026-11-01T10:00:00Z",
        True,
    )
    assert (await rest.post(f"{path}/reopen", {"text": "It is back."})).json()["is_open"] is True


async def test_templates_are_words_to_begin_with(rest):
    words = {"title": "Deploy went wrong", "text": "We roll back.", "impact": "major"}
    made = await rest.put("/api/v1/templates/rollback", words, headers={"if-match": '"0"'})
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    again = await rest.put("/api/v1/templates/rollback", words, headers={"if-match": '"0"'})
    assert again.status_code == 409
    event = (await rest.post(PATH, {"template": "rollback", "services": ["stock"]})).json()
    assert (event["title"], event["impact"], event["updates"][0]["text"]) == (
        words["title"], 2, words["text"],
    )  # fmt: skip
    assert [each["name"] for each in (await rest.get("/api/v1/templates")).json()] == ["rollback"]
    assert (await rest.get("/api/v1/templates/rollback")).json()["impact"] == 2
    assert (await rest.delete("/api/v1/templates/rollback")).status_code == 204
    assert (await rest.post(PATH, {"template": "rollback"})).status_code == 404


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"title": "", "components": ["orders-eu-de"]}, "empty"),
        ({"title": "x" * 301, "components": ["orders-eu-de"]}, "limit is 300"),
        ({"title": "two\nlines", "components": ["orders-eu-de"]}, "line break"),
        ({"title": "\u202eevil", "components": ["orders-eu-de"]}, "control"),
        ({"title": "x", "text": "a\0b", "components": ["orders-eu-de"]}, "control"),
        ({"title": "x", "text": "x" * 20_001, "components": ["orders-eu-de"]}, "limit is 20000"),
        ({"title": "x", "description": "\x1b[2J", "components": ["orders-eu-de"]}, "control"),
        ({"title": "x"}, "whom does it affect"),
        ({"title": "x", "components": ["nobody\0"]}, "there is no component"),
        ({"title": "x", "services": ["stock"], "regions": ["EU-NL"]}, "none of these services"),
        ({"title": "x", "regions": ["Mars"]}, "there is no region"),
        ({"title": "x", "components": ["orders-eu-de"], "impact": 0}, "impact 0"),
        ({"title": "x", "components": ["orders-eu-de"], "impact": "bad"}, "no impact"),
        ({"title": "x", "components": ["orders-eu-de"], "impact": 10**30}, "no impact"),
        ({"title": "x", "components": ["orders-eu-de"], "status": "planned"}, "status"),
        ({"title": "x", "components": ["orders-eu-de"], "status": "resolved"}, "has an end"),
        ({"title": "x", "components": ["orders-eu-de"], "kind": "maintenance"}, "planned"),
        ({"title": "x", "components": ["orders-eu-de"], "starts_at": "2026-11-01T10:00:00"}, "zone"),
        ({"title": "x", "components": ["orders-eu-de"], "starts_at": "2999-11-01T10:00:00Z"}, "future"),
        ({"title": "x", "components": ["orders-eu-de"], "ends_at": "2999-11-01T10:00:00Z"}, "future"),
        ({"title": "x", "components": ["orders-eu-de"], "publish_at": "2020-01-01T10:00:00Z"}, "past"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_with_a_reason(rest, body, why):
    answer = await rest.post(PATH, body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert why in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "impact=9",
        "status=odd",
        "kind=odd",
        "start=2026-11-01T10:00:00",
        "cursor=x",
        "limit=0",
        "odd=1",
        "text=%00",
        "region=%00",
    ],
)
async def test_a_wrong_question_is_400(rest, query):
    assert (await rest.get(f"{PATH}?{query}")).status_code == 400


@pytest.mark.parametrize("query", ["service='--", "component=%25"])
async def test_an_odd_word_finds_nothing(rest, query):
    async with rest.pool.connection() as conn:
        await make_region(conn, "%")
    await opened(rest)
    assert await titles(rest, query) == []


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("updates", {}, 400),
        ("updates", {"status": "resolved"}, 400),
        ("updates", {"internal": True, "text": "x", "status": "fixing"}, 400),
        ("updates", {"text": "x", "at": "2000-01-01T00:00:00Z"}, 400),
        ("updates", {"text": "x", "odd": 1}, 400),
        ("reopen", {}, 409),
        ("publish", None, 409),
        ("correct", {}, 400),
        ("correct", {"ends_at": "2026-11-01T10:00:00Z"}, 409),
        ("separate", {"components": ["stock-eu-de"]}, 400),
        ("separate", {"components": ["orders-eu-de"]}, 400),
        ("merge", {"into": 10**9}, 404),
        ("merge", {}, 400),
    ],
)
async def test_a_verb_that_does_not_fit_changes_nothing(rest, verb, body, status):
    event = await opened(rest)
    answer = await rest.post(f"{PATH}/{event['id']}/{verb}", body)
    assert answer.status_code == status, answer.text
    assert (await rest.get(f"{PATH}/{event['id']}")).json()["version"] == event["version"]
