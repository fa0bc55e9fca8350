"""The page of a vulnerability with the form that decides of it, and the way to it by any of its names."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.errors import Invalid, Missing, VedetteError
from vedette.records.rules import spelled
from vedette.records.triage import decide, take_back
from vedette.rest.problem import STATUS
from vedette.web import advisory_reads
from vedette.web.advisory_page import advisory_page, identities_of, names_of, own_texts
from vedette.web.answers import NO_STORE, Answer, Request, see_other
from vedette.web.desk_form import Typed, refused
from vedette.web.lent import lent
from vedette.web.reader import N_
from vedette.web.templates import render
from vedette.web.triage_form import FORM_BYTES, FORM_FIELDS, offer, wish_of
from vedette.web.visitors import Visitor, Visitors

RECORDS_WRITE = "records:write"
"""What deciding asks for."""
FORMS = (DECIDE, TAKE_BACK) = ("decide", "take_back")
NAME_LENGTH = 500
"""Longer than any name that is asked for here: a slug, a digest, an identifier."""
PATHS = {"advisory": "/advisories/", "service": "/services/", "image": "/images/"}


class AdvisoryPages:
    """The pages about vulnerabilities of one server."""

    def __init__(
        self, pool: AsyncConnectionPool, *, visitors: Visitors, clock: Callable[[], datetime]
    ) -> None:
        self._pool = pool
        self._visitors = visitors
        self._clock = clock

    async def advisory(self, request: Request) -> Answer:
        """Answer `/advisories/NAME`: eight statements; and what its forms send. Raises Missing."""
        name = spelled(name_in_path(request.name))
        if request.method != "POST":
            actor = await self._visitors.who(request)
            async with lent(self._pool) as conn:
                return await self._shown(conn, actor, name, Typed())
        actor, fields = await self._visitors.posted_at_length(
            request, RECORDS_WRITE, most_bytes=FORM_BYTES, most_fields=FORM_FIELDS
        )
        typed = Typed(fields)
        if typed.form not in FORMS:
            raise Invalid(N_("this page has no such form"), hint=N_("load the page again"))
        async with lent(self._pool) as conn:
            try:
                await self._decide(conn, actor, name, typed)
            except VedetteError as error:
                return await self._shown(conn, actor, name, typed, error=error)
        return see_other(f"/advisories/{quote(name, safe='')}#decided")

    async def _decide(self, conn: Connection, actor: Visitor, name: str, typed: Typed) -> None:
        if typed.form == DECIDE:
            wish = wish_of(typed.text("identity") or name, typed)
            await decide(conn, wish, by=actor.name, now=self._clock())
        else:
            await take_back(conn, typed.number("number"), by=actor.name, now=self._clock())

    async def _shown(
        self,
        conn: Connection,
        actor: Visitor,
        name: str,
        typed: Typed,
        *,
        error: VedetteError | None = None,
    ) -> Answer:
        now = self._clock()
        texts = await advisory_reads.advisories(conn, name)
        if not texts:
            raise Missing(
                f"no vulnerability is called {name[:100]!r}", hint="find it by another name"
            )
        identities, names = identities_of(texts), names_of(name, own_texts(name, texts))
        cves = [one for one in names if one.startswith("CVE-")]
        places = await advisory_reads.places(conn, identities, now=now)
        carriers = await advisory_reads.carriers(conn, [one.id for one in texts])
        page = advisory_page(
            name,
            texts,
            await advisory_reads.exploited(conn, cves),
            await advisory_reads.likely(conn, cves),
            await advisory_reads.feeds(conn),
            await advisory_reads.statements(conn, names),
            await advisory_reads.decisions(conn, identities, now=now),
            places,
            carriers,
            now=now,
        )
        body = render(
            "advisory.html",
            page=page,
            actor=actor,
            typed=typed,
            offer=offer(places, carriers, now=now),
            refusal=refused(typed, error) if error else None,
        )
        return Answer(body, status=STATUS[error.kind] if error else 200, cache=NO_STORE)

    async def find(self, request: Request) -> Answer:
        """Answer `/find?name=`: the page of what is called so, or a choice of pages; raises Invalid."""
        actor = await self._visitors.who(request)
        name = request.query.get("name", "").strip()
        if len(name) > NAME_LENGTH or "\0" in name:
            raise Invalid(f"name is not a text of at most {NAME_LENGTH} characters")
        found: list[advisory_reads.Match] = []
        if name:
            async with lent(self._pool) as conn:
                found = list(await advisory_reads.matches(conn, name))
        exact = [one for one in found if name.upper() in (one.shown.upper(), one.detail.upper())]
        if len(found) == 1 or len(exact) == 1:
            there = (exact or found)[0]
            return see_other(PATHS[there.what] + quote(there.name, safe=""))
        body = render("find.html", actor=actor, name=name, found=found, paths=PATHS)
        return Answer(body, cache=NO_STORE)


def name_in_path(given: str) -> str:
    """Return what a path names; raises Missing for what nothing can be called."""
    if not given or len(given) > NAME_LENGTH or "\0" in given:
        raise Missing(f"nothing is called {given[:100]!r}")
    return given
