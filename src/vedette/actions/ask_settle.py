"""Settle commands: an answer comes in parts, is stored, and whoever asked is told."""

from datetime import datetime

from vedette.actions.model import Ending, Part
from vedette.db.queries import Connection, load

Q = load(__file__, "ask_writes.sql")


async def settle(
    conn: Connection,
    command_id: int,
    epoch: int,
    *,
    part: Part | None,
    ending: Ending | None,
    now: datetime,
) -> bool:
    """Store a part of an answer, or its end, or both; return False when nobody waits for it.

    It must come on the stream that carried the command down, in order and once: what is late, from
    another stream or said twice changes nothing.
    """
    async with conn.transaction():
        if part is not None:
            counted = await Q.run(
                conn,
                "count_part",
                id=command_id,
                epoch=epoch,
                number=part.number,
                row_count=part.row_count,
                size_bytes=len(part.rows),
            )
            if not counted:
                return False
            await Q.run(conn, "add_part", id=command_id, number=part.number, rows=part.rows)
        if ending is not None and not await Q.run(
            conn,
            "settle",
            id=command_id,
            epoch=epoch,
            outcome=ending.outcome,
            error_class=ending.error_class,
            message=ending.message,
            truncated=ending.truncated,
            took_ms=ending.took_ms,
            now=now,
        ):
            return False
        await Q.run(conn, "tell_asker", id=command_id)
    return True


async def finish(conn: Connection, command_id: int, *, now: datetime) -> None:
    """Whoever asked has the answer: the command is done, its parts are dropped."""
    async with conn.transaction():
        await Q.run(conn, "finish", id=command_id, now=now)
        await Q.run(conn, "forget_parts", id=command_id)
