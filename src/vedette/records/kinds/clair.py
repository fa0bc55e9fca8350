"""`clair`: what Clair finds in an image: version 4's vulnerability report, and what clair-scanner made of older ones'.

Version 4 knows an image by its manifest's digest alone. Its advisories' names are sentences where Red Hat wrote them.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._clair_scanner import is_of_scanner, read_scanner
from vedette.records.kinds._cvss import scored
from vedette.records.kinds._packages import one_line, type_of
from vedette.records.kinds._shapes import (
    Name,
    Text,
    Word,
    identifiers,
    links_of,
    severity_of,
    time_of,
)
from vedette.records.kinds._subjects import given_subject
from vedette.records.model import Advisory, Finding, Package, Record, Scan, Subject, SubjectKind

SOURCE = "clair"
_CVSS = "enricher=clair.cvss"
_DATABASES = {"rpm": "rpm", "dpkg": "deb", "apk": "apk"}


class _Package(Struct):
    name: Name
    version: Word = ""


class _Environment(Struct):
    package_db: Text = ""


class _Distribution(Struct):
    did: Word = ""
    version_id: Word = ""


class _Vulnerability(Struct):
    name: Name
    updater: Word = ""
    description: Text = ""
    issued: Word = ""
    links: Text = ""
    severity: Word = ""
    normalized_severity: Word = ""
    fixed_in_version: Word = ""
    distribution: _Distribution | None = None


class _Cvss(Struct, rename="camel"):
    vector_string: Word = ""
    base_score: float | None = None


class _Report(Struct):
    manifest_hash: Name
    packages: dict[str, _Package]
    vulnerabilities: dict[str, _Vulnerability]
    package_vulnerabilities: dict[str, list[Word] | None]
    environments: dict[str, list[_Environment] | None] | None = None
    enrichments: dict[str, list[Any] | None] | None = None


class Clair:
    """Clair's reports."""

    name = "clair"
    description = "Clair's vulnerability reports: version 4, and clair-scanner's"
    family = Family.VULNERABILITIES

    def recognises(self, document: Document) -> bool:
        """Say whether it is a report of either sort, by its keys."""
        is_report = isinstance(document.field("manifest_hash"), str)
        return (is_report and "package_vulnerabilities" in document.value) or is_of_scanner(
            document
        )

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the one scan of the report."""
        read = read_scanner if is_of_scanner(document) else _read_report
        yield read(document, context)


def _read_report(document: Document, context: Context) -> Scan:
    report = document.shaped(_Report)
    # Nobody else names an image by its digest; whoever applies the report may know its name.
    subject = given_subject(context)
    name = subject.name if subject else report.manifest_hash
    return Scan(
        SOURCE,
        Subject(SubjectKind.IMAGE, name, report.manifest_hash, subject.tag if subject else ""),
        tuple(_findings(document, report)),
    )


def _findings(document: Document, report: _Report) -> Iterator[Finding]:
    scores = _scores(document, report)
    for number, several in report.package_vulnerabilities.items():
        for key in several or ():
            package, found = report.packages.get(number), report.vulnerabilities.get(key)
            if package is None or found is None:
                what = (
                    f"packages has no {number!r}"
                    if package is None
                    else f"vulnerabilities has no {key!r}"
                )
                raise document.refusal(
                    f"$.package_vulnerabilities: {what[:200]}; was the report cut?"
                )
            score, vector = scores.get(key, (None, ""))
            yield Finding(
                _package(package, report, number),
                _advisory(found),
                severity_of(found.normalized_severity or found.severity),
                found.severity or found.normalized_severity,
                (found.fixed_in_version,) if found.fixed_in_version else (),
                score=score,
                vector=vector,
            )


def _package(package: _Package, report: _Report, number: str) -> Package:
    """Return the package; where it lies only for what no system's package database lists."""
    environments = (report.environments or {}).get(number) or [_Environment()]
    database = environments[0].package_db
    system = next((kind for word, kind in _DATABASES.items() if word in database), "")
    language, colon, path = database.partition(":")
    if system or not colon:
        return Package(package.name, package.version, system)
    return Package(package.name, package.version, type_of("", language), path=path)


def _advisory(found: _Vulnerability) -> Advisory:
    own = identifiers(found.name)
    name = own[0] if own else found.name
    others = (*own[1:], *identifiers(found.links))
    distribution = found.distribution or _Distribution()
    return Advisory(
        name,
        feed=":".join(filter(None, (distribution.did, distribution.version_id))) or found.updater,
        title="" if found.name == name else one_line(found.name),
        description=found.description,
        links=links_of(found.links),
        names=tuple(other for other in dict.fromkeys(others) if other != name),
        published_at=time_of(found.issued),
    )


def _scores(document: Document, report: _Report) -> dict[str, tuple[float | None, str]]:
    """Return (score, vector) of each vulnerability that an enricher knows one of, the gravest of several."""
    found: dict[str, tuple[float | None, str]] = {}
    for sort, several in (report.enrichments or {}).items():
        for each in several or () if _CVSS in sort else ():
            for key, known in document.shaped(dict[str, list[_Cvss]], each).items():
                ranked = [scored(one.vector_string, one.base_score) for one in known]
                found[key] = max(ranked, key=lambda one: one[0] or 0, default=(None, ""))
    return found
