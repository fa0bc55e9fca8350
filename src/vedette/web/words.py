"""Times, durations, shares and measured values as people read them."""

import math
from datetime import UTC, datetime, timedelta

import msgspec
from markupsafe import Markup

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
ONE_DAY = timedelta(days=1)
NAMED_TO_THE_MINUTE = timedelta(days=7)
NAMED_WITHOUT_YEAR = timedelta(days=300)
# strftime would take the locale's, at three times the price.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Moment(msgspec.Struct, frozen=True, gc=False):
    """An instant in words, zone named (`text`), as HTML that machines read too (`tag`), how long ago."""

    text: str
    tag: Markup
    ago: str


def moment(at: datetime, now: datetime) -> Moment:
    """Return the instant in words, as short as the distance to `now` allows."""
    at = at.astimezone(UTC)
    ago = now - at
    day = f"{at.day} {MONTHS[at.month - 1]}"
    clock = f"{at.hour:02}:{at.minute:02} UTC"
    if ago < ONE_DAY and at.day == now.astimezone(UTC).day:
        text = clock
    elif ago < NAMED_TO_THE_MINUTE:
        text = f"{day} {clock}"
    else:
        text = day if ago < NAMED_WITHOUT_YEAR else f"{day} {at.year}"
    tag = Markup(f'<time datetime="{at.isoformat()[:19]}Z">{text}</time>')  # noqa: S704 - all ours
    return Moment(text, tag, duration(ago.total_seconds()))


def duration(seconds: float) -> str:
    """Return a duration in its two greatest units: `3 h 5 min`; never negative."""
    whole = max(0, int(seconds))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    if whole < DAY_S:
        hours, minutes = divmod(whole // MINUTE_S, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(whole // HOUR_S, 24)
    return _days(days, hours if days < 7 else 0)


def _days(days: int, hours: int) -> str:
    word = "day" if days == 1 else "days"
    return f"{days} {word} {hours} h" if hours else f"{days} {word}"


def percent(part: float, whole: float) -> str:
    """Return a share, rounded down: 100 % is said only of all of it; no whole gives "–"."""
    if whole <= 0:
        return "–"
    share = min(part / whole, 1.0)
    if share > 0.999_999:
        return "100 %"
    return f"{math.floor(share * 10_000) / 100:.2f} %"


def count(number: int, noun: str) -> str:
    """Return `1 component`, `2 components`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def value(number: float, unit: str) -> str:
    """Return a measured value with its unit; what is no number is "–"."""
    if not math.isfinite(number):
        return "–"
    if unit == "per_second" or unit.endswith("_per_second"):
        return value(number, unit.removesuffix("per_second").removesuffix("_")) + "/s"
    match unit:
        case "bytes" | "By" | "B":
            return _bytes(number)
        case "seconds" | "s":
            return _seconds(number)
        case "ratio":
            return f"{_plain(number * 100)} %"
        case "percent" | "%":
            return f"{_plain(number)} %"
        case "" | "1" | "count":
            return _plain(number)
    return f"{_plain(number)} {unit}"


def _plain(number: float) -> str:
    """Return about four figures, thousands set apart, huge and tiny ones by powers of ten."""
    size = abs(number)
    if size >= 1e12 or 0 < size < 1e-4:
        return f"{number:.3g}"
    if size >= 1000 or number == int(number):
        return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{number:.4g}"


def _bytes(number: float) -> str:
    size = abs(number)
    for power, name in ((5, "PiB"), (4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 1024**power:
            return f"{number / 1024**power:.4g} {name}"
    return f"{_plain(number)} B"


def _seconds(number: float) -> str:
    size = abs(number)
    if size >= 2 * MINUTE_S:
        return ("-" if number < 0 else "") + duration(size)
    if size >= 1 or size == 0:
        return f"{number:.3g} s"
    if size >= 1e-3:
        return f"{number * 1e3:.3g} ms"
    return f"{number * 1e6:.3g} µs"
