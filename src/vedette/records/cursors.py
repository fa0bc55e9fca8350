"""What the cursors of records are made of: values that a column can hold, since clients may send any."""

from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta

from vedette.rest.paging import MAX_ID

Small = Annotated[int, Meta(ge=0, le=100)]
Number = Annotated[int, Meta(ge=0, le=MAX_ID)]
Long = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Moment = Annotated[datetime, Meta(tz=True)]
Text = Annotated[str, Meta(max_length=1_000, pattern=r"\A[^\x00]*\Z")]


class After(NamedTuple):
    """Where a page of a list in the order of its times ends."""

    at: Moment
    number: Long
