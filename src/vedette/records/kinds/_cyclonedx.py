"""CycloneDX 1.4–1.7: the shape of what is read of a bill of materials, its components by reference, its ratings.

The standard gives several ratings no order. The score is that of the newest version of CVSS that has a vector; the
severity is what the vulnerability's own source says, else the first that anybody says, else the score's.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, NamedTuple
from urllib.parse import unquote

from msgspec import Meta, Struct, field

from vedette.records.kinds._cvss import scored
from vedette.records.kinds._packages import type_of
from vedette.records.kinds._shapes import Name, Text, Word, severity_of, severity_of_score
from vedette.records.model import Package, Severity

Ref = Annotated[str, Meta(min_length=1, max_length=4_000)]
"""Of a component in its own document (`bom-ref`), or in another: `urn:cdx:SERIAL/VERSION#bom-ref`."""
State = Literal[
    "", "resolved", "resolved_with_pedigree", "exploitable", "in_triage", "false_positive", "not_affected",
]  # fmt: skip
_PREFIXES = {"CVSSv4": "CVSS:4.0/", "CVSSv31": "CVSS:3.1/", "CVSSv3": "CVSS:3.0/", "CVSSv2": ""}
"""How a vector begins, by method, the newest first; in older documents it is left out."""
_UPGRADE = re.compile(r"\bto versions? (.*)", re.IGNORECASE | re.DOTALL)
_VERSION = re.compile(r"(?<![\w.])v?\d+(?:[.:~+-]\w+)+")
_BOUND = re.compile(r"(>=|<=|[<>=]|!=)?([^|]+)")


class Component(Struct, gc=False):
    """A piece of software; it may hold others."""

    name: Name
    type: Word = ""
    bom_ref: Annotated[str, Meta(max_length=4_000)] = field(name="bom-ref", default="")
    group: Word = ""
    version: Word = ""
    purl: Annotated[str, Meta(max_length=4_000)] = ""
    components: "list[Component] | None" = None

    def package(self) -> Package:
        """Return the component as a package; Maven's group is parted by a colon, all others' by a slash."""
        kind = type_of(self.purl, "")
        separator = ":" if kind == "maven" else "/"
        name = f"{self.group}{separator}{self.name}" if self.group else self.name
        return Package(name[:1_000], self.version, kind, self.purl)


class _Tool(Struct, gc=False):
    name: Word = ""
    version: Word = ""


class _Tools(Struct, gc=False):
    components: list[_Tool] | None = None
    services: list[_Tool] | None = None


class Metadata(Struct, gc=False):
    """What the document is about, when and by what it was made."""

    component: Component | None = None
    timestamp: Word = ""
    tools: list[_Tool] | _Tools | None = None

    def tool(self) -> _Tool:
        """Return the first tool; 1.4 lists them, later versions have components and services."""
        tools = self.tools
        if isinstance(tools, _Tools):
            tools = [*(tools.components or ()), *(tools.services or ())]
        return next((tool for tool in tools or () if tool.name), _Tool())


class _Source(Struct, gc=False):
    name: Word = ""
    url: Text = ""


class _Reference(Struct, gc=False):
    id: Word = ""
    source: _Source = field(default_factory=_Source)


class Rating(Struct, gc=False):
    """One opinion of how grave a vulnerability is."""

    source: _Source = field(default_factory=_Source)
    score: float | None = None
    severity: Word = ""
    method: Word = ""
    vector: Word = ""


class _AdvisoryLink(Struct, gc=False):
    url: Text = ""


class Version(Struct, gc=False):
    """One version, or a range of them (`vers:`), and whether it is affected."""

    version: Word = ""
    range: Text = ""
    status: Word = "affected"


class Affected(Struct, gc=False):
    """What a vulnerability is in."""

    ref: Ref
    versions: list[Version] | None = None


class Analysis(Struct, gc=False):
    """What the document's author found out of a vulnerability there (VEX)."""

    state: State = ""
    justification: Word = ""
    response: list[Word] | None = None
    detail: Text = ""
    first_issued: Word = field(name="firstIssued", default="")
    last_updated: Word = field(name="lastUpdated", default="")


