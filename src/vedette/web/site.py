"""Every page with its methods and its permission, and what to show when one fails."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from vedette import clock as wall
from vedette.errors import Kind, Missing, VedetteError
from vedette.rest.guard import PUBLIC
from vedette.rest.problem import STATUS
from vedette.rest.request_id import request_id_of
from vedette.web.answers import NO_STORE, Answer, Receive, Request, Scope, Send, reply
from vedette.web.catalogue import Catalogue
from vedette.web.desk import SCOPE, Authenticate, Desk, Nobody, sign_in_first
from vedette.web.maintenance_feed import MaintenanceFeed
from vedette.web.public import StatusPage
from vedette.web.templates import STYLE_PATH, render, style

TITLES: dict[Kind, str] = {
    "invalid": "We cannot make sense of that",
    "denied": "You may not do this",
    "missing": "There is nothing here",
    "conflict": "That does not fit what stands",
    "unavailable": "We cannot see right now",
}
BLIND = (
    "Our own database does not answer. This says nothing about the services themselves; "
    "what we knew last is not shown, since it may be wrong by now."
)
NOTHING_INSTALLED = Catalogue()
CHALLENGE = ((b"www-authenticate", b"Bearer"),)
RETRY = ((b"retry-after", b"10"),)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """One page as a bare ASGI application; it never raises.

    permission: `public`, or the scope it asks for itself, sending browsers to `/sign-in`.
    """

    handler: Callable[[Request], Awaitable[Answer]]
    permission: str = PUBLIC
    methods: tuple[str, ...] = ("GET",)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive, scope.get("path_params", {}).get("name", ""))
        try:
            if request.method in self.methods or request.method == "HEAD":
                answer = await self.handler(request)
            else:
                answer = _not_allowed(self.methods)
        except Nobody as error:
            answer = sign_in_first(request) or _told(error, status=401, headers=CHALLENGE)
        except VedetteError as error:
            answer = _told(error, status=STATUS[error.kind])
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as error:
            log.warning("page_without_database", path=scope["path"], error=str(error))
            answer = _page(503, TITLES["unavailable"], BLIND, headers=RETRY)
        except Exception:  # the last line of defence: a page, and a trace under its id
            name = request_id_of(scope)
            log.exception("page_failed", path=scope["path"], request_id=name)
            answer = _page(500, "Something broke on our side", f"Its name in our log is {name}.")
        await reply(request, answer, send)


@dataclass(frozen=True, slots=True)
class Site:
    """The pages by path (`{name}` stands for one segment), and the task that keeps them honest."""

    pages: Mapping[str, Page]
    follow: Callable[[str], Awaitable[None]]
    """`follow(dsn)`: forgets kept pages when something changed; runs until cancelled."""


def site(
    pool: AsyncConnectionPool,
    *,
    authenticate: Authenticate,
    cookie_key: bytes,
    catalogue: Catalogue = NOTHING_INSTALLED,
    clock: Callable[[], datetime] = wall.now,
) -> Site:
    """Return the pages of one server; nothing happens until they are asked."""
    status = StatusPage(pool, clock=clock)
    desk = Desk(
        pool, authenticate=authenticate, cookie_key=cookie_key, catalogue=catalogue, clock=clock
    )
    sheet = style()

    async def stylesheet(request: Request) -> Answer:
        if request.scope["path"] != STYLE_PATH:
            raise Missing("there is no such file", hint="load the page again")
        return sheet

    return Site(
        {
            "/": Page(status.answer),
            "/static/{name}": Page(stylesheet),
            "/maintenance.ics": Page(MaintenanceFeed(pool, clock=clock).answer),
            "/targets": Page(desk.targets, SCOPE),
            "/targets/{name}": Page(desk.target, SCOPE),
            "/agents": Page(desk.agents, SCOPE),
            "/sign-in": Page(desk.sign_in, methods=("GET", "POST")),
            "/sign-out": Page(desk.sign_out, methods=("POST",)),
        },
        status.follow,
    )


def _told(
    error: VedetteError, *, status: int, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Answer:
    if error.kind == "unavailable":
        headers = RETRY
    return _page(
        status,
        TITLES[error.kind],
        error.message,
        hint=error.hint or "",
        headers=headers,
    )


def _not_allowed(methods: tuple[str, ...]) -> Answer:
    allowed = ", ".join(("GET", "HEAD") if methods == ("GET",) else methods)
    return _page(
        405,
        "That is not done here",
        f"This page knows {allowed}.",
        headers=((b"allow", allowed.encode()),),
    )


def _page(
    status: int,
    title: str,
    text: str,
    *,
    hint: str = "",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Answer:
    body = render("error.html", title=title, text=text, hint=hint)
    return Answer(body, status=status, cache=NO_STORE, headers=headers)
