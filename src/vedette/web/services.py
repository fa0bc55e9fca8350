"""The pages of services and of what is known of them: for whoever has the scope `read`."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.errors import Invalid, Missing
from vedette.records import deployments_reads, validations_reads
from vedette.records.causes import CauseState, decide_cause
from vedette.web import image_reads, service_reads
from vedette.web.action_list import asked_beneath
from vedette.web.advisories import name_in_path
from vedette.web.answers import NO_STORE, Answer, Request, see_other
from vedette.web.desk_form import WRITE, Typed
from vedette.web.image_page import image_page
from vedette.web.lent import lent
from vedette.web.paging import page_of
from vedette.web.reader import N_
from vedette.web.service_list import asked_of, service_list
from vedette.web.service_measures import Measures
from vedette.web.service_page import DEPLOYMENTS, service_page
from vedette.web.templates import render
from vedette.web.visitors import Visitors

CAUSES = {"confirm": CauseState.CONFIRMED, "reject": CauseState.REJECTED}


class ServicePages:
    """The pages about services of one server."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        *,
        visitors: Visitors,
        measures: Measures,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._visitors = visitors
        self._measures = measures
        self._clock = clock

    async def services(self, request: Request) -> Answer:
        """Answer `/services?words=&sort=&page=`: one statement; raises Invalid."""
        actor = await self._visitors.who(request)
        asked, now = asked_of(request.query), self._clock()
        async with lent(self._pool) as conn:
            rows = await service_reads.services(conn, words=asked.words, now=now)
        page = service_list(asked, rows, now=now)
        return _private(render("services.html", page=page, actor=actor))

    async def service(self, request: Request) -> Answer:
        """Answer `/services/SLUG`: thirteen statements; and what its form sends. Raises Missing, Invalid."""
        if request.method == "POST":
            return await self._cause(request)
        actor = await self._visitors.who(request)
        now = self._clock()
        async with lent(self._pool) as conn:
            held = await _service(conn, request.name)
            page = service_page(
                held,
                await service_reads.components(conn, held.id),
                await service_reads.incidents(conn, held.id, now=now),
                await service_reads.fix_first(conn, held.id, now=now),
                await service_reads.severities(conn, held.id, now=now),
                await validations_reads.checks(conn, validations_reads.Wanted(service=held.name)),
                await self._measures.objectives(conn, held.name, now),
                await deployments_reads.deployments(
                    conn, deployments_reads.Wanted(service=held.name), limit=DEPLOYMENTS
                ),
                await self._measures.deliveries(conn, held.name, now),
                await service_reads.images(conn, held.id),
                now=now,
            )
            asked = await asked_beneath(conn, held.id) if actor.may("actions:read") else []
        return _private(render("service.html", page=page, actor=actor, asked=asked))

    async def _cause(self, request: Request) -> Answer:
        """Confirm or reject a deployment as what caused an incident."""
        actor, fields = await self._visitors.posted(request, WRITE)
        typed = Typed({name: [text] for name, text in fields.items()})
        decision = CAUSES.get(typed.do)
        if decision is None:
            raise Invalid(N_("this page has no such form"), hint=N_("load the page again"))
        incident, deployment = typed.number("incident"), typed.number("deployment")
        async with lent(self._pool) as conn:
            held = await _service(conn, request.name)
            if not await service_reads.is_affected(conn, held.id, incident):
                raise Missing(f"incident {incident} does not affect {held.name}")
            await decide_cause(
                conn, incident, deployment, decision, by=actor.name, now=self._clock()
            )
        return see_other(f"/services/{quote(held.slug, safe='')}#deployments")

    async def image(self, request: Request) -> Answer:
        """Answer `/images/DIGEST?page=`, or its number: five statements; raises Missing, Invalid."""
        actor = await self._visitors.who(request)
        number, now = page_of(request.query), self._clock()
        async with lent(self._pool) as conn:
            held = await image_reads.subject(conn, name_in_path(request.name))
            if held is None:
                raise Missing(f"no image is {request.name[:100]!r}", hint="find it by its name")
            page = image_page(
                held,
                await image_reads.looks(conn, held.id),
                await image_reads.runs(conn, held.id),
                await image_reads.findings(conn, held.id, page=number, now=now),
                await image_reads.namesakes(conn, held),
                page=number,
                now=now,
            )
        return _private(render("image.html", page=page, actor=actor))


async def _service(conn: Connection, slug: str) -> service_reads.Service:
    held = await service_reads.service(conn, name_in_path(slug))
    if held is None:
        raise Missing(f"there is no service {slug[:100]!r}", hint="see /services")
    return held


def _private(body: bytes) -> Answer:
    return Answer(body, cache=NO_STORE)
