"""What the automation writes down beside incidents: lost sight, flapping, and what it made of each change."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.incidents import writes
from vedette.incidents.model import Said
from vedette.incidents.policy_deeds import BY
from vedette.incidents.policy_judged import Done

Q = load(__file__, "policy_facts.sql")


async def keep_sight(
    conn: Connection, lost: Mapping[int, datetime], seen: Mapping[int, datetime]
) -> None:
    """Write down since when we do not see these components, and until when we did not see those."""
    if seen:
        await Q.run(conn, "keep_blind_ends", components=list(seen), at=list(seen.values()))
    if lost:
        await Q.run(conn, "keep_blind", components=list(lost), at=list(lost.values()))


async def keep_flapping(conn: Connection, component_id: int, *, at: datetime) -> None:
    """Say that it changes its state too often since `at`."""
    await Q.run(conn, "flapping", component_id=component_id, at=at)


async def keep_calm(conn: Connection, component_id: int, *, at: datetime) -> None:
    """Say that it no longer does."""
    await Q.run(conn, "calm", component_id=component_id, at=at)


async def note_flapping(conn: Connection, labels: Mapping[int, str], *, now: datetime) -> None:
    """Leave one note in each of these incidents that this component changes its state too often."""
    for number, label in labels.items():
        text = f"{label} changes its state too often; nothing is opened or closed until it is calm."
        await writes.say(conn, number, Said.NOTE, text, at=now, by=BY, now=now, internal=True)
    if labels:
        await writes.settle(conn, list(labels), "note", by=BY, now=now)


async def keep_judgements(conn: Connection, done: Sequence[Done], *, now: datetime) -> None:
    """Write down what was made of each, for whoever asks why."""
    if done:
        await Q.run(
            conn,
            "keep_judgements",
            components=[one.judged.component_id for one in done],
            at=[one.judged.at for one in done],
            states=[one.judged.state for one in done],
            deeds=[str(one.deed) for one in done],
            incidents=[one.incident_id for one in done],
            publish_at=[one.publish_at for one in done],
            now=now,
        )
