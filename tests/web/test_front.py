"""The status page: what a visitor reads."""

import re

import pytest
from psycopg.types.json import Jsonb
from tests import factories as make
from tests.factories import NOON, at
from tests.web import world


async def headline(browser) -> str:
    page = await browser.get("/")
    assert page.status == 200
    return page.text.partition("<title>")[2].partition(" · ")[0]


async def test_an_empty_house_says_how_to_add_a_service(browser):
    words = (await browser.get("/")).words
    assert "Nothing is declared yet" in words
    assert "vedette up -c vedette.yaml" in words


async def test_all_is_well(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="up")
    await make.make_component(owner_conn, "Search", state="up")
    assert await headline(browser) == "Everything is up"


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["down", "up"], "Orders in EU-DE is down"),
        (["down", "degraded"], "Orders in EU-DE is down"),
        (["degraded", "down"], "Search in EU-DE is down"),
        (["down", "down"], "Orders in EU-DE and Search in EU-DE are down"),
        (["degraded", "unknown"], "Orders in EU-DE is degraded"),
        (["initialising", "up"], "Orders in EU-DE is starting"),
        (["draining", "up"], "Orders in EU-DE is draining"),
        (["unknown", "up"], "We cannot see Orders in EU-DE"),
        (["unknown", "unknown"], "We cannot see anything right now"),
    ],
)
async def test_the_headline_names_the_gravest_trouble(owner_conn, browser, states, said):
    for service, state in zip(("Orders", "Search"), states, strict=True):
        await make.make_component(owner_conn, service, state=state)
    assert await headline(browser) == said


async def test_three_of_a_kind_are_counted(owner_conn, browser):
    for service in ("Orders", "Search", "Payments"):
        await make.make_component(owner_conn, service, state="down")
    assert await headline(browser) == "3 components are down"


async def test_our_blindness_is_grey_and_says_whose_fault_it_is(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="unknown")
    page = await browser.get("/")
    assert "it says nothing about the services themselves" in page.words
    assert 'class="verdict tone-unknown"' in page.text
    assert "tone-down" not in page.text.partition("</section>")[0].partition("<main")[2]


async def test_a_component_says_its_state_in_words_and_since_when(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="down", since=at("11:48"))
    page = await browser.get("/")
    assert "Orders in EU-DE is down" in page.words
    assert "Since 11:48 UTC, for 12 min." in page.words
    assert '<time datetime="2026-11-21T11:48:00Z">11:48 UTC</time>' in page.text


async def test_a_component_nobody_looked_at_is_unknown(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="up")
    await make.make_component(owner_conn, "Search")
    words = (await browser.get("/")).words
    assert "We cannot see Search in EU-DE" in words
    assert "Unknown not watched yet" in words


async def test_components_stand_by_region_and_category(owner_conn, browser):
    await make.make_component(owner_conn, "VPN", region="EU-NL", category="Network", state="up")
    await make.make_component(owner_conn, "Orders", region="EU-DE", category="Shop", state="up")
    await make.make_component(owner_conn, "Search", region=None, category=None, state="up")
    words = (await browser.get("/")).words
    found = [words.rindex(word) for word in ("EU-DE", "Shop", "Orders", "EU-NL", "Network", "VPN")]
    assert found == sorted(found)
    assert words.rindex("Elsewhere") < words.rindex("Search")


async def test_two_types_of_one_service_are_told_apart(owner_conn, browser):
    await make.make_component(owner_conn, "Redis", type="single", state="down")
    await make.make_component(owner_conn, "Redis", type="cluster", state="up")
    assert await headline(browser) == "Redis (single) in EU-DE is down"


async def test_a_retired_component_is_not_shown(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="up")
    await make.make_component(owner_conn, "Oldies", state="down", retired_at=NOON)
    assert "Oldies" not in (await browser.get("/")).words


async def test_no_internals_reach_the_public(owner_conn, browser):
    component_id = await make.make_component(
        owner_conn, "Orders", state="down", reason="orders-db on 10.1.2.3 refused the password"
    )
    target_id = await make.make_target(
        owner_conn,
        "orders-db",
        component_id=component_id,
        cluster="shop-eu",
        state="down",
        reason="10.1.2.3:5432 refused",
        settings={"host": "10.1.2.3"},
    )
    agent_id = await make.make_agent(owner_conn, "edge-7", hostname="rack-9")
    await make.make_observation(owner_conn, target_id, agent_id, message="secret", state="down")
    text = (await browser.get("/")).text
    for internal in ("orders-db", "10.1.2.3", "refused", "edge-7", "rack-9", "secret", "shop-eu"):
        assert internal not in text


