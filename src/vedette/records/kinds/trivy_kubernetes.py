"""What `trivy k8s` writes of a whole cluster: its workloads' images and what was checked of its objects.

`--report all` has one resource an image; `summary` throws a workload's images and checks together, so that which
image a finding is of is told by the targets of its systems, `nginx:1.25 (debian 12.1)`. Where nothing tells it, the
subject is the workload itself. A resource that failed closes nothing.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from vedette.records.documents import Document
from vedette.records.kinds._checks import merged
from vedette.records.kinds._shapes import KubernetesName, Text, Word
from vedette.records.kinds._subjects import image
from vedette.records.kinds._trivy import (
    SYSTEM,
    Metadata,
    Result,
    checks_of,
    digests_of,
    findings_of,
)
from vedette.records.model import Presence, Record, Scan, Subject, SubjectKind, Validations

SOURCE = "trivy"
_NODES = {"Node", "NodeInfo", "NodeComponents"}


class _Resource(Struct, rename="pascal"):
    kind: KubernetesName
    name: KubernetesName
    namespace: Word = ""
    metadata: Metadata | list[Metadata] | None = None
    results: list[Result] | None = None
    error: Text = ""


class _Report(Struct, rename="pascal"):
    cluster_name: Word
    resources: list[_Resource] = field(default_factory=list)
    findings: list[_Resource] = field(default_factory=list)


def is_of_kubernetes(document: Document) -> bool:
    """Say whether it is such a report, by its keys alone."""
    value = document.value
    return (
        isinstance(value, dict)
        and "ClusterName" in value
        and ("Resources" in value or "Findings" in value)
    )


def read_kubernetes(document: Document) -> Iterator[Record]:
    """Yield a scan of each image, and what was checked of the cluster's objects."""
    report = document.shaped(_Report)
    resources = report.resources + report.findings
    if not any(resource.results is not None for resource in resources):
        error = next((resource.error for resource in resources if resource.error), "")
        raise document.refusal(f"it has no results: {error[:200] or 'nothing was looked at'}")
    for resource in resources:
        yield from _scans(resource)
    yield from _checks(resources)


def _scans(resource: _Resource) -> Iterator[Scan]:
    for name, results in _by_image(resource).items():
        yield Scan(
            SOURCE,
            _subject(resource, name),
            tuple(findings_of(results)),
            tuple(_presences(resource)),
            complete=not resource.error,
        )


def _by_image(resource: _Resource) -> dict[str, list[Result]]:
    """Return the results about packages under the names of their images; a lock file follows its image's system."""
    found: dict[str, list[Result]] = {}
    name = ""
    for result in resource.results or ():
        if result.of_packages():
            system = SYSTEM.fullmatch(result.target)
            name = system["name"] if system else name
            found.setdefault(name, []).append(result)
    return found


def _subject(resource: _Resource, name: str) -> Subject:
    if resource.kind in _NODES:
        return Subject(SubjectKind.HOST, resource.name)
    metadata = _metadata(resource, name)
    names = [name, *(metadata.tags or ()), *(metadata.digests or ())]
    named = next(filter(None, names), "")
    if named:
        return image(named, *digests_of(named, metadata))
    workload = "/".join(filter(None, (resource.namespace, resource.kind, resource.name)))
    return Subject(SubjectKind.IMAGE, workload, metadata.image_id)


def _metadata(resource: _Resource, name: str) -> Metadata:
    """Return what is known of the image of that name; of one without a name when it is the only one."""
    several = resource.metadata if isinstance(resource.metadata, list) else [resource.metadata]
    known = [each for each in several if each is not None]
    for each in known:
        if name in (each.tags or ()) or name in (each.digests or ()):
            return each
    is_one = len(known) == 1 and len(_by_image(resource)) == 1
    return known[0] if is_one else Metadata()


def _presences(resource: _Resource) -> Iterator[Presence]:
    if resource.namespace and resource.kind not in _NODES:
        is_pod = resource.kind == "Pod"
        yield Presence(
            resource.namespace,
            pod=f"{resource.namespace}/{resource.name}" if is_pod else "",
            workload=f"{resource.kind}/{resource.name}",
        )


def _checks(resources: list[_Resource]) -> Iterator[Validations]:
    """Yield the checks of all objects; an object with checks is looked at whole."""
    looked_at = [
        (result, (resource.namespace, resource.kind, resource.name))
        for resource in resources
        if not resource.error
        for result in resource.results or ()
        if result.of_manifests()
    ]
    if looked_at:
        yield Validations(
            SOURCE,
            merged(check for result, of in looked_at for check in checks_of(result, of)),
            objects=tuple(dict.fromkeys(of for _, of in looked_at)),
        )
