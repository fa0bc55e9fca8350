"""Settle: answers of many agents are stored together, each only by the agent that was asked."""

from collections.abc import Sequence
from datetime import datetime

from vedette.actions.command import Answer
from vedette.db.queries import Connection, load

Q = load(__file__, "writes.sql")
R = load(__file__, "reads.sql")


async def settle(conn: Connection, answers: Sequence[Answer], *, now: datetime) -> set[int]:
    """Store the answers and return the commands they belong to; one that nobody waits for changes nothing.

    Saying it twice changes nothing either. One transaction, two statements, however many there are.
    """
    # By agent, too: what another one says of the command must not stand in the way of who was asked.
    first = {(one.command_id, one.agent_id): one for one in reversed(answers)}
    async with conn.transaction():
        stored = await Q.all(
            conn,
            "settle",
            ids=[one.command_id for one in first.values()],
            agents=[one.agent_id for one in first.values()],
            outcomes=[one.outcome.value for one in first.values()],
            reasons=[one.reason for one in first.values()],
            messages=[one.message for one in first.values()],
            truncated=[one.truncated for one in first.values()],
            found=[one.found for one in first.values()],
            took_ms=[one.took_ms for one in first.values()],
            now=now,
        )
        kept = [first[command_id, agent_id] for command_id, agent_id, _ in stored]
        if kept:
            await Q.run(
                conn,
                "add_results",
                ids=[one.command_id for one in kept],
                answers=[one.body for one in kept],
                alikes=[one.alike for one in kept],
                signatures=[one.signature for one in kept],
                now=now,
            )
        for action_id in sorted({row[2] for row in stored}):
            await Q.run(conn, "tell_action", id=action_id)
    return {row[0] for row in stored}


async def unasked(conn: Connection, answers: Sequence[Answer]) -> set[tuple[int, int]]:
    """Return those answers (command, agent) that their agent was never asked for."""
    found = await R.all(
        conn,
        "unasked",
        ids=[one.command_id for one in answers],
        agents=[one.agent_id for one in answers],
    )
    return {(command_id, agent_id) for command_id, agent_id in found}
