"""Time zones as readers name them: `Europe/Berlin`, never a file of ours."""

from datetime import datetime, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from vedette.errors import Invalid

UTC_NAME = "UTC"
NAME_LIMIT = 60
AREAS = frozenset(
    [
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    ]
)


@cache
def zone_names() -> tuple[str, ...]:
    """Return the zones a reader may choose: UTC, then every place of the tz database by name."""
    places = (name for name in available_timezones() if name.partition("/")[0] in AREAS)
    return (UTC_NAME, *sorted(places))


@cache
def _known() -> frozenset[str]:
    return frozenset(zone_names())


def zone_name(asked: str) -> str:
    """Return the name of a zone one may choose; raises Invalid."""
    if asked in _known():
        return asked
    raise Invalid(
        f"there is no time zone {asked[:NAME_LIMIT]!a}", hint="a name such as Europe/Berlin, or UTC"
    )


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """Return the zone of a name that `zone_name` let through."""
    return ZoneInfo(name)


def called(at: datetime) -> str:
    """Return what the zone of an aware time is called at that time: `UTC`, `CEST`, `UTC-03`."""
    name = at.tzname() or UTC_NAME
    return name if name[0].isalpha() else f"UTC{name}"
