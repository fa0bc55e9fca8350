"""What a connector may put into a row, as the plain cells that travel."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite

from vedette.actions.model import Cell


def plain(value: object) -> Cell:
    """Return the value as a cell: times RFC 3339 in UTC, spans in seconds, what is no number null."""
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if isfinite(number) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)
