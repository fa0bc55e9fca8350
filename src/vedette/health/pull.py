"""What is new to a client that pulls: a cursor a client, so that nobody takes another's reports.

An agent's reports of a target arrive in the order it made them, however late; so the time of the
last one told is an exact cursor for that agent and target, and a spool that is delivered an hour
late is told as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vedette.db.queries import Connection, load

Q = load(__file__, "pull.sql")

KEPT = timedelta(hours=1)
"""A client's first pull begins so far back; one that stayed away for so long begins anew."""

FEW = 1_000
"""Reports a first pull begins with at most: the newest."""

TOUCHED_EVERY = timedelta(minutes=10)
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Puller:
    """Whose cursors: the client as we know it, and the name it asks for."""

    client: str
    asked: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """One agent's reports of one target that a client has not been told: after since, to until."""

    target_id: int
    agent_id: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class News:
    """A report to be told; `state`, `rtt_s` and `layout_id` as in `feed_reads.KeptReport`."""

    at: datetime
    target_id: int
    agent_id: int
    state: int
    error_class: str
    rtt_s: float
    layout_id: int
    values: list[float]


@dataclass(frozen=True, slots=True)
class _Observer:
    target_id: int
    agent_id: int
    until: datetime
    told: datetime | None


async def cockroaches(conn: Connection, asked: str) -> dict[int, str]:
    """Return id → name of the CockroachDB target of that name, or else of that cluster's."""
    return dict(await Q.all(conn, "cockroaches", asked=asked))


async def untold(
    conn: Connection, puller: Puller, target_ids: Sequence[int], *, now: datetime
) -> list[Stretch]:
    """Return what the client has not been told of these targets; empty when it is up to date."""
    found = await Q.all(
        conn,
        "observers",
        row=_Observer,
        client=puller.client,
        asked=puller.asked,
        target_id=list(target_ids),
        remembered_since=now - KEPT,
    )
    oldest = now - KEPT
    if all(it.told is None for it in found):
        few = await Q.value(conn, "newest_few", target_id=list(target_ids), since=oldest, few=FEW)
        oldest = few or oldest
    # An agent whose clock was set back is told again from the oldest: twice rather than never.
    # Of one whose clock is an hour behind, the newest at least.
    begins = [
        it.told if it.told is not None and it.told <= it.until else min(oldest, it.until - INSTANT)
        for it in found
    ]
    return [
        Stretch(it.target_id, it.agent_id, since, it.until)
        for it, since in zip(found, begins, strict=True)
        if since < it.until
    ]


async def news(conn: Connection, stretches: Sequence[Stretch], *, limit: int) -> list[News]:
    """Return the oldest reports of these stretches."""
    if not stretches:
        return []
    return await Q.all(
        conn,
        "news",
        row=News,
        target_id=[it.target_id for it in stretches],
        agent_id=[it.agent_id for it in stretches],
        since=[it.since for it in stretches],
        until=[it.until for it in stretches],
        oldest=min(it.since for it in stretches),
        newest=max(it.until for it in stretches),
        limit=limit,
    )


Told = Mapping[tuple[int, int], datetime]
"""(target, agent) → the time of its last report told."""


def after(stretches: Sequence[Stretch], told: Told) -> list[Stretch]:
    """Return what remains of the stretches once that has been told."""
    remaining = [
        replace(it, since=told.get((it.target_id, it.agent_id), it.since)) for it in stretches
    ]
    return [it for it in remaining if it.since < it.until]


async def advance(conn: Connection, puller: Puller, told: Told, *, now: datetime) -> None:
    """Remember what the client has been told; whoever stays away longer than `KEPT` is forgotten."""
    async with conn.transaction():
        await Q.run(
            conn,
            "touch",
            client=puller.client,
            asked=puller.asked,
            now=now,
            touched_before=now - TOUCHED_EVERY,
        )
        if told:
            await Q.run(conn, "forget", before=now - KEPT)
            await Q.run(
                conn,
                "advance",
                client=puller.client,
                asked=puller.asked,
                target_id=[target for target, _ in told],
                agent_id=[agent for _, agent in told],
                at=list(told.values()),
                now=now,
            )
