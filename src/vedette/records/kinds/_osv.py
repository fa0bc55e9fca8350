"""Entries of the OSV schema (1.x): their shape, and what of them an advisory, a severity and a fix are.

`aliases` are other names of the same vulnerability, `upstream` those that a distribution's advisory addresses.
`related` ones are others, not the same; but before 1.7 distributions had no `upstream` and put their CVEs there.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec import Struct

from vedette.records.kinds._cvss import scored
from vedette.records.kinds._packages import one_line, type_of
from vedette.records.kinds._shapes import (
    Name,
    Text,
    Word,
    links_of,
    severity_of,
    severity_of_score,
    time_of,
)
from vedette.records.model import Advisory, Severity

FEED = "osv"
MALICIOUS = "malicious"
_CVSS = ("CVSS_V4", "CVSS_V3", "CVSS_V2")
_TYPES = {
    "go": "golang",
    "crates.io": "cargo",
    "packagist": "composer",
    "rubygems": "gem",
    "red hat": "rpm",
}
_OF_DISTRIBUTION = re.compile(r"(?!CVE-|GHSA-|MAL-)[A-Z]+-")
_CWE = re.compile(r"CWE-\d{1,5}", re.ASCII)


class PackageName(Struct, gc=False):
    """A package of an ecosystem: `npm`, `Debian:12`."""

    name: Name
    ecosystem: Word = ""
    purl: Word = ""


class _Severity(Struct, gc=False):
    type: Word
    score: Word


class _Event(Struct, gc=False):
    fixed: Word = ""


class _Range(Struct, gc=False):
    type: Word = ""
    events: list[_Event] = []


class _Affected(Struct, gc=False):
    package: PackageName | None = None
    ranges: list[_Range] | None = None
    severity: list[_Severity] | None = None
    ecosystem_specific: Any = None
    database_specific: Any = None


class _Reference(Struct, gc=False):
    url: Text
    type: Word = ""


class Entry(Struct, gc=False):
    """A vulnerability as an OSV database publishes it."""

    id: Name
    modified: Word = ""
    published: Word = ""
    withdrawn: Word = ""
    summary: Text = ""
    details: Text = ""
    aliases: list[Name] | None = None
    upstream: list[Name] | None = None
    related: list[Name] | None = None
    severity: list[_Severity] | None = None
    affected: list[_Affected] | None = None
    references: list[_Reference] | None = None
    database_specific: Any = None


class Rating(NamedTuple):
    """How grave an entry is, and who says so: a word of its database, a CVSS vector, or that it is malware."""

    severity: Severity
    word: str
    score: float | None
    vector: str


def advisory_of(entry: Entry, others: Iterable[str] = ()) -> Advisory:
    """Return the advisory, found under those other identifiers, too."""
    names = dict.fromkeys((*_names(entry), *others))
    names.pop(entry.id, None)
    references = sorted(entry.references or (), key=lambda given: given.type != "ADVISORY")
    return Advisory(
        entry.id,
        feed=FEED,
        title=one_line(entry.summary),
        description=entry.details,
        links=tuple(dict.fromkeys(link for given in references for link in links_of(given.url))),
        names=tuple(names),
        cwes=_cwes(entry),
        published_at=time_of(entry.published),
    )


def _names(entry: Entry) -> tuple[str, ...]:
    same = (*(entry.aliases or ()), *(entry.upstream or ()))
    if same or not _OF_DISTRIBUTION.match(entry.id):
        return same
    return tuple(name for name in entry.related or () if name.startswith("CVE-"))


def rating_of(entry: Entry, package: PackageName | None = None) -> Rating:
    """Return the severity: the database's own word, else the computed score's; malware is critical unsaid."""
    concerned = [one for one in entry.affected or () if package is None or _is_same(one, package)]
    given = [*(entry.severity or ()), *(each for one in concerned for each in one.severity or ())]
    score, vector = _best([each for each in given if each.type in _CVSS])
    words = (
        *(_said(holder, "severity") for holder in (entry.database_specific, *_specific(concerned))),
        *(each.score for each in given if each.type not in _CVSS),
    )
    word = next((word for word in words if severity_of(word)), "")
    if not word and score is None and entry.id.startswith("MAL-"):
        return Rating(Severity.CRITICAL, MALICIOUS, None, "")
    return Rating(severity_of(word) or severity_of_score(score), word, score, vector)


def _best(given: list[_Severity]) -> tuple[float | None, str]:
    """Return (score, vector) of the newest version of CVSS that is one."""
    for each in sorted(given, key=lambda each: _CVSS.index(each.type)):
        score, vector = scored(each.score)
        if score is not None:
            return score, vector
    return None, ""


def fixed_in(entry: Entry, package: PackageName) -> tuple[str, ...]:
    """Return the versions of that package which mend it; commits are none."""
    return tuple(
        dict.fromkeys(
            event.fixed
            for one in entry.affected or ()
            if _is_same(one, package)
            for given in one.ranges or ()
            if given.type != "GIT"
            for event in given.events
            if event.fixed
        )
    )


def _is_same(one: _Affected, package: PackageName) -> bool:
    return (
        one.package is not None
        and one.package.name == package.name
        and _ecosystem(one.package) == _ecosystem(package)
    )


def _ecosystem(package: PackageName) -> str:
    return package.ecosystem.partition(":")[0].lower()


def package_type(package: PackageName) -> str:
    """Return the package's type as package URLs call it."""
    word = _ecosystem(package)
    return _TYPES.get(word) or type_of(package.purl, word)


def _specific(concerned: list[_Affected]) -> list[Any]:
    return [each for one in concerned for each in (one.database_specific, one.ecosystem_specific)]


def _said(holder: Any, key: str) -> str:  # noqa: ANN401 - whatever a database puts there
    word = holder.get(key) if isinstance(holder, dict) else None
    return word if isinstance(word, str) and len(word) <= 100 else ""


def _cwes(entry: Entry) -> tuple[str, ...]:
    """Return the weaknesses, which each database keeps elsewhere in what is its own."""
    found: dict[str, None] = {}
    holders = (entry.database_specific, *_specific(entry.affected or []))
    for holder in (one for one in holders if isinstance(one, dict)):
        for key in ("cwe_ids", "cwes"):
            given = holder.get(key)
            for one in given if isinstance(given, list) else ():
                word = one if isinstance(one, str) else _said(one, "cweId")
                if _CWE.fullmatch(word):
                    found[word] = None
    return tuple(found)
