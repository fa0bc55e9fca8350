"""The operators' lists: which targets, which agents, a page at a time; and what a target is held to."""

from datetime import timedelta

import pytest
from tests import factories as make
from tests.factories import NOON
from tests.web import crowd, world
from tests.web.browser import KEY, Browser, authenticate

from vedette.app.catalogue import CATALOGUE
from vedette.web.site import site

READER = "Bearer vdt_reader"


def links(page) -> list[str]:
    return [str(a.get("href")) for tag, a in page.tags if tag == "a"]


def rows(page) -> int:
    return sum(tag == "tr" for tag, _ in page.tags) - 1


@pytest.fixture
async def fleet(owner_conn):
    await crowd.fill_targets(owner_conn, now=NOON, targets=240)
    await crowd.fill_agents(owner_conn, now=NOON)


@pytest.fixture
def statements(owner_conn):
    sent: list[str] = []

    class Counting(owner_conn.cursor_factory):
        async def execute(self, query, *args, **kwargs):
            sent.append(str(query))
            return await super().execute(query, *args, **kwargs)

    owner_conn.cursor_factory = Counting
    return sent


async def test_a_long_list_comes_in_pages_that_hold_each_target_once(fleet, browser):
    seen: list[str] = []
    path = "/targets"
    for size in (100, 100, 40):
        page = await browser.get(path, authorization=READER)
        assert rows(page) == size
        seen += [link for link in links(page) if link.startswith("/targets/")]
        [*_, later] = [link for link in links(page) if link == "/targets" or "page=" in link]
        path = f"/targets{later.removeprefix('/targets')}"
    assert len(set(seen)) == len(seen) == 240
    assert "201 to 240 of 240" in page.words


async def test_a_page_behind_the_end_is_the_last_one(fleet, browser):
    page = await browser.get("/targets?page=9999", authorization=READER)
    assert "201 to 240 of 240" in page.words


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=down", 3),
        ("cluster=billing", 48),
        ("connector=tcp", 34),
        ("words=REFUSED", 3),
        ("words=tcp-003", 1),
        ("state=down&cluster=billing&connector=postgres&words=refused", 2),
        ("state=down&cluster=shop-eu", 0),
        ("cluster=none", 0),
        ("words=%25", 0),
        ("words=_", 3),
    ],
)
async def test_the_list_is_narrowed_by_its_address(fleet, browser, query, found):
    page = await browser.get(f"/targets?{query}", authorization=READER)
    assert page.status == 200
    assert max(rows(page), 0) == found
    assert ("No target fits." in page.words) is (found == 0)


async def test_states_are_counted_among_what_was_asked_for_and_keep_it(fleet, browser):
    page = await browser.get("/targets?state=down&cluster=billing&words=-", authorization=READER)
    assert "All 48 Down 3" in page.words
    assert "?state=down&cluster=billing&words=-" in links(page)
    assert "?cluster=billing&words=-" in links(page)


async def test_the_way_to_the_next_page_keeps_what_was_asked_for(fleet, browser):
    page = await browser.get("/targets?state=up", authorization=READER)
    assert "?state=up&page=2" in links(page)


@pytest.mark.parametrize(
    "query",
    [
        "state=purple", "state=%3Cb%3E", "page=0", "page=-1", "page=x", "page=²", "page=1e9",
        "page=" + "9" * 5_000, "words=" + "a" * 201, "cluster=" + "a" * 201,
    ],
)  # fmt: skip
async def test_what_can_never_be_answered_is_refused(fleet, browser, query):
    refused = await browser.get(f"/targets?{query}", authorization=READER)
    assert refused.status == 400
    assert "<b>" not in refused.text


@pytest.mark.parametrize("name", ["words", "cluster", "connector"])
async def test_what_was_asked_for_is_only_text(fleet, browser, name):
    page = await browser.get(f"/targets?{name}=%22%3E%3Cb%3E';--%5C%FF", authorization=READER)
    assert page.status == 200
    assert "<b>" not in page.text
    assert rows(page) <= 0


async def test_the_lists_take_two_or_three_statements_each(fleet, browser, statements):
    for path, number in (("/targets?state=up&page=2", 2), ("/agents", 3)):
        statements.clear()
        assert (await browser.get(path, authorization=READER)).status == 200
        assert len(statements) == number


async def test_agents_that_are_missed_stand_first(fleet, browser):
    words = (await browser.get("/agents", authorization=READER)).words
    assert "2 offline 2 online 1 revoked" in words
    order = [
        "edge-berlin-2 no heartbeat since",
        "new-host it has never",
        "edge-berlin-1",
        "old-host",
    ]
    places = [words.index(said) for said in order]
    assert places == sorted(places)


