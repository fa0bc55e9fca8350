"""`trivy`: what Trivy finds in an image, a file system, a repository, a bill of materials, or a whole cluster.

Three shapes: a report of schema 2 (`trivy image -f json`), the bare list that Trivy wrote before 0.20, and the report of
`trivy k8s` (`trivy_kubernetes.py`). A report whose results say nothing of packages (a scan for secrets alone) closes
nothing. Secrets and licences are left where they are: they are no records.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._checks import merged
from vedette.records.kinds._shapes import Name, Word, time_of
from vedette.records.kinds._subjects import given_subject, image, subject_or_refusal
from vedette.records.kinds._trivy import (
    SYSTEM,
    Metadata,
    Result,
    checks_of,
    digests_of,
    findings_of,
)
from vedette.records.kinds.trivy_kubernetes import is_of_kubernetes, read_kubernetes
from vedette.records.model import Record, Scan, Subject, SubjectKind, Validations

SOURCE = "trivy"
SCHEMA = 2
_IMAGE, _VIRTUAL_MACHINE, _REPOSITORY = "container_image", "vm", "repository"


class _Trivy(Struct, rename="pascal"):
    version: Word = ""


class _Report(Struct, rename="pascal"):
    artifact_name: Name
    artifact_type: Word = ""
    metadata: Metadata = field(default_factory=Metadata)
    results: list[Result] | None = None
    created_at: Word = ""
    trivy: _Trivy = field(default_factory=_Trivy)


class Trivy:
    """Trivy's JSON reports."""

    name = "trivy"
    description = "Trivy's JSON reports: images, file systems, repositories, clusters"
    family = Family.VULNERABILITIES

    def recognises(self, document: Document) -> bool:
        """Say whether it is a report of one of the three shapes."""
        if isinstance(document.value, list):
            return bool(document.value) and all(map(_is_result, document.value))
        is_report = (
            isinstance(document.field("ArtifactName"), str) and "SchemaVersion" in document.value
        )
        return is_report or is_of_kubernetes(document)

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the scan, and what was checked of manifests."""
        if isinstance(document.value, list):
            return _read_legacy(document, context)
        if is_of_kubernetes(document):
            return read_kubernetes(document)
        return _read_report(document, context)


def _is_result(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("Target"), str)
        and ("Type" in value or "Vulnerabilities" in value)
    )


def _read_report(document: Document, context: Context) -> Iterator[Record]:
    schema = document.field("SchemaVersion")
    if schema != SCHEMA:
        raise document.refusal(
            f"$.SchemaVersion is {str(schema)[:20] if isinstance(schema, int) else 'no number'}, not {SCHEMA}",
            hint="`trivy image --format json` writes a report of that schema",
        )
    report = document.shaped(_Report)
    results = report.results or []
    is_complete = _looked_at_packages(report)
    if is_complete or not any(result.of_manifests() for result in results):
        yield Scan(
            SOURCE,
            given_subject(context) or _subject(report),
            tuple(findings_of(results)),
            at=time_of(report.created_at),
            scanner_version=report.trivy.version,
            complete=is_complete,
        )
    yield from _checks(report, context)


def _looked_at_packages(report: _Report) -> bool:
    """Say whether packages were looked at: Trivy lists a known system's whenever it looks for vulnerabilities."""
    if report.results:
        return any(result.of_packages() for result in report.results)
    return report.artifact_type != _IMAGE or report.metadata.os is None


def _subject(report: _Report) -> Subject:
    if report.artifact_type == _IMAGE:
        return image(report.artifact_name, *digests_of(report.artifact_name, report.metadata))
    if report.artifact_type == _REPOSITORY:
        return Subject(SubjectKind.REPOSITORY, report.artifact_name)
    if report.artifact_type == _VIRTUAL_MACHINE:
        return Subject(SubjectKind.HOST, report.artifact_name)
    return Subject(SubjectKind.FILE, report.artifact_name)


def _checks(report: _Report, context: Context) -> Iterator[Record]:
    """Yield what was checked of manifests, each the file it lies in."""
    of_files = [result for result in report.results or () if result.of_manifests()]
    if of_files:
        yield Validations(
            SOURCE,
            merged(
                check
                for result in of_files
                for check in checks_of(result, (context.namespace, "File", result.target))
            ),
            time_of(report.created_at),
            objects=tuple((context.namespace, "File", result.target) for result in of_files),
        )


def _read_legacy(document: Document, context: Context) -> Iterator[Record]:
    results = document.shaped(list[Result])
    if not results:
        raise document.refusal("the list is empty: nothing was looked at")
    named = filter(None, (SYSTEM.fullmatch(result.target) for result in results))
    system = next(named, None)
    subject = given_subject(context) or (image(system["name"]) if system else None)
    yield Scan(
        SOURCE,
        subject or subject_or_refusal(document, context),
        tuple(findings_of(results)),
        complete=any(result.of_packages() for result in results),
    )
