"""Whatever was published of whom, the sums are those of a walk from one instant to the next."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.factories import make_component
from tests.incidents.availability_world import blind, tell, when

from vedette.incidents.availability_rules import Told

START = when("2026-03-01")
GRAVITY = (3, 2, 1, -1, 0)
"""Of a group, the gravest first; of one component, nothing is both unseen and in maintenance."""

hours = st.integers(-3, 40)
spans = st.lists(
    st.tuples(hours, st.none() | st.integers(1, 15), st.sampled_from([-1, 0, 1, 2, 3])), max_size=6
)
lives = st.tuples(st.integers(-5, 10), st.none() | st.integers(0, 40), spans)
windows = st.lists(st.integers(0, 36), min_size=2, max_size=4, unique=True).map(sorted)


def hour(number: int) -> timedelta:
    """Hours of an odd length: microseconds count."""
    return timedelta(hours=number, microseconds=number)


@dataclass
class Life:
    """A component as it was published; unseen spans are told as -1."""

    born_at: object
    gone_at: object
    spans: list

    def told(self, at, *, shielded) -> int | None:
        """What it is told to be then; None: nothing of it counts, it does not live."""
        if not self.born_at <= at < self.gone_at:
            return None
        seen = {impact for impact, since, until in self.spans if since <= at < (until or LATE)}
        if 0 in seen and shielded:
            return 0
        return next((impact for impact in (3, 2, 1, 0, -1) if impact in seen), -2)


LATE = when("2027-01-01")


def swept(lives, bounds, *, shielded) -> dict[int, Told]:
    """The times of those lives taken together, by window."""
    turns = {turn for life in lives for _, *both in life.spans for turn in both if turn}
    turns |= {*bounds, *(life.born_at for life in lives), *(life.gone_at for life in lives)}
    found: dict[int, Told] = {}
    for nth, (opens, closes) in enumerate(pairwise(bounds), 1):
        lasted = dict.fromkeys((3, 2, 1, 0, -1, -2), 0)
        for since, until in pairwise(sorted(turn for turn in turns if opens <= turn <= closes)):
            told = {life.told(since, shielded=shielded) for life in lives} - {None}
            if told:
                worst = next((impact for impact in GRAVITY if impact in told), -2)
                lasted[worst] += (until - since) // timedelta(microseconds=1)
        if sum(lasted.values()):
            found[nth] = Told(sum(lasted.values()), *(lasted[nth] for nth in (3, 2, 1, 0, -1)))
    return found


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(lives, min_size=1, max_size=3), windows, st.integers(5, 45), st.booleans())
async def test_the_sums_are_those_of_a_sweep(conn, drawn, marks, now, shielded):
    bounds, until_now = [START + hour(mark) for mark in marks], START + hour(now)
    async with conn.transaction(force_rollback=True):
        world: dict[int, Life] = {}
        for number, (born, lived, told) in enumerate(drawn):
            born_at = START + hour(born)
            retired_at = None if lived is None else born_at + hour(lived)
            life = Life(born_at, min(retired_at or until_now, until_now), [])
            component = await make_component(
                conn, f"S{number}", made_at=born_at, retired_at=retired_at
            )
            world[component] = life
            await publish(conn, component, life, told)
        rows = await conn.execute(
            "SELECT component_id, nth, window_us, outage_us, major_us, minor_us, maintenance_us, unseen_us"
            " FROM incidents.told(%s, %s, %s, %s, %s)",
            (list(world), bounds, until_now, shielded, [7] * len(world)),
        )
        counted: dict[int | None, dict[int, Told]] = {}
        for component, nth, *times in await rows.fetchall():
            counted.setdefault(component, {})[nth] = Told(*times)
    for component, life in world.items():
        assert counted.get(component, {}) == swept([life], bounds, shielded=shielded)
    assert counted.get(None, {}) == swept(list(world.values()), bounds, shielded=shielded)


async def publish(conn, component, life, told) -> None:
    """Write those spans; of two unseen ones that begin together there is but one, and one that is open."""
    begun = set()
    for starts, lasts, impact in told:
        since = START + hour(starts)
        until = since + hour(lasts) if lasts is not None else None
        if impact == -1 and (since in begun or (until is None and None in begun)):
            continue
        if impact == -1:
            begun |= {since} | ({None} if until is None else set())
            await blind(conn, component, since, until)
        else:
            await tell(conn, component, impact, since, until)
        life.spans.append((impact, since, until))
