"""The operators' desk for incidents: what stands, and forms for everything one can do with it.

Every form is a verb of the room and nothing else. What is refused comes back with the reason and with all that
was typed; what somebody else changed meanwhile is shown beside it, and the form can be sent on top of that.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from markupsafe import Markup
from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.errors import Conflict, Invalid, VedetteError
from vedette.incidents.listing import Wanted, listed
from vedette.incidents.model import Incident, Kind, Status
from vedette.incidents.reads import affected, incident
from vedette.incidents.templates import template, templates
from vedette.rest.paging import decode_place, encode_cursor
from vedette.rest.problem import STATUS
from vedette.web.action_list import launched_for
from vedette.web.answers import Answer, Request, see_other
from vedette.web.desk_components import picker
from vedette.web.desk_deeds import DEEDS
from vedette.web.desk_form import WRITE, Refused, Typed, posted, refused
from vedette.web.desk_form import page as desk_page
from vedette.web.desk_new import open_told, plan_told
from vedette.web.desk_shown import line, meanwhile, shown
from vedette.web.incident import number_of
from vedette.web.lent import lent
from vedette.web.markdown import html_of
from vedette.web.reader import N_, gettext
from vedette.web.stories import status_word
from vedette.web.visitors import Visitor, Visitors

OPEN_SHOWN, OVER_SHOWN = 200, 25
WORDS_LIMIT = 200
BEGINS_AS = (Status.DETECTED, Status.ANALYZING, Status.FIXING, Status.OBSERVING)
BUTTONS = ("publish", "draft")
"""Those of a new incident or maintenance that begin it; the others only show the form again."""

Begin = Callable[..., Awaitable[int]]


class IncidentDesk:
    """The pages below `/desk` about incidents, for whoever may write them."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        *,
        visitors: Visitors,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._visitors = visitors
        self._clock = clock

    async def listing(self, request: Request) -> Answer:
        """Answer `/desk?words=&after=`: drafts, what stands open, what is over; raises Invalid."""
        actor = await self._visitors.who(request, WRITE)
        words, cursor = request.query.get("words", "").strip(), request.query.get("after", "")
        if len(words) > WORDS_LIMIT:
            raise Invalid(f"words is longer than {WORDS_LIMIT} characters", hint="shorten it")
        after = decode_place(cursor) if cursor else None
        wanted = Wanted(text=words or None, drafts=True)
        async with lent(self._pool) as conn:
            is_open = await listed(conn, replace(wanted, is_open=True), limit=OPEN_SHOWN)
            over = await listed(conn, replace(wanted, is_open=False), limit=OVER_SHOWN, after=after)
            both = [*is_open.incidents, *over.incidents]
            members = await affected(conn, [held.id for held in both])
        lines = [line(held, members[held.id]) for held in is_open.incidents]
        groups = (
            (gettext("Drafts"), [one for one in lines if one.held.published_at is None]),
            (gettext("Open"), [one for one in lines if _stands(one.held, planned=False)]),
            (gettext("Planned"), [one for one in lines if _stands(one.held, planned=True)]),
        )
        query = {"words": words} if words else {}
        if over.following:
            query["after"] = encode_cursor(over.following)
        return desk_page(
            "desk.html",
            actor,
            groups=[group for group in groups if group[1]],
            over=[line(held, members[held.id]) for held in over.incidents],
            words=words,
            earlier=f"/desk?{urlencode(query)}#over" if over.following else "",
        )

    async def open(self, request: Request) -> Answer:
        """Answer `/desk/open`: a form for an incident or a notice, and what it sends."""
        return await self._new(request, "desk_open.html", open_told)

    async def plan(self, request: Request) -> Answer:
        """Answer `/desk/plan`: a form for a maintenance, and what it sends."""
        return await self._new(request, "desk_plan.html", plan_told)

    async def incident(self, request: Request) -> Answer:
        """Answer `/desk/incidents/NUMBER`: all of it, and its forms; raises Missing."""
        if request.method != "POST":
            actor = await self._visitors.who(request, WRITE)
            number = number_of(request.name)
            async with lent(self._pool) as conn:
                return await self._one(conn, actor, number, Typed(), edit=request.query.get("edit"))
        actor, typed = await posted(self._visitors, request)
        number = number_of(request.name)
        async with lent(self._pool) as conn:
            held = await incident(conn, number)
            if typed.do in ("preview", "find"):
                return await self._one(conn, actor, number, typed)
            deed = DEEDS[held.kind].get(typed.form)
            try:
                if deed is None:
                    raise Invalid(N_("this page has no such form"), hint=N_("load the page again"))
                there = await deed(conn, held, typed, actor.name, self._clock())
            except VedetteError as error:
                return await self._one(conn, actor, number, typed, error=error)
        return see_other(f"/desk/incidents/{there}")

    async def _one(
        self,
        conn: Connection,
        actor: Visitor,
        number: int,
        typed: Typed,
        *,
        error: VedetteError | None = None,
        edit: str | None = None,
    ) -> Answer:
        page = await shown(conn, number)
        edit = typed.text("update") if typed.form == "edit" else edit
        has_form = typed.form in page.forms or (
            typed.form == "edit" and any(str(one.said.id) == edit for one in page.words)
        )
        picked = [one.slug for one in page.members]
        if typed.form == "change":
            picked = typed.every("component")
        boxes = await picker(
            conn, find=typed.text("find"), picked=picked, regions=typed.every("region")
        )
        return desk_page(
            "desk_incident.html",
            actor,
            status=STATUS[error.kind] if error else 200,
            page=page,
            actions=await launched_for(conn, number) if actor.may("actions:read") else [],
            typed=typed,
            edit=edit,
            has_form=has_form,
            refusal=refused(typed, error) if error else None,
            meanwhile=meanwhile(page, typed) if isinstance(error, Conflict) else None,
            preview=_preview(typed) if typed.do == "preview" else None,
            postmortem=html_of(page.line.held.postmortem),
            picker=boxes,
        )

    async def _new(self, request: Request, name: str, begin: Begin) -> Answer:
        refusal: Refused | None = None
        status = 200
        if request.method != "POST":
            actor = await self._visitors.who(request, WRITE)
            typed = Typed({word: [text] for word, text in request.query.items()})
        else:
            actor, typed = await posted(self._visitors, request)
        async with lent(self._pool) as conn:
            try:
                if request.method == "POST" and typed.do in BUTTONS:
                    number = await begin(conn, typed, by=actor.name, now=self._clock())
                    return see_other(f"/desk/incidents/{number}")
                if typed.do == "template" and typed.text("template"):
                    typed = await _with_template(conn, typed)
            except VedetteError as error:
                refusal, status = refused(typed, error), STATUS[error.kind]
            boxes = await picker(
                conn,
                find=typed.text("find"),
                picked=typed.every("component"),
                regions=typed.every("region"),
            )
            offered = await templates(conn)
        return desk_page(
            name,
            actor,
            status=status,
            typed=typed,
            refusal=refusal,
            picker=boxes,
            statuses=[(word, status_word(word)) for word in BEGINS_AS],
            templates=[
                one for one in offered if (one.kind is Kind.MAINTENANCE) == (begin is plan_told)
            ],
            preview=html_of(typed.text("text")) if typed.do == "preview" else None,
        )


def _preview(typed: Typed) -> Markup:
    words = (typed.changed("description"), typed.text("text"), typed.text("postmortem"))
    return html_of("\n\n".join(text for text in words if text))


async def _with_template(conn: Connection, typed: Typed) -> Typed:
    """Return the form with the words of its template where they say something; raises Missing."""
    words = await template(conn, typed.text("template"))
    offered = {
        "kind": str(words.kind),
        "title": words.title,
        "text": words.text,
        "impact": words.impact.word if words.impact else "",
    }
    return Typed({**typed.fields, **{field: [text] for field, text in offered.items() if text}})


def _stands(held: Incident, *, planned: bool) -> bool:
    return held.published_at is not None and (held.status is Status.PLANNED) is planned
