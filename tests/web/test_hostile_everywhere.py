"""What an author, a reporter or an import wrote stays text wherever it goes: pages, feeds, calendars, badges, mail."""

import csv
import io
import json
import re
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from tests.web.browser import KEY, authenticate
from tests.web.chromium import chromium, served
from tests.web.feeds_world import parsed
from tests.web.hostile_world import ATTACKS, EVIL, assert_harmless, fill

from vedette.access.model import Actor
from vedette.app.front import front
from vedette.db import testing
from vedette.db.create import OWNER
from vedette.db.pool import connect, open_pool
from vedette.incidents.notices import latest
from vedette.web.feeds.letters import House
from vedette.web.site import site
from vedette.web.theme import FooterLink, Theme

DESK = "Bearer vdt_admin"
PAGES = (
    "/", "/history", "/maintenance", "/availability", "/components/{slug}", "/preferences", "/embed/summary",
    "/incidents/{incident}", "/incidents/{maintenance}", "/incidents/{info}", "/history?words={quoted}",
)  # fmt: skip
FOR_OPERATORS = (
    "/desk", "/desk/open", "/desk/plan", "/desk/templates", "/desk/series", "/desk/incidents/{incident}",
    "/desk/incidents/{maintenance}", "/desk/series/{series}", "/sessions", "/targets", "/agents",
    "/actions", "/actions/{action}", "/agents/{agent}",
)  # fmt: skip
FEEDS = (
    "/rss/?mt={quoted_region}", "/v2/rss/", "/feeds/all.atom", "/feeds/components/{slug}.atom",
)  # fmt: skip
DOCUMENTS = (
    "/feeds/all.json", "/badges/{slug}.json", "/badges/overall.json", "/api/v2/summary.json",
    "/api/v2/components.json", "/api/v2/incidents.json", "/api/v2/scheduled-maintenances.json",
)  # fmt: skip
BADGES = ("/badges/{slug}.svg", "/badges/overall.svg")


@pytest.fixture(params=ATTACKS)
def attack(request):
    return ATTACKS[request.param]


@pytest.fixture
async def evil(owner_conn, browser, attack):
    """A browser, and `evil(path)`: that path with what it names put in."""
    from urllib.parse import quote

    ids = await fill(owner_conn, attack)
    words = {**ids, "quoted": quote(attack[:100], safe=""), "quoted_region": quote(attack[:190], safe="")}  # fmt: skip

    async def get(path, **headers):
        return await browser.get(path.format(**words), **headers)

    return get


async def test_pages(evil):
    for path in PAGES:
        page = await evil(path)
        assert page.status == 200, path
        assert_harmless(page.text)
        assert "script" not in page.headers["content-security-policy"]


async def test_pages_of_operators(evil):
    for path in FOR_OPERATORS:
        page = await evil(path, authorization=DESK)
        assert page.status == 200, path
        assert_harmless(page.text)


async def test_what_cannot_be_seen_is_seen_on_the_pages_of_actions_and_agents(evil, attack):
    for path in ("/actions", "/actions/{action}", "/agents/{agent}"):
        page = await evil(path, authorization=DESK)
        body = page.text.partition("<main")[2].partition("</main>")[0]
        shown = unescape(re.sub(r"<[^>]*>", "", body))
        hidden = {c for c in shown if not c.isprintable()} - {"\n"}
        assert hidden == set(), path
        for character in set(attack):
            if not character.isprintable() and character != "\n":
                assert f"U+{ord(character):04X}" in body, (path, character)


async def test_no_cell_of_exported_answers_is_a_formula(evil):
    page = await evil("/actions/{action}/results.csv", authorization=DESK)
    assert page.status == 200
    for row in csv.reader(io.StringIO(page.text)):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_rss_and_atom(evil):
    known = {
        "rss", "channel", "title", "link", "description", "docs", "generator", "lastBuildDate", "item", "guid", "pubDate",
        "feed", "id", "subtitle", "updated", "author", "name", "entry", "published", "category", "content",
    }  # fmt: skip
    for path in FEEDS:
        page = await evil(path)
        assert page.status == 200, path
        document = parsed(page)
        assert {element.tag.rpartition("}")[2] for element in document.iter()} <= known
        for element in document.iter():
            if element.tag.rpartition("}")[2] in ("description", "content"):
                assert_harmless(element.text or "", svg=False)


