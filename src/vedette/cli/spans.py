"""Durations on the command line: `90d`, `12h`, `1h30m`; times that were so long ago."""

from datetime import datetime, timedelta

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


def later(text: str | None) -> str | None:
    """Return the instant as RFC 3339: a time with its zone as it is, `2h` as so long from now; None stays."""
    if text is None:
        return None
    try:
        return from_now(text)
    except Invalid:
        return _with_zone(text, hint="write 2026-11-22T03:00:00Z, or 2h for in two hours")


def when(text: str | None) -> str | None:
    """Return the instant as RFC 3339: a time with its zone as it is, `20m` as so long ago; None stays."""
    if text is None:
        return None
    try:
        return (clock.now() - span(text)).isoformat()
    except Invalid:
        return _with_zone(text, hint="write 2026-11-22T03:00:00Z, or 20m for 20 minutes ago")


def _with_zone(text: str, *, hint: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text[:40]!r} is no time", hint=hint) from None
    if at.tzinfo is None:
        raise Invalid(f"{text[:40]} lacks its zone", hint="as in 2026-11-22T03:00:00Z")
    return at.isoformat()
