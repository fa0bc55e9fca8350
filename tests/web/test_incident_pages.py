"""What the public reads of incidents and maintenance, and what it never does."""

from datetime import timedelta

import pytest
from tests import factories as make
from tests.factories import NOON, at

from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.update import note, update_incident
from vedette.web.history import PAGE_ROWS

ADA = {"by": "person:ada-lovelace", "now": NOON}
SECRETS = ("draft-secret", "internal-secret", "ada-lovelace", "reason-secret")


async def tell(conn, *components: int, text: str = "We look.", **given) -> int:
    """Publish an incident, open since 10:00, unless `given` says otherwise."""
    draft = Draft(
        **{
            "kind": Kind.INCIDENT,
            "title": "Orders are slow",
            "impact": Impact.MAJOR,
            "status": Status.ANALYZING,
            "starts_at": at("10:00"),
            "published_at": NOON,
            "components": components,
        }
        | given
    )
    return await open_incident(conn, draft, **ADA, text=text)


async def plan(conn, *components: int, starts_at, hours: int = 2, **given) -> int:
    return await tell(
        conn,
        *components,
        **{
            "kind": Kind.MAINTENANCE,
            "title": "New disks",
            "impact": Impact.MAINTENANCE,
            "status": Status.PLANNED,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(hours=hours),
            "text": "",
            "description": "We swap *all* disks.",
        }
        | given,
    )


@pytest.fixture
async def orders(owner_conn) -> int:
    return await make.make_component(owner_conn, "Orders", state="up", since=at("08:00"))


async def test_the_front_page_tells_open_incidents_first(owner_conn, browser, orders):
    number = await tell(owner_conn, orders)
    await update_incident(owner_conn, number, **ADA, status=Status.FIXING, text="A **disk** died.")
    page = await browser.get("/")
    assert "There is an incident" in page.words
    assert "verdict tone-degraded" in page.text
    assert "Orders are slow" in page.words
    assert "Major incident · Fixing · since 10:00 UTC" in page.words
    assert "<strong>disk</strong>" in page.text
    links = [attributes.get("href") for _, attributes in page.tags]
    assert links.count(f"/incidents/{number}") == 2
    assert "/components/" + await slug_of(owner_conn, orders) in links


async def slug_of(conn, component: int) -> str:
    row = await (
        await conn.execute("SELECT slug FROM fleet.component WHERE id = %s", (component,))
    ).fetchone()
    return row[0]


async def test_what_we_see_ourselves_goes_before_what_was_told(owner_conn, browser, orders):
    await tell(owner_conn, orders)
    await make.make_component(owner_conn, "Search", state="down")
    assert "Search in EU-DE is down" in (await browser.get("/")).words


async def test_maintenance_stands_on_the_front_page_two_weeks_ahead(owner_conn, browser, orders):
    await plan(owner_conn, orders, starts_at=NOON + timedelta(days=13), title="Soon enough")
    await plan(owner_conn, orders, starts_at=NOON + timedelta(days=15), title="Far away")
    words = (await browser.get("/")).words
    assert "Soon enough" in words
    assert "We swap all disks." in words
    assert "Far away" not in words
    assert "Everything we" not in words
    assert "Orders in EU-DE is up" in words


async def test_an_incident_tells_its_whole_story(owner_conn, browser, orders):
    number = await tell(owner_conn, orders, text="First [look](https://example.org).")
    await update_incident(owner_conn, number, **ADA, impact=Impact.OUTAGE, text="Worse.")
    await close_incident(owner_conn, number, by="person:bob", now=at("13:30"), text="Mended.")
    page = await browser.get(f"/incidents/{number}")
    assert page.status == 200
    words = page.words
    assert "Outage · Resolved" in words
    assert "21 Nov 2026, 10:00 UTC" in words
    assert "Lasted 3 h 30 min" in words
    found = [words.index(said) for said in ("Mended.", "Impact changed", "Worse.", "First look")]
    assert found == sorted(found)
    assert f"http://status.test/incidents/{number}" in words
    assert 'rel="nofollow noopener noreferrer"' in page.text


