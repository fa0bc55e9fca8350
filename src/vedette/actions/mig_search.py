"""What MIG's clients search for: parameters of a query, each a filter; MIG's names, and MIG's `%` for whatever.

Unlike MIG, which reads over what it does not know and so answers everything, a parameter that is unknown, or does not
narrow a search of its type, is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vedette.actions.document_read import read_time
from vedette.errors import Invalid

_ASKED = ("actionid", "actionname", "threatfamily")
_SIGNED = ("investigatorid", "investigatorname")
_AGENT = ("agentid", "agentname")
_TIMES = ("status", "after", "before")
FILTERS: Mapping[str, frozenset[str]] = {
    "action": frozenset((*_TIMES, *_ASKED, *_SIGNED, *_AGENT, "commandid")),
    "agent": frozenset(
        (*_TIMES, *_ASKED, *_SIGNED, *_AGENT, "agentversion", "commandid", "target")
    ),
    "command": frozenset(
        (*_TIMES, *_ASKED, *_SIGNED, *_AGENT, "agentversion", "commandid", "foundanything")
    ),
    "investigator": frozenset((*_TIMES, *_ASKED, *_SIGNED)),
    "manifest": frozenset((*_TIMES, "manifestid", "manifestname")),
    "loader": frozenset((*_TIMES, "loaderid", "loadername", "agentname")),
}
"""What narrows a search of each type."""
IDS = ("actionid", "agentid", "commandid", "investigatorid", "loaderid", "manifestid")
NAMES = (
    *("actionname", "agentname", "agentversion", "investigatorname", "loadername", "manifestname"),
    *("status", "threatfamily"),
)
KNOWN = frozenset(
    (
        *("type", "after", "before", "foundanything", "limit", "offset", "target", "report"),
        *IDS,
        *NAMES,
    )
)
NO_FILTER: Mapping[str, Any] = {
    **dict.fromkeys((*IDS, *NAMES, "after", "before", "found", "ids", "limit")),
    **dict.fromkeys(("below", "signed")),
    "offset": 0,
}
"""What the queries take when nothing is asked for."""
EVERY = ("%", "∞", "")
"""What stands for no filter at all."""
COMPLIANCE = "complianceitems"
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
    report: str
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
    kind = given.get("type", "action")
    if kind not in FILTERS:
        raise Invalid("search type is invalid: one of " + ", ".join(FILTERS))
    _hold_filters(given, kind)
    return Search(
        type=kind,
        ids={name: _id(given, name) for name in IDS},
        names={name: None if given.get(name, "") in EVERY else given[name] for name in NAMES},
        after=_time(given, "after"),
        before=_time(given, "before"),
        found=_found(given),
        target=given.get("target", ""),
        report=_report(given, kind),
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
        "report": search.report,
        **{name: value or "%" for name, value in search.names.items()},
        **{name: "%" if value is None else str(value) for name, value in search.ids.items()},
    }
    if search.found is not None:
        said["foundanything"] = search.found
    for name, at in (("after", search.after), ("before", search.before)):
        if at is not None:
            said[name] = at.isoformat()
    return said


def _hold_filters(given: Mapping[str, str], kind: str) -> None:
    for name in sorted(given.keys() - {"type", "limit", "offset", "report"} - FILTERS[kind]):
        # A client in Go that was not told says false.
        if given[name] in EVERY or (name, given[name].lower()) == ("foundanything", "false"):
            continue
        raise Invalid(f"{name} does not narrow a search for {kind}s")


def _report(given: Mapping[str, str], kind: str) -> str:
    report = given.get("report", "")
    if report == "geolocations":
        raise Invalid("geolocations are not reported: no database of places is kept here")
    if report not in ("", COMPLIANCE):
        raise Invalid(f"report not implemented: {report[:40]!a}; there is {COMPLIANCE}")
    if report and kind != "command":
        raise Invalid(f"{COMPLIANCE} are reported of commands: type=command")
    return report


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
