"""Every page with its methods and its permission, and what to show when one fails."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from psycopg_pool import AsyncConnectionPool

from vedette import clock as wall
from vedette.db.trouble import DATABASE_IS_AWAY
from vedette.errors import Kind, Missing, VedetteError
from vedette.incidents.availability_rules import Reporting
from vedette.rest.guard import PUBLIC
from vedette.rest.problem import STATUS
from vedette.rest.request_id import request_id_of
from vedette.web.answers import NO_STORE, Answer, Receive, Request, Scope, Send, reply
from vedette.web.availability import AvailabilityPage
from vedette.web.catalogue import Catalogue
from vedette.web.desk import Desk
from vedette.web.desk_form import WRITE
from vedette.web.desk_incidents import IncidentDesk
from vedette.web.desk_series import SeriesDesk
from vedette.web.desk_templates import TemplateDesk
from vedette.web.feeds.doors import handlers
from vedette.web.feeds.outside import Outside
from vedette.web.feeds.source import Source
from vedette.web.kept import Beside, Handler, Keeper, nothing
from vedette.web.login import Login, SignIn
from vedette.web.maintenance_feed import MaintenanceFeed
from vedette.web.old_paths import front_page, new_incident
from vedette.web.own_sessions import OwnSessions
from vedette.web.public import StatusPage
from vedette.web.public_pages import PublicPages
from vedette.web.reader import for_operators, for_readers
from vedette.web.templates import dress, render, static_files
from vedette.web.theme import Theme
from vedette.web.visitors import READ, Authenticate, Nobody, Visitors, sign_in_first

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
OUR_OWN = Theme()
AS_ASKED = Outside()
TOKENS_ALONE = SignIn(b"")
FORM = ("GET", "POST")
HISTORY_WORDS = ("region", "component", "words", "impact", "before")
FEED_WORDS = ("mt", "srv")
CHALLENGE = ((b"www-authenticate", b"Bearer"),)
RETRY = ((b"retry-after", b"10"),)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """One page as a bare ASGI application; it never raises.

    permission: `public`, or the scope it asks for itself, sending browsers to `/login`.
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
        except DATABASE_IS_AWAY as error:
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
    sign_in: SignIn = TOKENS_ALONE,
    catalogue: Catalogue = NOTHING_INSTALLED,
    theme: Theme = OUR_OWN,
    outside: Outside = AS_ASKED,
    reporting: Callable[[], Reporting] = Reporting,
    keeper: Keeper | None = None,
    clock: Callable[[], datetime] = wall.now,
) -> Site:
    """Return the pages of one server; nothing happens until they are asked.

    theme: dresses every page of this process. keeper: keeps what everybody reads.
    """
    dress(theme)
    keeper = keeper or Keeper(clock)
    status = StatusPage(pool, clock=clock)
    public = PublicPages(pool, outside, reporting=reporting, clock=clock)
    shares = AvailabilityPage(pool, reporting=reporting, clock=clock)
    visitors = Visitors(authenticate, cookie_key, clock)
    desk = Desk(pool, visitors=visitors, catalogue=catalogue, clock=clock)
    feeds = handlers(Source(pool, clock, outside, theme.title))
    files = static_files()

    def kept(handler: Handler, words: Sequence[str] | None = (), beside: Beside = nothing) -> Page:
        return Page(for_readers(keeper.kept(handler, words=words, beside=beside)))

    async def static(request: Request) -> Answer:
        if request.scope["path"] not in files:
            raise Missing("there is no such file", hint="load the page again")
        return files[request.scope["path"]]

    return Site(
        {
            "/": kept(status.answer, ("refresh",)),
            "/index": Page(front_page),
            "/incidents": Page(new_incident(visitors), WRITE),
            "/incidents/{name}": kept(public.incident, beside=outside.root),
            "/history": kept(public.history, HISTORY_WORDS),
            "/components/{name}": kept(public.component, ("span",), lambda _: repr(reporting())),
            "/maintenance": kept(public.maintenance, ("month",)),
            "/availability": kept(shares.answer, None, lambda _: repr(reporting())),
            "/preferences": Page(for_readers(public.preferences), methods=("GET", "POST")),
            "/static/{name}": Page(static),
            "/maintenance.ics": Page(
                keeper.kept(MaintenanceFeed(pool, clock=clock).answer, words=None)
            ),
            "/targets": Page(desk.targets, READ),
            "/targets/{name}": Page(desk.target, READ),
            "/agents": Page(desk.agents, READ),
            **_desk(pool, visitors, clock),
            **_sign_in(pool, sign_in, visitors, clock),
            **_kept_feeds(keeper, feeds, outside),
        },
        keeper.follow,
    )


def _kept_feeds(keeper: Keeper, feeds: Mapping[str, Handler], outside: Outside) -> dict[str, Page]:
    return {
        path: Page(keeper.kept(handler, words=FEED_WORDS, beside=outside.root))
        for path, handler in feeds.items()
    }


def _desk(
    pool: AsyncConnectionPool, visitors: Visitors, clock: Callable[[], datetime]
) -> dict[str, Page]:
    book = IncidentDesk(pool, visitors=visitors, clock=clock)
    series = SeriesDesk(pool, visitors=visitors, clock=clock)
    words = TemplateDesk(pool, visitors=visitors, clock=clock)
    return {
        "/desk": Page(for_operators(book.listing), WRITE),
        "/desk/open": Page(for_operators(book.open), WRITE, methods=FORM),
        "/desk/plan": Page(for_operators(book.plan), WRITE, methods=FORM),
        "/desk/incidents/{name}": Page(for_operators(book.incident), WRITE, methods=FORM),
        "/desk/series": Page(for_operators(series.all), WRITE, methods=FORM),
        "/desk/series/{name}": Page(for_operators(series.one), WRITE, methods=FORM),
        "/desk/templates": Page(for_operators(words.all), WRITE, methods=FORM),
    }


def _sign_in(
    pool: AsyncConnectionPool, ways: SignIn, visitors: Visitors, clock: Callable[[], datetime]
) -> dict[str, Page]:
    login = Login(pool, ways, visitors, clock)
    own = OwnSessions(pool, ways, visitors, clock)
    return {
        "/login": Page(login.with_account, methods=FORM),
        "/login/openid": Page(login.begin),
        "/login/callback": Page(login.callback),
        "/login/command-line": Page(own.command_line, READ, methods=FORM),
        "/sessions": Page(own.sessions, READ, methods=FORM),
        "/sign-in": Page(login.with_token, methods=FORM),
        "/logout": Page(login.sign_out, methods=("POST",)),
        "/sign-out": Page(login.sign_out, methods=("POST",)),
    }


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
