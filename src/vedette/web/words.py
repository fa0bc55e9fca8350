"""Times, durations, shares and measured values as people read them."""

import math
from datetime import UTC, date, datetime, timedelta

import msgspec
from markupsafe import Markup, escape

from vedette.web.reader import N_, gettext, ngettext, reading
from vedette.web.zones import called

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
NAMED_TO_THE_MINUTE = timedelta(days=7)
NAMED_WITHOUT_YEAR = timedelta(days=300)
# strftime would take the process's locale, at three times the price.
MONTHS = N_("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")
LONG_MONTHS = N_(
    "January February March April May June July August September October November December"
)


class Moment(msgspec.Struct, frozen=True, gc=False):
    """An instant in words, zone named (`text`), as HTML that machines read too (`tag`), how long ago."""

    text: str
    tag: Markup
    ago: str


def moment(at: datetime, now: datetime) -> Moment:
    """Return the instant on the reader's clock, in words as short as the distance to `now` allows."""
    local, today = reading().local(at), reading().local(now)
    ago = now - at
    clock = f"{local:%H:%M} {called(local)}"
    if local.date() == today.date():
        text = clock
    elif abs(ago) < NAMED_TO_THE_MINUTE:
        text = f"{day_of(local)} {clock}"
    else:
        text = day_of(local) if abs(ago) < NAMED_WITHOUT_YEAR else f"{day_of(local)} {local.year}"
    return Moment(text, _tag(at, text), duration(ago.total_seconds()))


def instant(at: datetime) -> Markup:
    """Return the instant in full on the reader's clock, to the minute, for what is read years later."""
    local = reading().local(at)
    return _tag(at, f"{day_of(local)} {local.year}, {local:%H:%M} {called(local)}")


def _tag(at: datetime, text: str) -> Markup:
    # Markup's own % takes ten times as long, on a page with hundreds of them.
    moment = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
    return Markup(f'<time datetime="{moment}">{escape(text)}</time>')  # noqa: S704 - escaped here


def day_of(at: date) -> str:
    """Return the day without its year: `21 Nov`."""
    month = gettext(MONTHS).split()[at.month - 1]
    return gettext("{day} {month}").format(day=at.day, month=month)


def month_of(at: date) -> str:
    """Return the month with its year: `November 2026`."""
    return f"{gettext(LONG_MONTHS).split()[at.month - 1]} {at.year}"


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
    said = ngettext("{number} day", "{number} days", days).format(number=days)
    return f"{said} {hours} h" if hours else said


def percent(part: float, whole: float) -> str:
    """Return a share, rounded down: 100 % is said only of all of it; no whole gives "–"."""
    if whole <= 0:
        return "–"
    share = min(part / whole, 1.0)
    if share > 0.999_999:
        return "100 %"
    whole_part, hundredths = divmod(math.floor(share * 10_000), 100)
    return gettext("{whole}.{hundredths} %").format(whole=whole_part, hundredths=f"{hundredths:02}")


def measurement_name(name: str) -> str:
    """Return a measurement's name without what the value's own unit says."""
    if name == "rtt":
        return gettext("round-trip time")
    for suffix in ("_per_second", "_per_s", "_seconds", "_s"):
        if name.endswith(suffix):
            name = name.removesuffix(suffix)
            break
    return name.replace("_", " ")


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
