"""What Trivy's operator checks: manifests, roles, the cluster's own parts, secrets in images, a standard's controls.

Each sort of report is a source of its own, since each says everything about its object. A secret is told by the rule
that found it and never by itself; one image may hold it in several files, which the message names.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from vedette.records.documents import Document
from vedette.records.kinds import Context
from vedette.records.kinds._checks import joined_messages, merged
from vedette.records.kinds._operator import SOURCE, ObjectMetadata
from vedette.records.kinds._packages import one_line
from vedette.records.kinds._shapes import Name, Text, Word, time_of
from vedette.records.model import Validation, Validations

_SORTS = {
    "ConfigAuditReport": "config-audit",
    "InfraAssessmentReport": "infra-assessment",
    "RbacAssessmentReport": "rbac-assessment",
}


class _Check(Struct, rename="camel"):
    id: Name = field(name="checkID")
    success: bool
    title: Text = ""
    description: Text = ""
    severity: Word = ""
    messages: list[Text] | None = None
    remediation: Text = ""


class _CheckReport(Struct, rename="camel"):
    checks: list[_Check]
    update_timestamp: Word = ""


class _CheckResource(Struct):
    metadata: ObjectMetadata
    report: _CheckReport


class _Secret(Struct):
    rule: Name = field(name="ruleID")
    target: Text = ""
    title: Text = ""
    category: Word = ""
    severity: Word = ""


class _SecretReport(Struct, rename="camel"):
    secrets: list[_Secret]
    update_timestamp: Word = ""


class _SecretResource(Struct):
    metadata: ObjectMetadata
    report: _SecretReport


class _Control(Struct, rename="camel"):
    """Of a standard. total_fail: objects that do not keep to it; None where people have to look."""

    id: Name
    name: Text = ""
    description: Text = ""
    severity: Word = ""
    total_fail: int | None = None
    checks: list["_ControlCheck"] | None = None


class _ControlCheck(Struct):
    success: bool
    target: Text = ""


class _Summary(Struct, rename="camel"):
    id: Word = ""
    control_check: list[_Control] = field(default_factory=list)


class _Detail(Struct):
    id: Word = ""
    results: list[_Control] = field(default_factory=list)


class _Status(Struct, rename="camel"):
    summary_report: _Summary | None = None
    detail_report: _Detail | None = None
    update_timestamp: Word = ""


class _ComplianceResource(Struct):
    metadata: ObjectMetadata
    status: _Status = field(default_factory=_Status)


def read_checks(document: Document, context: Context, is_deleted: bool) -> Validations:
    """Return the checks of an object; none, of a deleted report."""
    resource = document.shaped(_CheckResource)
    sort = _SORTS[str(document.field("kind")).removeprefix("Cluster")]
    of = _object(document, resource.metadata)
    checks = (
        Validation(
            check.id,
            *of,
            passed=check.success,
            word=check.severity,
            message=joined_messages(check.messages or ()),
            description=check.description or one_line(check.title),
            remediation=check.remediation,
        )
        for check in resource.report.checks
    )
    return _validations(sort, of, () if is_deleted else checks, resource.report.update_timestamp)


def read_secrets(document: Document, context: Context, is_deleted: bool) -> Validations:
    """Return the rules by which secrets were found in a container's image, each a check that fails."""
    resource = document.shaped(_SecretResource)
    namespace, kind, name = _object(document, resource.metadata)
    # Each container has a report of its own, so that each is an object of its own.
    of = (namespace, kind, "/".join(filter(None, (name, resource.metadata.container))))
    checks = (
        Validation(
            f"exposed-secret:{secret.rule}",
            *of,
            passed=False,
            word=secret.severity,
            message=secret.target,
            description=one_line(secret.title or secret.category),
        )
        for secret in resource.report.secrets
    )
    return _validations(
        "secrets", of, () if is_deleted else checks, resource.report.update_timestamp
    )


def read_compliance(document: Document, context: Context, is_deleted: bool) -> Validations:
    """Return the controls of a standard that a machine can look at; raise Invalid before it has looked."""
    resource = document.shaped(_ComplianceResource)
    status = resource.status
    of = ("", "ClusterComplianceReport", resource.metadata.name)
    if status.detail_report:
        controls = status.detail_report.results
    elif status.summary_report:
        controls = status.summary_report.control_check
    elif is_deleted:
        controls = []
    else:
        raise document.refusal("$.status has no report yet: the operator has not looked")
    checks = (_control(control, of) for control in controls)
    looked_at = () if is_deleted else (check for check in checks if check)
    return _validations("compliance", of, looked_at, status.update_timestamp)


def _control(control: _Control, of: tuple[str, str, str]) -> Validation | None:
    """Return what became of a control; None where nothing was looked at."""
    if control.checks is None and control.total_fail is None:
        return None
    failed = [check.target for check in control.checks or () if not check.success]
    return Validation(
        f"{of[2]}:{control.id}",
        *of,
        passed=not failed and not control.total_fail,
        word=control.severity,
        message=joined_messages(failed),
        description=control.description or one_line(control.name),
    )


def _object(document: Document, metadata: ObjectMetadata) -> tuple[str, str, str]:
    of = metadata.object
    if not (of[1] and of[2]):
        raise document.refusal("$.metadata.labels do not say which object it is about")
    return of


def _validations(
    sort: str, of: tuple[str, str, str], checks: Iterable[Validation], at: str
) -> Validations:
    return Validations(f"{SOURCE}-{sort}", merged(checks), time_of(at), objects=(of,))
