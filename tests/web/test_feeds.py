"""RSS, Atom and JSON Feed: what readers of them are told, and what they can never be made to run."""

import json
import re
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import at, make_component
from tests.web.feeds_world import ATOM, BY, EVIL, parsed, plan, private, tell

from vedette.incidents.close import close_incident
from vedette.incidents.model import Impact, Status
from vedette.incidents.update import note, update_incident
from vedette.web.feeds.reads import within
from vedette.web.feeds.texts import FORBIDDEN, fit, line_of

FEEDS = ("/feeds/all", "/feeds/regions/eu-de", "/feeds/components/orders-eu-de")


def items(page) -> list:
    return parsed(page).findall("channel/item")


async def test_the_feed_of_a_component_answers_as_its_readers_know_it(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders")
    search = await make_component(owner_conn, "Search")
    number = await tell(owner_conn, orders, text="We look at the disks.")
    await tell(owner_conn, search, title="Search is away", impact=Impact.MAJOR)
    page = await browser.get("/rss/?mt=EU-DE&srv=Orders")
    assert (page.status, page.headers["content-type"]) == (
        200,
        "application/rss+xml; charset=utf-8",
    )
    channel = parsed(page).find("channel")
    here = "http://status.test/rss/?mt=EU-DE&srv=Orders"
    assert channel.findtext("title") == "Orders (EU-DE) - Incidents | Status Dashboard"
    assert channel.findtext("description") == "EU-DE - Incidents"
    assert channel.findtext("link") == here
    assert channel.find(f"{ATOM}link").attrib == {
        "href": here,
        "rel": "self",
        "type": "application/rss+xml",
    }
    [item] = channel.findall("item")
    assert item.findtext("title") == "Orders are slow"
    assert item.findtext("link") == f"http://status.test/incidents/{number}"
    assert item.find("guid").get("isPermaLink") == "false"
    assert item.findtext("description") == (
        "<small>2026-11-21 12:00 UTC </small><br><strong>analyzing - </strong>We look at the disks."
        "<br><br><br>Incident impact: minor<br>Incident has started on: 2026-11-21 10:00 UTC<br><br>"
        "We apologize for the inconvenience and will share an update once we have more information."
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            "",
            "Status Dashboard RSS feed\nPlease read the documentation to\nmake the correct request",
        ),
        ("?srv=Orders", "Status Dashboard RSS feed\nPlease read the documentation to\nmake"),
        ("?mt=Region12", "Region12 is not a supported region"),
        ("?mt=", " is not a supported region"),
        ("?mt=EU-DE&srv=Component11", "Component: Component11 is not found"),
        ("?mt=EU-DE&srv=<script>", "Component: <script> is not found"),
    ],
)
async def test_a_feed_of_nothing_says_what_was_wrong(owner_conn, browser, asked, told):
    await make_component(owner_conn, "Orders")
    await make_component(owner_conn, "Nowhere", region=None)
    page = await browser.get(f"/rss/{asked}")
    assert page.status == 404
    assert page.headers["content-type"].startswith("text/plain")
    assert page.text.startswith(told)


async def test_the_feed_without_its_slash_is_found(browser):
    page = await browser.get("/rss?mt=EU-DE&srv=A%20B")
    assert (page.status, page.headers["location"]) == (308, "/rss/?mt=EU-DE&srv=A%20B")


async def test_the_successors_feed_is_of_everything_or_of_a_region(owner_conn, browser):
    await tell(owner_conn, await make_component(owner_conn, "Orders"))
    await tell(owner_conn, await make_component(owner_conn, "VPN", region="EU-NL"), title="VPN")
    assert len(items(await browser.get("/v2/rss/"))) == 2
    assert [item.findtext("title") for item in items(await browser.get("/v2/rss/?mt=EU-NL"))] == [
        "VPN"
    ]
    assert (await browser.get("/v2/rss/?srv=VPN")).status == 404


