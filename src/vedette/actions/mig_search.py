"""What MIG's clients search for: parameters of a query, each a filter; MIG's names, and MIG's `%` for whatever.

Unlike MIG, which reads over what it does not know and so answers everything, an unknown parameter is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vedette.actions.document_read import read_time
from vedette.errors import Invalid

TYPES = ("action", "agent", "command", "investigator", "manifest", "loader")
IDS = ("actionid", "agentid", "commandid", "investigatorid", "loaderid", "manifestid")
NAMES = (
    *("actionname", "agentname", "agentversion", "investigatorname", "loadername", "manifestname"),
    *("status", "threatfamily"),
)
KNOWN = frozenset(
    ("type", "after", "before", "foundanything", "limit", "offset", "target", *IDS, *NAMES)
)
EVERY = ("%", "∞", "")
"""What stands for no filter at all."""
LIMIT, MOST = 100, 100_000
MOST_OFFSET = 10_000_000
LONGEST = 8_192
YEARS = range(1000, 9000)
"""MIG's clients say the year 11 for ever ago, and 9998 for never: no filter at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search as it was asked; a filter that is None asks for nothing."""

    type: str
    ids: Mapping[str, int | None]
    names: Mapping[str, str | None]
    after: datetime | None
    before: datetime | None
    found: bool | None
    target: str
    limit: int
    offset: int

    def filters(self) -> dict[str, Any]:
        """Return what the queries take."""
        whole = {"after": self.after, "before": self.before, "found": self.found}
        page = {"limit": self.limit, "offset": self.offset}
        return {**self.ids, **self.names, **whole, **page, "ids": None}


def read_search(given: Mapping[str, str]) -> Search:
    """Return the search of a query; raises Invalid naming the parameter."""
    unknown = sorted(set(given) - KNOWN)
    if unknown:
        raise Invalid(f"there is no search parameter {unknown[0][:40]!a}")
    if any(len(value) > LONGEST for value in given.values()):
        raise Invalid(f"a search parameter has more than {LONGEST} characters")
    kind = given.get("type", "")
    if kind not in TYPES:
        raise Invalid("search type is invalid: one of " + ", ".join(TYPES))
    target = given.get("target", "")
    if target and kind != "agent":
        raise Invalid("target is a filter of agents: type=agent")
    return Search(
        type=kind,
        ids={name: _id(given, name) for name in IDS},
        names={name: None if given.get(name, "") in EVERY else given[name] for name in NAMES},
        after=_time(given, "after"),
        before=_time(given, "before"),
        found=_found(given),
        target=target,
        limit=min(_count(given, "limit", LIMIT) or LIMIT, MOST),
        offset=_count(given, "offset", 0),
    )


def parameters_of(search: Search) -> dict[str, Any]:
    """Return the search as MIG's answer repeats it."""
    said = {
        "type": search.type,
        "limit": search.limit,
        "offset": search.offset,
        "target": search.target,
        **{name: value or "%" for name, value in search.names.items()},
        **{name: "%" if value is None else str(value) for name, value in search.ids.items()},
    }
    if search.found is not None:
        said["foundanything"] = search.found
    for name, at in (("after", search.after), ("before", search.before)):
        if at is not None:
            said[name] = at.isoformat()
    return said


def _id(given: Mapping[str, str], name: str) -> int | None:
    value = given.get(name, "")
    if value in EVERY:
        return None
    whole = value.removesuffix(".0")
    if not (whole.isascii() and whole.isdigit()) or len(whole) > 18:
        raise Invalid(f"{name} must be a number, not {value[:40]!a}")
    return int(whole)


def _time(given: Mapping[str, str], name: str) -> datetime | None:
    if given.get(name, "") in EVERY:
        return None
    at = read_time(given[name], name)
    return at if at is not None and at.year in YEARS else None


def _found(given: Mapping[str, str]) -> bool | None:
    value = given.get("foundanything", "").lower()
    if value not in ("", "true", "false"):
        raise Invalid("foundanything parameter must be true or false")
    return value == "true" if value else None


def _count(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, "") or str(default)
    whole = value.removesuffix(".0")
    if not (whole.isascii() and whole.isdigit()) or len(whole) > 12:
        raise Invalid(f"invalid {name} parameter")
    if int(whole) > MOST_OFFSET:
        raise Invalid(f"{name} is more than {MOST_OFFSET}")
    return int(whole)
