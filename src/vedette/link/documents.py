"""Changes as JSON: the same pages as `frames`, for browsers and scripts."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from vedette.health.feed_reads import Change
from vedette.link.frames import parts

HEARTBEAT_EVENT = b": here\n\n"
HEARTBEAT_LINE = b"\n"
"""What is sent when nothing happens; readers of either form skip it."""

RETRY_EVENT = b"retry: 2000\n\n"
"""How long a browser waits before it comes back, in ms."""


class ShownChange(msgspec.Struct, kw_only=True):
    """A target or component and how it is; was: "" in a snapshot, or when there was nothing."""

    subject: str
    name: str
    was: str
    now: str
    at: datetime
    reason: str
    error_class: str
    component: str
    cluster: str


class Page(msgspec.Struct, kw_only=True):
    """What became known at one moment.

    kind: `snapshot`: forget what you held, this and its further pages are all there is; or `change`.
    cursor: where to resume; 0 while more is true. more: further pages of the same moment follow.
    """

    kind: str
    cursor: int
    more: bool
    changes: list[ShownChange]


class AnyPage(Protocol):
    """What every page has, of changes or of reports."""

    kind: str
    cursor: int
    more: bool


def lines(changes: Sequence[Change], *, cursor: int, snapshot: bool) -> list[bytes]:
    """Return the moment as JSON lines."""
    return page_lines(_pages(changes, cursor=cursor, snapshot=snapshot))


def events(changes: Sequence[Change], *, cursor: int, snapshot: bool) -> list[bytes]:
    """Return the moment as server-sent events; only the last carries an id to resume from."""
    return page_events(_pages(changes, cursor=cursor, snapshot=snapshot))


def page_lines(pages: Iterable[AnyPage]) -> list[bytes]:
    """Return pages as JSON lines."""
    return [_encoded(page) + b"\n" for page in pages]


def page_events(pages: Iterable[AnyPage]) -> list[bytes]:
    """Return pages as server-sent events named by their kind."""
    return [
        b"event: %s\n%sdata: %s\n\n"
        % (
            page.kind.encode(),
            b"" if page.more else b"id: %d\n" % page.cursor,
            _encoded(page),
        )
        for page in pages
    ]


def last_event(said: str) -> bytes:
    """Return the event that says why the stream ends."""
    return b"event: end\ndata: %s\n\n" % _ending(said)


def last_line(said: str) -> bytes:
    """Return the line that says why the stream ends."""
    return _ending(said) + b"\n"


def _pages(changes: Sequence[Change], *, cursor: int, snapshot: bool) -> Iterator[Page]:
    for part, more in parts(changes):
        yield Page(
            kind="snapshot" if snapshot else "change",
            cursor=0 if more else cursor,
            more=more,
            changes=[_shown(change, snapshot=snapshot) for change in part],
        )


def _shown(change: Change, *, snapshot: bool) -> ShownChange:
    return ShownChange(
        subject=change.subject,
        name=change.name,
        was="" if snapshot else change.was,
        now=change.now,
        at=change.at,
        reason=change.reason,
        error_class=change.error_class,
        component=change.component,
        cluster=change.cluster,
    )


def _encoded(page: AnyPage) -> bytes:
    return msgspec.json.encode(page)


def _ending(said: str) -> bytes:
    return msgspec.json.encode({"kind": "end", "message": said})
