"""A body that trickles in holds no connection of the database meanwhile."""

from contextlib import asynccontextmanager
from typing import Any

from litestar import Request, post
from psycopg import AsyncConnection

from vedette.app.http import Rooms, rest_app


class Pool:
    """Counts the connections that are lent."""

    def __init__(self) -> None:
        self.lent = 0

    @asynccontextmanager
    async def connection(self):
        self.lent += 1
        try:
            yield None
        finally:
            self.lent -= 1


@post("/api/v1/session", status_code=200)
async def echo(request: Request[Any, Any, Any], conn: AsyncConnection | None) -> bytes:
    return await request.body()


async def test_a_connection_is_lent_only_when_the_body_is_here():
    pool, pieces, sent = Pool(), [b"not", b" at", b" once"], []
    app = rest_app(Rooms(pool, None, None), [echo])  # type: ignore[arg-type]

    async def receive():
        assert pool.lent == 0
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/api/v1/session", "raw_path": b"/api/v1/session", "query_string": b"", "root_path": "",
        "headers": [], "client": ("192.0.2.1", 1), "server": ("here", 80), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)

    assert sent[0]["status"] == 200
    assert b"".join(message.get("body", b"") for message in sent) == b"not at once"
