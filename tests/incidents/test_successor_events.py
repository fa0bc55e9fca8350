"""Events of the Status Dashboard's successor as people's programs read and write them."""

from datetime import timedelta
from itertools import pairwise

import pytest
from tests.factories import make_component
from tests.incidents.successor_world import event, patch, successor_over

from vedette import clock

A, B, C = "cce-EU-DE", "ecs-EU-DE", "dcs-EU-DE"


@pytest.fixture
async def world(fresh_app_url):
    async with successor_over(fresh_app_url) as world:
        yield world


def ahead(**span) -> str:
    return (clock.now() + timedelta(**span)).isoformat()


async def test_an_event_has_its_keys_in_its_order(world):
    number = await world.opened(2, A, B, description="Why", title="Down")
    found = await world.event(number)
    assert list(found) == [
        "id", "title", "description", "impact", "components", "start_date", "system", "type", "updates", "status",
    ]  # fmt: skip
    assert found["components"] == sorted([world.ids[A], world.ids[B]])
    assert list(found["updates"][0]) == ["id", "status", "text", "timestamp"]
    assert found["updates"][0] | {"timestamp": ""} == {
        "id": 0, "status": "detected", "text": "The incident is detected.", "timestamp": "",
    }  # fmt: skip
    assert found["start_date"].endswith("Z")
    assert (found["system"], found["status"], found["type"]) == (False, "detected", "incident")
    assert await world.get(f"/v2/incidents/{number}") == found


@pytest.mark.parametrize(
    ("impact", "more", "message"),
    [
        (0, {"type": "incident"}, "impact must be 0 for type 'maintenance' or 'info' and gt 0 for 'incident'"),
        (1, {"type": "maintenance"}, "impact must be 0 for type 'maintenance' or 'info' and gt 0 for 'incident'"),
        (1, {"end_date": "2026-01-01T00:00:00Z"}, "event end_date should be empty"),
        (1, {"start_date": "2999-01-01T00:00:00Z"}, "event start_date should not be in the future"),
        (0, {}, "maintenance end_date is empty"),
        (1, {"updates": [{"text": "x"}]}, "event updates should be empty"),
        (1, {"components": [1, 2_000_000_000]}, "component does not exist, component_id: 2000000000"),
    ],
)  # fmt: skip
async def test_what_it_says_of_events_that_cannot_be(world, impact, more, message):
    body = event(impact, [world.ids[A]]) | more
    if "components" in more:
        body["components"] = [world.ids[A], more["components"][1]]
    assert await world.person("POST", "/v2/events", body, 400) == {"errMsg": message}


async def test_a_persons_event_takes_its_components_out_of_others(world):
    both = await world.reported(1, A)
    await world.reported(1, B)
    mine = await world.opened(2, B)
    assert await world.open_ones() == {both: (1, [world.ids[A]]), mine: (2, [world.ids[B]])}
    last = await world.opened(3, A)
    assert set(await world.open_ones()) == {mine, last}
    assert (await world.event(both))["status"] == "resolved"


async def test_the_life_of_an_incident(world):
    number = await world.opened(1, A)
    path = f"/v2/events/{number}"
    for status in ("analysing", "fixing", "observing"):
        found = await world.person("PATCH", path, patch(status, message=f"Now {status}"))
        assert (found["status"], found["updates"][-1]["text"]) == (status, f"Now {status}")
    found = await world.person("PATCH", path, patch("impact changed", impact=3, title="Worse", description="All"))  # fmt: skip
    assert (found["impact"], found["title"], found["description"]) == (3, "Worse", "All")
    assert found["updates"][-1]["status"] == "impact changed"
    found = await world.person("PATCH", path, patch("resolved"))
    assert (found["status"], "end_date" in found) == ("resolved", True)
    start = (clock.now() - timedelta(hours=2)).replace(microsecond=0)
    found = await world.person("PATCH", path, patch("changed", start_date=start.isoformat()))
    assert found["start_date"] == start.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert found["updates"][-1]["status"] == "changed"
    found = await world.person("PATCH", path, patch("changed", impact=2))
    assert (found["impact"], found["status"]) == (2, "resolved")
    found = await world.person("PATCH", path, patch("reopened"))
    assert ("end_date" in found, found["updates"][-1]["status"]) == (False, "reopened")
    assert [each["id"] for each in found["updates"]] == list(range(len(found["updates"])))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (patch("completed"), "wrong status for incident"),
        (patch("reopened"), "wrong status for incident"),
        (patch("fixing", impact=2), "wrong status for changing impact"),
        (patch("impact changed", impact=0), "impact must be 0 for type 'maintenance' or 'info' and gt 0 for 'incident'"),
        (patch("fixing", start_date=ahead()), "can not change start date for open incident"),
    ],
)  # fmt: skip
async def test_what_it_says_of_wrong_words_for_an_open_incident(world, body, message):
    number = await world.opened(1, A)
    answer = await world.person("PATCH", f"/v2/events/{number}", body, 400)
    assert answer == {"errMsg": message}
    assert (await world.event(number))["updates"][1:] == []


