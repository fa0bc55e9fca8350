"""Readers of other zones and languages: what they choose, what their browsers say, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests import factories as make
from tests.factories import at

from vedette.web.languages import accepted, languages
from vedette.web.reader import path_back
from vedette.web.zones import zone_names


async def test_times_are_in_utc_unless_the_reader_says_otherwise(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="down", since=at("11:48"))
    assert "Since 11:48 UTC, for 12 min." in (await browser.get("/")).words
    berlin = await browser.get("/?tz=Europe/Berlin")
    assert "Since 12:48 CET, for 12 min." in berlin.words
    assert '<time datetime="2026-11-21T11:48:00Z">12:48 CET</time>' in berlin.text
    assert "All times are Europe/Berlin." in berlin.words
    assert "Since 08:48 UTC-03, for 12 min." in (await browser.get("/?tz=America/Sao_Paulo")).words


async def test_a_kept_page_is_kept_for_each_reader(owner_conn, browser):
    await make.make_component(owner_conn, "Orders", state="down", since=at("11:48"))
    pages = [(await browser.get(path)).text for path in ("/", "/?lang=de", "/?tz=Asia/Tokyo", "/")]
    assert pages[0] == pages[3]
    assert len(set(pages)) == 3


@pytest.mark.parametrize("query", ["tz=Mars/Olympus", "tz=../../etc/passwd", "lang=tlh", "tz=utc"])
async def test_a_zone_or_language_that_is_none_is_told(browser, query):
    assert (await browser.get(f"/?{query}")).status == 400


async def test_what_is_chosen_in_the_form_is_kept(browser):
    page = await browser.get("/preferences", referer="http://status.test/history?impact=outage")
    [back] = [a["value"] for tag, a in page.tags if a.get("name") == "back"]
    assert back == "/history?impact=outage"
    sent = await browser.post("/preferences", "tz=Asia/Tokyo&lang=de&back=/history%3Fimpact=outage")
    assert (sent.status, sent.headers["location"]) == (303, "/history?impact=outage")
    assert all("HttpOnly; SameSite=Lax" in cookie for cookie in sent.cookies)
    after = await browser.get("/history")
    assert 'lang="de"' in after.text
    assert "Asia/Tokyo" in after.words


async def test_another_site_cannot_choose_for_the_reader(browser):
    sent = await browser.post("/preferences", "tz=Asia/Tokyo", sec_fetch_site="cross-site")
    assert (sent.status, sent.cookies) == (400, [])


async def test_a_cookie_of_nonsense_is_no_choice(browser):
    browser.cookies = {"vedette_tz": "Mars/Olympus", "vedette_lang": "tlh"}
    page = await browser.get("/history")
    assert 'lang="en"' in page.text
    assert "All times are UTC." in page.words


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH,de;q=0.9", "de"),
        ("fr,de;q=0.3,en;q=0.2", "de"),
        ("en,de;q=0.9", "en"),
        ("de;q=0", "en"),
        ("de;q=x", "en"),
        ("*", "en"),
    ],
)
async def test_the_browser_says_which_language_is_liked(browser, header, code):
    page = await browser.get("/history", accept_language=header)
    assert f'<html lang="{code}">' in page.text
    assert "accept-language" in page.headers["vary"] or "vary" in page.headers


@given(some.text())
def test_no_header_breaks_the_choice_of_a_language(header):
    assert accepted(header) in languages()


@given(some.text())
def test_one_is_sent_back_to_a_page_of_ours_alone(asked):
    where = path_back(asked)
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))
    where.encode("ascii")
    assert "\n" not in where


@pytest.mark.parametrize(
    "asked", ["//evil.test", "https://evil.test", "/\\evil.test", "/a\r\nx: y"]
)
def test_a_redirect_leads_to_no_other_house(asked):
    assert path_back(asked) == "/"


def test_the_zones_are_places_and_utc():
    names = zone_names()
    assert names[0] == "UTC"
    assert "Europe/Berlin" in names
    assert not [name for name in names if name.startswith(("Etc", "posix", "right", "SystemV"))]
