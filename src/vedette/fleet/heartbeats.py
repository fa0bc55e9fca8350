"""Keep what heartbeats say: many agents, one statement."""

from collections.abc import Sequence
from math import isfinite

from vedette.db.queries import Connection, load
from vedette.fleet.model import Beat

Q = load(__file__, "stream.sql")

LARGEST = 2**63 - 1


async def keep_heartbeats(conn: Connection, beats: Sequence[Beat]) -> set[int]:
    """Keep these heartbeats; return the agents whose epoch no longer holds: close their streams.

    The first heartbeat that says `welcomed` confirms the run: from then on only this run, or one
    that knows it, is the agent. Of several beats of one agent the latest counts.
    """
    latest = {beat.agent_id: beat for beat in sorted(beats, key=lambda beat: beat.at)}
    welcomed = {beat.agent_id for beat in beats if beat.welcomed}
    rows = list(latest.values())
    # First: whoever opens a stream locks its agent before the stream, and two must not wait for each other.
    if deciding := [beat for beat in rows if beat.bundle_version]:
        await Q.run(
            conn,
            "keep_bundles",
            agents=[beat.agent_id for beat in deciding],
            epochs=[beat.epoch for beat in deciding],
            versions=[_count(beat.bundle_version) for beat in deciding],
        )
    kept = await Q.all(
        conn,
        "keep_heartbeats",
        agents=[beat.agent_id for beat in rows],
        epochs=[beat.epoch for beat in rows],
        ats=[beat.at for beat in rows],
        offsets=[beat.clock_offset_s if isfinite(beat.clock_offset_s) else 0.0 for beat in rows],
        spooled_bytes=[_count(beat.spooled_bytes) for beat in rows],
        spooled_reports=[_count(beat.spooled_reports) for beat in rows],
        dropped_reports=[_count(beat.dropped_reports) for beat in rows],
        welcomed=[beat.agent_id in welcomed for beat in rows],
    )
    return set(latest) - {agent_id for (agent_id,) in kept}


def _count(number: int) -> int:
    # One agent's absurd figure must not fail the statement that keeps everyone's.
    return min(max(number, 0), LARGEST)
