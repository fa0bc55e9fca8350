"""Durations on the command line: `90d`, `12h`, `1h30m`."""

from datetime import timedelta

from vedette import clock, durations
from vedette.errors import Invalid


def span(text: str) -> timedelta:
    """Return the duration; raise `Invalid` with an example when it is none or nothing."""
    length = durations.parse(text)
    if not length:
        raise Invalid(
            f"{text!r} is not a duration of any length", hint="write it as 90d, 12h or 1h30m"
        )
    return length


def from_now(text: str) -> str:
    """Return the instant that is so far ahead, as RFC 3339 in UTC."""
    return (clock.now() + span(text)).strftime("%Y-%m-%dT%H:%M:%SZ")
