"""The documents that tools made for Statuspage read."""

import json

from tests.factories import at, make_component
from tests.web.feeds_world import BY, EVIL, plan, tell

from vedette.incidents.close import close_incident
from vedette.incidents.model import Impact, Status
from vedette.incidents.update import update_incident

COMPONENT = {
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase",
    "start_date", "group_id", "page_id", "group", "only_show_if_degraded",
}  # fmt: skip
INCIDENT = {
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact",
    "shortlink", "started_at", "page_id", "incident_updates", "components", "reminder_intervals",
}  # fmt: skip
UPDATE = {
    "id", "status", "body", "incident_id", "created_at", "updated_at", "display_at",
    "affected_components", "deliver_notifications", "custom_tweet", "tweet_id",
}  # fmt: skip


async def document(browser, path: str) -> dict:
    page = await browser.get(f"/api/v2/{path}.json")
    assert page.status == 200
    assert page.headers["content-type"].startswith("application/json")
    found = json.loads(page.text)
    assert set(found["page"]) == {"id", "name", "url", "time_zone", "updated_at"}
    return found


async def test_all_is_well(owner_conn, browser):
    await make_component(owner_conn, "Orders", state="up")
    found = await document(browser, "status")
    assert found["status"] == {"indicator": "none", "description": "All Systems Operational"}
    assert found["page"]["url"] == "http://status.test"


async def test_the_summary_has_every_field_its_readers_know(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders", state="up")
    number = await tell(owner_conn, orders, impact=Impact.OUTAGE)
    await plan(owner_conn, orders)
    found = await document(browser, "summary")
    assert set(found) == {"page", "components", "incidents", "scheduled_maintenances", "status"}
    assert found["status"] == {"indicator": "critical", "description": "Major Service Outage"}
    group, component = found["components"]
    assert set(group) == COMPONENT | {"components"}
    assert set(component) == COMPONENT
    assert group["components"] == [component["id"]]
    assert component["group_id"] == group["id"]
    assert component["status"] == group["status"] == "major_outage"
    [incident] = found["incidents"]
    assert set(incident) == INCIDENT
    assert (incident["id"], incident["impact"]) == (str(number), "critical")
    assert incident["components"][0]["name"] == "Orders"
    assert set(incident["incident_updates"][0]) == UPDATE
    [maintenance] = found["scheduled_maintenances"]
    assert set(maintenance) == INCIDENT | {"scheduled_for", "scheduled_until"}
    assert (maintenance["status"], maintenance["impact"]) == ("scheduled", "maintenance")
    assert maintenance["scheduled_for"] == "2026-11-21T15:00:00.000Z"


async def test_statuses_are_said_in_their_words(owner_conn, browser):
    number = await tell(owner_conn, await make_component(owner_conn, "Orders"))
    later = {"by": "person:ada", "now": at("12:10")}
    await update_incident(owner_conn, number, **later, status=Status.FIXING, text="*Found* it.")
    await update_incident(owner_conn, number, **later, impact=Impact.MAJOR)
    await update_incident(owner_conn, number, **later, status=Status.OBSERVING, text="Wait.")
    [incident] = (await document(browser, "incidents/unresolved"))["incidents"]
    assert incident["status"] == "monitoring"
    assert incident["monitoring_at"] is not None
    said = [update["status"] for update in incident["incident_updates"]]
    assert said == ["monitoring", "identified", "identified", "investigating"]
    assert incident["incident_updates"][2]["body"] == "Found it."
    await close_incident(owner_conn, number, by="person:ada", now=at("12:20"))
    assert (await document(browser, "incidents/unresolved"))["incidents"] == []
    [incident] = (await document(browser, "incidents"))["incidents"]
    assert (incident["status"], incident["resolved_at"]) == (
        "resolved",
        "2026-11-21T12:20:00.000Z",
    )


async def test_maintenances_stand_where_they_belong(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders")
    during = {"status": Status.IN_PROGRESS, "starts_at": at("11:00"), "ends_at": at("13:00")}
    await plan(owner_conn, orders)
    await plan(owner_conn, orders, title="Now", **during)
    await plan(owner_conn, orders, title="Called off", status=Status.CANCELLED)

    async def names(path: str) -> list[str]:
        return [each["name"] for each in (await document(browser, path))["scheduled_maintenances"]]

    assert await names("scheduled-maintenances") == ["New disks", "Now"]
    assert await names("scheduled-maintenances/upcoming") == ["New disks"]
    assert await names("scheduled-maintenances/active") == ["Now"]
    component = (await document(browser, "components"))["components"][-1]
    assert component["status"] == "under_maintenance"


async def test_our_blindness_is_told_and_is_no_trouble_of_theirs(owner_conn, browser):
    await make_component(owner_conn, "Orders", state="unknown")
    await make_component(owner_conn, "Search", state="up")
    found = (await document(browser, "status"))["status"]
    assert found == {"indicator": "none", "description": "We cannot see 1 of 2 components"}


async def test_a_house_without_components_says_so(browser):
    assert (await document(browser, "status"))["status"]["description"] == "No components"


async def test_no_text_of_an_author_can_end_a_tag_it_is_pasted_into(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders <b>")
    await tell(owner_conn, orders, title=EVIL, text=EVIL)
    page = await browser.get("/api/v2/summary.json")
    assert not set("<>&") & set(page.text)
    assert json.loads(page.text)["incidents"][0]["name"] == EVIL


async def test_one_whose_updates_are_told_once_is_dated_by_the_latest(owner_conn, browser):
    number = await tell(owner_conn, await make_component(owner_conn, "Orders"))
    await update_incident(owner_conn, number, **(BY | {"now": at("12:40")}), text="Still.")
    [incident] = (await document(browser, "incidents"))["incidents"]
    assert incident["updated_at"] == "2026-11-21T12:40:00.000Z"
