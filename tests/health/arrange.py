"""Columns and deliveries for tests of health, as an agent's stream would bring them."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from factories import make_agent, make_assignment, make_target
from vedette.health import expect
from vedette.health.columns import NO_ANSWER, Columns, Note
from vedette.health.model import State
from vedette.health.record import Delivery
from vedette.health.sight import Sight


def columns(
    *rows: tuple[int, datetime, State],
    layout: int = 0,
    values: Sequence[Sequence[float]] | None = None,
    notes: Sequence[Note] = (),
    rtt_us: int = 1500,
) -> Columns:
    """Reports `(target id, at, state)`; `values` gives each row its own."""
    values = values or [[] for _ in rows]
    return Columns(
        target=np.array([row[0] for row in rows], dtype=np.uint32),
        at=np.array([round(row[1].timestamp() * 1e6) for row in rows], dtype=np.int64),
        state=np.array([row[2] for row in rows], dtype=np.uint8),
        error=np.zeros(len(rows), dtype=np.int16),
        rtt=np.array(
            [NO_ANSWER if row[2] is State.DOWN else rtt_us for row in rows], dtype=np.uint32
        ),
        layout=np.full(len(rows), layout, dtype=np.int32),
        lengths=np.array([len(each) for each in values], dtype=np.int32),
        values=np.array([value for each in values for value in each], dtype=np.float64),
        notes=notes,
    )


async def open_stream(conn, agent_id: int, *, epoch: int = 1) -> None:
    """Give the agent a stream with that epoch."""
    await conn.execute(
        """INSERT INTO fleet.stream (agent_id, epoch) VALUES (%s, %s)
        ON CONFLICT (agent_id) DO UPDATE SET epoch = excluded.epoch""",
        (agent_id, epoch),
    )


async def watched_target(
    conn, now: datetime, *, name: str = "orders-db", **target
) -> tuple[int, int]:
    """One target that one agent was told to look at; return (target id, agent id)."""
    target_id = await make_target(conn, name, **target)
    agent_id = await make_agent(conn, "local")
    await make_assignment(conn, target_id, agent_id)
    await open_stream(conn, agent_id)
    await expect.run_once(conn, now=now)
    return target_id, agent_id


def delivery(sight: Sight, seq: int, *batches: Columns, epoch: int = 1, lost=()) -> Delivery:
    return Delivery(
        sight=sight, epoch=epoch, durable_seq=seq, batches=list(batches), lost=list(lost)
    )


async def rows(conn, sql: str, *params) -> list[tuple]:
    return await (await conn.execute(sql, params)).fetchall()
