"""When a component's state changes, then its policy decides what people are told of it.

Changes are taken in their order, the oldest of each component first, and marked as handled in the same
transaction. What is in trouble and told by nobody, and what is well and still told, is judged again
each time: a maintenance that ends, a policy that changes or a component that is retired is no change
of state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vedette.automation.standing import Known, candidates, known_of
from vedette.db.locks import alone
from vedette.db.queries import Connection, load
from vedette.health.handled import Transition, mark_handled, unhandled
from vedette.incidents.policy import policies
from vedette.incidents.policy_deeds import Deeds, let_go
from vedette.incidents.policy_facts import (
    keep_calm,
    keep_flapping,
    keep_judgements,
    keep_sight,
    note_flapping,
)
from vedette.incidents.policy_judged import Done, Judged
from vedette.incidents.policy_rules import (
    GRAVITY,
    SLOT,
    SLOTS,
    Deed,
    Policies,
    changed_slots,
    decide,
    flapping_percent,
    flaps,
)
from vedette.incidents.writes import hold

Q = load(__file__, "incidents_from_transitions.sql")

NAME = "incidents_from_transitions"

AT_MOST = 100
"""Changes taken, or states judged again, in one transaction."""
WAVES = 50
"""So many times in one turn; the next turn goes on."""
STATES_AT_MOST = 10_000
"""States looked at again; most of them come to nothing, as where a policy opens nothing."""
TOO_OLD = timedelta(hours=1)
"""A change recorded so long ago is history: what still holds of it is judged, what passed is not told."""
LATEST_CHANGES = SLOT * (SLOTS + 1)

NEWS = frozenset(Deed) - {Deed.NOTHING, Deed.KEEP, Deed.DISABLED, Deed.MAINTENANCE, Deed.FLAPPING}
"""What is worth a row when a state is judged again; a change of state always is."""


OPENING = frozenset({Deed.OPEN, Deed.ESCALATE})
"""What may lead into an incident that there is already."""


@dataclass(frozen=True, slots=True)
class _State:
    component_id: int
    state: str
    at: datetime


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Do what policies say of all that changed; return how many changes and states were judged.

    Safe to repeat and on several servers: one works, the others leave at once.
    """
    # Almost always nothing is due, and then nobody waits for the lock of the incidents.
    if not await Q.value(conn, "anything") and not await Q.all(conn, "to_judge_again", at_most=1):
        return 0
    said = await policies(conn)
    judged = 0
    for _ in range(WAVES):
        # A transaction each: reporters wait for the lock no longer than one takes.
        async with conn.transaction():
            if not await alone(conn, NAME):
                return judged
            await hold(conn)
            await let_go(conn, now=now)
            wave = await unhandled(conn, at_most=AT_MOST)
            if not wave:
                await _calm(conn, said, now=now)
                return judged + await _judge_again(conn, said, now=now)
            await _take(conn, wave, said, now=now)
        judged += len(wave)
    return judged


async def _take(
    conn: Connection, wave: Sequence[Transition], said: Policies, *, now: datetime
) -> None:
    await keep_sight(
        conn,
        {each.component_id: each.at for each in wave if each.now == "unknown"},
        {each.component_id: each.at for each in wave if each.was == "unknown"},
    )
    fresh = [each for each in wave if each.recorded_at > now - TOO_OLD]
    late = [each for each in wave if each.recorded_at <= now - TOO_OLD]
    known = await known_of(conn, [each.component_id for each in wave], said, now=now)
    begun = await _begin_flapping(conn, fresh, known)
    known |= begun
    judged = [_decided(_state(each), known[each.component_id]) for each in fresh]
    done = await _do(conn, judged, now=now)
    told_in = {
        one.incident_id: one.judged.label
        for one in done
        if one.judged.component_id in begun and one.incident_id is not None
    }
    await note_flapping(conn, told_in, now=now)
    passed = [_judged(_state(each), known[each.component_id], Deed.LATE) for each in late]
    done += [Done(one, Deed.LATE) for one in passed]
    await keep_judgements(conn, [one for one in done if one.deed is not Deed.NOTHING], now=now)
    await mark_handled(conn, [each.id for each in wave], now=now)


async def _begin_flapping(
    conn: Connection, wave: Sequence[Transition], known: dict[int, Known]
) -> dict[int, Known]:
    """Return anew those who flap from now on."""
    moved = {
        t.component_id: t.at for t in wave if t.now in GRAVITY and not known[t.component_id].flaps
    }
    begun: dict[int, Known] = {}
    for component_id, changes in (await _changes(conn, moved)).items():
        one, at = known[component_id], moved[component_id]
        percent = flapping_percent(changed_slots(changes, now=at))
        if flaps(percent, one.standing.policy, is_flapping=False):
            await keep_flapping(conn, component_id, at=at)
            begun[component_id] = replace(one, standing=replace(one.standing, flapping_since=at))
    return begun


async def _calm(conn: Connection, said: Policies, *, now: datetime) -> None:
    """End the flapping of whoever has been calm for long enough."""
    flapping = {row[0]: now for row in await Q.all(conn, "flapping")}
    if not flapping:
        return
    known = await known_of(conn, list(flapping), said, now=now)
    for component_id, changes in (await _changes(conn, flapping)).items():
        percent = flapping_percent(changed_slots(changes, now=now))
        if not flaps(percent, known[component_id].standing.policy, is_flapping=True):
            await keep_calm(conn, component_id, at=now)


async def _changes(conn: Connection, moments: dict[int, datetime]) -> dict[int, list[datetime]]:
    """Return when each component went from one state we know to another, until its moment."""
    found: dict[int, list[datetime]] = {component_id: [] for component_id in moments}
    if moments:
        rows = await Q.all(
            conn,
            "changes",
            components=list(moments),
            until=list(moments.values()),
            span=LATEST_CHANGES,
        )
        for component_id, at in rows:
            found[component_id].append(at)
    return found


async def _judge_again(conn: Connection, said: Policies, *, now: datetime) -> int:
    rows = await Q.all(conn, "to_judge_again", row=_State, at_most=STATES_AT_MOST)
    if not rows:
        return 0
    known = await known_of(conn, [row.component_id for row in rows], said, now=now)
    judged = [_decided(row, known[row.component_id]) for row in rows]
    news = [one for one in judged if one.deed in NEWS][:AT_MOST]
    await keep_judgements(conn, await _do(conn, news, now=now), now=now)
    return len(news)


def _state(transition: Transition) -> _State:
    return _State(transition.component_id, transition.now, transition.at)


def _decided(state: _State, one: Known) -> Judged:
    deed = decide(state.state, state.at, one.standing)
    if one.is_retired and deed is not Deed.LEAVE:
        deed = Deed.NOTHING
    return _judged(state, one, deed)


async def _do(conn: Connection, judged: Sequence[Judged], *, now: datetime) -> list[Done]:
    open_ones = await candidates(conn) if any(one.deed in OPENING for one in judged) else []
    return await Deeds(conn, open_ones, now=now).do(judged)


def _judged(state: _State, one: Known, deed: Deed) -> Judged:
    return Judged(
        component_id=state.component_id,
        label=one.label,
        state=state.state,
        at=state.at,
        standing=one.standing,
        cause=one.cause,
        deed=deed,
    )