async def test_a_host_that_is_none_is_not_repeated(owner_conn, browser, orders):
    number = await tell(owner_conn, orders)
    page = await browser.get(f"/incidents/{number}", host='evil"><script>')
    assert "evil" not in page.text
    assert f"http://localhost/incidents/{number}" in page.words


@pytest.mark.parametrize("name", ["0", "999999", "99999999999", "-1", "1e3", "x", "%D9%A1"])
async def test_what_is_no_incident_is_missing(browser, name):
    page = await browser.get(f"/incidents/{name}")
    assert page.status == 404


async def test_drafts_notes_and_authors_reach_no_public_byte(owner_conn, browser, orders):
    draft = await tell(
        owner_conn,
        orders,
        title="draft-secret",
        text="draft-secret",
        description="draft-secret",
        published_at=None,
    )
    await plan(owner_conn, orders, starts_at=NOON, title="draft-secret", published_at=None)
    number = await tell(owner_conn, orders, title="Public")
    await note(owner_conn, number, "internal-secret", **ADA)
    await make.make_transition(
        owner_conn, "down", at=at("11:00"), component_id=orders, reason="reason-secret"
    )
    await owner_conn.execute(
        "UPDATE incidents.incident SET merged_into = %s, postmortem = 'draft-secret' WHERE id = %s",
        (draft, number),
    )
    slug = await slug_of(owner_conn, orders)
    for path in (
        "/",
        f"/incidents/{number}",
        f"/components/{slug}",
        "/history",
        "/history?words=secret",
        "/maintenance",
    ):
        page = await browser.get(path)
        assert page.status == 200, path
        assert [word for word in SECRETS if word in page.text] == [], path
        assert f"/incidents/{draft}" not in page.text, path
    assert (await browser.get(f"/incidents/{draft}")).status == 404
    assert "Nothing was told that fits." in (await browser.get("/history?words=secret")).words


async def test_the_history_is_narrowed_and_searched(owner_conn, browser, orders):
    search = await make.make_component(owner_conn, "Search", region="EU-NL", state="up")
    await tell(owner_conn, orders, title="One", impact=Impact.OUTAGE)
    await tell(owner_conn, search, title="Two", text="a broken *switch*")
    await plan(owner_conn, search, starts_at=NOON, title="Three")

    async def titles(query: str) -> set[str]:
        words = (await browser.get(f"/history{query}")).words
        return {title for title in ("One", "Two", "Three") if title in words}

    assert await titles("") == {"One", "Two", "Three"}
    assert await titles("?region=EU-NL") == {"Two", "Three"}
    assert await titles("?region=EU-NL&impact=maintenance") == {"Three"}
    assert await titles("?impact=outage") == {"One"}
    assert await titles(f"?component={await slug_of(owner_conn, search)}") == {"Two", "Three"}
    assert await titles("?words=SWITCH") == {"Two"}
    for wrong in (
        "?impact=purple",
        "?before=1",
        "?before=999999999999999999-1",
        f"?words={'x' * 201}",
    ):
        assert (await browser.get(f"/history{wrong}")).status == 400, wrong


