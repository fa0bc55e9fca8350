"""Public documents of the REST interface are kept; who has a token, or writes, passes."""

import asyncio

import httpx
import pytest
from tests.app.test_hot import Clock
from tests.rest_world import rest_over

from vedette.app.front import front
from vedette.app.kept_rest import PATHS, kept_rest
from vedette.app.urls import URLS
from vedette.rest.guard import PUBLIC
from vedette.web.kept import Keeper


@pytest.fixture
async def asked(fresh_app_url):
    """A client of the interface, which counts what reaches the framework in `asked.paths`."""
    async with rest_over(fresh_app_url) as rest:
        paths = []

        async def counting(scope, receive, send):
            paths.append(scope["path"])
            await rest.app(scope, receive, send)

        keeper = Keeper(Clock())
        following = asyncio.create_task(keeper.follow(fresh_app_url))
        async with asyncio.timeout(10):
            while not keeper.turn:  # noqa: ASYNC110 - the database says so
                await asyncio.sleep(0.01)
        app = front({}, kept_rest(keeper, counting))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            client.paths = paths
            yield client
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def test_only_public_documents_are_kept():
    public = {url.path for url in URLS if (url.method, url.permission) == ("GET", PUBLIC)}
    assert public >= PATHS


@pytest.mark.parametrize("path", sorted(PATHS))
async def test_the_second_asker_gets_the_first_ones_document(asked, path):
    first, second = await asked.get(path), await asked.get(path)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert len(asked.paths) == (1 if first.status_code == 200 else 2)
    if first.status_code == 200:
        assert first.json() is not None
        assert second.headers["content-type"] == first.headers["content-type"]
        again = await asked.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"]


async def test_a_token_a_post_and_another_query_pass(asked):
    path = "/api/v1/component_status"
    await asked.get(path)
    await asked.get(path, headers={"authorization": "Bearer x"})
    await asked.post(path, json={})
    await asked.get(path + "?region=EU")
    assert len(asked.paths) == 4
