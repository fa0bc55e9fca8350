"""The only wall clock of the house: rules take `now`, programs ask here."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant as an aware UTC time."""
    return datetime.now(UTC)