@pytest.mark.parametrize("body", [patch("fixing"), patch("reopened", end_date=ahead())])
async def test_what_it_says_of_wrong_words_for_a_closed_incident(world, body):
    number = await world.opened(1, A)
    await world.person("PATCH", f"/v2/events/{number}", patch("resolved"))
    answer = await world.person("PATCH", f"/v2/events/{number}", body, 400)
    assert answer == {"errMsg": "wrong status for closed incident"}


async def test_what_a_person_changed_no_reporter_changes(world):
    number = await world.reported(1, A)
    await world.person("PATCH", f"/v2/events/{number}", patch("analysing"))
    assert await world.reported(3, A) == number
    assert (await world.event(number))["impact"] == 1


async def test_the_life_of_a_maintenance(world):
    number = await world.opened(0, A, start_date=ahead(hours=1), end_date=ahead(hours=3))
    path = f"/v2/events/{number}"
    found = await world.event(number)
    assert (found["status"], found["updates"][0]["text"]) == ("planned", "Maintenance is planned.")
    later = (clock.now() + timedelta(hours=5)).replace(microsecond=0)
    found = await world.person("PATCH", path, patch("modified", end_date=later.isoformat()))
    assert found["end_date"] == later.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await world.person("PATCH", path, patch("fixing"), 400) == {
        "errMsg": "wrong status for maintenance"
    }
    found = await world.person("PATCH", path, patch("in progress"))
    assert found["status"] == "in progress"
    found = await world.person("PATCH", path, patch("completed", message="Done"))
    assert (found["status"], found["updates"][-1]["text"]) == ("completed", "Done")
    await world.person("PATCH", path, patch("modified"), 409)


async def test_a_planned_maintenance_may_be_called_off(world):
    number = await world.opened(0, A, start_date=ahead(hours=1), end_date=ahead(hours=3))
    found = await world.person("PATCH", f"/v2/events/{number}", patch("cancelled"))
    assert found["status"] == "cancelled"


async def test_the_life_of_a_note(world):
    number = await world.opened(0, A, type="info", start_date=ahead(hours=1))
    path = f"/v2/events/{number}"
    found = await world.event(number)
    assert (found["type"], found["status"]) == ("info", "planned")
    assert found["updates"][0]["text"] == "The informational notification is planned."
    assert (await world.person("PATCH", path, patch("resolved"), 400)) == {
        "errMsg": "wrong status for info event"
    }
    found = await world.person("PATCH", path, patch("active"))
    assert found["status"] == "active"
    found = await world.person("PATCH", path, patch("completed"))
    assert (found["status"], "end_date" in found) == ("completed", True)


async def test_components_are_extracted(world):
    number = await world.opened(2, A, B, title="Both")
    path = f"/v2/events/{number}/extract"
    for ids, message in (
        ([world.ids[C]], f"component {world.ids[C]} is not in the incident"),
        ([world.ids[A], world.ids[B]], "can not move all components to the new incident, keep at least one"),
    ):  # fmt: skip
        assert await world.person("POST", path, {"components": ids}, 400) == {"errMsg": message}
    made = await world.person("POST", path, {"components": [world.ids[B]]})
    assert (made["title"], made["impact"], made["components"]) == ("Both", 2, [world.ids[B]])
    assert (await world.event(number))["components"] == [world.ids[A]]


