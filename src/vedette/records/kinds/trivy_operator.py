"""`trivy-operator`: the reports that Trivy's operator keeps as custom resources, and the webhook that sends them.

One resource, a bare list of them, or lists under the names of their kinds (as a dump of a cluster has them); a webhook
sends the resource alone, or `{"verb": "update" | "delete", "operatorObject": …}` where deletes are sent as well. Which
workload a report is about stands in its labels. A report says everything about its object and of nothing else.

With a delete the operator may send another resource than the one that went, which still exists
(aquasecurity/trivy-operator#2377): the next report of that one, a day later as a rule, mends it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._operator_checks import (
    read_checks,
    read_compliance,
    read_secrets,
)
from vedette.records.kinds._operator_vulnerabilities import read_vulnerabilities
from vedette.records.model import Record

GROUP = "aquasecurity.github.io"
_VERSIONS = {f"{GROUP}/v1alpha1", f"{GROUP}/v1beta1"}
_READERS: dict[str, Callable[[Document, Context, bool], Record]] = {
    "VulnerabilityReport": read_vulnerabilities,
    "ClusterVulnerabilityReport": read_vulnerabilities,
    "ImageVulnerabilityReport": read_vulnerabilities,
    "ConfigAuditReport": read_checks,
    "ClusterConfigAuditReport": read_checks,
    "InfraAssessmentReport": read_checks,
    "ClusterInfraAssessmentReport": read_checks,
    "RbacAssessmentReport": read_checks,
    "ClusterRbacAssessmentReport": read_checks,
    "ExposedSecretReport": read_secrets,
    "ClusterComplianceReport": read_compliance,
}
_BILLS = {"SbomReport", "ClusterSbomReport"}


class TrivyOperator:
    """The reports of Trivy's operator."""

    name = "trivy-operator"
    description = "Reports of Trivy's operator: custom resources, and its webhook"
    family = Family.VULNERABILITIES

    def recognises(self, document: Document) -> bool:
        """Say whether it is one of the operator's resources, some of them, or what its webhook sends."""
        if document.field("verb") is not None and isinstance(
            document.field("operatorObject"), dict
        ):
            return True
        resources = list(_apart(document))
        return bool(resources) and all(_is_resource(each.value) for each in resources)

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield what each resource says; a deleted one that its object is gone."""
        if isinstance(document.value, dict) and "operatorObject" in document.value:
            verb = _word(document.field("verb"))
            if verb not in ("update", "delete"):
                raise document.refusal(f"$.verb is {verb[:50]!r}, neither 'update' nor 'delete'")
            resource = Document(document.field("operatorObject"), document.source)
            yield _record(resource, context, verb == "delete")
            return
        resources = list(_apart(document))
        if not resources:
            raise document.refusal("it has no report of Trivy's operator")
        for resource in resources:
            yield _record(resource, context, False)


def _apart(document: Document) -> Iterator[Document]:
    """Yield each resource of a document, under a name that finds it again."""
    value = document.value
    if isinstance(value, list):
        for place, each in enumerate(value, 1):
            yield Document(each, f"{document.source}, item {place}")
    elif (
        isinstance(value, dict)
        and "kind" not in value
        and all(isinstance(v, list) for v in value.values())
    ):
        for key, several in value.items():
            for place, each in enumerate(several, 1):
                yield Document(each, f"{document.source}, {key[:100]!r}, item {place}")
    else:
        yield document


def _is_resource(value: Any) -> bool:  # noqa: ANN401 - nobody has looked at it yet
    return isinstance(value, dict) and _word(value.get("apiVersion")).startswith(f"{GROUP}/")


def _word(value: Any) -> str:  # noqa: ANN401 - as above
    return value if isinstance(value, str) else ""


def _record(resource: Document, context: Context, is_deleted: bool) -> Record:
    """Return what one resource says; raise Invalid for one of another kind or version, and for a bill of materials."""
    version, kind = _word(resource.field("apiVersion")), _word(resource.field("kind"))
    if version not in _VERSIONS:
        raise resource.refusal(
            f"its apiVersion is {version[:100]!r}, not '{GROUP}/v1alpha1'",
            hint="`kubectl get vulnerabilityreports -A -o json` prints the operator's reports",
        )
    if kind in _BILLS:
        raise resource.refusal(
            f"a {kind} lists what is installed and finds nothing",
            hint="leave it out; the image's VulnerabilityReport has the findings",
        )
    reader = _READERS.get(kind)
    if reader is None:
        raise resource.refusal(
            f"its kind is {kind[:100]!r}", hint=f"known: {', '.join(sorted(_READERS))}"
        )
    return reader(resource, context, is_deleted)