async def test_yesterday_comes_from_the_closed_days_and_today_from_the_turns(owner_conn, browser):
    component_id = await make.make_component(owner_conn, "Orders", state="up", since=at("10:01"))
    await make.make_transition(
        owner_conn, "up", at=at("00:00", day="2026-11-01"), component_id=component_id
    )
    await make.make_day(owner_conn, component_id, "2026-11-20", down=3_600)
    await world.turn(owner_conn, component_id, "down", at=at("10:00"))
    await world.turn(owner_conn, component_id, "up", was="down", at=at("10:01"))
    words = (await browser.get("/")).words
    assert "21 Nov: down 1 min" in words
    assert "20 Nov: down 1 h" in words
    assert "2 days with trouble" in words


async def test_days_the_night_loop_has_not_closed_are_worked_out(owner_conn, browser):
    component_id = await make.make_component(owner_conn, "Orders")
    await make.make_day(owner_conn, component_id, "2026-11-17")
    for was, state, day in (
        (None, "up", "2026-11-01"),
        ("up", "down", "2026-11-18"),
        ("down", "up", "2026-11-20"),
    ):
        await make.make_transition(
            owner_conn, state, was=was, at=at("06:00", day=day), component_id=component_id
        )
    words = (await browser.get("/")).words
    assert "20 Nov: down 6 h" in words
    assert "19 Nov: down 1 day" in words
    assert "18 Nov: down 18 h" in words
    assert "17 Nov" not in words


async def test_a_restart_of_ours_leaves_no_mark(owner_conn, browser):
    component_id = await make.make_component(owner_conn, "Orders", state="up")
    await make.make_day(owner_conn, component_id, "2026-11-19", unknown=59)
    await make.make_day(owner_conn, component_id, "2026-11-20", unknown=60)
    words = (await browser.get("/")).words
    assert "19 Nov" not in words
    assert "20 Nov: unknown 1 min" in words


async def test_the_page_says_when_our_own_watch_has_stalled(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="up")
    await owner_conn.execute(
        "INSERT INTO health.deadman (ran_at, up_since) VALUES (%s, %s)", (at("11:40"), at("09:00"))
    )
    words = (await browser.get("/")).words
    assert "Our own watch has not made its round since 11:40 UTC (20 min ago)" in words


async def test_the_page_says_how_fresh_the_last_report_is(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="up")
    assert "No report has come yet." in (await browser.get("/")).words
    target_id = await make.make_target(owner_conn)
    agent_id = await make.make_agent(owner_conn)
    await make.make_observation(owner_conn, target_id, agent_id, seen_at=at("11:59:50"))
    assert "The last report came at 11:59 UTC, 10 s before" in (await browser.get("/")).words


async def test_a_screen_on_a_wall_may_ask_to_be_refreshed(browser):
    assert (await browser.get("/?refresh=60")).headers["refresh"] == "60"
    for nonsense in ("0", "9", "99999", "-60", "sixty", "60;url=//evil.test", "%C2%B2"):
        assert "refresh" not in (await browser.get(f"/?refresh={nonsense}")).headers


async def test_the_page_takes_three_statements(owner_conn, browser):
    await world.fill_page(owner_conn, now=NOON, components=10, days=20)
    sent: list[str] = []
    execute = owner_conn.cursor_factory.execute

    class Counting(owner_conn.cursor_factory):
        async def execute(self, query, *args, **kwargs):
            sent.append(str(query))
            return await execute(self, query, *args, **kwargs)

    owner_conn.cursor_factory = Counting
    assert (await browser.get("/")).status == 200
    assert len(sent) == 3


async def test_a_category_stands_once_whoever_named_it(owner_conn, browser):
    for service, of_service, own in (
        ("Backups", "Storage", {}),
        ("Disks", "Storage", {}),
        ("Cache", None, {"category": "Database"}),
        ("Objects", None, {"category": "Storage"}),
        ("Others", None, {}),
    ):
        component = await make.make_component(owner_conn, service, category=of_service)
        await owner_conn.execute(
            "UPDATE fleet.component SET attributes = attributes || %s WHERE id = %s",
            (Jsonb(own), component),
        )
    page = await browser.get("/")
    assert re.findall("<h3>(.*?)</h3>", page.text) == ["Database", "Storage", "Others"]
