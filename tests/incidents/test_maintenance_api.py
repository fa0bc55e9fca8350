"""Maintenances by REST: planned, conducted, changed, repeated, and what is refused."""

from datetime import timedelta

import pytest
from tests.factories import make_component
from tests.rest_world import rest_over

from vedette import clock

PATH = "/api/v1/maintenances"
WRITE = ("incidents:write",)


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        async with rest.pool.connection() as conn:
            await make_component(conn)
            await make_component(conn, region="Helsinki 2")
            await make_component(conn, "Stock")
        yield rest


def soon(hours: float) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


def body(**given) -> dict:
    return {
        "title": "New disks",
        "services": ["Orders"],
        "starts_at": soon(1),
        "lasts": "2h",
    } | given


async def planned(rest, **given) -> dict:
    answer = await rest.post(PATH, body(**given), scopes=WRITE)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_whole_service_is_planned_and_listed(rest):
    made = await planned(rest)
    assert (made["status"], len(made["components"]), made["overlaps"]) == ("planned", 2, [])
    assert made["made_by"].startswith("token:")
    (listed,) = (await rest.get(f"{PATH}?open=true&service=Orders", scopes=("read",))).json()
    assert listed["id"] == made["id"]
    assert (await rest.get(f"{PATH}?component=nobody", scopes=("read",))).json() == []


async def test_a_backup_job_needs_one_call(rest):
    answer = await rest.post(
        PATH, {"title": "Backup", "services": ["Stock"], "lasts": "30m"}, scopes=WRITE
    )
    made = answer.json()
    assert made["status"] == "in progress"
    ended = await rest.post(f"{PATH}/{made['id']}/finish", {"text": "Done."}, scopes=WRITE)
    assert ended.json()["status"] == "completed"
    assert ended.json()["updates"][0]["text"] == "Done."


async def test_what_is_asked_twice_with_one_key_is_done_once(rest):
    headers = {"idempotency-key": "backup-7"}
    wish = body()
    first, second = [await rest.post(PATH, wish, headers=headers, scopes=WRITE) for _ in "ab"]
    # Two tokens are two actors: the key is the asker's own.
    assert first.json()["id"] != second.json()["id"]
    secret = second.request.headers["authorization"]
    again = await rest.http.post(PATH, json=wish, headers=headers | {"authorization": secret})
    assert (again.status_code, again.json()) == (201, second.json())
    other = await rest.http.post(
        PATH, json=body(title="Else"), headers=headers | {"authorization": secret}
    )
    assert other.status_code == 409


async def test_overlaps_are_told(rest):
    first = await planned(rest)
    second = await planned(rest, components=["Orders@EU-DE"], services=[], starts_at=soon(2))
    assert second["overlaps"] == [first["id"]]


async def test_started_moved_and_cancelled(rest):
    made = await planned(rest)
    path = f"{PATH}/{made['id']}"
    moved = await rest.ask("PATCH", path, json={"starts_at": soon(5)}, scopes=WRITE)
    assert moved.json()["updates"][0]["status"] == "modified"
    begun = await rest.post(f"{path}/start", {}, scopes=WRITE)
    assert begun.json()["status"] == "in progress"
    refused = await rest.post(f"{path}/cancel", {}, scopes=WRITE)
    assert (refused.status_code, refused.json()["hint"]) == (409, "finish it")


async def test_two_editors_of_one_maintenance(rest):
    made = await planned(rest)
    path = f"{PATH}/{made['id']}"
    read = await rest.get(path)
    assert read.headers["etag"] == f'"{made["version"]}"'
    match = {"if-match": read.headers["etag"]}
    first = await rest.ask("PATCH", path, json={"title": "A"}, headers=match)
    assert first.status_code == 200
    second = await rest.ask("PATCH", path, json={"title": "B"}, headers=match)
    assert second.status_code == 409
    assert "changed meanwhile" in second.json()["detail"]
    third = await rest.ask("PATCH", path, json={"title": "B"}, headers={"if-match": "mine"})
    assert third.status_code == 400


async def test_a_draft_is_published(rest):
    made = await planned(rest, draft=True)
    assert made["published_at"] is None
    answer = await rest.post(f"{PATH}/{made['id']}/publish", scopes=WRITE)
    assert answer.json()["published_at"] is not None


async def test_a_wall_clock_needs_its_zone(rest):
    year = clock.now().year + 1
    answer = await rest.post(PATH, body(starts_at=f"{year}-02-01 02:00"))
    assert (answer.status_code, "zone" in answer.text) == (400, True)
    made = await planned(rest, starts_at=f"{year}-02-01 02:00", zone="Europe/Berlin")
    assert made["starts_at"] == f"{year}-02-01T01:00:00Z"


@pytest.mark.parametrize(
    "given",
    [
        {"services": []},
        {"services": ["Nobody"]},
        {"title": ""},
        {"title": "x" * 301},
        {"title": "a\0b"},
        {"description": "x" * 20_001},
        {"lasts": None},
        {"lasts": "0s"},
        {"lasts": "99999999999d"},
        {"lasts": "400d"},
        {"ends_at": "2099-01-01T00:00Z"},
        {"starts_at": "9999-12-31T23:59-23:59"},
        {"starts_at": "soon"},
        {"starts_at": "2027-01-01 02:00", "zone": "../../etc/passwd"},
        {"publish_at": "x"},
        {"surprise": 1},
        {"components": [7]},
    ],
)
async def test_what_cannot_be_is_refused_with_a_problem(rest, given):
    answer = await rest.post(PATH, body(**given))
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999", "2147483648"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/series"])
async def test_a_number_that_is_nobodys(rest, path, number):
    assert (await rest.get(f"{path}/{number}")).status_code == 404


