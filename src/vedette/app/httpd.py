"""HTTP put together: pages, probes and REST behind one front, served by uvicorn in our own loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from vedette.app.front import front
from vedette.app.hot import Hot
from vedette.app.http import Rooms, openapi, rest_app, rooms_routes
from vedette.app.http_protocol import BoundedProtocol
from vedette.app.kept_rest import kept_rest
from vedette.app.lost import with_lost_page
from vedette.app.metrics import MEDIA_TYPE
from vedette.app.options import Options
from vedette.app.probes import document, livez, metrics, readyz
from vedette.rest.etag import App
from vedette.web.kept import Keeper

GRACE_S = 5
"""How long requests under way may take to end when the server stops."""


def application(
    rooms: Rooms,
    pages: Mapping[str, App],
    *,
    ready: Callable[[], Awaitable[dict[str, str]]],
    gather: Callable[[], Awaitable[bytes]],
    keeper: Keeper,
) -> App:
    """Return everything HTTP answers; every path of it stands in `app/urls.py`."""
    routes = rooms_routes()
    its_document = document(lambda: openapi(routes), b"application/json")
    bare: dict[str, App] = {
        **pages,
        "/livez": livez(),
        "/readyz": readyz(ready),
        "/metrics": metrics(gather, MEDIA_TYPE),
        "/openapi.json": its_document,
        "/api/v1/openapi.json": its_document,
    }
    framework = with_lost_page(rest_app(rooms, routes), bare)
    return front(bare, kept_rest(keeper, framework))


def httpd(app: App, options: Options) -> uvicorn.Server:
    """Return the HTTP server, not yet started; signals are ours, not uvicorn's."""
    if options.behind_proxy:
        app = cast("App", ProxyHeadersMiddleware(cast("Any", app), list(options.behind_proxy)))
    config = uvicorn.Config(
        Hot(app),
        interface="asgi3",
        http=BoundedProtocol,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
        timeout_graceful_shutdown=GRACE_S,
    )
    config.load()
    return uvicorn.Server(config)


@asynccontextmanager
async def serving(server: uvicorn.Server, http_socket: socket.socket) -> AsyncIterator[None]:
    """Answer requests on this socket while the block lasts; those under way may end."""
    # The parts of `Server.serve()` without its signal handlers: signals are the program's business.
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[http_socket])
    ticking = asyncio.create_task(server.main_loop(), name="http")
    try:
        yield
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown(sockets=[http_socket])
