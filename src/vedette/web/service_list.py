"""The list of services: how each stands, in the order that is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from vedette.errors import Invalid
from vedette.web.looks import BY_WORD, Look, look_of
from vedette.web.paging import PAGE_ROWS, Part, last_page, page_of, part
from vedette.web.reader import N_
from vedette.web.service_reads import ServiceLine
from vedette.web.severities import Tallied, grave
from vedette.web.words import Moment, moment

TEXT_LENGTH = 200
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _by_state(line: ServiceLine) -> tuple[int, int]:
    return (-BY_WORD[line.state][0] if line.state else 1, -line.incidents)


def _by_vulnerabilities(line: ServiceLine) -> tuple[int, list[int]]:
    found = dict(zip(line.severities, line.numbers, strict=True))
    return -line.exploited, [-found.get(severity, 0) for severity in range(6, -1, -1)]


def _by_slos(line: ServiceLine) -> tuple[int, int]:
    return -line.missed, -line.slos


def _by_deployment(line: ServiceLine) -> float:
    return -(line.deployed_at or LONG_AGO).timestamp()


SORTS: dict[str, tuple[str, Callable[[ServiceLine], Any]]] = {
    "name": (N_("Service"), lambda line: line.name.casefold()),
    "state": (N_("State"), _by_state),
    "vulnerabilities": (N_("Vulnerabilities"), _by_vulnerabilities),
    "slos": (N_("SLOs"), _by_slos),
    "deployment": (N_("Last deployment"), _by_deployment),
}
"""What `?sort=` takes; what asks for attention comes first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which services and in what order; words: a part of the name or the team's."""

    words: str = ""
    sort: str = "name"
    page: int = 1

    def link(self, *, sort: str = "", page: int = 1) -> str:
        """Return the address of the same, sorted otherwise or further on."""
        said = {"words": self.words, "sort": sort or self.sort, "page": page}
        kept = {
            key: value for key, value in said.items() if value not in ("", 1) and value != "name"
        }
        return "?" + urlencode(kept) if kept else "/services"


def asked_of(query: Mapping[str, str]) -> Asked:
    """Return what a query string asks for; raises Invalid."""
    words, sort = query.get("words", "").strip(), query.get("sort", "name")
    if len(words) > TEXT_LENGTH or "\0" in words:
        raise Invalid(f"words is not a text of at most {TEXT_LENGTH} characters")
    if sort not in SORTS:
        raise Invalid(f"sort cannot be {sort[:40]!r}", hint=f"one of {', '.join(SORTS)}")
    return Asked(words, sort, page_of(query))


class SortLink(NamedTuple):
    """A heading that sorts the list."""

    word: str
    href: str
    is_current: bool


class Line(NamedTuple):
    """One service; look: None where it has no component that was seen."""

    service: ServiceLine
    look: Look | None
    tally: list[Tallied]
    deployed: Moment | None


@dataclass(frozen=True, slots=True)
class ServiceList:
    """The whole page."""

    asked: Asked
    sorts: list[SortLink]
    lines: list[Line]
    part: Part
    updated: Moment


def service_list(asked: Asked, rows: Sequence[ServiceLine], *, now: datetime) -> ServiceList:
    """Return that page of these services; rows: by name."""
    ordered = sorted(rows, key=SORTS[asked.sort][1])
    page = min(asked.page, last_page(len(rows)))
    first = (page - 1) * PAGE_ROWS
    return ServiceList(
        asked=asked,
        sorts=[
            SortLink(word, asked.link(sort=name), name == asked.sort)
            for name, (word, _) in SORTS.items()
        ],
        lines=[_line(row, now) for row in ordered[first : first + PAGE_ROWS]],
        part=part(page, len(rows), lambda number: asked.link(page=number)),
        updated=moment(now, now),
    )


def _line(row: ServiceLine, now: datetime) -> Line:
    return Line(
        row,
        look_of(row.state) if row.state else None,
        [
            Tallied(grave(severity), number)
            for severity, number in zip(row.severities, row.numbers, strict=True)
        ],
        moment(row.deployed_at, now) if row.deployed_at else None,
    )
