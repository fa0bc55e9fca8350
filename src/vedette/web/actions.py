"""The pages of actions: what hosts are asked, who stands behind it, and what they answered."""

from collections.abc import Callable
from datetime import datetime

from psycopg_pool import AsyncConnectionPool

from vedette.actions import reads as room
from vedette.actions.deliver import orders
from vedette.actions.document import signed_text
from vedette.actions.document_read import read_order
from vedette.actions.export import Exports
from vedette.db.queries import Connection
from vedette.errors import Invalid, Missing, VedetteError
from vedette.rest.problem import STATUS
from vedette.web import action_reads
from vedette.web.action_before import before_of, missing_of
from vedette.web.action_deeds import DEEDS
from vedette.web.action_list import WEIGHED, action_list, asked_of, at_most
from vedette.web.action_page import ActionPage, action_page
from vedette.web.answers import NO_STORE, Answer, Request, see_other
from vedette.web.desk_form import NUMBER_LIMIT, Typed, refused
from vedette.web.lent import POOL_WAIT_S, lent
from vedette.web.reader import N_
from vedette.web.templates import render
from vedette.web.visitors import Visitor, Visitors

LOOK, ACT = "actions:read", "actions:write"
FORM_BYTES, FORM_FIELDS = 131_072, 20
"""A signature of 16 KiB, every character of it written as three, with room for the rest."""
FILE_BYTES = 32 << 20
"""Of a file that a page hands out, which is made whole before it is sent; REST streams longer ones."""


class ActionPages:
    """The pages about actions of one server."""

    def __init__(
        self, pool: AsyncConnectionPool, *, visitors: Visitors, clock: Callable[[], datetime]
    ) -> None:
        self._pool = pool
        self._exports = Exports(pool)
        self._visitors = visitors
        self._clock = clock

    async def actions(self, request: Request) -> Answer:
        """Answer `/actions?state=&page=`: three statements, and some for each that waits; raises Invalid."""
        actor = await self._visitors.who(request, LOOK)
        asked, now = asked_of(request.query), self._clock()
        async with lent(self._pool) as conn:
            tally = await action_reads.tally(conn)
            asked = at_most(asked, tally)
            rows = await action_reads.listed(conn, state=asked.state, page=asked.page)
            counts = await room.counts(conn, [one.id for one in rows])
            waiting = [one.id for one in rows if one.state == "proposed"][:WEIGHED]
            missing = {one: await missing_of(conn, one, now) for one in waiting}
        page = action_list(asked, tally, rows, counts, missing, now=now)
        return Answer(render("actions.html", page=page, actor=actor), cache=NO_STORE)

    async def action(self, request: Request) -> Answer:
        """Answer `/actions/NUMBER`, and what its forms send; raises Missing, Invalid."""
        action_id = number_of(request.name)
        if request.method != "POST":
            actor = await self._visitors.who(request, LOOK)
            async with lent(self._pool) as conn:
                return await self._shown(conn, actor, action_id, Typed())
        actor, fields = await self._visitors.posted_at_length(
            request, ACT, most_bytes=FORM_BYTES, most_fields=FORM_FIELDS
        )
        typed = Typed(fields)
        async with self._pool.connection(POOL_WAIT_S) as conn:
            deed = DEEDS.get(typed.form)
            if deed is None:
                raise Invalid(N_("this page has no such form"), hint=N_("load the page again"))
            try:
                await deed(conn, action_id, typed, actor.name, self._clock())
            except VedetteError as error:
                return await self._shown(conn, actor, action_id, typed, error=error)
        return see_other(f"/actions/{action_id}")

    async def signed_bytes(self, request: Request) -> Answer:
        """Answer `/actions/NUMBER/signed-bytes`: what people sign, for gpg and ssh-keygen; raises Missing."""
        await self._visitors.who(request, LOOK)
        action_id = number_of(request.name)
        async with lent(self._pool) as conn:
            await room.action(conn, action_id)
            order = (await orders(conn, [action_id]))[action_id]
        text = signed_text(read_order(order.document, ()))
        return _file(text, b"application/octet-stream", f"action-{action_id}.txt")

    async def results_csv(self, request: Request) -> Answer:
        """Answer `/actions/NUMBER/results.csv`: every answer, a line each; raises Missing, Invalid."""
        return await self._results(request, b"text/csv; charset=utf-8", "csv")

    async def results_jsonl(self, request: Request) -> Answer:
        """Answer `/actions/NUMBER/results.jsonl`: every answer with its signature; raises Missing, Invalid."""
        return await self._results(request, b"application/jsonl", "jsonl")

    async def _results(self, request: Request, type_: bytes, ending: str) -> Answer:
        await self._visitors.who(request, LOOK)
        action_id = number_of(request.name)
        body = bytearray()
        async for piece in await self._exports.begin(action_id, is_csv=ending == "csv"):
            body += piece
            if len(body) > FILE_BYTES:
                raise Invalid(
                    f"the answers have more than {FILE_BYTES >> 20} MiB, which no page hands out",
                    hint=f"vedette act results {action_id}",
                )
        return _file(bytes(body), type_, f"action-{action_id}.{ending}")

    async def _shown(
        self,
        conn: Connection,
        actor: Visitor,
        action_id: int,
        typed: Typed,
        *,
        error: VedetteError | None = None,
    ) -> Answer:
        page = await self._page(conn, action_id)
        body = render(
            "action.html",
            page=page,
            actor=actor,
            may_act=actor.may(ACT),
            typed=typed,
            refusal=refused(typed, error) if error else None,
        )
        return Answer(body, status=STATUS[error.kind] if error else 200, cache=NO_STORE)

    async def _page(self, conn: Connection, action_id: int) -> ActionPage:
        now = self._clock()
        held = await room.action(conn, action_id)
        order = (await orders(conn, [action_id]))[action_id]
        return action_page(
            held,
            await before_of(conn, held, order.document, now),
            (await room.counts(conn, [action_id]))[action_id],
            await room.signers(conn, action_id),
            await room.denials(conn, action_id),
            await action_reads.alike(conn, action_id),
            await action_reads.kinds_of_answers(conn, action_id),
            await action_reads.failures(conn, action_id),
            await action_reads.away(conn, action_id),
            now=now,
        )


def _file(body: bytes, type_: bytes, name: str) -> Answer:
    headers = ((b"content-disposition", f'attachment; filename="{name}"'.encode()),)
    return Answer(body, type=type_, cache=NO_STORE, headers=headers)


def number_of(name: str) -> int:
    """Return the number of an action in an address; raises Missing."""
    if name.isascii() and name.isdigit() and len(name) < 11 and int(name) <= NUMBER_LIMIT:
        return int(name)
    raise Missing(N_("there is no such action"), hint=N_("the list has them all"))