async def test_ten_items_the_newest_first(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders")
    for hour in range(11):
        await tell(
            owner_conn, orders, title=f"Number {hour}", starts_at=at(f"0{hour // 10}:{hour:02}")
        )
    titles = [item.findtext("title") for item in items(await browser.get("/rss/?mt=EU-DE"))]
    assert titles == [f"Number {hour}" for hour in range(10, 0, -1)]


async def test_an_update_is_shown_by_readers_of_every_kind(owner_conn, browser, clock):
    number = await tell(owner_conn, await make_component(owner_conn, "Orders"))

    async def seen() -> tuple:
        [item] = items(await browser.get("/rss/?mt=EU-DE"))
        entry = parsed(await browser.get("/feeds/all.atom")).find(f"{ATOM}entry")
        post = json.loads((await browser.get("/feeds/all.json")).text)["items"][0]
        return (
            item.findtext("guid"),
            parsedate_to_datetime(item.findtext("pubDate")),
            entry.findtext(f"{ATOM}updated"),
            post["date_modified"],
        ), (entry.findtext(f"{ATOM}id"), post["id"])

    before, was = await seen()
    later = at("12:30")
    await update_incident(
        owner_conn, number, by="person:ada", now=later, status=Status.FIXING, text="A disk."
    )
    after, same = await seen()
    assert after[1:] == (later, "2026-11-21T12:30:00Z", "2026-11-21T12:30:00Z")
    assert all(new != old for new, old in zip(after, before, strict=True))
    assert same == was


async def test_the_end_is_told_with_its_zone(owner_conn, browser):
    number = await tell(owner_conn, await make_component(owner_conn, "Orders"))
    await close_incident(owner_conn, number, **BY, at=at("11:30"))
    [item] = items(await browser.get("/rss/?mt=EU-DE"))
    assert "Incident end date: 2026-11-21 11:30 UTC<br>" in item.findtext("description")


async def test_a_planned_maintenance_is_told_when_it_was_announced(owner_conn, browser):
    await plan(owner_conn, await make_component(owner_conn, "Orders"))
    entry = parsed(await browser.get("/feeds/all.atom")).find(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}published") == "2026-11-21T10:05:00Z"
    assert "Planned end: 2026-11-21 16:00 UTC" in entry.findtext(f"{ATOM}content")


@pytest.mark.parametrize("path", FEEDS)
async def test_every_atom_feed_has_what_the_format_demands(owner_conn, browser, path):
    number = await tell(owner_conn, await make_component(owner_conn, "Orders"))
    page = await browser.get(f"{path}.atom")
    assert page.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = parsed(page)
    assert feed.tag == f"{ATOM}feed"
    assert feed.findtext(f"{ATOM}id") == f"http://status.test{path}.atom"
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links == {"self": f"http://status.test{path}.atom", "alternate": "http://status.test/"}
    [entry] = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == f"http://status.test/incidents/{number}"
    for holder in (feed, entry):
        assert holder.findtext(f"{ATOM}title")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", holder.findtext(f"{ATOM}updated"))
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert entry.find(f"{ATOM}content").get("type") == "html"
    assert [c.get("term") for c in entry.findall(f"{ATOM}category")][-1] == "Orders in EU-DE"


@pytest.mark.parametrize("path", FEEDS)
async def test_every_json_feed_has_what_the_format_demands(owner_conn, browser, path):
    await tell(owner_conn, await make_component(owner_conn, "Orders"))
    page = await browser.get(f"{path}.json")
    feed = json.loads(page.text)
    assert page.headers["content-type"] == "application/feed+json; charset=utf-8"
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == f"http://status.test{path}.json"
    [post] = feed["items"]
    assert isinstance(post["id"], str)
    assert "We look." in post["content_html"]


async def test_a_feed_of_a_region_or_component_holds_only_theirs(owner_conn, browser):
    await tell(owner_conn, await make_component(owner_conn, "Orders"))
    await tell(
        owner_conn, await make_component(owner_conn, "VPN", region="EU-NL"), title="VPN is away"
    )
    for path in FEEDS[1:]:
        feed = json.loads((await browser.get(f"{path}.json")).text)
        assert [post["title"] for post in feed["items"]] == ["Orders are slow"]
    for missing in ("/feeds/regions/nowhere.atom", "/feeds/components/nothing.json"):
        assert (await browser.get(missing)).status == 404


async def test_nothing_told_is_a_feed_without_entries(owner_conn, browser):
    await make_component(owner_conn, "Orders")
    assert items(await browser.get("/rss/?mt=EU-DE")) == []
    assert parsed(await browser.get("/feeds/all.atom")).findall(f"{ATOM}entry") == []
    assert json.loads((await browser.get("/feeds/all.json")).text)["items"] == []


async def test_what_an_author_writes_is_never_run(owner_conn, browser):
    orders = await make_component(owner_conn, EVIL[:60], region="<b>EU")
    await tell(owner_conn, orders, title=EVIL, text=EVIL, description=EVIL)
    for path in ("/v2/rss/", "/feeds/all.atom", "/feeds/all.json"):
        page = await browser.get(path)
        assert page.status == 200
        assert "<script" not in page.text, path
        if path.endswith("json"):
            drawn = json.loads(page.text)["items"][0]["content_html"]
        else:
            texts = [element.text or "" for element in parsed(page).iter()]
            drawn = next(text for text in texts if "alert(1)" in text and "<strong>" in text)
        # What a reader draws as HTML holds words of the author, and none of his tags.
        assert "<script" not in drawn
        assert "<img" not in drawn
        assert "&lt;script&gt;alert(1)" in drawn


async def test_internal_notes_and_drafts_are_not_told(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders")
    number = await tell(owner_conn, orders)
    await note(owner_conn, number, "hush", **BY)
    await tell(owner_conn, orders, title="A draft", published_at=None)
    for path in ("/v2/rss/", "/feeds/all.atom", "/feeds/all.json"):
        text = (await browser.get(path)).text
        assert "hush" not in text
        assert "A draft" not in text


async def test_a_private_component_is_not_named_where_others_are(owner_conn, browser):
    orders = await make_component(owner_conn, "Orders")
    hidden = await make_component(owner_conn, "Ledger", region="HQ")
    await private(owner_conn, hidden)
    await tell(owner_conn, orders, hidden)
    await tell(owner_conn, hidden, title="Secret trouble")
    for path in ("/v2/rss/", "/feeds/all.atom", "/feeds/all.json"):
        text = (await browser.get(path)).text
        assert "Orders" in text
        assert "Ledger" not in text
        assert "Secret" not in text
    for path in ("/rss/?mt=HQ", "/feeds/regions/hq.atom", "/feeds/components/ledger-hq.atom"):
        assert (await browser.get(path)).status == 404


async def test_a_feed_is_not_sent_again_while_it_is_the_same(owner_conn, browser):
    await tell(owner_conn, await make_component(owner_conn, "Orders"))
    page = await browser.get("/feeds/all.atom")
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["last-modified"] == "Sat, 21 Nov 2026 12:00:00 GMT"
    etag, since = page.headers["etag"], page.headers["last-modified"]
    assert (await browser.get("/feeds/all.atom", if_none_match=etag)).status == 304
    assert (await browser.get("/feeds/all.atom", if_modified_since=since)).status == 304
    # The tag knows better than the date.
    old = await browser.get("/feeds/all.atom", if_modified_since=since, if_none_match='"old"')
    assert old.status == 200
    assert (await browser.get("/feeds/all.atom", accept_encoding="gzip")).headers[
        "content-encoding"
    ]


async def test_what_others_may_show_they_may_fetch(owner_conn, browser):
    await make_component(owner_conn, "Orders")
    for path in ("/feeds/all.json", "/badges/overall.svg", "/api/v2/status.json"):
        headers = (await browser.get(path)).headers
        assert headers["access-control-allow-origin"] == "*"
        assert headers["cross-origin-resource-policy"] == "cross-origin"


async def test_a_host_that_is_none_makes_no_address(owner_conn, browser):
    await make_component(owner_conn, "Orders")
    feed = json.loads((await browser.get("/feeds/all.json", host='evil"><script>')).text)
    assert feed["home_page_url"] in ("http://status.test/", "http://localhost/")


def test_a_feed_holds_as_many_events_as_fit_and_one_at_least():
    class Long:
        length = 300

    assert len(within([Long()] * 5, 700)) == 2
    assert len(within([Long()] * 5, 100)) == 1
    assert within([], 100) == []


@given(st.text())
def test_what_xml_cannot_hold_is_replaced_and_nothing_else(text):
    assert not FORBIDDEN.search(fit(text))
    assert len(fit(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("plain", "plain"),
        ("*soft*", "<em>soft</em>"),
        ("one\n\ntwo", "<p>one</p>\n<p>two</p>"),
        ("- a", "<ul>\n<li>a</li>\n</ul>"),
        ("", ""),
    ],
)
def test_one_paragraph_goes_on_in_its_line(text, drawn):
    assert line_of(text) == drawn
