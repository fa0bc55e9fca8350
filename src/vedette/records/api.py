"""REST routes that take records in: at once, or as a snapshot that is opened, filled and closed."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import Parameter

from vedette import clock, plugins
from vedette.access.model import Actor
from vedette.access.repeated import Asked as Repeated
from vedette.access.repeated import Kept, once
from vedette.access.repeated_api import answered_once, asked_by, kept, told
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.records.intake import LARGE, Answer, RecordIntake, close_and_note, fill_read
from vedette.records.intake_read import Asked, Read, kind_called
from vedette.records.intake_snapshots import (
    cluster_of,
    drop_snapshot,
    found_snapshot,
    open_and_note,
)
from vedette.records.kinds import GROUP
from vedette.records.outcome import Outcome
from vedette.records.snapshots import Snapshot
from vedette.rest.guard import BASIC

AnyRequest = Request[Any, Any, Any]
Word = Annotated[str, Parameter(max_length=1_000)]
TAKES = {BASIC: True}


class Applied(msgspec.Struct, kw_only=True):
    """What a body changed.

    kind: also of several, parted by commas. created: what is new, `[what, name]` in the order of the documents, the
    first thousand; totals: how many of each. opened, closed, changed: findings, validations, values. unchanged:
    subjects that are as they were. older: looks that came too late. note: why nothing is kept, or "".
    """

    kind: str
    documents: int
    created: list[tuple[str, str]]
    totals: dict[str, int]
    opened: int
    closed: int
    changed: int
    unchanged: int
    older: int
    note: str = ""


class KindShown(msgspec.Struct, kw_only=True):
    """A format of documents that is understood; family: what its records are about."""

    name: str
    description: str
    family: str


class NewSnapshot(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A snapshot to open. cluster: the one it speaks of; none: any. complete: it is all there is of its clusters."""

    kind: str
    cluster: str = ""
    complete: bool = True


class SnapshotShown(msgspec.Struct, kw_only=True):
    """An open snapshot; token: what its routes are called by."""

    token: UUID
    kind: str
    cluster: str
    complete: bool
    opened_at: datetime
    expires_at: datetime


class Filled(msgspec.Struct, kw_only=True):
    """What was kept of a body until its snapshot is closed."""

    kind: str
    documents: int
    records: int
    note: str = ""


def asked_of(request: AnyRequest, kind: str) -> Asked:
    """Return what the query says beside a body."""
    query = request.query_params
    return Asked(
        kind=kind,
        cluster=query.get("cluster", ""),
        namespace=query.get("namespace", ""),
        subject=query.get("subject", ""),
    )


def applied(kind: str, read: Read, outcome: Outcome) -> Applied:
    """Return what is answered to a body."""
    named = ",".join(sorted(read.parts)) or kind
    return shown(named, outcome, documents=read.documents, note=note_of(read))


def shown(kind: str, outcome: Outcome, *, documents: int = 0, note: str = "") -> Applied:
    """Return what is answered; documents: 0 for those that a snapshot held."""
    return Applied(
        kind=kind,
        documents=documents,
        created=outcome.created,
        totals=outcome.totals,
        opened=outcome.opened,
        closed=outcome.closed,
        changed=outcome.changed,
        unchanged=outcome.unchanged,
        older=outcome.older,
        note=note,
    )


def note_of(read: Read) -> str:
    """Return why nothing is kept, or what is passed over beside what is."""
    said = "; ".join(list(dict.fromkeys(read.passed))[:5])
    if read.records:
        return f"passed over: {said}" if said else ""
    return f"nothing to keep: {said}" if said else "nothing to keep"


@post("/api/v1/records/{kind:str}", status_code=200, request_max_body_size=None, opt=TAKES)
async def apply_records(
    request: AnyRequest,
    actor: Actor,
    record_intake: RecordIntake,
    kind: str,
    cluster: Word = "",
    namespace: Word = "",
    subject: Word = "",
    complete: bool = False,
) -> Response[Applied]:
    """Store a body of one document or several, all of it or nothing; the kind may be `auto`."""
    now, asked = clock.now(), asked_of(request, kind)
    async with record_intake.received(request.stream()) as body, record_intake.turn(body):
        answer = Answer(
            lambda read, outcome: kept(applied(kind, read, outcome)),
            await _repeated(request, actor, body),
        )
        done = await record_intake.apply(
            body, asked, by=actor.name, now=now, complete=complete, answer=answer
        )
    return told(done, Applied)


