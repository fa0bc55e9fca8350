"""`openreports`: reports of policy engines in Kubernetes, and of scanners that write the same resources.

`Report` and `ClusterReport` of openreports.io, `PolicyReport` and `ClusterPolicyReport` of wgpolicyk8s.io before them. A
result about an installed package (Trivy's adapter) is a finding in the image it names; any other is a validation of
each object it names, else of the report's scope. What was skipped is none; what could not be evaluated has not passed.
A report says everything its source knows of its scope, unless its configuration leaves out results.
"""

from collections.abc import Iterator

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._checks import merged
from vedette.records.kinds._openreports import Reference, Report, Result, at_of
from vedette.records.kinds._packages import one_line
from vedette.records.kinds.openreports_findings import is_finding, scans_of
from vedette.records.model import Record, Validation, Validations

GROUPS = ("openreports.io/", "wgpolicyk8s.io/")
VERSIONS = ("openreports.io/v1alpha1", "wgpolicyk8s.io/v1alpha2", "wgpolicyk8s.io/v1beta1")
KINDS = ("Report", "ClusterReport", "PolicyReport", "ClusterPolicyReport")


class OpenReports:
    """Reports of policy engines."""

    name = "openreports"
    description = (
        "OpenReports and PolicyReports of Kubernetes (Kyverno, Trivy's adapter and others)"
    )
    family = Family.VALIDATIONS

    def recognises(self, document: Document) -> bool:
        """Say whether it is a resource of one of the two groups, of whatever version."""
        version = document.field("apiVersion")
        return (
            isinstance(version, str)
            and version.startswith(GROUPS)
            and document.field("kind") in KINDS
        )

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield what each source found: scans of images, and validations of objects."""
        if not self.recognises(document):
            raise document.refusal("it is no report of openreports.io or wgpolicyk8s.io")
        version = document.field("apiVersion")
        if version not in VERSIONS:
            raise document.refusal(f"its version is {version[:100]!r}, not {', '.join(VERSIONS)}")
        report = document.shaped(Report)
        results = report.results or []
        if not results and any((report.summary or {}).values()):
            raise document.refusal("its summary counts results and it has none", hint="was it cut?")
        yield from scans_of(document, report, [one for one in results if is_finding(one)], context)
        checks = [one for one in results if not is_finding(one)]
        if checks or not results:
            yield from _validations(report, checks, context)


def _validations(report: Report, results: list[Result], context: Context) -> Iterator[Validations]:
    by_source: dict[str, list[Result]] = {} if results else {report.source or "openreports": []}
    for result in results:
        by_source.setdefault(report.source_of(result), []).append(result)
    scope = report.scope
    is_whole = results and scope and not report.is_limited()
    for source, own in by_source.items():
        yield Validations(
            source,
            merged(one for result in own for one in _each(report, result)),
            at_of(own, context.now),
            objects=(_key(report, scope),) if is_whole and scope else (),
        )


def _each(report: Report, result: Result) -> Iterator[Validation]:
    """Yield a validation for each object; a report that names none is about itself."""
    if result.result == "skip":
        return
    itself = Reference(report.kind, report.metadata.name[:253], report.metadata.namespace)
    for about in result.resources or [report.scope or itself]:
        namespace, kind, name = _key(report, about)
        yield Validation(
            check=f"{result.policy}/{result.rule}" if result.rule else result.policy,
            namespace=namespace,
            object_kind=kind,
            object_name=name,
            passed=result.result == "pass",
            word="error" if result.result == "error" else result.severity or _word(result),
            message=one_line(result.message or result.description, 10_000),
            description=result.category,
        )


def _word(result: Result) -> str:
    return "warn" if result.result == "warn" else ""


def _key(report: Report, about: Reference) -> tuple[str, str, str]:
    return about.namespace or report.metadata.namespace, about.kind, about.name
