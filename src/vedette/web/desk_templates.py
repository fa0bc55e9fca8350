"""The desk's page of templates: words to begin with, kept, changed and forgotten by forms."""

from collections.abc import Callable
from datetime import datetime

from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.errors import Invalid, VedetteError
from vedette.incidents.model import Kind
from vedette.incidents.rules import impact_of
from vedette.incidents.templates import Words, drop_template, keep_template, templates
from vedette.rest.problem import STATUS
from vedette.web.answers import Answer, Request, see_other
from vedette.web.desk_form import WRITE, Refused, Typed, page, posted, refused
from vedette.web.lent import lent
from vedette.web.reader import N_, gettext
from vedette.web.visitors import Visitors

KINDS = {
    Kind.INCIDENT: N_("Incident"),
    Kind.MAINTENANCE: N_("Maintenance"),
    Kind.INFO: N_("Notice"),
}


class TemplateDesk:
    """The page `/desk/templates`."""

    def __init__(
        self, pool: AsyncConnectionPool, *, visitors: Visitors, clock: Callable[[], datetime]
    ) -> None:
        self._pool = pool
        self._visitors = visitors
        self._clock = clock

    async def all(self, request: Request) -> Answer:
        """Answer `/desk/templates?name=`: every template, with a form for one of them or a new one."""
        refusal: Refused | None = None
        status, typed = 200, Typed()
        if request.method == "POST":
            actor, typed = await posted(self._visitors, request)
        else:
            actor = await self._visitors.who(request, WRITE)
        async with lent(self._pool) as conn:
            if request.method == "POST":
                try:
                    await _done(conn, typed, by=actor.name, now=self._clock())
                    return see_other("/desk/templates")
                except VedetteError as error:
                    refusal, status = refused(typed, error), STATUS[error.kind]
            found = await templates(conn)
        asked = typed.text("name") or request.query.get("name", "")
        held = next((one for one in found if one.name == asked), None)
        return page(
            "desk_templates.html",
            actor,
            status=status,
            templates=found,
            kinds={kind: gettext(word) for kind, word in KINDS.items()},
            held=held,
            typed=typed,
            refusal=refusal,
        )


async def _done(conn: Connection, typed: Typed, *, by: str, now: datetime) -> None:
    name = typed.text("name")
    if typed.do == "forget":
        await drop_template(conn, name, by=by)
        return
    if typed.text("kind") not in set(Kind):
        raise Invalid(N_("the form names no kind"), hint=N_("load the page again"))
    kind, impact = Kind(typed.text("kind")), typed.text("impact")
    words = Words(
        kind=kind,
        title=typed.text("title"),
        text=typed.text("text"),
        impact=impact_of(impact) if impact and kind is Kind.INCIDENT else None,
    )
    await keep_template(conn, name, words, by=by, now=now, version=typed.number("version"))
