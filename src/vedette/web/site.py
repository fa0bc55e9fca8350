"""Every page with its methods and its permission, and what to show when one fails."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from psycopg_pool import AsyncConnectionPool

from vedette import clock as wall
from vedette.db.trouble import DATABASE_IS_AWAY
from vedette.errors import Kind, Missing, Unavailable, VedetteError
from vedette.incidents.availability_rules import Reporting
from vedette.rest.guard import PUBLIC
from vedette.rest.problem import STATUS
from vedette.rest.request_id import request_id_of
from vedette.web.actions import LOOK, ActionPages
from vedette.web.advisories import AdvisoryPages
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
from vedette.web.reader import N_, for_readers, gettext, in_their_words, read_by, reader_at_best
from vedette.web.service_measures import NOT_MEASURED, Measures
from vedette.web.services import ServicePages
from vedette.web.templates import dress, render, static_files
from vedette.web.theme import Theme
from vedette.web.visitors import READ, Authenticate, Nobody, Visitors, sign_in_first

TITLES: dict[Kind, str] = {
    "invalid": N_("We cannot make sense of that"),
    "denied": N_("You may not do this"),
    "missing": N_("There is nothing here"),
    "conflict": N_("That does not fit what stands"),
    "unavailable": N_("We cannot see right now"),
}
BLIND = N_(
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
        except Exception as error:  # noqa: BLE001 - the last line of defence: a page, whatever it is
            with read_by(reader_at_best(request)):
                answer = _failed(request, error)
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
    measures: Measures = NOT_MEASURED,
    keeper: Keeper | None = None,
    clock: Callable[[], datetime] = wall.now,
) -> Site:
    """Return the pages of one server; nothing happens until they are asked.

    theme: dresses every page of this process. keeper: keeps what everybody reads. measures: what pages of services
    show that is worked out of several rooms.
    """
    dress(theme)
    keeper = keeper or Keeper(clock)
    status = StatusPage(pool, clock=clock, keeper=keeper)
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
            "/targets": Page(for_readers(desk.targets), READ),
            "/targets/{name}": Page(for_readers(desk.target), READ),
            "/agents": Page(for_readers(desk.agents), READ),
            "/agents/{name}": Page(for_readers(desk.agent), READ, methods=FORM),
            **_actions(pool, visitors, clock),
            **_services(pool, visitors, measures, clock),
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
        "/desk": Page(for_readers(book.listing), WRITE),
        "/desk/open": Page(for_readers(book.open), WRITE, methods=FORM),
        "/desk/plan": Page(for_readers(book.plan), WRITE, methods=FORM),
        "/desk/incidents/{name}": Page(for_readers(book.incident), WRITE, methods=FORM),
        "/desk/series": Page(for_readers(series.all), WRITE, methods=FORM),
        "/desk/series/{name}": Page(for_readers(series.one), WRITE, methods=FORM),
        "/desk/templates": Page(for_readers(words.all), WRITE, methods=FORM),
    }


def _actions(
    pool: AsyncConnectionPool, visitors: Visitors, clock: Callable[[], datetime]
) -> dict[str, Page]:
    pages = ActionPages(pool, visitors=visitors, clock=clock)
    return {
        "/actions": Page(for_readers(pages.actions), LOOK),
        "/actions/{name}": Page(for_readers(pages.action), LOOK, methods=FORM),
        "/actions/{name}/signed-bytes": Page(pages.signed_bytes, LOOK),
        "/actions/{name}/results.csv": Page(pages.results_csv, LOOK),
        "/actions/{name}/results.jsonl": Page(pages.results_jsonl, LOOK),
    }


def _services(
    pool: AsyncConnectionPool, visitors: Visitors, measures: Measures, clock: Callable[[], datetime]
) -> dict[str, Page]:
    pages = ServicePages(pool, visitors=visitors, measures=measures, clock=clock)
    advisories = AdvisoryPages(pool, visitors=visitors, clock=clock)
    return {
        "/services": Page(for_readers(pages.services), READ),
        "/services/{name}": Page(for_readers(pages.service), READ, methods=FORM),
        "/images/{name}": Page(for_readers(pages.image), READ),
        "/advisories/{name}": Page(for_readers(advisories.advisory), READ, methods=FORM),
        "/find": Page(for_readers(advisories.find), READ),
    }


def _sign_in(
    pool: AsyncConnectionPool, ways: SignIn, visitors: Visitors, clock: Callable[[], datetime]
) -> dict[str, Page]:
    login = Login(pool, ways, visitors, clock)
    own = OwnSessions(pool, ways, visitors, clock)
    return {
        "/login": Page(for_readers(login.with_account), methods=FORM),
        "/login/openid": Page(for_readers(login.begin)),
        "/login/callback": Page(for_readers(login.callback)),
        "/login/command-line": Page(for_readers(own.command_line), READ, methods=FORM),
        "/sessions": Page(for_readers(own.sessions), READ, methods=FORM),
        "/sign-in": Page(for_readers(login.with_token), methods=FORM),
        "/logout": Page(for_readers(login.sign_out), methods=("POST",)),
        "/sign-out": Page(for_readers(login.sign_out), methods=("POST",)),
    }


def _failed(request: Request, error: Exception) -> Answer:
    """Return the page that says what went wrong; what should not have gets a trace under its id."""
    path = request.scope["path"]
    if isinstance(error, Nobody):
        return sign_in_first(request) or _told(error, status=401, headers=CHALLENGE)
    if isinstance(error, VedetteError):
        return _told(error, status=STATUS[error.kind])
    if isinstance(error, DATABASE_IS_AWAY):
        log.warning("page_without_database", path=path, error=str(error))
        title = TITLES[Unavailable.kind]
        return _page(503, gettext(title), gettext(BLIND), headers=RETRY)
    name = request_id_of(request.scope)
    log.error("page_failed", path=path, request_id=name, exc_info=error)
    why = gettext("Its name in our log is {name}.").format(name=name)
    return _page(500, gettext("Something broke on our side"), why)


def _told(
    error: VedetteError, *, status: int, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Answer:
    if error.kind == "unavailable":
        headers = RETRY
    return _page(
        status,
        gettext(TITLES[error.kind]),
        in_their_words(error.message),
        hint=in_their_words(error.hint or ""),
        headers=headers,
    )


def _not_allowed(methods: tuple[str, ...]) -> Answer:
    allowed = ", ".join(("GET", "HEAD") if methods == ("GET",) else methods)
    return _page(
        405,
        gettext("That is not done here"),
        gettext("This page knows {methods}.").format(methods=allowed),
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
