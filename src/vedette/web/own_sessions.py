"""A person's own sessions: the list of them, ending them, and letting a command line in."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from psycopg_pool import AsyncConnectionPool

from vedette.access.handover import checked_challenge, hand_over
from vedette.access.sessions import (
    BROWSER,
    COMMAND_LINE,
    Session,
    end_other_sessions,
    end_session,
    session_of,
    sessions_of,
)
from vedette.db.queries import Connection
from vedette.errors import Denied, Invalid
from vedette.web.answers import NO_STORE, Answer, Request, see_other
from vedette.web.lent import lent
from vedette.web.login import SignIn, address_of
from vedette.web.reader import N_, gettext
from vedette.web.templates import render
from vedette.web.visitors import Visitor, Visitors
from vedette.web.words import Moment, moment

KINDS = {BROWSER: N_("Browser"), COMMAND_LINE: N_("Command line")}
STATE = re.compile(r"[A-Za-z0-9_-]{16,128}")


class SessionLine(NamedTuple):
    """One line of the list."""

    id: int
    kind: str
    client: str
    address: str
    began: Moment
    seen: Moment
    ends: Moment
    is_this: bool


class OwnSessions:
    """The pages about one's own sessions."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        sign_in: SignIn,
        visitors: Visitors,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._pepper = sign_in.pepper
        self._visitors = visitors
        self._clock = clock

    async def sessions(self, request: Request) -> Answer:
        """Answer `/sessions`: who one is, where one is signed in, and a form that ends sessions."""
        if request.method == "POST":
            return await self._end(request)
        visitor, now = await self._visitors.who(request), self._clock()
        async with lent(self._pool) as conn:
            session = await self._session(conn, visitor)
            found = await sessions_of(conn, session.person_id, now=now) if session else []
        body = render(
            "sessions.html",
            actor=visitor,
            session=session,
            lines=[_line(each, session, now) for each in found],
            scopes=sorted(visitor.scopes),
        )
        return Answer(body, cache=NO_STORE)

    async def command_line(self, request: Request) -> Answer:
        """Answer `/login/command-line?challenge=&port=&state=`: a program asks to act for its person.

        port and state: where on their own machine it waits; without them it asks them for the code.
        """
        if request.method == "POST":
            return await self._let_in(request)
        visitor = await self._visitors.who(request)
        challenge, port, state = _waiting(request.query)
        async with lent(self._pool) as conn:
            _person(await self._session(conn, visitor))
        body = render(
            "command_line.html", actor=visitor, challenge=challenge, port=port, state=state, code=""
        )
        return Answer(body, cache=NO_STORE)

    async def _let_in(self, request: Request) -> Answer:
        visitor, fields = await self._visitors.posted(request)
        challenge, port, state = _waiting(fields)
        async with lent(self._pool) as conn:
            session = _person(await self._session(conn, visitor))
            code = await hand_over(conn, session, challenge, pepper=self._pepper, now=self._clock())
        if not port:
            body = render(
                "command_line.html", actor=visitor, challenge="", port="", state="", code=code
            )
            return Answer(body, cache=NO_STORE)
        # Not a redirect: our own policy lets no form of ours lead elsewhere, not even to one's own machine.
        url = f"http://127.0.0.1:{port}/?{urlencode({'code': code, 'state': state})}"
        return Answer(render("handed_over.html", actor=visitor, url=url), cache=NO_STORE)

    async def _end(self, request: Request) -> Answer:
        visitor, fields = await self._visitors.posted(request)
        source = address_of(request)
        async with lent(self._pool) as conn:
            session = _person(await self._session(conn, visitor))
            which = fields.get("session", "")
            if which == "others":
                await end_other_sessions(conn, session, source=source)
            elif which.isascii() and which.isdecimal() and len(which) <= 18:
                await end_session(conn, session, int(which), source=source)
            else:
                raise Invalid(N_("the form names no session"), hint=N_("load the page again"))
        return see_other("/sessions")

    async def _session(self, conn: Connection, visitor: Visitor) -> Session | None:
        return await session_of(conn, visitor.secret, pepper=self._pepper, now=self._clock())


def _person(session: Session | None) -> Session:
    if session is None:
        raise Denied(
            N_("a token has no sessions"),
            hint=N_(
                "give a token to the command line as VEDETTE_TOKEN; `vedette tokens revoke` ends it"
            ),
        )
    if session.kind == COMMAND_LINE:
        raise Denied(N_("a command line has no pages"), hint=N_("sign in with the browser itself"))
    return session


def _waiting(given: dict[str, str]) -> tuple[str, str, str]:
    challenge = checked_challenge(given.get("challenge", ""))
    port, state = given.get("port", ""), given.get("state", "")
    if not port and not state:
        return challenge, "", ""
    is_a_port = port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65_536
    if not is_a_port or not STATE.fullmatch(state):
        raise Invalid(
            N_("that is not where a command line waits"), hint=N_("start again: vedette login")
        )
    return challenge, port, state


def _line(each: Session, this: Session | None, now: datetime) -> SessionLine:
    return SessionLine(
        id=each.id,
        kind=gettext(KINDS[each.kind]),
        client=each.client,
        address=each.address,
        began=moment(each.made_at, now),
        seen=moment(each.seen_at, now),
        ends=moment(each.ends_at, now),
        is_this=this is not None and each.id == this.id,
    )
