"""Every URL with its permission, in one table; and the application made of it.

A route that is not in the table keeps the server from starting, so nothing is ever served that a
reviewer has not seen here. Pages whose permission is not public ask for the token themselves, since
a browser is sent to `/login` where a program gets 401.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import structlog
from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from vedette import __version__, clock
from vedette.access.model import Actor
from vedette.access.reporter_tokens import ReporterKey
from vedette.access.secrets import Secrets
from vedette.access.sessions import whose
from vedette.actions.hear import Asks
from vedette.db.trouble import DATABASE_IS_AWAY
from vedette.errors import Unavailable
from vedette.health.intake import Intake
from vedette.incidents.availability_rules import Reporting
from vedette.incidents.reporter_titles import Titles
from vedette.link.doors import Doors
from vedette.rest.etag import App, with_etags
from vedette.rest.guard import PUBLIC, guard, parameters_guard
from vedette.rest.problem import PROBLEM_HANDLERS, AnyRequest, answer_error

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024
"""A route that takes more says so itself (`request_max_body_size`)."""


FEEDS = (
    "/rss",
    "/rss/",
    "/v2/rss/",
    "/feeds/all.atom",
    "/feeds/all.json",
    "/feeds/regions/{name}.atom",
    "/feeds/regions/{name}.json",
    "/feeds/components/{name}.atom",
    "/feeds/components/{name}.json",
    "/badges/overall.svg",
    "/badges/overall.json",
    "/badges/{name}.svg",
    "/badges/{name}.json",
    "/embed/summary",
    "/api/v2/summary.json",
    "/api/v2/status.json",
    "/api/v2/components.json",
    "/api/v2/incidents.json",
    "/api/v2/incidents/unresolved.json",
    "/api/v2/scheduled-maintenances.json",
    "/api/v2/scheduled-maintenances/upcoming.json",
    "/api/v2/scheduled-maintenances/active.json",
)
"""What others show of our status elsewhere: feeds, badges, a summary, Statuspage's documents."""


@dataclass(frozen=True, slots=True)
class Url:
    """A method and a path; who may: `public`, or the scope a token must hold."""

    method: str
    path: str
    permission: str


