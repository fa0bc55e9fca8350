"""What an import brings, and what the history of an incident repeats, stays text as well."""

import asyncio
import sqlite3
from pathlib import Path

import httpx
import pytest
from tests.factories import NOON
from tests.rest_world import rest_over
from tests.web.browser import Browser
from tests.web.feeds_world import parsed
from tests.web.hostile_world import ATTACKS, assert_harmless, fill

from vedette.app.front import front
from vedette.app.tree import run
from vedette.incidents.takeover import take_over
from vedette.incidents.takeover_read import read_source

TABLES = """
CREATE TABLE component (id integer, name varchar);
CREATE TABLE component_attribute (id integer, component_id integer, name varchar, value varchar);
CREATE TABLE incident (
    id integer, text varchar, description varchar, start_date timestamp, end_date timestamp, impact varchar,
    type varchar, status varchar, system boolean);
CREATE TABLE incident_component_relation (incident_id integer, component_id integer);
CREATE TABLE incident_status (id integer, incident_id integer, timestamp timestamp, text varchar, status varchar);
INSERT INTO component VALUES (1, :evil);
INSERT INTO component_attribute VALUES
    (1, 1, 'region', :evil), (2, 1, 'category', :evil), (3, 1, 'type', :evil), (4, 1, :evil, :evil);
INSERT INTO incident VALUES
    (1, :evil, :evil, '2026-11-21 09:00:00', NULL, 3, 'incident', :evil, false),
    (2, :evil, :evil, '2026-11-21 14:00:00', '2026-11-21 15:00:00', 0, 'maintenance', 'scheduled', false),
    (3, :evil, :evil, '2026-11-21 09:00:00', NULL, 0, 'info', :evil, false),
    (4, :evil, :evil, '2026-10-20 09:00:00', '2026-10-20 10:00:00', 2, :evil, 'resolved', true),
    (5, :evil, :evil, '2026-10-20 09:00:00', '2026-10-20 10:00:00', :evil, :evil, 'resolved', true);
INSERT INTO incident_component_relation VALUES (1, 1), (2, 1), (3, 1), (4, 1);
INSERT INTO incident_status VALUES
    (1, 1, '2026-11-21 09:30:00', :evil, :evil), (2, 2, '2026-11-21 09:30:00', :evil, 'description'),
    (3, 3, '2026-11-21 09:30:00', :evil, :evil), (4, 4, '2026-10-20 10:00:00', :evil, 'resolved');
"""
PUBLIC = ("/", "/history", "/maintenance", "/availability", "/embed/summary", "/feeds/all.atom", "/v2/rss/")  # fmt: skip
OF_A_COMPONENT = ("/components/{}", "/badges/{}.svg", "/feeds/components/{}.atom")


def hostile_source(folder: Path, attack: str) -> str:
    """Make a Status Dashboard's file with this in every column that holds text; return its DSN."""
    path = folder / "hostile.sqlite"
    with sqlite3.connect(path) as conn:
        for statement in TABLES.split(";\n"):
            conn.execute(statement, {"evil": attack} if ":evil" in statement else {})
    return f"sqlite:///{path}"


@pytest.mark.parametrize("name", ATTACKS)
async def test_every_page_and_feed_of_what_was_imported(owner_conn, browser, tmp_path, name):
    source = read_source(hostile_source(tmp_path, ATTACKS[name]))
    outcome = await take_over(owner_conn, source, by="ada", now=NOON)
    # A name of several lines, or with what nobody sees, is none, and said to be; its incidents are told.
    assert (outcome.components, outcome.incidents) == (0 if name in ("lines", "unseen") else 1, 4)
    slugs = await (await owner_conn.execute("SELECT slug FROM fleet.component")).fetchall()
    components = [path.format(slug) for (slug,) in slugs for path in OF_A_COMPONENT]
    incidents = [f"/incidents/{number}" for number in (1, 2, 3, 4)]
    for path in (*PUBLIC, *components, *incidents):
        page = await browser.get(path)
        assert page.status == 200, path
        if page.headers["content-type"].startswith(("text/html", "image/svg")):
            assert_harmless(page.text)
        else:
            parsed(page)
    await assert_operators_see_text(browser, [f"/desk{path}" for path in incidents])


async def assert_operators_see_text(browser: Browser, paths: list[str]) -> None:
    for path in ("/desk", *paths):
        page = await browser.get(path, authorization="Bearer vdt_admin")
        assert page.status == 200, path
        assert_harmless(page.text)


@pytest.mark.parametrize("output", ["table", "json", "csv"])
async def test_what_an_import_says_in_the_terminal(fresh_database_url, tmp_path, capsys, output):
    source = hostile_source(tmp_path, ATTACKS["lines"])
    told = ["import", "status-dashboard", source, "--database-url", fresh_database_url]
    assert await asyncio.to_thread(run, [*told, "-o", output]) == 0
    said = capsys.readouterr()
    assert "took 4 incidents" in said.err
    assert "incident 5" in said.out
    for control in "\x1b\x0b\x85\u2028\r":
        assert control not in said.out.replace("\r\n", "\n") + said.err
    assert not [line for line in said.out.splitlines() if line.startswith(("X-Evil", "Bcc"))]


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_history_that_programs_read(fresh_app_url, name):
    async with rest_over(fresh_app_url) as rest:
        async with rest.pool.connection() as conn:
            ids = await fill(conn, ATTACKS[name])
        whole = httpx.ASGITransport(front({}, rest.app))
        key = {"authorization": f"Bearer {await rest.token()}"}
        async with httpx.AsyncClient(transport=whole, base_url="http://vedette.test") as http:
            path = f"/api/v1/events/{ids['incident']}/history"
            answer = await http.get(path, headers=key)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not {"\x1b", "\x0b", "\r", "\n"} & set(answer.text)
    newest = answer.json()[0]
    assert newest["by"] == ATTACKS[name]
    assert newest["detail"] == {ATTACKS[name]: ATTACKS[name]}
