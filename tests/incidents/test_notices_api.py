"""Operators read what people are told by mail; nobody else does."""

import email
from email.policy import default

import pytest
from tests.factories import at
from tests.incidents.test_notices_sent import HOUSE, mail, tell
from tests.rest_world import rest_over

from vedette.incidents.close import close_incident
from vedette.incidents.notices import Letters

WRITE = ("incidents:write",)


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url, letters=Letters(HOUSE.write)) as rest:
        async with rest.pool.connection() as conn:
            await mail(1).run_once(conn, now=at("11:00"))
            number = await tell(conn, title="Töricht langsam")
            await close_incident(conn, number, by="person:ada", now=at("12:30"))
        yield rest


async def test_notices_are_listed_page_by_page_and_shown_as_they_go_out(rest):
    first = await rest.get("/api/v1/notices?limit=1", scopes=WRITE)
    (over,) = first.json()
    assert (over["change"], over["waiting"]) == ("close", 1)
    assert over["subject"] == "[Shop status] Resolved: Töricht langsam"
    following = first.links["next"]["url"]
    second = await rest.get(following, scopes=WRITE)
    (opened,) = second.json()
    assert opened["subject"] == "[Shop status] Major incident: Töricht langsam"
    assert "next" not in second.links
    shown = (await rest.get(f"/api/v1/notices/{opened['id']}", scopes=WRITE)).json()
    assert "We look." in shown["text"]
    assert shown["html"].startswith("<!doctype html>")
    message = email.message_from_string(shown["mail"], policy=default)
    assert message["Subject"] == shown["subject"]
    html = message.get_body(("html",)).get_content()
    assert html.replace("\r\n", "\n") == shown["html"].replace("\r\n", "\n")


async def test_recipients_say_how_it_goes(rest):
    (ada,) = (await rest.get("/api/v1/notices/recipients", scopes=WRITE)).json()
    assert (ada["address"], ada["waiting"], ada["sent"]) == ("ada@example.org", 2, 0)


@pytest.mark.parametrize("path", ["", "/1", "/recipients"])
async def test_they_are_for_operators(rest, path):
    assert (await rest.get(f"/api/v1/notices{path}", scopes=("read",))).status_code == 403
    assert (await rest.http.get(f"/api/v1/notices{path}")).status_code == 401


@pytest.mark.parametrize("path", ["/4711", "/0", "/99999999999999999999", "/-1", "?cursor=x", "?cursor=WzFd", "?limit=0"])  # fmt: skip
async def test_what_there_is_not_is_told(rest, path):
    answer = await rest.get(f"/api/v1/notices{path}", scopes=WRITE)
    assert answer.status_code in (400, 404)