async def test_reading_and_writing_are_two_scopes(rest):
    assert (await rest.post(PATH, body(), scopes=("read",))).status_code == 403
    assert (await rest.get(PATH, scopes=WRITE)).status_code == 403
    assert (await rest.http.get(PATH)).status_code == 401


async def test_a_page_at_a_time(rest):
    for hour in range(3):
        await planned(rest, starts_at=soon(hour + 1))
    first = await rest.get(f"{PATH}?limit=2")
    following = first.links["next"]["url"]
    second = await rest.get(following)
    ids = [one["id"] for one in first.json() + second.json()]
    assert len(set(ids)) == 3


async def test_a_series_is_begun_changed_and_ended(rest):
    wish = {
        "title": "Patches",
        "schedule": "0 2 * * WED",
        "zone": "Europe/Berlin",
        "lasts": "2h",
        "services": ["Stock"],
    }
    made = (await rest.post(f"{PATH}/series", wish, scopes=WRITE)).json()
    assert (len(made["components"]), made["lasts"], len(made["next"])) == (1, "2h", 3)
    rows = (await rest.get(f"{PATH}?open=true")).json()
    assert {row["series"] for row in rows} == {made["id"]}
    path = f"{PATH}/series/{made['id']}"
    change = {"schedule": "0 4 * * WED", "until_at": f"{clock.now().year + 1}-12-24 00:00"}
    changed = await rest.ask("PATCH", path, json=change, scopes=WRITE, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["next"][0] != made["next"][0]
    stale = await rest.ask("PATCH", path, json=change, headers={"if-match": '"1"'})
    assert stale.status_code == 409
    assert [one["id"] for one in (await rest.get(f"{PATH}/series")).json()] == [made["id"]]
    assert (await rest.post(f"{path}/end", scopes=WRITE)).json()["next"] == []
    assert (await rest.get(f"{PATH}?open=true")).json() == []


async def test_a_key_begins_changes_and_ends_a_series_once(rest):
    wish = {
        "title": "Patches",
        "schedule": "0 2 * * WED",
        "zone": "UTC",
        "lasts": "2h",
        "services": ["Stock"],
    }
    token = {"authorization": f"Bearer {await rest.token()}"}

    async def sent(method, path, body, key):
        headers = {**token, "idempotency-key": key}
        return await rest.http.request(method, path, json=body, headers=headers)

    made = [await sent("POST", f"{PATH}/series", wish, "one") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].content == made[1].content
    assert len((await rest.get(f"{PATH}/series")).json()) == 1
    path = f"{PATH}/series/{made[0].json()['id']}"
    changed = [await sent("PATCH", path, {"lasts": "3h"}, "two") for _ in range(2)]
    assert [answer.headers["etag"] for answer in changed] == ['"2"', '"2"']
    ended = [await sent("POST", f"{path}/end", None, "three") for _ in range(2)]
    assert [answer.status_code for answer in ended] == [200, 200]
    other = await sent("POST", f"{PATH}/series", {**wish, "lasts": "1h"}, "one")
    assert (other.status_code, other.json()["detail"][:21]) == (409, "this Idempotency-Key ")
    assert (await sent("POST", f"{PATH}/series", wish, "no key")).status_code == 400


@pytest.mark.parametrize(
    "given",
    [
        {"schedule": "* * * * *"},
        {"schedule": "0 2 * * WED\0"},
        {"zone": "Mars/Olympus"},
        {"lasts": "8d"},
        {"until_at": "1999-01-01 00:00"},
        {"services": []},
    ],
)
async def test_a_series_that_cannot_be_is_refused(rest, given):
    wish = {
        "title": "Patches",
        "schedule": "0 2 * * WED",
        "zone": "UTC",
        "lasts": "2h",
        "services": ["Stock"],
    }
    answer = await rest.post(f"{PATH}/series", wish | given)
    assert answer.status_code == 400, answer.text


async def test_drafts_and_internal_notes_are_for_who_may_write(rest):
    told, hidden = await planned(rest), await planned(rest, title="Layoffs", draft=True)
    note = {"text": "The vendor is late.", "internal": True}
    noted = await rest.post(f"/api/v1/events/{told['id']}/updates", note, scopes=WRITE)
    assert noted.status_code < 300, noted.text

    seen = await rest.get(PATH, scopes=("read",))
    assert [one["id"] for one in seen.json()] == [told["id"]]
    assert (await rest.get(f"{PATH}/{hidden['id']}", scopes=("read",))).status_code == 404
    answer = await rest.get(f"{PATH}/{told['id']}", scopes=("read",))
    assert (answer.json()["overlaps"], "vendor" in answer.text) == ([], False)

    inside = (await rest.get(f"{PATH}/{told['id']}", scopes=("read", *WRITE))).json()
    assert inside["overlaps"] == [hidden["id"]]
    assert any(said["internal"] for said in inside["updates"])
    assert len((await rest.get(PATH, scopes=("read", *WRITE))).json()) == 2
