"""Every answer to an action, in one file: read piece by piece, however many there are."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
from psycopg_pool import AsyncConnectionPool

from vedette.actions import reads
from vedette.actions.api_shown import shown_result
from vedette.actions.reads import ResultRow
from vedette.actions.results_csv import HEADINGS, result_cells
from vedette.rest.csv import csv_text

ROWS = 500
"""Read at a time, most have some hundred bytes; of long ones fewer, as many as `reads.PIECE_BYTES` hold."""
POOL_WAIT_S = 5


@dataclass(frozen=True, slots=True)
class Exports:
    """What makes files of answers: connections, one for each piece."""

    pool: AsyncConnectionPool

    async def begin(
        self, action_id: int, *, found: bool | None = None, is_csv: bool = False
    ) -> AsyncIterator[bytes]:
        """Return the file's pieces: JSON Lines, or CSV with its headings; raises Missing at once."""
        async with self.pool.connection(POOL_WAIT_S) as conn:
            await reads.action(conn, action_id)
        return self._pieces(action_id, found, is_csv=is_csv)

    async def _pieces(
        self, action_id: int, found: bool | None, *, is_csv: bool
    ) -> AsyncIterator[bytes]:
        """Yield the answers there are now; between two pieces a slow reader holds no connection."""
        if is_csv:
            yield csv_text(HEADINGS, ()).encode()
        after = (reads.BEGINNING, 0)
        while True:
            async with self.pool.connection(POOL_WAIT_S) as conn:
                rows = await reads.results(conn, action_id, found=found, after=after, limit=ROWS)
            if not rows:
                return
            yield csv_lines(rows) if is_csv else json_lines(rows)
            after = (rows[-1].stored_at, rows[-1].id)


def csv_lines(rows: Sequence[ResultRow]) -> bytes:
    """Return the answers as lines of CSV, without headings."""
    return csv_text(HEADINGS, map(result_cells, rows)).partition("\r\n")[2].encode()


def json_lines(rows: Sequence[ResultRow]) -> bytes:
    """Return the answers as JSON Lines."""
    return b"".join(msgspec.json.encode(shown_result(row)) + b"\n" for row in rows)