async def test_an_agent_says_how_far_it_is_behind_and_who_else_came_with_its_key(fleet, browser):
    words = (await browser.get("/agents", authorization=READER)).words
    for said in (
        "12 480 reports, 743.4 KiB",
        "124 reports dropped",
        "its clock is 0:00:07 behind ours",
        "was refused: copy-of-zurich at 192.0.2.7, 3 attempts, last 11:51 UTC.",
        "11:59 UTC 11 s ago",
    ):
        assert said in words, said


async def test_many_agents_come_in_pages(owner_conn, browser):
    for nth in range(101):
        await make.make_agent(owner_conn, f"agent-{nth:03}")
    page = await browser.get("/agents", authorization=READER)
    assert (rows(page), "?page=2" in links(page)) == (100, True)
    last = await browser.get("/agents?page=2", authorization=READER)
    assert (rows(last), "agent-100" in last.words) == (1, True)
    assert (await browser.get("/agents?page=0", authorization=READER)).status == 400


async def test_what_an_agent_says_of_itself_is_only_text(owner_conn, browser):
    agent_id = await make.make_agent(owner_conn, "<b>agent", hostname="<i>host")
    await make.make_duplicate(owner_conn, agent_id, last_seen_at=NOON, hostname="<u>copy")
    text = (await browser.get("/agents", authorization=READER)).text
    assert not any(tag in text for tag in ("<b>", "<i>", "<u>"))


async def test_the_agents_are_for_operators_and_signing_in_leads_back(browser):
    sent = await browser.get("/agents?page=1")
    assert sent.headers["location"] == "/login?next=%2Fagents%3Fpage%3D1"
    form = await browser.get(sent.headers["location"])
    assert any(a.get("value") == "/agents?page=1" for tag, a in form.tags if tag == "input")
    assert (await browser.get("/agents", authorization="Bearer vdt_records")).status == 403


@pytest.fixture
def well_equipped(lender, clock) -> Browser:
    """A browser on a server that has our connectors installed."""
    pages = site(
        lender, authenticate=authenticate, cookie_key=KEY, catalogue=CATALOGUE, clock=clock
    )
    return Browser(pages.pages)


async def hold(conn, target_id, thresholds) -> None:
    await conn.execute(
        "UPDATE fleet.target SET thresholds = %s WHERE id = %s",
        (make.Jsonb(thresholds), target_id),
    )


async def test_a_target_shows_its_thresholds_what_they_say_now_and_who_said_them(
    owner_conn, well_equipped
):
    target_id = await world.fill_target(owner_conn, now=NOON)
    await hold(
        owner_conn,
        target_id,
        {"connections": {"enter": 10, "leave": 5}, "replay_lag_s": 60, "connections_ratio": "off"},
    )
    words = (await well_equipped.get("/targets/orders-db", authorization=READER)).words
    for said in (
        "degraded. Measurement Trouble Now Said by",
        "above 10, until below 5 ",
        ", past it this target",
        "above 60 s ",
        "replica eu-",
        "the pack of postgres",
    ):
        assert said in words, said
    assert "connections ratio" not in words


async def test_without_the_connector_only_what_the_target_says_is_known(owner_conn, well_equipped):
    target_id = await make.make_target(owner_conn, "ours", connector="made-at-home")
    await hold(owner_conn, target_id, {"queue": {"enter": 5, "leave": 9, "when": "below"}})
    words = (await well_equipped.get("/targets/ours", authorization=READER)).words
    assert "queue below 5, until above 9 not measured this target" in words
    assert "What it can be asked" not in words


@pytest.mark.parametrize("said", [{"queue": "many"}, {"queue": {"enter": []}}, {"queue": [1]}])
async def test_a_threshold_nobody_understands_breaks_no_page(owner_conn, well_equipped, said):
    target_id = await make.make_target(owner_conn, "ours")
    await hold(owner_conn, target_id, said)
    page = await well_equipped.get("/targets/ours", authorization=READER)
    assert page.status == 200
    assert "Thresholds" not in page.words


async def test_a_target_says_what_it_can_be_asked(owner_conn, well_equipped):
    await make.make_target(owner_conn, "orders-db", state="up", since=NOON - timedelta(hours=1))
    words = (await well_equipped.get("/targets/orders-db", authorization=READER)).words
    assert "vedette ask orders-db locks" in words
    assert "Takes the scope ask:content." in words
