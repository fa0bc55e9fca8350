"""The pages over the test's own transaction: what a factory makes, they show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
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
