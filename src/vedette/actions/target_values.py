"""The values inside a target's quotes: times, intervals, paths into JSON."""

import re
from datetime import UTC, datetime, timedelta

from vedette.actions.target import Interval
from vedette.errors import Invalid

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_PART = re.compile(r"([+-]?\d{1,9})\s*([A-Za-z]+)", re.ASCII)
_CLOCK = re.compile(r"([+-]?)(\d{1,6}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_UNITS = {
    "microsecond": Interval(rest=timedelta(microseconds=1)),
    "millisecond": Interval(rest=timedelta(milliseconds=1)),
    "second": Interval(rest=timedelta(seconds=1)),
    "minute": Interval(rest=timedelta(minutes=1)),
    "hour": Interval(rest=timedelta(hours=1)),
    "day": Interval(days=1),
    "week": Interval(days=7),
    "month": Interval(months=1),
    "year": Interval(months=12),
}
_SHORT = {
    "us": "microsecond", "ms": "millisecond", "s": "second", "sec": "second", "m": "minute",
    "min": "minute", "h": "hour", "hr": "hour", "d": "day", "w": "week", "mon": "month",
    "y": "year", "yr": "year",
}  # fmt: skip
_MOST_MONTHS = 1_200
_MOST_DAYS = 36_525
_PATH_STEP = re.compile(
    r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",{}\\](?:[^",{}\\]*[^\s",{}\\])?))\s*', re.DOTALL
)


def read_time(text: str) -> datetime:
    """Return the time of RFC 3339 or as psql shows it, or a date; without a zone it is UTC. Raises Invalid."""
    written = text.strip()
    wrong = Invalid(f"{text[:60]!a} is no time", hint="write 2026-01-31T08:00:00Z")
    if not _TIME.fullmatch(written):
        raise wrong
    try:
        found = datetime.fromisoformat(written.replace("z", "Z"))
        # UTC now, so that a zone at the edge of the calendar is refused here and not later.
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None


def read_interval(text: str) -> Interval:
    """Return the interval of `5 minutes`, `1 day 2 hours`, `01:30:00`, `… ago`. Raises Invalid."""
    written = text.strip()
    backwards = written.lower().endswith(" ago")
    rest = written[:-4] if backwards else written
    total, at = Interval(), 0
    while at < len(rest):
        part, at = _read_part(rest, at, text)
        total = Interval(total.months + part.months, total.days + part.days, total.rest + part.rest)
    if not rest or abs(total.months) > _MOST_MONTHS or abs(_days(total)) > _MOST_DAYS:
        raise Invalid(f"{text[:60]!a} is no interval within 100 years", hint="write '5 minutes'")
    return total.negated() if backwards else total


def _days(interval: Interval) -> int:
    return interval.days + interval.rest.days


def _read_part(text: str, at: int, whole: str) -> tuple[Interval, int]:
    while text[at].isspace():
        at += 1
        if at == len(text):
            return Interval(), at
    clock = _CLOCK.match(text, at)
    if clock:
        sign, hours, minutes, seconds = clock.groups()
        span = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
        return Interval(rest=-span if sign == "-" else span), clock.end()
    part = _PART.match(text, at)
    unit = _unit(part.group(2).lower()) if part else None
    if part is None or unit is None:
        raise Invalid(f"{whole[:60]!a} is no interval", hint="write '5 minutes' or '1 day 2 hours'")
    count = int(part.group(1))
    try:
        return Interval(unit.months * count, unit.days * count, unit.rest * count), part.end()
    except OverflowError:
        raise Invalid(f"{whole[:60]!a} is no interval within 100 years") from None


def _unit(word: str) -> Interval | None:
    single = word[:-1] if word.endswith("s") and len(word) > 2 else word
    return _UNITS.get(_SHORT.get(word) or _SHORT.get(single) or single)


def read_path(text: str) -> tuple[str, ...]:
    """Return the steps of `{aws,instanceid}`, an array as PostgreSQL writes it. Raises Invalid."""
    written = text.strip()
    wrong = Invalid(f"{text[:60]!a} is no path", hint="write '{aws,instanceid}'")
    if not (written.startswith("{") and written.endswith("}") and len(written) > 1):
        raise wrong
    inner, at, steps = written[1:-1], 0, list[str]()
    while inner.strip():
        found = _PATH_STEP.match(inner, at)
        if found is None or (found.group(2) or "").upper() == "NULL":
            raise wrong
        quoted, plain = found.groups()
        steps.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        at = found.end()
        if at == len(inner):
            break
        if inner[at] != ",":
            raise wrong
        at += 1
    return tuple(steps)
