"""Who may call a route: the guard reads one table, and what is not in the table is denied.

It judges the route the router chose (its template, not the text of the URL), so `//`, `%2f`, a
trailing slash or `X-HTTP-Method-Override` cannot lead around it.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

from litestar.connection import ASGIConnection
from litestar.exceptions import (
    MethodNotAllowedException,
    NotAuthorizedException,
    ValidationException,
)
from litestar.handlers import BaseRouteHandler

from vedette.errors import Denied

PUBLIC = "public"
ADMIN = "admin"
ANY_QUERY = "any_query"
BASIC = "basic"
"""Of a route whose clients show a token as HTTP Basic: its name as the user, its secret as the password."""

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


class Bearer(Protocol):
    """Whoever a token belongs to."""

    @property
    def name(self) -> str:
        """The token's name, for the audit."""
        ...

    @property
    def scopes(self) -> Collection[str]:
        """What it may do."""
        ...


Door = Callable[[Connection, str], Awaitable[Bearer]]
"""Says who calls, of a protocol with credentials of its own, or raises; it is given the permission that is needed."""


def guard(
    permissions: Mapping[tuple[str, str], str],
    whose: Callable[[str, str], Awaitable[Bearer | None]],
    doors: Mapping[str, Door] | None = None,
) -> Guard:
    """Return a guard over `(method, path template) → permission`.

    whose: is given the token and the template, since a token may be good at some doors alone. Its owner is left in the scope's state as `actor`. Raises 401 without a valid token and
    `Denied` when its scopes do not hold the permission; `admin` holds them all. OPTIONS, which the
    framework would answer for every route, is 405 like any method without a row.
    doors: what judges permissions of its own kind, by the word before their colon: `mig:search`.
    """

    async def judge(connection: Connection, handler: BaseRouteHandler) -> None:
        method, template = _route(connection)
        if method == "OPTIONS":
            known = ", ".join(each for each, path in permissions if path == template)
            raise MethodNotAllowedException(headers={"Allow": known})
        permission = permissions.get((method, template))
        if permission == PUBLIC:
            return
        kind, _, wanted = (permission or "").partition(":")
        if doors and kind in doors:
            connection.state["actor"] = await doors[kind](connection, wanted)
            return
        user, secret = _token(connection, basic=bool(handler.opt.get(BASIC)))
        actor = await whose(secret, template)
        if actor is None or (user is not None and actor.name != f"token:{user}"):
            raise NotAuthorizedException("the token is not known, has expired or was revoked")
        if permission is None:
            raise Denied(f"{connection.url.path} stands in no table of permissions")
        if permission not in actor.scopes and ADMIN not in actor.scopes:
            raise Denied(
                f"the token {actor.name!r} may not do this",
                hint=f"it needs the scope {permission} (vedette tokens create NAME --scope …)",
            )
        connection.state["actor"] = actor

    return judge


def bearer_of(connection: Connection) -> Bearer:
    """Return who calls a route that the guard let them call; only of one that is not public.

    Cheaper than the `actor` that the framework gives, for routes that are called a thousand times at once.
    """
    found: Bearer = connection.scope["state"]["actor"]
    return found


def _token(connection: Connection, *, basic: bool) -> tuple[str | None, str]:
    """Return the secret that is shown, and of HTTP Basic whose it is said to be."""
    given = connection.headers.get("authorization", "")
    kind, _, secret = given.partition(" ")
    if kind.lower() == "basic" and basic:
        return _pair(secret.strip())
    if kind.lower() != "bearer" or not secret.strip():
        raise NotAuthorizedException("this needs a token: Authorization: Bearer …")
    return None, secret.strip()


def _pair(encoded: str) -> tuple[str, str]:
    try:
        user, _, secret = b64decode(encoded, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError):
        raise NotAuthorizedException("what Authorization: Basic says cannot be read") from None
    return user, secret


def parameters_guard(known: Mapping[tuple[str, str], Collection[str]]) -> Guard:
    """Return a guard that answers 400 to a query parameter the route does not know, or that holds U+0000.

    A typo must not return everything. `known` maps `(method, path template)` to the names. A route of
    another system's protocol, whose clients send what they like, says `opt={ANY_QUERY: True}`.
    """

    async def judge(connection: Connection, handler: BaseRouteHandler) -> None:
        if handler.opt.get(ANY_QUERY):
            return
        names = known.get(_route(connection), ())
        unknown = sorted(set(connection.query_params) - set(names))
        if unknown:
            listed = ", ".join(sorted(names)) or "none"
            raise ValidationException(
                f"unknown query parameter: {', '.join(unknown)}",
                extra=[
                    {"key": name, "source": "query", "message": f"not known here; known: {listed}"}
                    for name in unknown
                ],
            )
        # No text of the database holds it, and nobody means it.
        nul = sorted(
            {name for name, value in connection.query_params.multi_items() if "\0" in value}
        )
        if nul:
            raise ValidationException(
                f"U+0000 in a query parameter: {', '.join(nul)}",
                extra=[
                    {"key": name, "source": "query", "message": "no such letter"} for name in nul
                ],
            )

    return judge


def _route(connection: Connection) -> tuple[str, str]:
    scope: Any = connection.scope
    return scope["method"], scope["path_template"]
