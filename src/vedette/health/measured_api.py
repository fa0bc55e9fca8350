"""REST: one measurement of a target over any time, from the coarsest history that answers the step."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import Parameter

from vedette import clock, durations
from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.health import reads
from vedette.health.api import Time, aware

Q = load(__file__, "measured.sql")

MOST_STEPS = 50_000
MOST_POINTS = 200_000
DEFAULT_SPAN = timedelta(hours=1)

Step = Annotated[
    str,
    Parameter(
        description="As in 10s, 5m, 1h or 1d; rounded down to whole days, hours or minutes.",
        max_length=40,
    ),
]


@dataclass(frozen=True, slots=True)
class _Point:
    at: datetime
    entity: str
    count: int
    min: float
    avg: float
    max: float
    last: float


class Point(msgspec.Struct, kw_only=True):
    """One step: when it begins, how many samples, their least, mean, greatest and last value."""

    at: datetime
    entity: str
    count: int
    min: float
    avg: float
    max: float
    last: float


@get("/api/v1/targets/{name:str}/measurements/{measurement:str}")
async def show_measurement(
    conn: Connection,
    name: str,
    measurement: str,
    since: Time = None,
    until: Time = None,
    step: Step = "1m",
) -> list[Point]:
    """Show a measurement of a target step by step; a minute each, for the last hour, unless told otherwise."""
    row = await reads.target(conn, name)
    until = aware(until, "until") or clock.now()
    since = aware(since, "since") or until - DEFAULT_SPAN
    each = durations.parse(step)
    if each < timedelta(seconds=1):
        raise Invalid("a step is a second at least", hint="as in step=1m")
    if not timedelta(0) <= until - since <= MOST_STEPS * each:
        raise Invalid(
            f"since must be before until by at most {MOST_STEPS:,} steps",
            hint="ask for a longer step or a narrower range",
        )
    found = await Q.all(
        conn,
        "measured",
        row=_Point,
        target_id=row.id,
        measurement=measurement,
        since=since,
        until=until,
        step=each,
        limit=MOST_POINTS + 1,
    )
    if len(found) > MOST_POINTS:
        raise Invalid(
            f"there are more than {MOST_POINTS:,} points, a line an entity",
            hint="ask for a longer step or a narrower range",
        )
    return [
        Point(**{field: getattr(point, field) for field in Point.__struct_fields__})
        for point in found
    ]


routes = [show_measurement]
