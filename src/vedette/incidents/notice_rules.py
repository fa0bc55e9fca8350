"""When a notice that could not be handed over is tried again, and when no more."""

from datetime import datetime, timedelta

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=30)
KEPT_UP = timedelta(days=4)
"""For so long one tries, as RFC 5321 asks of whoever sends mail."""


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after so many failures: ten seconds, doubled each time, half an hour at most."""
    doubled: int = 2 ** min(attempts - 1, 20)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)


def is_stale(written_at: datetime, *, now: datetime) -> bool:
    """Say whether nobody would want to hear of it any more."""
    return now - written_at > KEPT_UP