@get("/api/v1/kinds")
async def list_kinds() -> list[KindShown]:
    """List the formats of documents that are understood."""
    found = [(name, plugins.load(GROUP, name)) for name in plugins.names(GROUP)]
    return [
        KindShown(name=name, description=kind.description, family=getattr(kind, "family", ""))
        for name, kind in found
        if hasattr(kind, "description")
    ]


@post("/api/v1/snapshots", status_code=201, opt=TAKES)
async def open_a_snapshot(
    request: AnyRequest, actor: Actor, record_intake: RecordIntake, data: NewSnapshot
) -> Response[SnapshotShown]:
    """Open a snapshot; nothing of it is seen before it is closed."""
    kind = kind_called(data.kind).name
    async with record_intake.connection() as conn:

        async def act() -> Kept:
            opened = await open_and_note(
                conn,
                kind,
                by=actor.name,
                now=clock.now(),
                complete=data.complete,
                cluster=data.cluster,
                lifetime=record_intake.options.lifetime,
            )
            return kept(_opened(opened, data.cluster), 201)

        return told(await answered_once(request, conn, actor, act), SnapshotShown)


@post(
    "/api/v1/snapshots/{token:uuid}/documents",
    status_code=200,
    request_max_body_size=None,
    opt=TAKES,
)
async def fill_snapshot(
    request: AnyRequest,
    actor: Actor,
    record_intake: RecordIntake,
    token: UUID,
    cluster: Word = "",
    namespace: Word = "",
    subject: Word = "",
) -> Response[Filled]:
    """Keep a body, durably, until the snapshot is closed."""
    async with record_intake.connection() as conn:
        snapshot = await found_snapshot(conn, token)
        own = await cluster_of(conn, snapshot)
    if own and cluster not in ("", own):
        raise Invalid(f"this snapshot speaks of {own}", hint="leave the cluster out")
    asked = replace(asked_of(request, snapshot.kind), cluster=own or cluster)
    async with record_intake.received(request.stream()) as body, record_intake.turn(body):
        again = await _repeated(request, actor, body)
        read = await record_intake.read(body, asked, now=clock.now())
        async with record_intake.connection() as conn:

            async def act() -> Kept:
                await fill_read(conn, token, snapshot.kind, read)
                return kept(_filled(snapshot.kind, read))

            return told(await once(conn, again, act, now=clock.now()), Filled)


@post("/api/v1/snapshots/{token:uuid}/close", status_code=200, opt=TAKES)
async def close_a_snapshot(
    request: AnyRequest, actor: Actor, record_intake: RecordIntake, token: UUID
) -> Response[Applied]:
    """Show what was filled in, and say what it changed."""
    again = asked_by(request, actor, await request.body())
    async with record_intake.connection() as conn:
        snapshot = await found_snapshot(conn, token)

    async def work(conn: Connection) -> Kept:
        now = clock.now()

        async def act() -> Kept:
            outcome = await close_and_note(conn, token, snapshot.kind, by=actor.name, now=now)
            return kept(shown(snapshot.kind, outcome))

        return await once(conn, again, act, now=now)

    return told(await record_intake.store_apart(work), Applied)


@delete("/api/v1/snapshots/{token:uuid}", opt=TAKES)
async def drop_a_snapshot(
    request: AnyRequest, actor: Actor, record_intake: RecordIntake, token: UUID
) -> None:
    """Let go of a snapshot with what was filled in."""
    again = asked_by(request, actor, await request.body())
    async with record_intake.connection() as conn:

        async def act() -> Kept:
            await drop_snapshot(conn, token, by=actor.name, now=clock.now())
            return kept(None, 204)

        await once(conn, again, act, now=clock.now())


async def _repeated(request: AnyRequest, actor: Actor, body: bytes) -> Repeated | None:
    if len(body) < LARGE:
        return asked_by(request, actor, body)
    return await asyncio.to_thread(asked_by, request, actor, body)


def _opened(opened: Snapshot, cluster: str) -> SnapshotShown:
    return SnapshotShown(
        token=opened.token,
        kind=opened.kind,
        cluster=cluster,
        complete=opened.complete,
        opened_at=opened.opened_at,
        expires_at=opened.expires_at,
    )


def _filled(kind: str, read: Read) -> Filled:
    return Filled(kind=kind, documents=read.documents, records=read.records, note=note_of(read))


routes: list[Any] = [
    apply_records,
    list_kinds,
    open_a_snapshot,
    fill_snapshot,
    close_a_snapshot,
    drop_a_snapshot,
]
