"""The calendar of maintenances, read as calendars read it."""

from datetime import timedelta

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import NOON, make_component

from vedette.incidents.conduct import cancel
from vedette.incidents.plan import Plan, Replan, modify, plan
from vedette.incidents.publish import publish_incident
from vedette.web.maintenance_feed import Entry, calendar_of

ADA = {"by": "person:ada", "now": NOON}
HOUR = timedelta(hours=1)
PATH = "/maintenance.ics"


async def planned(conn, *components, **more) -> int:
    wish = {"title": "New disks", "starts_at": NOON + HOUR, "ends_at": NOON + 2 * HOUR} | more
    return await plan(conn, Plan(components=components, **wish), **ADA)


async def events(browser, path=PATH) -> list:
    answer = await browser.get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return icalendar.Calendar.from_ical(answer.body).walk("VEVENT")


async def test_a_plan_stands_in_the_calendar_and_moves_with_one_uid(owner_conn, browser):
    number = await planned(
        owner_conn, await make_component(owner_conn), description="Reads **only**"
    )
    (first,) = await events(browser)
    assert first["summary"] == "New disks"
    assert first["description"] == "Reads only\n\nAffects: Orders (EU-DE)"
    assert (first.decoded("dtstart"), first.decoded("dtend")) == (NOON + HOUR, NOON + 2 * HOUR)
    assert first["status"] == "CONFIRMED"
    await modify(owner_conn, number, Replan(starts_at=NOON + 5 * HOUR), **ADA)
    (second,) = await events(browser)
    assert second["uid"] == first["uid"]
    assert second["sequence"] > first["sequence"]
    assert second.decoded("dtend") == NOON + 6 * HOUR


async def test_what_was_called_off_says_so_for_thirty_days(owner_conn, browser, clock):
    number = await planned(owner_conn, await make_component(owner_conn))
    await cancel(owner_conn, number, **ADA)
    assert [one["status"] for one in await events(browser)] == ["CANCELLED"]
    clock.at += timedelta(days=29)
    assert len(await events(browser)) == 1
    clock.at += timedelta(days=2)
    assert await events(browser) == []


async def test_one_component_or_region_at_a_time(owner_conn, browser):
    orders = await make_component(owner_conn)
    stock = await make_component(owner_conn, "Stock", region="Helsinki 2")
    await planned(owner_conn, orders, title="Orders' disks")
    await planned(owner_conn, stock, title="Stock's disks")
    row = await owner_conn.execute("SELECT slug FROM fleet.component WHERE id = %s", (orders,))
    (slug,) = await row.fetchone()
    found = await events(browser, f"{PATH}?component={slug}")
    assert [one["summary"] for one in found] == ["Orders' disks"]
    found = await events(browser, f"{PATH}?region=Helsinki%202")
    assert [one["summary"] for one in found] == ["Stock's disks"]


async def test_of_more_than_fit_the_nearest_stand_in_it(owner_conn, browser, monkeypatch):
    monkeypatch.setattr("vedette.web.maintenance_feed.AT_MOST", 3)
    orders = await make_component(owner_conn)
    for days in (0, 1, 7, 30, 60):
        starts_at = NOON + HOUR + timedelta(days=days)
        await planned(
            owner_conn, orders, title=f"In {days}", starts_at=starts_at, ends_at=starts_at + HOUR
        )
    assert {one["summary"] for one in await events(browser)} == {"In 0", "In 1", "In 7"}


@pytest.mark.parametrize("query", ["component=nobody", "region=%3Cb%3E"])
async def test_a_name_that_is_nobodys_is_no_empty_calendar(browser, query):
    assert (await browser.get(f"{PATH}?{query}")).status == 404


@pytest.mark.parametrize(
    "query", ["componnet=x", "component=", "region=" + "x" * 201, "region=a%00b"]
)
async def test_a_filter_that_cannot_be_is_refused(browser, query):
    assert (await browser.get(f"{PATH}?{query}")).status == 400


async def test_drafts_and_private_components_are_nobodys_business(owner_conn, browser):
    orders, secret = await make_component(owner_conn), await make_component(owner_conn, "Vault")
    await owner_conn.execute(
        'UPDATE fleet.component SET attributes = attributes || \'{"public": "false"}\' WHERE id = %s',
        (secret,),
    )
    draft = await planned(owner_conn, orders, draft=True)
    await planned(owner_conn, secret, title="The vault's lock")
    assert await events(browser) == []
    await planned(owner_conn, orders, secret, title="Both")
    (both,) = await events(browser)
    assert "Vault" not in str(both.to_ical())
    await publish_incident(owner_conn, draft, **ADA)
    assert len(await events(browser)) == 2


def entry(title="x", description="", names=("Orders",)) -> Entry:
    return Entry(
        id=1,
        title=title,
        description=description,
        status="planned",
        starts_at=NOON,
        ends_at=NOON + HOUR,
        version=3,
        made_at=NOON,
        changed_at=NOON,
        names=names,
    )


@given(st.text(max_size=300), st.text(max_size=400), st.text(max_size=100))
def test_hostile_words_stay_words(title, description, name):
    body = calendar_of([entry(title, description, [name])])
    assert max(len(line) for line in body.split(b"\r\n")) <= 75
    read = icalendar.Calendar.from_ical(body)
    assert [part.name for part in read.walk()] == ["VCALENDAR", "VEVENT"]
    (event,) = read.walk("VEVENT")
    assert sorted(event) == sorted(calendar_keys())


def calendar_keys():
    (event,) = icalendar.Calendar.from_ical(calendar_of([entry()])).walk("VEVENT")
    return event.keys()


def test_a_title_opens_no_second_event():
    body = calendar_of([entry("Disks\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:1;a,b\\n")])
    (event,) = icalendar.Calendar.from_ical(body).walk("VEVENT")
    assert event["summary"] == "Disks\nEND:VEVENT\nBEGIN:VEVENT\nUID:1;a,b\\n"