async def test_the_history_goes_on_where_a_page_ended(owner_conn, browser, orders):
    # Two begin at the same instant on either side of the edge.
    for nth in range(PAGE_ROWS + 5):
        began = at("10:00") - timedelta(hours=nth // 2 * 30)
        number = await tell(owner_conn, orders, title=f"Number-{nth}.", starts_at=began, text="")
        await close_incident(owner_conn, number, **ADA)
    first = await browser.get("/history?region=EU-DE")
    [older] = [a["href"] for _, a in first.tags if a.get("rel") == "next"]
    second = await browser.get(older)
    seen = [
        [nth for nth in range(PAGE_ROWS + 5) if f"Number-{nth}." in page.words]
        for page in (first, second)
    ]
    assert [len(numbers) for numbers in seen] == [PAGE_ROWS, 5]
    assert sorted(seen[0] + seen[1]) == list(range(PAGE_ROWS + 5))
    assert "November 2026" in first.words
    assert not [a for _, a in second.tags if a.get("rel") == "next"]


async def test_a_component_has_a_page_with_its_week_and_its_incidents(owner_conn, browser, orders):
    for clock, state in (("08:00", "up"), ("09:00", "down"), ("09:30", "up")):
        await make.make_transition(owner_conn, state, at=at(clock), component_id=orders)
    await tell(owner_conn, orders)
    page = await browser.get("/components/" + await slug_of(owner_conn, orders))
    assert "Orders" in page.words
    assert "up 3 h 30 min, down 30 min" in page.words
    assert "Down from 21 Nov 2026, 09:00 UTC, for 30 min" in page.words
    assert "Orders are slow" in page.words
    assert 'class="bar-down"' in page.text
    assert (await browser.get("/components/none")).status == 404


async def test_a_retired_component_keeps_its_past(owner_conn, browser):
    old = await make.make_component(owner_conn, "Oldies", state="down", retired_at=NOON)
    page = await browser.get("/components/" + await slug_of(owner_conn, old))
    assert "It is no longer offered" in page.words
    assert "Down" not in page.words


async def test_the_calendar_shows_what_comes_and_the_days_it_takes(owner_conn, browser, orders):
    night = at("22:00", day="2026-12-05")
    number = await plan(owner_conn, orders, starts_at=night, hours=4)
    words = (await browser.get("/maintenance")).words
    assert "5 Dec 2026, 22:00 UTC to 6 Dec 2026, 02:00 UTC" in words
    page = await browser.get("/maintenance?month=2026-12")
    assert "22:00–24:00 New disks" in page.words
    assert "00:00–02:00 New disks" in page.words
    berlin = await browser.get("/maintenance?month=2026-12&tz=Europe/Berlin")
    assert "23:00–24:00 New disks" in berlin.words
    assert "00:00–03:00 New disks" in berlin.words
    await owner_conn.execute(
        "UPDATE incidents.incident SET status = 'cancelled' WHERE id = %s", (number,)
    )
    assert "New disks" not in (await browser.get("/maintenance?month=2026-12")).words


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "1999-12", "2101-01", "x", "9999-99"])
async def test_a_month_that_is_none_is_told(browser, month):
    assert (await browser.get(f"/maintenance?month={month}")).status == 400


@pytest.mark.parametrize("month", ["2000-01", "2100-12"])
async def test_the_calendar_has_ends(browser, month):
    page = await browser.get(f"/maintenance?month={month}")
    assert page.status == 200
    assert len([a for _, a in page.tags if a.get("rel") in ("prev", "next")]) == 1


async def test_the_front_page_needs_three_statements(owner_conn, browser, orders, monkeypatch):
    from vedette.db.queries import Queries

    asked = []
    for name in ("one", "all"):
        inner = getattr(Queries, name)

        def counted(self, conn, query, /, *, inner=inner, **given):
            asked.append(query)
            return inner(self, conn, query, **given)

        monkeypatch.setattr(Queries, name, counted)
    await tell(owner_conn, orders)
    asked.clear()
    await browser.get("/")
    assert asked == ["components", "days", "now"]


async def test_a_component_that_is_not_public_is_named_nowhere(owner_conn, browser, orders):
    hidden = await make.make_component(owner_conn, "Backoffice", state="down")
    await owner_conn.execute(
        """UPDATE fleet.component SET attributes = '{"public": "false"}' WHERE id = %s""", (hidden,)
    )
    inside = await tell(owner_conn, hidden, title="Inside")
    both = await tell(owner_conn, orders, title="Both")
    await owner_conn.execute(
        "INSERT INTO incidents.affected (incident_id, component_id) VALUES (%s, %s)", (both, hidden)
    )
    for path in ("/", "/history", f"/incidents/{both}", "/history?words=Backoffice"):
        page = await browser.get(path)
        assert page.status == 200
        assert "Backoffice in" not in page.words, path
        assert "Inside" not in page.words, path
    for path in (f"/incidents/{inside}", "/components/" + await slug_of(owner_conn, hidden)):
        assert (await browser.get(path)).status == 404
