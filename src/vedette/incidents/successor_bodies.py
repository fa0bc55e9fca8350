"""What the Status Dashboard's successor takes: bodies and queries, and what it says of wrong ones.

The sentences are its own; wire format: stackmon/status-dashboard-v3, January 2026.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from vedette.errors import Invalid
from vedette.incidents.model import Kind, Status

T = TypeVar("T")

BAD_COMPONENT = "component invalid format"
BAD_ATTRIBUTES = "component attribute has invalid format"
BAD_QUERY = "filter query parameter has an invalid format or value"
NO_REGION = "component attribute region is missing or invalid"

LIMITS = (10, 20, 50)
PAGE_LIMIT = 1_000_000
ATTRIBUTES = frozenset({"category", "region", "type"})
TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""What its framework takes for a truth value."""

SPELLINGS = {"analysing": "analyzing", "in_progress": "in progress"}
"""Its words for a status where ours differ."""

Time = Annotated[datetime, Meta(tz=True)]
Impact = Annotated[int, Meta(ge=0, le=3)]
Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Ids = Annotated[list[Id], Meta(min_length=1, max_length=1000)]
Line = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(max_length=20_000)]
Word = Annotated[str, Meta(min_length=1, max_length=50)]


class Attribute(Struct):
    """A component's attribute."""

    name: Annotated[str, Meta(max_length=200)] = ""
    value: Annotated[str, Meta(max_length=200)] = ""


class ComponentStatus(Struct):
    """`POST /v1/component_status`: that a component fails."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    impact: Annotated[int, Meta(ge=1, le=3)]
    attributes: Annotated[list[Attribute], Meta(max_length=100)]
    text: Annotated[str, Meta(max_length=300)] = ""


class NewComponent(Struct):
    """`POST /v2/components`: a component with exactly three attributes."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    attrs: Annotated[list[Attribute], Meta(max_length=100)]


class Members(Struct):
    """The components of an event, which it looks at before anything else."""

    components: Ids


class NewEvent(Members):
    """`POST /v2/events`."""

    title: Line
    impact: Impact
    start_date: Time
    type: Kind
    end_date: Time | None = None
    description: Text = ""
    system: bool | None = None
    updates: list[Any] | None = None


class Patch(Struct):
    """`PATCH /v2/events/{id}`: what is said, and what it changes."""

    message: Annotated[str, Meta(min_length=1, max_length=20_000)]
    status: Word
    update_date: Time
    title: Line | None = None
    description: Text | None = None
    impact: Impact | None = None
    start_date: Time | None = None
    end_date: Time | None = None
    type: Kind | None = None


class Reworded(Struct):
    """`PATCH /v2/events/{id}/updates/{index}`."""

    text: Annotated[str, Meta(min_length=1, max_length=20_000)]


class Filter(Struct, frozen=True):
    """Which events are listed; None asks for nothing."""

    kinds: Sequence[str] | None = None
    active: bool = False
    status: str | None = None
    impact: int | None = None
    system: bool | None = None
    components: Sequence[int] | None = None
    since: datetime | None = None
    until: datetime | None = None
    page: int = 1
    limit: int = LIMITS[-1]


def read_body(body: bytes, shape: type[T], *, complaint: str = "") -> T:
    """Return the body as this; unknown keys are let be. Raises Invalid, beginning with the complaint."""
    try:
        found = msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        said = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Invalid(f"{complaint}: {said}" if complaint else said) from None
    if b"\\u0000" in body:
        raise Invalid(f"{complaint}: it holds a NUL" if complaint else "the body holds a NUL")
    return found


def checked_new(event: NewEvent, *, now: datetime) -> NewEvent:
    """Return the event; raises Invalid with its sentence for what cannot be."""
    if (event.type is Kind.INCIDENT) != (event.impact > 0):
        raise Invalid("impact must be 0 for type 'maintenance' or 'info' and gt 0 for 'incident'")
    if event.type is Kind.INCIDENT and event.end_date is not None:
        raise Invalid("event end_date should be empty")
    if event.type is Kind.INCIDENT and event.start_date > now:
        raise Invalid("event start_date should not be in the future")
    if event.type is Kind.MAINTENANCE and event.end_date is None:
        raise Invalid("maintenance end_date is empty")
    if event.updates:
        raise Invalid("event updates should be empty")
    if event.system and event.type is not Kind.INCIDENT:
        raise Invalid("system incident must be of type 'incident'")
    return event


def region_in(attributes: Sequence[Attribute]) -> str:
    """Return the region they name, the last one that does; raises Invalid."""
    named = [each.value for each in attributes if each.name == "region"]
    if not named:
        raise Invalid(NO_REGION)
    return named[-1]


def three_attributes(given: Sequence[Attribute]) -> dict[str, str]:
    """Return category, region and type by name; raises Invalid unless it is each of them once."""
    found = {each.name: each.value for each in given}
    if len(given) != len(ATTRIBUTES) or found.keys() != ATTRIBUTES or not all(found.values()):
        raise Invalid(BAD_ATTRIBUTES)
    return found


def read_filter(query: Mapping[str, str], *, paged: bool) -> Filter:
    """Return what the query asks for; raises Invalid. paged: whether page and limit count."""
    try:
        found = Filter(
            kinds=_kinds(query.get("type")),
            active=_active(query.get("active")),
            status=_status(query.get("status")),
            impact=_number(query.get("impact"), 0, 3),
            system=_truth(query.get("system")),
            components=_ids(query.get("components")),
            since=_time(query.get("start_date")),
            until=_time(query.get("end_date")),
            page=_number(query.get("page"), 1, PAGE_LIMIT) or 1,
            limit=_number(query.get("limit"), 1, LIMITS[-1]) or LIMITS[-1],
        )
    except (ValueError, OverflowError):
        raise Invalid(BAD_QUERY) from None
    if found.since is not None and found.until is not None and found.until < found.since:
        raise Invalid(BAD_QUERY)
    if paged and found.limit not in LIMITS:
        raise Invalid(BAD_QUERY)
    return found


def _number(text: str | None, least: int, most: int) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise ValueError(text)
    if not least <= int(text) <= most:
        raise ValueError(text)
    return int(text)


def _truth(text: str | None) -> bool | None:
    if not text:
        return None
    if text not in TRUE | FALSE:
        raise ValueError(text)
    return text in TRUE


def _active(text: str | None) -> bool:
    wanted = _truth(text)
    if wanted is False:
        raise ValueError(text)
    return bool(wanted)


def _kinds(text: str | None) -> list[str] | None:
    return [Kind(word.strip()).value for word in text.split(",")] if text else None


def _status(text: str | None) -> str | None:
    """Return our word; `modified`, `reopened` and the like are no event's own and find nothing."""
    if not text:
        return None
    word = SPELLINGS.get(text, text)
    if word not in {*Status, "impact changed", "modified", "reopened", "changed"}:
        raise ValueError(text)
    return word


def _ids(text: str | None) -> list[int] | None:
    if not text:
        return None
    found = [_number(word.strip(), 1, 2**31 - 1) for word in text.split(",")]
    if None in found or len(found) > 1000:
        raise ValueError(text)
    return [number for number in found if number is not None]


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    # A plus that was not escaped comes as a blank.
    found = datetime.fromisoformat(text.replace(" ", "+"))
    if found.tzinfo is None:
        raise ValueError(text)
    return found
