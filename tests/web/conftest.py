"""The pages over the test's own transaction: what a factory makes, they show."""

import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import werkzeug.serving
from psycopg import AsyncConnection
from tests.web.browser import KEY, Browser, Clock, authenticate

from vedette.web.site import site


class OneConnection:
    """Lends the test's connection, as the pool would lend one of its own."""

    def __init__(self, conn: AsyncConnection[Any]) -> None:
        self._conn = conn

    @asynccontextmanager
    async def connection(self, _wait_s: float) -> AsyncIterator[AsyncConnection[Any]]:
        yield self._conn


@pytest.fixture
def lender(owner_conn: AsyncConnection[Any]) -> OneConnection:
    return OneConnection(owner_conn)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def browser(lender: OneConnection, clock: Clock) -> Browser:
    """A browser that has not signed in."""
    return Browser(site(lender, authenticate=authenticate, cookie_key=KEY, clock=clock).pages)


@pytest.fixture(scope="session")
async def chrome() -> AsyncIterator[Any]:
    """The one Chromium of this session; each look at a page has a context of its own."""
    from tests.web.chromium import chromium

    async with chromium() as one:
        yield one


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """The address of a provider with a person `ada` of group sre, and `bob` of another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from oidc_provider_mock import User, app

        provider = app(
            require_nonce=True,
            user_claims=[
                User(sub="u-ada", claims={"preferred_username": "ada", "groups": ["sre"]}),
                User(sub="u-bob", claims={"preferred_username": "bob", "groups": ["sales"]}),
            ],
        )
        server = werkzeug.serving.make_server("127.0.0.1", 0, provider, threaded=True)
        # Authlib lets no address but this one do without TLS.
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()
