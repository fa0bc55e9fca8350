"""Durations on the command line: `90d`, `12h`, `1h30m`."""

import re
from datetime import timedelta

from vedette import clock
from vedette.errors import Invalid

_PARTS = re.compile(
    r"(?:(?P<days>[0-9]{1,5})d)?(?:(?P<hours>[0-9]{1,5})h)?(?:(?P<minutes>[0-9]{1,6})m)?"
    r"(?:(?P<seconds>[0-9]{1,8})s)?"
)


def span(text: str) -> timedelta:
    """Return the duration; raise `Invalid` with an example when it is none or nothing."""
    parts = _PARTS.fullmatch(text.strip())
    length = parts and timedelta(**{unit: int(n) for unit, n in parts.groupdict("0").items()})
    if not length:
        raise Invalid(f"{text!r} is not a duration", hint="write it as 90d, 12h or 1h30m")
    return length


def from_now(text: str) -> str:
    """Return the instant that is so far ahead, as RFC 3339 in UTC."""
    return (clock.now() + span(text)).strftime("%Y-%m-%dT%H:%M:%SZ")
