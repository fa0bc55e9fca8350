"""What queries of records have in common: bounded words, times with a zone, a format."""

from datetime import datetime
from typing import Annotated

from litestar.params import Parameter

from vedette.errors import Invalid

Word = Annotated[str | None, Parameter(max_length=1_000)]
Format = Annotated[str | None, Parameter(description="`csv` or `json`.")]
Since = Annotated[
    datetime | None,
    Parameter(query="from", description="RFC 3339, with its zone, as in 2026-11-22T03:00:00Z."),
]
Until = Annotated[
    datetime | None, Parameter(query="to", description="RFC 3339, with its zone; not included.")
]
YEARS = range(1971, 2200)


def aware(at: datetime | None, name: str) -> datetime | None:
    """Return the time; raise Invalid for one without a zone or beyond `YEARS`, naming the parameter."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid(f"{name}: {at.isoformat()} has no zone", hint="as in 2026-11-22T03:00:00Z")
    if at.year not in YEARS:
        raise Invalid(f"{name}: nothing is kept of the year {at.year}", hint="as in 2026")
    return at
