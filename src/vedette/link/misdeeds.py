"""What agents answered that nobody could take, counted; who does it too often is not listened to.

Counted here between two looks and written down together: a flood costs one row a second.
"""

from collections import Counter
from datetime import datetime

import structlog

from vedette.db.queries import Connection
from vedette.fleet.quarantine import count_faults, quarantined

log = structlog.get_logger(__name__)


class Misdeeds:
    """Those of the agents whose streams this server holds, and who is in quarantine anywhere."""

    def __init__(self) -> None:
        self._faults: Counter[int] = Counter()
        self._quarantined: set[int] = set()

    def count(self, agent_id: int) -> None:
        """Count one answer that was none, or that nobody had asked this agent for."""
        self._faults[agent_id] += 1

    def is_quarantined(self, agent_id: int) -> bool:
        """Whether this agent's answers are left unread, as of the last look."""
        return agent_id in self._quarantined

    async def look(self, conn: Connection, *, now: datetime) -> set[int]:
        """Write down what was counted; return the agents that were let out since the last look."""
        if self._faults:
            counted = dict(self._faults)
            for name in await count_faults(conn, counted, now=now):
                log.warning("an agent is in quarantine: it gets no more orders", agent=name)
            self._faults -= Counter(counted)
        before, self._quarantined = self._quarantined, await quarantined(conn)
        return before - self._quarantined
