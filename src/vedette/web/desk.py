"""The operators' pages: for a token of scope `read`, or a browser that signed in with one."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import quote

import psycopg
from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.errors import Denied, Invalid, Missing
from vedette.fleet import reads as fleet
from vedette.rest.guard import ADMIN, Bearer
from vedette.web import reads
from vedette.web.agents import agents_page
from vedette.web.answers import NO_STORE, Answer, Request, see_other
from vedette.web.catalogue import Catalogue
from vedette.web.paging import PAGE_ROWS, page_of
from vedette.web.public import POOL_WAIT_S
from vedette.web.session import Sessions, is_ours
from vedette.web.target import RANGES, Range, target_page
from vedette.web.target_list import asked_of, at_most, target_list
from vedette.web.templates import render

SCOPE = "read"
CHARTS_LIMIT_MS = 2_000
"""Charts that take longer are left out, and the page says so."""
NAME_LENGTH = 200
HOME = "/targets"

Authenticate = Callable[[str], Awaitable[Bearer | None]]
"""Whose token this is; None when nobody's."""


class Nobody(Denied):
    """Whoever asks is not known: no token, no session, or one that is over."""


class Desk:
    """The pages for operators of one server."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        *,
        authenticate: Authenticate,
        cookie_key: bytes,
        catalogue: Catalogue,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._authenticate = authenticate
        self._sessions = Sessions(cookie_key)
        self._catalogue = catalogue
        self._clock = clock

    async def targets(self, request: Request) -> Answer:
        """Answer `/targets?state=&cluster=&connector=&words=&page=`; raises Invalid."""
        actor = await self._actor(request)
        asked, now = asked_of(request.query), self._clock()
        which = {"cluster": asked.cluster, "connector": asked.connector, "words": asked.words}
        async with self._pool.connection(POOL_WAIT_S) as conn:
            tally = await reads.tally(conn, **which)
            asked = at_most(asked, tally)
            skip = (asked.page - 1) * PAGE_ROWS
            rows = await reads.targets(conn, state=asked.state, **which, skip=skip, limit=PAGE_ROWS)
        page = target_list(asked, tally, rows, now=now)
        return _private(render("targets.html", page=page, actor=actor.name))

    async def agents(self, request: Request) -> Answer:
        """Answer `/agents?page=`: who looks, those that are missed first; raises Invalid."""
        actor = await self._actor(request)
        asked, now = page_of(request.query), self._clock()
        async with self._pool.connection(POOL_WAIT_S) as conn:
            found = await fleet.agents(conn)
            duplicates = await fleet.duplicates_of(conn, [each.id for each in found], now=now)
        page = agents_page(found, duplicates, page=asked, now=now)
        return _private(render("agents.html", page=page, actor=actor.name))

    async def target(self, request: Request) -> Answer:
        """Answer `/targets/NAME?since=`: one target; raises Missing, Invalid."""
        actor = await self._actor(request)
        asked = request.query.get("since", "1h")
        if asked not in RANGES:
            raise Invalid(f"since cannot be {asked[:40]!r}", hint=f"one of {', '.join(RANGES)}")
        now = self._clock()
        range_ = RANGES[asked]
        async with self._pool.connection(POOL_WAIT_S) as conn:
            found = await self._found(conn, request.name)
            page = target_page(
                found,
                await reads.observers(conn, found.id),
                await _series(conn, found.id, range_, now),
                await reads.meanings(conn, found.connector),
                await reads.history(conn, found.id),
                self._catalogue.limits_of(found.connector, found.thresholds),
                self._catalogue.commands_of(found.connector),
                range_=range_,
                now=now,
            )
        return _private(render("target.html", page=page, actor=actor.name))

    async def sign_in(self, request: Request) -> Answer:
        """Answer `/sign-in`: the form, and the form sent; a wrong token only hears that it is."""
        if request.method == "POST":
            return await self._signed_in(request)
        return _private(
            render("sign_in.html", next=_next(request.query.get("next", "")), refusal="")
        )

    async def sign_out(self, request: Request) -> Answer:
        """Answer a posted `/sign-out`: forget the browser."""
        if not is_ours(request):
            raise Denied("this form was not sent from a page of this server")
        return see_other("/", self._sessions.no_cookie(request))

    async def _signed_in(self, request: Request) -> Answer:
        # Else another site could sign a browser in with a token of its own choosing.
        if not is_ours(request):
            raise Denied("this form was not sent from a page of this server")
        form = await request.form()
        secret, where = form.get("token", "").strip(), _next(form.get("next", ""))
        actor = await self._authenticate(secret) if secret else None
        if actor is None or not _may_read(actor):
            refusal = (
                "That token is not known here, has expired or was revoked."
                if actor is None
                else f"That token lacks the scope “{SCOPE}”."
            )
            return _private(render("sign_in.html", next=where, refusal=refusal), status=403)
        return see_other(where, self._sessions.cookie(request, secret, now=self._clock()))

    async def _actor(self, request: Request) -> Bearer:
        """Return who asks; raises Nobody, or Denied when the token does not allow it."""
        kind, _, given = request.headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() == b"bearer":
            secret: str | None = given.decode("latin-1").strip()
        else:
            secret = self._sessions.secret(request, now=self._clock())
        actor = await self._authenticate(secret) if secret else None
        if actor is None:
            raise Nobody(
                "these pages need a token, and one that is known and not over",
                hint="Authorization: Bearer …, or /sign-in in a browser",
            )
        if not _may_read(actor):
            raise Denied(f"the token {actor.name!r} may not do this", hint=f"scope {SCOPE}")
        return actor

    async def _found(self, conn: Connection, name: str) -> reads.Target:
        # PostgreSQL's text holds no NUL; no declared name is longer.
        is_a_name = 0 < len(name) <= NAME_LENGTH and "\0" not in name
        found = await reads.target(conn, name) if is_a_name else None
        if found is None or found.retired_at is not None:
            raise Missing(f"no target is called {name[:NAME_LENGTH]!r}", hint="see /targets")
        return found


async def _series(
    conn: Connection, target_id: int, range_: Range, now: datetime
) -> list[reads.Series] | None:
    """Return what to draw; None when reading it takes too long for a page."""
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL statement_timeout = {CHARTS_LIMIT_MS}")
            return await reads.series(
                conn, target_id, since=now - range_.span, until=now, bucket=range_.bucket
            )
    except psycopg.errors.QueryCanceled:
        return None


def _may_read(actor: Bearer) -> bool:
    return SCOPE in actor.scopes or ADMIN in actor.scopes


def _private(body: bytes, status: int = 200) -> Answer:
    return Answer(body, status=status, cache=NO_STORE)


def _next(asked: str) -> str:
    """Return where to go after signing in: a page of the desk, whatever was asked."""
    is_ours = any(
        asked == page or asked.startswith((page + "/", page + "?")) for page in (HOME, "/agents")
    )
    return asked if is_ours and asked.isprintable() and asked.isascii() else HOME


def sign_in_first(request: Request) -> Answer | None:
    """Return the way to `/sign-in` and back; None for programs, which have no use for a form."""
    if b"authorization" in request.headers or b"text/html" not in request.headers.get(
        b"accept", b""
    ):
        return None
    asked = quote(request.scope["path"])
    if query := request.scope["query_string"].decode("latin-1"):
        asked += f"?{query}"
    return see_other(f"/sign-in?next={quote(asked, safe='')}")
