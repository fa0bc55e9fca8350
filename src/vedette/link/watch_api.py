"""The live feeds over HTTP: what `Reports.Subscribe` and `SubscribeReports` send, for browsers and scripts.

It stands in the link and not in health, since the feed, its filters and its queues do: the route is
another door to them, beside gRPC's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from litestar import Request, get
from litestar.datastructures import CacheControlHeader
from litestar.params import Parameter
from litestar.response import Stream

from vedette.access.model import Actor
from vedette.errors import VedetteError
from vedette.link import documents
from vedette.link.audience import Moment, Subscriber
from vedette.link.doors import Doors
from vedette.link.signin import Caller

HEARTBEAT_S = 15.0
"""So often at least something is sent: whatever stands between keeps the connection open."""

LAST_EVENT_ID = "last-event-id"

Names = Sequence[str]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write the stream down."""

    media_type: str
    begin: bytes
    pages: Callable[[Moment[Any]], list[bytes]]
    heartbeat: bytes
    end: Callable[[str], bytes]


EVENTS = Form(
    "text/event-stream",
    documents.RETRY_EVENT,
    lambda moment: moment.events,
    documents.HEARTBEAT_EVENT,
    documents.last_event,
)
LINES = Form(
    "application/jsonl",
    b"",
    lambda moment: moment.lines,
    documents.HEARTBEAT_LINE,
    documents.last_line,
)
FORMS = {
    "text/event-stream": EVENTS,
    "application/jsonl": LINES,
    "application/x-ndjson": LINES,
    "application/json": LINES,
}


def _filter(name: str, help_text: str) -> Any:  # noqa: ANN401 - what Litestar makes of it
    return Parameter(query=name, description=help_text)


@get("/api/v1/watch", cache_control=CacheControlHeader(no_store=True))
async def watch(
    request: Request[Any, Any, Any],
    actor: Actor,
    doors: Doors,
    targets: Annotated[list[str] | None, _filter("target", "Names of targets.")] = None,
    components: Annotated[list[str] | None, _filter("component", "Slugs of components.")] = None,
    clusters: Annotated[list[str] | None, _filter("cluster", "Names of clusters.")] = None,
    states: Annotated[
        list[str] | None, _filter("state", "States that are, or just were: down, up …")
    ] = None,
    cursor: Annotated[
        int,
        Parameter(query="cursor", ge=0, description="Resume there; `Last-Event-ID` goes first."),
    ] = 0,
    of: Annotated[
        Literal["states", "reports"],
        Parameter(query="of", description="Changes of state, or every report with its values."),
    ] = "states",
) -> Stream:
    """Send what stands, or what is new since the cursor, then every change or report as it comes.

    Server-sent events, or JSON lines where `Accept` asks for application/jsonl.
    """
    choice = await doors.choice(
        targets=targets or (),
        components=components or (),
        clusters=clusters or (),
        states=states or (),
    )
    form = FORMS[request.accept.best_match(list(FORMS), default=EVENTS.media_type) or ""]
    secret = request.headers.get("authorization", "").partition(" ")[2].strip()
    subscribing = doors.subscriber(
        choice,
        Caller(actor.name, secret),
        cursor=_resumed(request, cursor),
        reports=of == "reports",
    )
    return Stream(
        _stream(subscribing, form),
        media_type=form.media_type,
        # A proxy that collects an answer before it passes it on would pass nothing on.
        headers={"X-Accel-Buffering": "no"},
    )


routes = [watch]


async def _stream(
    subscribing: AbstractAsyncContextManager[Subscriber[Any]], form: Form
) -> AsyncIterator[bytes]:
    if form.begin:
        yield form.begin
    try:
        async with subscribing as subscriber:
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        moment = await subscriber.next()
                except TimeoutError:
                    yield form.heartbeat
                    continue
                for page in form.pages(moment):
                    yield page
    except VedetteError as error:
        yield form.end(str(error))


def _resumed(request: Request[Any, Any, Any], cursor: int) -> int:
    # A browser comes back to the URL it had, with the last id it was sent: that is the younger.
    said = request.headers.get(LAST_EVENT_ID, "").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else cursor
