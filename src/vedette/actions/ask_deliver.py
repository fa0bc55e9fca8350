"""Deliver commands: to the stream that holds the agent now, whichever server it ends on."""

from datetime import datetime
from typing import Any

import msgspec

from vedette.actions.model import Column, Due
from vedette.db.queries import Connection, load

Q = load(__file__, "ask_writes.sql")


async def take_due(
    conn: Connection, agent_id: int, epoch: int, *, at_most: int, now: datetime
) -> list[Due]:
    """Return commands this stream is to carry down, oldest first; they are in flight from now on.

    Nobody else gets them (SKIP LOCKED), and a stream that a newer one took over gets none.
    """
    async with conn.transaction():
        found = await Q.all(conn, "take", agent_id=agent_id, epoch=epoch, limit=at_most, now=now)
    return sorted((_due(row) for row in found), key=lambda due: due.id)


async def send_again(conn: Connection, agent_id: int, *, now: datetime) -> None:
    """Give free what older streams of this agent took with them.

    An answer that has begun goes on when the agent is still the same run; else it is lost.
    """
    async with conn.transaction():
        lost = await Q.all(conn, "give_up_the_broken", agent_id=agent_id, now=now)
        for (command_id,) in lost:
            await Q.run(conn, "tell_asker", id=command_id)
        await Q.run(conn, "send_again", agent_id=agent_id)


async def cancel(conn: Connection, command_id: int, *, now: datetime) -> None:
    """Nobody waits for the answer any more; whoever holds the stream tells the agent."""
    async with conn.transaction():
        agent_id = await Q.value(conn, "cancel", id=command_id, now=now)
        if agent_id is not None:
            await Q.run(conn, "tell_holder", payload=f"cancel:{agent_id}:{command_id}")
            await Q.run(conn, "forget_parts", id=command_id)


def _due(row: tuple[Any, ...]) -> Due:
    command_id, name, target_id, parameters, columns, expires_at = row
    return Due(
        id=command_id,
        name=name,
        target_id=target_id,
        parameters=parameters,
        columns=msgspec.convert(columns, tuple[Column, ...]),
        expires_at=expires_at,
    )
