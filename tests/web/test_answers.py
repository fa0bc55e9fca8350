"""Manners of HTTP: validators, compression, methods, headers."""

import pytest
from tests import factories as make


@pytest.fixture
async def shop(owner_conn):
    return await make.make_component(owner_conn, "Orders", state="up")


async def test_who_has_the_page_is_not_sent_it_again(shop, browser):
    first = await browser.get("/")
    etag = first.headers["etag"]
    for asked in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = await browser.get("/", if_none_match=asked)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == etag
    assert (await browser.get("/", if_none_match='"other"')).status == 200


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip", "gzip"),
        ("br, gzip", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0, br;q=0.5, gzip;q=0.9", "gzip"),
        ("*", "zstd"),
        ("identity, gzip;q=x", None),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("\x00;;=,,q=1", None),
        ("x" * 10_000 + ", gzip", None),
    ],
)
async def test_the_page_is_compressed_as_the_asker_understands_it(shop, browser, accepts, coding):
    plain, packed = await browser.get("/"), await browser.get("/", accept_encoding=accepts)
    assert "content-encoding" not in plain.headers
    assert packed.headers.get("content-encoding") == coding
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert coding is None or len(packed.body) < len(plain.body) / 2
    assert packed.text == plain.text


async def test_head_is_get_without_a_body(shop, browser):
    got, head = await browser.get("/"), await browser.ask("HEAD", "/")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
async def test_a_page_is_only_read(browser, method):
    refused = await browser.ask(method, "/")
    assert refused.status == 405
    assert refused.headers["allow"] == "GET, HEAD"


async def test_no_answer_lets_a_script_run_or_a_stranger_frame_it(shop, browser):
    for path in ("/", "/sign-in", "/targets", "/static/none.css"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe-inline" not in policy
        assert headers["x-content-type-options"] == "nosniff"


async def test_the_page_keeps_its_own_policy(shop, browser):
    page = await browser.get("/")
    for tag, attributes in page.tags:
        assert tag not in ("script", "style", "iframe", "object", "embed", "base")
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)


async def test_the_stylesheet_has_its_content_in_its_address_and_may_be_kept(browser):
    page = await browser.get("/")
    [sheet] = [a["href"] for tag, a in page.tags if tag == "link" and a.get("rel") == "stylesheet"]
    got = await browser.get(sheet)
    assert got.headers["content-type"].startswith("text/css")
    assert "immutable" in got.headers["cache-control"]
    assert (await browser.get("/static/style-000000000000.css")).status == 404


async def test_the_public_page_must_be_asked_for_anew_and_private_ones_are_not_kept(browser):
    assert (await browser.get("/")).headers["cache-control"] == "no-cache"
    private = await browser.get("/targets", authorization="Bearer vdt_reader")
    assert private.headers["cache-control"] == "no-store"
    assert "etag" not in private.headers


async def test_every_page_has_one_heading_a_language_landmarks_and_a_skip_link(shop, browser):
    for path in ("/", "/targets", "/sign-in", "/targets/none"):
        page = await browser.get(path, authorization="Bearer vdt_reader")
        tags = [tag for tag, _ in page.tags]
        assert tags.count("h1") == tags.count("main") == 1, path
        assert ("html", {"lang": "en"}) in page.tags
        assert {"header", "footer"} <= set(tags)
        assert ("a", {"class": "skip", "href": "#main"}) in page.tags
