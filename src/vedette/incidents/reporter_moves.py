"""Components on their way between open incidents, and what is noted of it: held back and written together.

A storm of posts moves hundreds of components the same way. One after the other that would be thousands
of statements, and nobody reads between them.
"""

from dataclasses import dataclass, field
from datetime import datetime

from vedette.db.queries import Connection
from vedette.incidents import writes


@dataclass(slots=True)
class Moves:
    """What was decided and is not yet written: who left what, who joined what, what is said of it.

    now: when all of it happened. Whoever writes anything else writes these first (`write`), so that
    the book reads as if each had been written by itself.
    """

    now: datetime
    _left: list[tuple[int, int]] = field(default_factory=list)
    _joined: list[tuple[int, int]] = field(default_factory=list)
    _passing: set[int] = field(default_factory=set)
    _standing: dict[tuple[int, int], int] = field(default_factory=dict)
    _notes: list[tuple[int, str, str]] = field(default_factory=list)

    def join(self, incident_id: int, component_id: int) -> None:
        """Let it stand in that incident, where it does not."""
        self._standing[incident_id, component_id] = len(self._joined)
        self._joined.append((incident_id, component_id))

    def leave(self, incident_id: int, component_id: int) -> None:
        """Let it stand there no longer; it may have joined a moment ago."""
        member = (incident_id, component_id)
        if member in self._standing:
            self._passing.add(self._standing.pop(member))
        else:
            self._left.append(member)

    def note(self, incident_id: int, text: str, *, by: str) -> None:
        """Say of an incident what was done."""
        self._notes.append((incident_id, text, by))

    async def write(self, conn: Connection) -> None:
        """Write what is held back: who leaves first, since a component is in one incident at a time."""
        if self._left:
            await writes.leave_each(conn, self._left, at=self.now)
        if self._joined:
            joined = [(*member, nth in self._passing) for nth, member in enumerate(self._joined)]
            await writes.join_each(conn, joined, at=self.now)
        if self._notes:
            await writes.note(conn, self._notes, now=self.now)
        for held in (self._left, self._joined, self._passing, self._standing, self._notes):
            held.clear()