async def test_an_update_is_reworded_by_its_index(world):
    number = await world.opened(1, A)
    await world.person("PATCH", f"/v2/events/{number}", patch("fixing", message="Typpo"))
    path = f"/v2/events/{number}/updates"
    found = await world.person("PATCH", f"{path}/1", {"text": "Typo"})
    assert (found["id"], found["status"], found["text"]) == (1, "fixing", "Typo")
    assert (await world.event(number))["updates"][1] == found
    missing = await world.person("PATCH", f"{path}/2", {"text": "Typo"}, 404)
    assert missing == {"errMsg": "update does not exist"}


async def test_pages_and_filters(world):
    numbers = []
    for nth in range(12):
        begun = (clock.now() - timedelta(hours=20 - nth)).isoformat()
        numbers.append(await world.opened(1 + nth % 3, A, start_date=begun))
    first = await world.get("/v2/events?limit=10")
    assert [each["id"] for each in first["data"]] == numbers[::-1][:10]
    assert first["pagination"] == {
        "pageIndex": 1, "recordsPerPage": 10, "totalRecords": 12, "totalPages": 2,
    }  # fmt: skip
    second = await world.get("/v2/events?limit=10&page=2")
    assert [each["id"] for each in second["data"]] == numbers[1::-1]
    beyond = await world.get("/v2/events?limit=10&page=3")
    assert (beyond["data"], beyond["pagination"]["totalRecords"]) == ([], 12)
    assert await world.get("/v2/events?type=info") == {"data": []}
    whole = await world.get("/v2/incidents")
    assert (list(whole), len(whole["data"])) == (["data"], 12)

    async def found(query) -> list[int]:
        return [each["id"] for each in (await world.get(f"/v2/events?{query}"))["data"]]

    assert await found("active=true") == numbers[-1:]
    assert await found("status=resolved&impact=2") == numbers[-2::-3]
    assert await found("system=true") == []
    assert await found(f"components={world.ids[B]}") == []
    assert len(await found(f"components={world.ids[A]}, {world.ids[B]}")) == 12
    since = (clock.now() - timedelta(hours=10, minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await found(f"start_date={since}") == numbers[:9:-1]


@pytest.mark.parametrize(
    "query",
    [
        "type=other", "type=incident,", "active=false", "active=yes", "status=odd", "start_date=yesterday",
        "start_date=2026-01-01", "start_date=2026-02-01T00:00:00Z&end_date=2026-01-01T00:00:00Z", "impact=4",
        "impact=-1", "impact=%C2%B2", "system=perhaps", "components=0", "components=1,,2", "components=99999999999",
        "page=0", "page=x", "limit=11", "limit=1", "page=99999999999",
    ],
)  # fmt: skip
async def test_what_is_no_filter_is_told(world, query):
    assert await world.get(f"/v2/events?{query}", 400) == {
        "errMsg": "filter query parameter has an invalid format or value"
    }


@pytest.mark.parametrize("number", ["0", "77", "2147483648", "99999999999999999999"])
async def test_what_there_is_not_is_told(world, number):
    assert await world.get(f"/v2/events/{number}", 404) == {"errMsg": "event does not exist"}
    assert await world.get(f"/v2/components/{number}", 404) == {"errMsg": "component does not exist"}  # fmt: skip
    assert await world.person("PATCH", f"/v2/events/{number}", patch("fixing"), 404) == {"errMsg": "event does not exist"}  # fmt: skip


async def test_components_are_listed_and_added(world):
    found = await world.get("/v2/components")
    assert found[0] == await world.get(f"/v2/components/{world.ids[A]}")
    assert list(found[0].items()) == [
        ("id", world.ids[A]),
        ("name", "Cloud Container Engine"),
        ("attributes", [{"name": "category", "value": "Container"}, {"name": "region", "value": "EU-DE"}, {"name": "type", "value": "cce"}]),
    ]  # fmt: skip
    attrs = [{"name": name, "value": value} for name, value in (("type", "vpc"), ("region", "EU-CH2"), ("category", "Network"))]  # fmt: skip
    made = await world.person("POST", "/v2/components", {"name": "VPC", "attrs": attrs}, 201)
    assert list(made) == ["id", "attributes", "name"]
    assert (await world.get("/v2/components"))[-1] == {key: made[key] for key in ("id", "name", "attributes")}  # fmt: skip
    again = await world.person("POST", "/v2/components", {"name": "VPC", "attrs": attrs}, 400)
    assert again == {"errMsg": "component already exists"}
    for wrong in (attrs[:2], [*attrs, attrs[0]], [*attrs[:2], attrs[0]]):
        answer = await world.person("POST", "/v2/components", {"name": "V", "attrs": wrong}, 400)
        assert answer == {"errMsg": "component attribute has invalid format"}
    assert len(await world.get("/v2/components")) == 7


async def test_availability_is_of_twelve_months(world):
    begun = (clock.now() - timedelta(hours=1)).isoformat()
    await world.opened(3, A, start_date=begun)
    data = (await world.get("/v2/availability"))["data"]
    found = {each["id"]: each for each in data}
    months = found[world.ids[A]]["availability"]
    assert (len(months), found[world.ids[A]]["region"]) == (12, "EU-DE")
    stamps = [month["year"] * 12 + month["month"] for month in months]
    assert all(newer - older == 1 for newer, older in pairwise(stamps))
    assert {month["percentage"] for month in found[world.ids[B]]["availability"]} == {100}
    # A component counts from when it was made, so an hour before may be told of a younger one.
    assert all(0 <= month["percentage"] <= 100 for month in months)


async def test_one_outage_in_two_months_costs_both(world, monkeypatch):
    async with world.rest.pool.connection() as conn:
        number = await make_component(conn, "Old", made_at=clock.now() - timedelta(days=800))
        world.ids["old"] = number
    opened = await world.opened(3, "old", start_date="2026-09-30T12:00:00+00:00")
    body = patch("resolved", update_date="2026-10-01T12:00:00Z")
    await world.person("PATCH", f"/v2/events/{opened}", body)
    data = (await world.get("/v2/availability"))["data"]
    (months,) = [each["availability"] for each in data if each["id"] == number]
    lost = {
        (month["year"], month["month"]): month["percentage"]
        for month in months
        if month["percentage"] < 100
    }
    assert lost == {(2026, 10): 98.3871, (2026, 9): 98.33333}


async def test_drafts_and_what_is_private_are_nobodys_business(world):
    async with world.rest.pool.connection() as conn:
        await conn.execute(
            'UPDATE fleet.component SET attributes = attributes || \'{"public": "false"}\' WHERE id = %s',
            (world.ids[C],),
        )
    hidden = await world.opened(3, C, title="hush")
    seen = await world.opened(2, B)
    async with world.rest.pool.connection() as conn:
        await conn.execute("UPDATE incidents.incident SET published_at = NULL WHERE id = %s", (seen,))  # fmt: skip
    for path in ("/v2/events", "/v2/incidents", "/v1/incidents", "/v1/component_status"):
        assert "hush" not in (await world.rest.http.get(path)).text
    assert await world.get("/v2/events") == {"data": []}
    await world.get(f"/v2/events/{seen}", 404)
    await world.get(f"/v2/events/{hidden}", 404)
    assert world.ids[C] not in [each["id"] for each in await world.get("/v2/components")]
    assert world.ids[C] not in [each["id"] for each in (await world.get("/v2/availability"))["data"]]  # fmt: skip


async def test_the_first_version_lists_in_its_order(world):
    number = await world.opened(2, A, title="Down")
    await world.person("PATCH", f"/v2/events/{number}", patch("analysing"))
    (one,) = await world.get("/v1/incidents")
    assert list(one) == ["id", "text", "impact", "start_date", "end_date", "updates"]
    assert (one["id"], one["end_date"]) == (number, None)
    assert [each["status"] for each in one["updates"]] == ["detected", "analysing"]
    found = await world.get("/v1/component_status")
    assert list(found[0]) == ["id", "attributes", "name", "incidents"]
    assert (found[0]["incidents"], found[1]["incidents"]) == ([one], [])


async def test_pages_of_other_hosts_may_read_it(world):
    answer = await world.rest.http.get("/v2/events")
    assert answer.headers["access-control-allow-origin"] == "*"