class Vulnerability(Struct, gc=False):
    """A vulnerability of components of this document or of others."""

    id: Word = ""
    bom_ref: Annotated[str, Meta(max_length=4_000)] = field(name="bom-ref", default="")
    source: _Source = field(default_factory=_Source)
    references: list[_Reference] | None = None
    ratings: list[Rating] | None = None
    cwes: list[int] | None = None
    description: Text = ""
    detail: Text = ""
    recommendation: Text = ""
    advisories: list[_AdvisoryLink] | None = None
    created: Word = ""
    published: Word = ""
    updated: Word = ""
    analysis: Analysis | None = None
    affects: list[Affected] | None = None


class _Composition(Struct, gc=False):
    aggregate: Word = ""
    vulnerabilities: list[Ref] | None = None


class Bom(Struct, rename="camel", gc=False):
    """A bill of materials, a report of vulnerabilities (VDR) or of what they mean (VEX)."""

    spec_version: Word
    vulnerabilities: list[Vulnerability]
    serial_number: Word = ""
    metadata: Metadata = field(default_factory=Metadata)
    components: list[Component] | None = None
    compositions: list[_Composition] | None = None

    def by_ref(self) -> dict[str, Component]:
        """Return all components, nested ones too, by their reference; the first of two of the same."""
        top = [
            *([self.metadata.component] if self.metadata.component else ()),
            *(self.components or ()),
        ]
        found: dict[str, Component] = {}
        while top:
            component = top.pop(0)
            if component.bom_ref:
                found.setdefault(component.bom_ref, component)
            top += component.components or ()
        return found

    def lists_all(self) -> bool:
        """Say whether it lists all vulnerabilities: it has components, thus is no VEX, and does not say it is partial."""
        return self.components is not None and not any(
            one.vulnerabilities and one.aggregate.startswith("incomplete")
            for one in self.compositions or ()
        )


class Grade(NamedTuple):
    """How grave a vulnerability is; as the arguments of a finding or a bulletin."""

    severity: Severity
    word: str
    score: float | None
    vector: str


def grade_of(vulnerability: Vulnerability) -> Grade:
    """Return the severity, the source's word for it, and the score."""
    ratings = vulnerability.ratings or []
    score, vector = _score(ratings)
    source = vulnerability.source.name.lower()
    own_first = sorted(ratings, key=lambda one: one.source.name.lower() != source)
    word = next((one.severity for one in own_first if severity_of(one.severity)), "")
    return Grade(severity_of(word) or severity_of_score(score), word, score, vector)


def _score(ratings: list[Rating]) -> tuple[float | None, str]:
    methods = [*_PREFIXES]
    order = sorted(
        (one for one in ratings if one.method in _PREFIXES),
        key=lambda one: methods.index(one.method),
    )
    for one in order:
        whole = one.vector if one.vector.startswith("CVSS:") else _PREFIXES[one.method] + one.vector
        score, vector = scored(whole) if one.vector else (None, "")
        if score is not None:
            return score, vector
    return next((scored("", one.score) for one in order if one.score), (None, ""))


def fixed_in(vulnerability: Vulnerability, affected: Affected | None, name: str) -> tuple[str, ...]:
    """Return the versions that mend it: where the affected ranges end, else those that the recommendation names."""
    given = affected.versions if affected and affected.versions else []
    ends = dict.fromkeys(end for one in given for end in _ends(one))
    return tuple(ends) or tuple(dict.fromkeys(_recommended(vulnerability.recommendation, name)))


def _ends(version: Version) -> Iterator[str]:
    """Yield `2.9.5` of what is affected `<2.9.5`, and of what is unaffected from it on (`>=2.9.5`)."""
    bound = {"affected": "<", "unaffected": ">="}.get(version.status)
    for constraint in version.range.partition("/")[2].split("|"):
        match = _BOUND.fullmatch(constraint.strip())
        if bound and match and match[1] == bound:
            yield unquote(match[2].strip())


def _recommended(text: str, name: str) -> Iterable[str]:
    """Return the versions in `Upgrade NAME to version 1.2; …`: of that package where it is named, else all."""
    parts = [part for part in text[:4_000].split(";") if part.strip()]
    own = [part for part in parts if name and name in part] or parts
    return [
        word for part in own for found in _UPGRADE.findall(part) for word in _VERSION.findall(found)
    ]


def is_unaffected(affected: Affected, component: Component) -> bool:
    """Say whether the very version that is installed is said not to be affected."""
    exact = [
        one.status for one in affected.versions or () if one.version == component.version != ""
    ]
    return bool(exact) and all(status == "unaffected" for status in exact)
