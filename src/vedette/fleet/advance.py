"""Move the durable sequence of many streams at once, each only while it still holds its epoch.

Called by the verb that stores the reports, inside its transaction: reports and sequence are kept
together or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.db.queries import Connection, load

Q = load(__file__, "stream.sql")


@dataclass(frozen=True, slots=True)
class Position:
    """How far one stream's reports are stored."""

    agent_id: int
    epoch: int
    durable_seq: int


async def advance(conn: Connection, positions: Sequence[Position]) -> set[int]:
    """Keep these positions; return the agents whose epoch no longer holds: nothing was kept.

    One statement for any number. The rows stay locked until the transaction ends, so that no newer
    stream can take over while the reports of this one are being stored. A sequence never goes back.
    """
    agents = [position.agent_id for position in positions]
    advanced = await Q.all(
        conn,
        "advance",
        agents=agents,
        epochs=[position.epoch for position in positions],
        durable_seqs=[position.durable_seq for position in positions],
    )
    return set(agents) - {agent_id for (agent_id,) in advanced}
