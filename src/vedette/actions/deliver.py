"""Deliver: the commands that are due, to whichever server holds the agents' newest streams.

Nobody else gets them (SKIP LOCKED). What an older stream took with it goes down the new one again: the
agent keeps a journal, and runs an action once in its life.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from vedette.actions.command import Due, Order
from vedette.db.queries import Connection, load

Q = load(__file__, "writes.sql")
R = load(__file__, "reads.sql")

AT_ONCE = 1_000
"""Commands taken in one transaction."""


async def take_due(conn: Connection, epochs: Mapping[int, int], *, now: datetime) -> list[Due]:
    """Return up to AT_ONCE commands that these streams (agent → epoch) carry down; in flight from now on."""
    return await _take(conn, "take", epochs, now=now, limit=AT_ONCE)


async def take_again(conn: Connection, epochs: Mapping[int, int], *, now: datetime) -> list[Due]:
    """Return what older streams of these agents took with them; it is these streams' now."""
    return await _take(conn, "take_again", epochs, now=now)


async def orders(conn: Connection, actions: Iterable[int]) -> dict[int, Order]:
    """Return what goes down with a command of each of these actions."""
    found = await R.all(conn, "orders", ids=list(set(actions)))
    return {
        action_id: Order(document.encode(), tuple(signatures))
        for action_id, document, signatures in found
    }


async def agents_due(
    conn: Connection, agents: Sequence[int], *, since: datetime, now: datetime
) -> set[int]:
    """Return those of the agents for whom something became due after `since`, until now."""
    found = await R.all(conn, "agents_due", agents=list(agents), since=since, now=now)
    return {agent_id for (agent_id,) in found}


async def cancelled_of(
    conn: Connection, action_id: int, agents: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the commands (id, agent) of a cancelled action that may still run on these agents."""
    return await R.all(conn, "cancelled_of", action_id=action_id, agents=list(agents))


async def _take(
    conn: Connection, query: str, epochs: Mapping[int, int], *, now: datetime, **further: object
) -> list[Due]:
    async with conn.transaction():
        await Q.run(conn, "plan_anew")
        found = await Q.all(
            conn, query, row=None, agents=[*epochs], epochs=[*epochs.values()], now=now, **further
        )
    return sorted((Due(*row) for row in found), key=lambda due: due.id)
