"""The REST interface, made of the routes of all rooms and the table of permissions (`urls.py`)."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import structlog
from litestar import Litestar, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from vedette import __version__, clock
from vedette.access.device_sign_in import DeviceSignIns
from vedette.access.model import Actor
from vedette.access.reporter_tokens import ReporterKey
from vedette.access.secrets import Secrets
from vedette.access.sessions import whose
from vedette.actions.ask_hear import Asks
from vedette.actions.export import Exports
from vedette.actions.mig_auth import caller_of, token_caller, with_token
from vedette.actions.mig_found import MigSearches
from vedette.app.urls import URLS
from vedette.db.trouble import DATABASE_IS_AWAY
from vedette.errors import Unavailable
from vedette.health.intake import Intake
from vedette.incidents.availability_rules import Reporting
from vedette.incidents.model import Titles
from vedette.incidents.notices import Letters
from vedette.incidents.turns import Turns
from vedette.link.doors import Doors
from vedette.records.intake import RecordIntake
from vedette.records.options import RecordOptions
from vedette.rest.etag import App, with_etags
from vedette.rest.guard import guard, parameters_guard
from vedette.rest.problem import PROBLEM_HANDLERS, AnyRequest, answer_error
from vedette.web.feeds.letters import House
from vedette.web.lent import lent

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024
"""A route that takes more says so itself (`request_max_body_size`)."""


def rooms_routes() -> list[Any]:
    """Return the REST routes of every room."""
    from vedette.app.routes import ROUTES

    return list(ROUTES)


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
    letters: Letters = field(default_factory=lambda: Letters(House().write))
    devices: DeviceSignIns | None = None
    records: RecordOptions = field(default_factory=RecordOptions)

    async def whose(self, token: str, path: str = "") -> Actor | None:
        """Return whose token this is, ours or a reporter's; None when it is nobody's.

        path: the template of what is asked for; what a reporter's token must contain depends on it.
        """
        reporter = self.reporters and self.reporters.whose(
            token, now=clock.now(), any_claims=path.startswith(("/v1/", "/v2/"))
        )
        if reporter:
            return reporter
        async with lent(self.pool) as conn:
            return await whose(conn, token, pepper=self.secrets.pepper, now=clock.now())

    async def mig_caller(
        self, connection: ASGIConnection[Any, Any, Any, Any], permission: str
    ) -> Actor:
        """Return who calls MIG's API and may do this there; raises NotAuthorizedException."""
        if with_token(connection, permission):
            return await token_caller(connection, permission, self.whose)
        async with lent(self.pool) as conn:
            return await caller_of(conn, connection, permission, pepper=self.secrets.pepper)


def rest_app(rooms: Rooms, routes: Sequence[Any]) -> App:
    """Return the REST interface: guarded by the table, its errors problems, its answers tagged."""
    known: dict[tuple[str, str], frozenset[str]] = {}
    app = Litestar(
        route_handlers=routes,
        guards=[
            guard(permissions(), rooms.whose, {"mig": rooms.mig_caller}),
            parameters_guard(known),
        ],
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
    async def conn(request: AnyRequest) -> AsyncIterator[AsyncConnection[Any]]:
        if request.method != "GET":
            # It is kept with the request. A body that trickles in must not hold a connection meanwhile.
            await request.body()
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

    def own_devices() -> DeviceSignIns | None:
        return rooms.devices

    def own_letters() -> Letters:
        return rooms.letters

    turns = Turns(rooms.pool, titles=rooms.reporter_titles)

    def own_turns() -> Turns:
        return turns

    return {
        "conn": Provide(conn),
        "actor": Provide(actor, sync_to_thread=False),
        "secrets": Provide(own_secrets, sync_to_thread=False),
        "asks": Provide(own_asks, sync_to_thread=False),
        "intake": Provide(own_intake, sync_to_thread=False),
        "doors": Provide(own_doors, sync_to_thread=False),
        "reporting": Provide(own_reporting, sync_to_thread=False),
        "turns": Provide(own_turns, sync_to_thread=False),
        "exports": _given(Exports(rooms.pool)),
        "mig_searches": _given(MigSearches(rooms.pool)),
        "record_intake": _given(RecordIntake(rooms.pool, rooms.records)),
        "letters": Provide(own_letters, sync_to_thread=False),
        "devices": Provide(own_devices, sync_to_thread=False),
    }


def _given(value: Any) -> Provide:  # noqa: ANN401 - whatever routes are given
    def own() -> Any:  # noqa: ANN401 - as above
        return value

    return Provide(own, sync_to_thread=False)


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
        raise LookupError(f"routes without a permission in app/urls.py: {unlisted}")


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
            for name in (
                "conn",
                "actor",
                "secrets",
                "asks",
                "intake",
                "doors",
                "reporting",
                "turns",
                "record_intake",
                "letters",
                "devices",
            )
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
