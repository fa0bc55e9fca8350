"""Changes as frames of the wire: serialised once, in pages no client's limit refuses."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from vedette.health.feed_reads import Change
from vedette.link import vedette_pb2 as pb

PAGE_CHANGES = 500
"""A reason is at most 1 KiB and a name 200 characters: a page stays below 1 MiB."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Return the instant in µs since 1970 UTC, exactly."""
    return (at - EPOCH) // MICROSECOND


def pages(changes: Sequence[Change], *, cursor: int, snapshot: bool = False) -> list[bytes]:
    """Return the changes as serialised frames, at least one; only the last carries the cursor."""
    return [
        frame(part, cursor=0 if more else cursor, snapshot=snapshot, more=more).SerializeToString()
        for part, more in parts(changes)
    ]


def parts(changes: Sequence[Change]) -> Iterator[tuple[Sequence[Change], bool]]:
    """Cut the changes into pages, at least one, each with whether more follow."""
    last = max(0, len(changes) - 1) // PAGE_CHANGES
    for page in range(last + 1):
        yield changes[page * PAGE_CHANGES : (page + 1) * PAGE_CHANGES], page != last


def frame(
    changes: Sequence[Change], *, cursor: int, snapshot: bool = False, more: bool = False
) -> pb.Frame:
    """Return one frame; in a snapshot nothing was, everything is."""
    return pb.Frame(
        snapshot=snapshot,
        cursor=cursor,
        more=more,
        changes=[
            pb.StateChange(
                subject=change.subject,
                name=change.name,
                was="" if snapshot else change.was,
                now=change.now,
                at_us=microseconds(change.at),
                reason=change.reason,
                error_class=change.error_class,
                component=change.component,
                cluster=change.cluster,
            )
            for change in changes
        ],
    )
