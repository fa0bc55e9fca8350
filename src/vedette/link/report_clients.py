"""The client's side of the stream of reports: follow them, whatever happens to the connection."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vedette.link import vedette_pb2 as pb
from vedette.link.clients import (
    EPOCH,
    EVERYTHING,
    Door,
    Lost,
    Resumed,
    Wanted,
    for_ever,
    frames,
    request_for,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measurement; entity is "" for the target itself, else `kind:id`."""

    name: str
    entity: str
    unit: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One report. rtt_s: None when no answer came."""

    target: str
    agent: str
    component: str
    cluster: str
    at: datetime
    state: str
    error_class: str
    rtt_s: float | None
    measurements: Sequence[Measured]


@dataclass(frozen=True, slots=True)
class Looks:
    """What the server told at one moment.

    snapshot: the latest reports of all there is, said once. skipped: reports left out before these,
    because this client, or the server's reading, did not keep up.
    """

    looks: Sequence[Look]
    snapshot: bool = False
    skipped: int = 0


@dataclass(slots=True)
class _Memory:
    """Where to resume, and what was told: after a reconnect some reports come once more."""

    cursor: int = 0
    began: bool = False
    told: dict[tuple[str, str], datetime] = field(default_factory=dict)
    repeats_until: datetime = EPOCH

    def take(self, looks: Sequence[Look], frame: pb.ReportFrame) -> Looks:
        """Return what is new of a whole moment."""
        is_first, self.began = not self.began, True
        fresh = [it for it in looks if not self._is_repeated(it)]
        self.told |= {(it.target, it.agent): it.at for it in looks}
        self.cursor = frame.cursor
        return Looks(fresh, snapshot=frame.snapshot and is_first, skipped=frame.skipped)

    def interrupted(self) -> None:
        """Expect repetitions of what was told before."""
        self.repeats_until = max(self.told.values(), default=EPOCH)

    def _is_repeated(self, look: Look) -> bool:
        # Later than all that was told it is new, even from a clock that was set back since.
        told = self.told.get((look.target, look.agent))
        return told is not None and look.at <= told and look.at <= self.repeats_until


async def follow(
    door: Door, wanted: Wanted = EVERYTHING
) -> AsyncGenerator[Looks | Lost | Resumed, None]:
    """Yield the latest reports, then every one, for ever; raises and reconnects as `watch` does."""
    memory = _Memory()
    async with aclosing(for_ever(lambda: _stream(door, wanted, memory))) as stream:
        async for piece in stream:
            if isinstance(piece, Lost):
                memory.interrupted()
            if not isinstance(piece, Looks) or piece.snapshot or piece.looks or piece.skipped:
                yield piece


async def _stream(door: Door, wanted: Wanted, memory: _Memory) -> AsyncIterator[Looks]:
    looks: list[Look] = []
    request = request_for(wanted, cursor=memory.cursor)
    async with aclosing(frames(door, "SubscribeReports", request)) as stream:
        async for frame in stream:
            looks += [_look(row) for row in frame.reports]
            if not frame.more:
                yield memory.take(looks, frame)
                looks = []


def _look(row: pb.ReportRow) -> Look:
    return Look(
        target=row.target,
        agent=row.agent,
        component=row.component,
        cluster=row.cluster,
        at=EPOCH + timedelta(microseconds=row.at_us),
        state=row.state,
        error_class=row.error_class,
        rtt_s=None if row.rtt_s < 0 else row.rtt_s,
        measurements=[
            Measured(name=it.name, entity=it.entity, unit=it.unit, value=it.value)
            for it in row.values
        ],
    )
