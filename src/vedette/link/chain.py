"""Reading a spool: follow the chain of numbers, and put a gap where a link of it is missing."""

from collections import deque
from dataclasses import dataclass

from vedette.link.ledger import Ledger, Mark
from vedette.link.segment import HEAD_BYTES, Head, Segment

GAP = 0
"""Kind of a record that stands for lost ones; the writer's own kinds are 1 to 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What reading a spool brings: a record, or the place of lost ones.

    seq, prev: its number, and the one read before it; from what is acked on there is no hole.
    kind: the writer's, or GAP; then `reports` are lost, between the two times, for `reason`.
    """

    seq: int
    prev: int
    kind: int
    payload: bytes = b""
    reports: int
    from_us: int
    to_us: int
    reason: str = ""


class Reader:
    """A place in the chain; `segments` and `ledger` are the spool's own and change under it.

    at: the record read last.
    told: whether a gap was met that the ledger did not know.
    """

    def __init__(self, segments: list[Segment], ledger: Ledger) -> None:
        self._segments = segments
        self._ledger = ledger
        self.rewind(ledger.acked.seq)

    def rewind(self, seq: int) -> None:
        """Read again from behind what is acked; `seq` is the number the chain shall start from."""
        self.at = self._ledger.acked.at_number(seq)
        self.told = False
        self._segment: Segment | None = None
        self._offset = 0
        self._handed: deque[Mark] = deque()

    def read(self) -> Record | None:
        """Return what follows, None when there is nothing more now."""
        while (found := self._next_head()) is not None:
            segment, offset, head = found
            if head.prev > self.at.seq:
                return self._gap(head.prev, head.before, self._times_before(head))
            self._offset = offset + HEAD_BYTES + head.length
            if head.seq <= self.at.seq:
                continue
            payload = segment.payload(offset, head)
            if payload is None:
                return self._gap(head.seq, head.after, (head.from_us, head.to_us))
            return self._hand_out(_record(head, payload, self.at.seq), head.after)
        return None

    def pass_over(self, acked: Mark) -> None:
        """Skip what is acked: it needs no reading any more."""
        if self.at.seq < acked.seq:
            self.at = acked
        while self._handed and self._handed[0].seq <= acked.seq:
            self._handed.popleft()

    def leave(self, segment: Segment) -> None:
        """Stand at the beginning of what is left when the segment being read goes away."""
        if self._segment is segment:
            self._segment = None

    def mark(self, seq: int) -> Mark:
        """Return the count of reports up to that number; the best that is known if it is gone."""
        best = self._ledger.acked
        for mark in (*self._ledger.gaps, *self._handed):
            if best.seq < mark.seq <= seq:
                best = mark
        for segment in self._segments:
            if best.seq == seq or (segment.first and segment.first.seq > seq):
                break
            for _, head in segment.heads():
                if best.seq < head.seq <= seq:
                    best = Mark(head.seq, head.after, head.to_us)
                elif head.prev == seq:
                    return Mark(seq, head.before, best.at_us)
        return best.at_number(seq)

    def _next_head(self) -> tuple[Segment, int, Head] | None:
        if self._segment is None:
            if not self._segments:
                return None
            self._segment, self._offset = self._segments[0], 0
        while True:
            for offset, head in self._segment.heads(self._offset):
                return self._segment, offset, head
            following = self._segments.index(self._segment) + 1
            if following == len(self._segments):
                return None
            self._segment, self._offset = self._segments[following], 0

    def _times_before(self, head: Head) -> tuple[int, int]:
        drops = [drop for drop in self._ledger.drops if self.at.seq < drop.seq <= head.prev]
        return (
            min((drop.from_us for drop in drops), default=self.at.at_us or head.from_us),
            max((drop.to_us for drop in drops), default=head.from_us),
        )

    def _gap(self, seq: int, after: int, times: tuple[int, int]) -> Record:
        """Stand for everything behind the record read last, up to and with number `seq`."""
        drops = [drop for drop in self._ledger.drops if self.at.seq < drop.seq <= seq]
        gap = Record(
            seq=seq,
            prev=self.at.seq,
            kind=GAP,
            reports=max(after - self.at.after, 0),
            from_us=times[0],
            to_us=times[1],
            reason=drops[-1].reason if drops else "corrupt",
        )
        if seq not in [mark.seq for mark in self._ledger.gaps]:
            self.told = True
            if not drops:
                self._ledger.dropped += gap.reports
            # Kept, so that a gap once told is never widened and counted twice.
            self._ledger.gaps.append(Mark(seq, after, gap.to_us))
        return self._hand_out(gap, after)

    def _hand_out(self, record: Record, after: int) -> Record:
        self.at = Mark(record.seq, after, record.to_us)
        self._handed.append(self.at)
        return record


def _record(head: Head, payload: bytes, prev: int) -> Record:
    return Record(
        seq=head.seq,
        prev=prev,
        kind=head.kind,
        payload=payload,
        reports=head.reports,
        from_us=head.from_us,
        to_us=head.to_us,
    )
