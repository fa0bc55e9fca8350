"""Vulnerability reports of Trivy's operator: one image, in one container of one workload."""

from collections.abc import Iterator

from msgspec import Struct, field

from vedette.records.documents import Document
from vedette.records.kinds import Context
from vedette.records.kinds._cvss import scored
from vedette.records.kinds._operator import SOURCE, Artifact, ObjectMetadata, Registry, Scanner
from vedette.records.kinds._packages import one_line, type_of, versions_of
from vedette.records.kinds._shapes import Name, Text, Word, severity_of, time_of
from vedette.records.kinds._subjects import image
from vedette.records.kinds._trivy import SYSTEM, Cvss, best_score
from vedette.records.model import Advisory, Finding, Package, Presence, Scan, Subject


class _Vulnerability(Struct, rename="camel"):
    id: Name = field(name="vulnerabilityID")
    resource: Name
    installed_version: Word = ""
    fixed_version: Text = ""
    severity: Word = ""
    title: Text = ""
    description: Text = ""
    primary_link: Text = ""
    links: list[Text] | None = None
    score: float | None = None
    cvss: dict[str, Cvss] | None = None
    cvss_source: Word = field(name="cvsssource", default="")
    package_type: Word = ""
    package_path: Text = ""
    purl: Word = field(name="packagePURL", default="")
    published_date: Word = ""
    target: Text = ""


class _Report(Struct, rename="camel"):
    artifact: Artifact
    vulnerabilities: list[_Vulnerability]
    registry: Registry = field(default_factory=Registry)
    scanner: Scanner = field(default_factory=Scanner)
    update_timestamp: Word = ""


class _Resource(Struct):
    metadata: ObjectMetadata
    report: _Report


def read_vulnerabilities(document: Document, context: Context, is_deleted: bool) -> Scan:
    """Return the scan of the report's image; of a deleted report that it runs there no longer."""
    resource = document.shaped(_Resource)
    report = resource.report
    return Scan(
        SOURCE,
        _subject(document, report),
        () if is_deleted else tuple(map(_finding, report.vulnerabilities)),
        tuple(_presences(resource.metadata)),
        at=None if is_deleted else time_of(report.update_timestamp),
        scanner_version=report.scanner.version,
        complete=not is_deleted,
        deleted=is_deleted,
    )


def _subject(document: Document, report: _Report) -> Subject:
    artifact = report.artifact
    if not artifact.repository:
        raise document.refusal("$.report.artifact.repository is empty: it does not say which image")
    name = "/".join(filter(None, (report.registry.server, artifact.repository)))
    tag = f":{artifact.tag}" if artifact.tag else ""
    return image(name + tag, artifact.digest)


def _presences(metadata: ObjectMetadata) -> Iterator[Presence]:
    namespace, kind, name = metadata.object
    if namespace and kind and name:
        pod = f"{namespace}/{name}" if kind == "Pod" else ""
        yield Presence(namespace, pod, f"{kind}/{name}", metadata.container)


def _finding(found: _Vulnerability) -> Finding:
    score, vector = best_score(found.cvss, found.cvss_source)
    if score is None:
        score, vector = scored("", found.score)
    kind = type_of(found.purl, found.package_type)
    path = found.package_path or ("" if SYSTEM.fullmatch(found.target) else found.target)
    return Finding(
        Package(found.resource, found.installed_version, kind, found.purl, path),
        _advisory(found),
        severity_of(found.severity),
        found.severity,
        versions_of(found.fixed_version) if found.fixed_version else (),
        score=score,
        vector=vector,
    )


def _advisory(found: _Vulnerability) -> Advisory:
    links = (found.primary_link, *(found.links or ()))
    return Advisory(
        found.id,
        title=one_line(found.title),
        description=found.description,
        links=tuple(dict.fromkeys(filter(None, links))),
        published_at=time_of(found.published_date),
    )
