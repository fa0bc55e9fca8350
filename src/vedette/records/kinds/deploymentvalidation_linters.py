"""kube-linter's and Polaris's JSON, which `deploymentvalidation` reads beside the operator's gauges.

kube-linter lists what fails and the checks it made, not the objects that passed them: what it does not list is not
known to pass. Polaris says of every check whether it passed. Either may say the same of one object several times (once
a container): such an object fails a check when any part of it does, and the messages stand one a line.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from vedette.records.documents import Document
from vedette.records.kinds import Context
from vedette.records.kinds._shapes import KubernetesName, Name, Text, Word, time_of
from vedette.records.model import Validation, Validations

KUBE_LINTER, POLARIS = "kube-linter", "polaris"
POLARIS_VERSION = "1.0"
WHOLE_CLUSTER = "Cluster"
"""Polaris's `SourceType` of an audit of all that runs; of files it is `Path`."""

_Namespace = Annotated[str, Meta(max_length=253)]


class _Check(Struct, gc=False):
    name: Name
    description: Text = ""
    remediation: Text = ""


class _GroupVersionKind(Struct, gc=False, rename="pascal"):
    kind: KubernetesName


class _K8sObject(Struct, rename="pascal"):
    name: KubernetesName
    group_version_kind: _GroupVersionKind
    namespace: _Namespace = ""


class _Object(Struct):
    described: _K8sObject = msgspec.field(name="K8sObject")


class _Diagnostic(Struct, gc=False, rename="pascal"):
    message: Text


class _Report(Struct, rename="pascal"):
    check: Name
    diagnostic: _Diagnostic
    object: _Object
    remediation: Text = ""


class _Summary(Struct, rename="pascal"):
    checks_status: Literal["Passed", "Failed"]
    check_end_time: Word = ""


class _KubeLinter(Struct, rename="pascal"):
    reports: list[_Report] | None
    summary: _Summary
    checks: list[_Check] | None = None


class _Result(Struct, rename="pascal"):
    success: bool
    severity: Literal["ignore", "warning", "danger"]
    message: Text = ""
    details: list[Text] | None = None


_Results = dict[Name, _Result]


class _Container(Struct, rename="pascal"):
    name: Word = ""
    results: _Results | None = None


class _Pod(Struct, rename="pascal"):
    results: _Results | None = None
    container_results: list[_Container] | None = None


class _Audited(Struct, rename="pascal"):
    name: KubernetesName
    kind: KubernetesName
    namespace: _Namespace = ""
    results: _Results | None = None
    pod_result: _Pod | None = None


class _Audit(Struct, rename="pascal"):
    results: list[_Audited] | None
    source_type: Word = ""
    audit_time: Word = ""


def is_kube_linter(document: Document) -> bool:
    """Say whether it is what `kube-linter lint --format json` prints."""
    return isinstance(document.value, dict) and {"Reports", "Checks", "Summary"} <= set(
        document.value
    )


def is_polaris(document: Document) -> bool:
    """Say whether it is what `polaris audit --format json` prints."""
    return document.field("PolarisOutputVersion") is not None


def read_kube_linter(document: Document, context: Context) -> Validations:
    """Return what fails; an object of a manifest without a namespace is in the one the context names."""
    output = document.shaped(_KubeLinter)
    reports = output.reports or []
    if (output.summary.checks_status == "Passed") == bool(reports):
        raise document.refusal(
            f"Summary.ChecksStatus is {output.summary.checks_status!r} beside {len(reports)} Reports",
            hint="it is cut, or not as kube-linter wrote it",
        )
    if not output.checks:
        raise document.refusal("Checks is empty: nothing was looked at")
    checks = {check.name: check for check in output.checks}
    return Validations(
        KUBE_LINTER,
        _merged(_failure(report, checks.get(report.check), context) for report in reports),
        at=_looked_at(output.summary.check_end_time, context),
    )


def _failure(report: _Report, check: _Check | None, context: Context) -> Validation:
    described = report.object.described
    return Validation(
        report.check,
        described.namespace or context.namespace,
        described.group_version_kind.kind,
        described.name,
        passed=False,
        message=report.diagnostic.message,
        description=check.description if check else "",
        remediation=report.remediation or (check.remediation if check else ""),
    )


def read_polaris(document: Document, context: Context) -> Validations:
    """Return what passes and what fails; an audit of a whole cluster is complete."""
    version = document.field("PolarisOutputVersion")
    if version != POLARIS_VERSION:
        raise document.refusal(
            f"PolarisOutputVersion is {str(version)[:40]!r}, not {POLARIS_VERSION!r}"
        )
    audit = document.shaped(_Audit)
    results = _merged(
        result for audited in audit.results or () for result in _audited(audited, context)
    )
    return Validations(
        POLARIS,
        results,
        at=_looked_at(audit.audit_time, context),
        complete=audit.source_type == WHOLE_CLUSTER and bool(results),
    )


def _audited(audited: _Audited, context: Context) -> Iterator[Validation]:
    pod = audited.pod_result or _Pod()
    parts = [("", audited.results), ("", pod.results)]
    parts += [(container.name, container.results) for container in pod.container_results or ()]
    for part, results in parts:
        for check, result in (results or {}).items():
            # Polaris itself counts a failure that is to be ignored neither as passed nor as failed.
            if result.success or result.severity != "ignore":
                yield Validation(
                    check,
                    audited.namespace or context.namespace,
                    audited.kind,
                    audited.name,
                    result.success,
                    word=result.severity,
                    message=_message(part, result),
                )


def _message(part: str, result: _Result) -> str:
    text = ": ".join(filter(None, (result.message, ", ".join(result.details or ()))))
    return f"{part}: {text}" if part else text


def _merged(validations: Iterable[Validation]) -> tuple[Validation, ...]:
    """Return one validation for each object and check: the failing ones' messages, if any fails."""
    grouped: dict[tuple[str, str, str, str], list[Validation]] = {}
    for one in validations:
        key = (one.check, one.namespace, one.object_kind, one.object_name)
        grouped.setdefault(key, []).append(one)
    return tuple(_worst(group) for group in grouped.values())


def _worst(group: list[Validation]) -> Validation:
    failing = [one for one in group if not one.passed]
    chosen = failing or group
    message = "\n".join(dict.fromkeys(one.message for one in chosen if one.message))
    return msgspec.structs.replace(chosen[0], message=message)


def _looked_at(text: str, context: Context) -> datetime | None:
    """Return the time, never one to come: it would be newer than all that follows."""
    at = time_of(text)
    return min(at, context.now) if at else None
