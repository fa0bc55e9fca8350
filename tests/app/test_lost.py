"""Who asks for an address that nobody knows is answered in what they read."""

import httpx
import pytest

from vedette.app.front import front
from vedette.app.lost import with_lost_page
from vedette.rest.problem import MEDIA_TYPE, encode_problem

BROWSER = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


async def framework(scope, receive, send):
    """Answer as the framework does where it has no route."""
    body = encode_problem(404, "missing", "Not Found", instance=scope["path"], request_id="r")
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def asked():
    app = front({}, with_lost_page(framework, {"/", "/components/{name}"}))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client


@pytest.mark.parametrize("path", ["/nothing", "/components", "/a/b/c", "/%3Cscript%3E", "//"])
async def test_a_browser_gets_a_page(asked, path):
    answer = await asked.get(path, headers=BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="/"' in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_program_gets_a_problem(asked):
    for headers in ({}, {"accept": "application/json"}):
        answer = await asked.get("/nothing", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/v2/nothing", "/federate", "/openapi.json"])
async def test_what_stands_among_routes_of_programs_is_theirs_also_in_a_browser(asked, path):
    answer = await asked.get(path, headers=BROWSER)
    assert answer.headers["content-type"] == MEDIA_TYPE


async def test_only_reading_is_answered_by_the_page(asked):
    answer = await asked.post("/nothing", headers=BROWSER)
    assert answer.headers["content-type"] == MEDIA_TYPE
