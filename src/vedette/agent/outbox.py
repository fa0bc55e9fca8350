"""From reports to the spool: gathered for a moment, written as one batch, synced once a second."""

import asyncio

import structlog

from vedette.link.dictionary import Dictionary
from vedette.link.encode import BATCH, Encoder, Looked
from vedette.link.spool import Spool

log = structlog.get_logger(__name__)

GATHER_S = 0.25
"""How long the first report of a batch waits for others."""
SYNC_S = 1.0
"""How much of the newest a power failure may cost."""


class Outbox:
    """Takes what was seen; `keep_synced` runs beside it."""

    def __init__(self, spool: Spool, dictionary: Dictionary) -> None:
        self.reports = 0
        self._spool = spool
        self._dictionary = dictionary
        self._encoder = Encoder(dictionary)
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = spool.dropped_reports

    def deliver(self, seen: Looked) -> None:
        """Take one report."""
        self._encoder.add(seen)
        self.reports += 1
        if self._encoder.is_full:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self.flush)

    def flush(self) -> None:
        """Write what was gathered to the spool."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = self._encoder.take()
        if batch is None:
            return
        self._spool.append(
            BATCH,
            batch.payload,
            reports=batch.reports,
            from_us=batch.from_us,
            to_us=batch.to_us,
        )
        if self._spool.dropped_reports > self._dropped:
            log.error(
                "reports were dropped for want of room or age",
                reports=self._spool.dropped_reports - self._dropped,
            )
            self._dropped = self._spool.dropped_reports
            # What was dropped may have held the only word of a target's version.
            self._encoder.repeat_facts()

    async def keep_synced(self) -> None:
        """Bring the spool to the medium once a second, for ever."""
        while True:
            await asyncio.sleep(SYNC_S)
            try:
                await asyncio.to_thread(self._spool.sync)
            except OSError as fault:
                why = fault.strerror
                log.error("the spool cannot be synced", why=why)  # noqa: TRY400 - no bug, no trace
            if self._dictionary.is_crowded() and not self._spool.reports and not len(self._encoder):
                self._encoder.forget()