async def test_json(evil):
    for path in DOCUMENTS:
        page = await evil(path)
        assert page.status == 200, path
        assert not set("<>&") & set(page.text), path
        document = json.loads(page.text)
        for item in document.get("items", ()) if isinstance(document, dict) else ():
            assert_harmless(item["content_html"], svg=False)


async def test_badges(evil):
    for path in BADGES:
        page = await evil(path)
        assert page.status == 200, path
        tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(page.text).iter()}
        assert tags <= {"svg", "title", "rect", "g", "text", "clipPath", "linearGradient", "stop", "path"}  # fmt: skip
        assert "script-src" not in page.headers["content-security-policy"]


async def test_calendar(evil):
    page = await evil("/maintenance.ics")
    assert page.status == 200
    body = page.text
    assert re.search(r"(?<!\r)\n|\r(?!\n)", body) is None, "a line ends with CRLF, and nowhere else"
    assert all(len(line.encode()) <= 75 for line in body.split("\r\n"))
    lines = body.replace("\r\n ", "").strip().split("\r\n")
    names = [re.split("[:;]", line, maxsplit=1)[0] for line in lines]
    assert names.count("BEGIN") == names.count("END") == 2
    assert not {"X-Evil", "ATTENDEE", "Bcc"} & set(names)
    assert all(re.fullmatch("[A-Z-]+", name) for name in names)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_mail(owner_conn, attack, language):
    await fill(owner_conn, attack)
    house = House(title=attack[:100], url="https://status.example.org", language=language)
    found = await latest(owner_conn, limit=9)
    assert len(found) == 3
    for notice, _ in found:
        message = house.write(notice, "ada@example.org")
        raw = message.as_bytes().decode("ascii")
        head = raw.partition("\r\n\r\n")[0]
        assert re.search(r"(?<!\r)\n|\r(?!\n)", raw) is None
        names = re.findall(r"^([^\s:]+):", head, re.MULTILINE)
        assert set(names) <= {
            "From", "To", "Subject", "Date", "Message-ID", "List-Id", "Auto-Submitted", "Content-Language",
            "MIME-Version", "Content-Type", "In-Reply-To", "References",
        }  # fmt: skip
        assert len(names) == len(set(names))
        html = message.get_body(("html",)).get_content()
        assert_harmless(html, svg=False)
        assert "\x1b" not in message.get_body(("plain",)).get_content()


@pytest.mark.needs("chromium")
@pytest.mark.slow
async def test_nothing_runs_in_a_browser_that_would_run_it(cluster):
    """Scripts are enabled, our policy is in force; mail is looked at without any policy."""
    database = await testing.clone(cluster.admin)
    dsn = cluster.url(database, OWNER)
    try:
        async with await connect(dsn) as conn, conn.transaction():
            evil = "".join(ATTACKS[name] for name in ("tags", "attributes", "markdown"))
            ids = await fill(conn, evil)
            letters = [
                House(title=evil[:100], url="https://x.example").write(notice, "ada@example.org")
                for notice, _ in await latest(conn, limit=9)
            ]
        theme = Theme(title=evil[:100], footer_links=(FooterLink(evil, f"https://x.example/{evil}"),))  # fmt: skip
        pool = await open_pool(dsn)
        try:
            pages = site(pool, authenticate=as_evil, cookie_key=KEY, theme=theme).pages
            async with chromium() as browser, served(front(pages, _elsewhere)) as address:
                await _look(browser, address, ids, letters)
        finally:
            site(pool, authenticate=authenticate, cookie_key=KEY)  # undress
            await pool.close()
    finally:
        await testing.drop(cluster.admin, database)


async def as_evil(secret):
    return Actor(name=EVIL, scopes=frozenset({"admin"})) if secret == "vdt_admin" else None


async def _elsewhere(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _look(browser, address, ids, letters):
    context = await browser.new_context(extra_http_headers={"authorization": DESK})
    page = await context.new_page()
    paths = [*PAGES, *FOR_OPERATORS, *BADGES, "/feeds/all.atom", "/v2/rss/"]
    for path in paths:
        await page.goto(address + path.format(**ids, quoted="x", quoted_region="x"))
        await _assert_quiet(page, path)
    for letter in letters:
        await page.goto("about:blank")
        await page.set_content(letter.get_body(("html",)).get_content())
        await _assert_quiet(page, "mail")
    await context.close()


async def _assert_quiet(page, path):
    assert await page.evaluate("window.pwned === undefined"), path
    injected = "script, img[src=x], [onerror], [onload], [href^='javascript:'], [href^='data:text']"
    assert await page.evaluate("it => document.querySelectorAll(it).length", injected) == 0, path