URLS: tuple[Url, ...] = (
    # Pages: what everyone sees, and what operators see once they have signed in.
    Url("GET", "/", PUBLIC),
    Url("GET", "/maintenance.ics", PUBLIC),
    Url("GET", "/incidents/{name}", PUBLIC),
    Url("GET", "/history", PUBLIC),
    Url("GET", "/components/{name}", PUBLIC),
    Url("GET", "/maintenance", PUBLIC),
    Url("GET", "/availability", PUBLIC),
    Url("GET", "/preferences", PUBLIC),
    Url("POST", "/preferences", PUBLIC),
    Url("GET", "/static/{name}", PUBLIC),
    *(Url("GET", path, PUBLIC) for path in FEEDS),
    Url("GET", "/targets", "read"),
    Url("GET", "/targets/{name}", "read"),
    Url("GET", "/agents", "read"),
    # Signing in and out, and one's own sessions.
    Url("GET", "/login", PUBLIC),
    Url("POST", "/login", PUBLIC),
    Url("GET", "/login/openid", PUBLIC),
    Url("GET", "/login/callback", PUBLIC),
    Url("GET", "/login/command-line", "read"),
    Url("POST", "/login/command-line", "read"),
    Url("GET", "/sign-in", PUBLIC),
    Url("POST", "/sign-in", PUBLIC),
    Url("POST", "/logout", PUBLIC),
    Url("POST", "/sign-out", PUBLIC),
    Url("GET", "/sessions", "read"),
    Url("POST", "/sessions", "read"),
    Url("GET", "/api/v1/session", "read"),
    Url("POST", "/api/v1/session", PUBLIC),
    Url("DELETE", "/api/v1/session", "read"),
    # What machines ask of the server itself.
    Url("GET", "/livez", PUBLIC),
    Url("GET", "/readyz", PUBLIC),
    Url("GET", "/metrics", PUBLIC),
    Url("GET", "/openapi.json", PUBLIC),
    # What it can be asked.
    Url("GET", "/api/v1/targets/{name}/commands", "read"),
    Url("POST", "/api/v1/targets/{name}/ask", "ask"),
    # How it is.
    Url("GET", "/api/v1/targets", "read"),
    Url("GET", "/api/v1/targets/{name}", "read"),
    Url("GET", "/api/v1/targets/{name}/reports", "read"),
    Url("GET", "/api/v1/targets/{name}/measurements/{measurement}", "read"),
    Url("GET", "/api/v1/components", "read"),
    Url("GET", "/api/v1/components/{slug}/explain", "read"),
    Url("GET", "/api/v1/watch", "read"),
    Url("GET", "/federate", "read"),
    Url("GET", "/api/v1/availability", PUBLIC),
    # What reporters of the Status Dashboard post and its readers read, as they know it.
    Url("GET", "/api/v1/component_status", PUBLIC),
    Url("POST", "/api/v1/component_status", "component_status"),
    Url("GET", "/api/v1/incidents", PUBLIC),
    # What we tell people. With `read` one sees what was published; the rest is for those who write.
    Url("GET", "/api/v1/events", "read"),
    Url("GET", "/api/v1/events/{number}", "read"),
    Url("GET", "/api/v1/events/{number}/updates", "read"),
    Url("GET", "/api/v1/events/{number}/history", "incidents:write"),
    Url("POST", "/api/v1/events", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/updates", "incidents:write"),
    Url("PATCH", "/api/v1/events/{number}/updates/{update_id}", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/close", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/reopen", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/correct", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/separate", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/merge", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/publish", "incidents:write"),
    Url("PUT", "/api/v1/events/{number}/postmortem", "incidents:write"),
    Url("GET", "/api/v1/templates", "read"),
    Url("GET", "/api/v1/templates/{name}", "read"),
    Url("PUT", "/api/v1/templates/{name}", "incidents:write"),
    Url("DELETE", "/api/v1/templates/{name}", "incidents:write"),
    # The same of its successor; writing beyond a report is for people and their tokens.
    Url("GET", "/v1/component_status", PUBLIC),
    Url("POST", "/v1/component_status", "component_status"),
    Url("GET", "/v1/incidents", PUBLIC),
    Url("GET", "/v2/components", PUBLIC),
    Url("POST", "/v2/components", "incidents:write"),
    Url("GET", "/v2/components/{component_id}", PUBLIC),
    Url("GET", "/v2/availability", PUBLIC),
    Url("GET", "/v2/events", PUBLIC),
    Url("POST", "/v2/events", "component_status"),
    Url("GET", "/v2/events/{event_id}", PUBLIC),
    Url("PATCH", "/v2/events/{event_id}", "incidents:write"),
    Url("POST", "/v2/events/{event_id}/extract", "incidents:write"),
    Url("PATCH", "/v2/events/{event_id}/updates/{index}", "incidents:write"),
    Url("GET", "/v2/incidents", PUBLIC),
    Url("POST", "/v2/incidents", "component_status"),
    Url("GET", "/v2/incidents/{event_id}", PUBLIC),
    Url("PATCH", "/v2/incidents/{event_id}", "incidents:write"),
    Url("POST", "/v2/incidents/{event_id}/extract", "incidents:write"),
    Url("PATCH", "/v2/incidents/{event_id}/updates/{index}", "incidents:write"),
    # What is planned.
    Url("GET", "/api/v1/maintenances", "read"),
    Url("POST", "/api/v1/maintenances", "incidents:write"),
    Url("GET", "/api/v1/maintenances/{number}", "read"),
    Url("PATCH", "/api/v1/maintenances/{number}", "incidents:write"),
    Url("POST", "/api/v1/maintenances/{number}/start", "incidents:write"),
    Url("POST", "/api/v1/maintenances/{number}/finish", "incidents:write"),
    Url("POST", "/api/v1/maintenances/{number}/cancel", "incidents:write"),
    Url("POST", "/api/v1/maintenances/{number}/publish", "incidents:write"),
    Url("GET", "/api/v1/maintenances/series", "read"),
    Url("POST", "/api/v1/maintenances/series", "incidents:write"),
    Url("GET", "/api/v1/maintenances/series/{number}", "read"),
    Url("PATCH", "/api/v1/maintenances/series/{number}", "incidents:write"),
    Url("POST", "/api/v1/maintenances/series/{number}/end", "incidents:write"),
    # What others push.
    Url("POST", "/api/v1/prometheus/write", "reports:write"),
    Url("POST", "/api/v1/otlp/v1/metrics", "reports:write"),
    Url("POST", "/v1/metrics", "reports:write"),
    # What there is.
    Url("GET", "/api/v1/regions", "read"),
    Url("GET", "/api/v1/clusters", "read"),
    Url("GET", "/api/v1/services", "read"),
    # Who looks.
    Url("GET", "/api/v1/agents", "read"),
    Url("POST", "/api/v1/agents/join-tokens", "agents:write"),
    Url("POST", "/api/v1/agents/{name}/revoke", "agents:write"),
    Url("POST", "/api/v1/agents/{name}/retire", "agents:write"),
    # Who may ask.
    Url("GET", "/api/v1/tokens", "tokens:write"),
    Url("POST", "/api/v1/tokens", "tokens:write"),
    Url("DELETE", "/api/v1/tokens/{name}", "tokens:write"),
    Url("GET", "/api/v1/clients", "tokens:write"),
    Url("DELETE", "/api/v1/clients/{name}", "tokens:write"),
    Url("POST", "/api/v1/clients/certificates", "tokens:write"),
)
"""HEAD is GET; every other method of these paths is 405."""


def rooms_routes() -> list[Any]:
    """Return the REST routes of every room."""
    from vedette.access import api as access
    from vedette.access import clients_api as clients
    from vedette.access import sessions_api as sessions
    from vedette.actions import api as actions
    from vedette.automation import explain_api as explain
    from vedette.fleet import api as fleet
    from vedette.health import api as health
    from vedette.health import federate
    from vedette.health import measured_api as measured
    from vedette.incidents import availability_api as availability
    from vedette.incidents import events_api as events
    from vedette.incidents import events_write_api as events_write
    from vedette.incidents import maintenance_api as maintenances
    from vedette.incidents import reporters_api as reporters
    from vedette.incidents import series_api as series
    from vedette.incidents import successor_api as successor
    from vedette.incidents import templates_api as templates
    from vedette.link import intake_api as intake
    from vedette.link import watch_api as watch

    return [
        *health.routes,
        *measured.routes,
        *explain.routes,
        *watch.routes,
        *fleet.routes,
        *access.routes,
        *clients.routes,
        *sessions.routes,
        *actions.routes,
        *federate.routes,
        *reporters.routes,
        *maintenances.routes,
        *series.routes,
        *successor.routes,
        *events.routes,
        *events_write.routes,
        *templates.routes,
        *availability.routes,
        *intake.routes,
    ]


@dataclass(frozen=True, slots=True)
class Rooms:
    """What routes are given: connections, the server's secrets, whose token one is, asking."""

    pool: AsyncConnectionPool
    secrets: Secrets
    asks: Asks
    intake: Intake = field(default_factory=Intake)
    doors: Doors | None = None
    reporters: ReporterKey | None = None
    reporting: Callable[[], Reporting] = Reporting
    reporter_titles: Titles = Titles.NAMED

    async def whose(self, token: str, path: str = "") -> Actor | None:
        """Return whose token this is, ours or a reporter's; None when it is nobody's.

        path: the template of what is asked for; what a reporter's token must contain depends on it.
        """
        reporter = self.reporters and self.reporters.whose(
            token, now=clock.now(), any_claims=path.startswith(("/v1/", "/v2/"))
        )
        if reporter:
            return reporter
        async with self.pool.connection() as conn:
            return await whose(conn, token, pepper=self.secrets.pepper, now=clock.now())


def rest_app(rooms: Rooms, routes: Sequence[Any]) -> App:
    """Return the REST interface: guarded by the table, its errors problems, its answers tagged."""
    known: dict[tuple[str, str], frozenset[str]] = {}
    app = Litestar(
        route_handlers=routes,
        guards=[guard(permissions(), rooms.whose), parameters_guard(known)],
        dependencies=_dependencies(rooms),
        exception_handlers={
            **PROBLEM_HANDLERS,
            **dict.fromkeys(DATABASE_IS_AWAY, _on_database_away),
        },
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
        state=State({}),
    )
    known.update(_query_parameters(app))
    _refuse_unlisted(app)
    return with_etags(cast("App", app))


def _on_database_away(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.warning("a request failed: the database is away", path=request.url.path, error=str(error))
    away = Unavailable("the server's database does not answer", hint="try again in a moment")
    return answer_error(request, away)


def _dependencies(rooms: Rooms) -> Mapping[str, Provide]:
    async def conn() -> AsyncIterator[AsyncConnection[Any]]:
        async with rooms.pool.connection() as connection:
            yield connection

    def actor(state: State, scope: Any) -> Actor:  # noqa: ANN401 - an ASGI scope
        found: Actor = scope["state"]["actor"]
        return found

    def own_secrets() -> Secrets:
        return rooms.secrets

    def own_asks() -> Asks:
        return rooms.asks

    def own_intake() -> Intake:
        return rooms.intake

    def own_doors() -> Doors | None:
        return rooms.doors

    def own_reporting() -> Reporting:
        return rooms.reporting()

    def own_titles() -> Titles:
        return rooms.reporter_titles

    return {
        "conn": Provide(conn),
        "actor": Provide(actor, sync_to_thread=False),
        "secrets": Provide(own_secrets, sync_to_thread=False),
        "asks": Provide(own_asks, sync_to_thread=False),
        "intake": Provide(own_intake, sync_to_thread=False),
        "doors": Provide(own_doors, sync_to_thread=False),
        "reporting": Provide(own_reporting, sync_to_thread=False),
        "reporter_titles": Provide(own_titles, sync_to_thread=False),
    }


def permissions() -> dict[tuple[str, str], str]:
    """Return the table as the guard reads it."""
    return {(url.method, url.path): url.permission for url in URLS}


def routes_of(app: Litestar) -> dict[tuple[str, str], frozenset[str]]:
    """Return every method and path template the router knows, with its query parameters."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method, (_, model) in route.route_handler_map.items():
            if method != "OPTIONS":
                names = frozenset(known.field_alias for known in model.expected_query_params)
                found[(method, route.path_format)] = names
    return found


_query_parameters = routes_of


def _refuse_unlisted(app: Litestar) -> None:
    unlisted = sorted(set(routes_of(app)) - set(permissions()))
    if unlisted:
        raise LookupError(f"routes without a permission in app/http.py: {unlisted}")


def openapi(routes: Sequence[Any]) -> bytes:
    """Return the OpenAPI 3.1 document of the REST interface; every operation names its scope."""
    config = OpenAPIConfig(
        title="Vedette",
        version=__version__,
        description="What Vedette knows of the services you run. Errors are RFC 9457 problems.",
        use_handler_docstrings=True,
        components=Components(
            security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}
        ),
        security=[{"token": []}],
        path="/openapi",
    )
    app = Litestar(
        route_handlers=routes,
        dependencies={
            name: _stand_in()
            for name in ("conn", "actor", "secrets", "asks", "intake", "doors", "reporting", "reporter_titles")
        },
        openapi_config=config,
        logging_config=None,
    )
    document = app.openapi_schema.to_schema()
    table = permissions()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operation["x-vedette-scope"] = table.get((method.upper(), path), "")
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _stand_in() -> Provide:
    # Only the shape is asked for; the framework wants a function of its own for each name.
    return Provide(lambda: None, sync_to_thread=False)
