"""`imagemanifestvuln`: what Quay's Container Security Operator finds in the images that pods run.

One custom resource a digest and namespace, as `oc get imagemanifestvuln NAME -o json` prints it. The shape is the
CRD's (secscan.quay.redhat.com/v1alpha1). The digest is trusted over the name: the operator cuts `spec.image` at its
first colon, so that `registry:5000/app` arrives as `registry`. `status.lastUpdate` says when the resource changed, not
when the image was looked at: a resource is what is true when it is fetched, so it has the time of its snapshot.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._shapes import (
    KubernetesName,
    Name,
    Text,
    Word,
    identifiers,
    links_of,
    severity_of,
)
from vedette.records.model import (
    Advisory,
    Finding,
    Package,
    Presence,
    Record,
    Scan,
    Subject,
    SubjectKind,
)

SOURCE = "quay-cso"
TEXTS = 4_096
"""So many texts of a resource are known again; an image has some hundred."""


class _Vulnerability(Struct, gc=False, rename="camel"):
    name: Name
    severity: Name
    namespace_name: Word | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    link: Text | UnsetType = UNSET
    fixedby: Word | UnsetType = UNSET
    metadata: Any = UNSET


class _Feature(Struct, rename="camel"):
    name: Name
    version: Word | UnsetType = UNSET
    versionformat: Word | UnsetType = UNSET
    namespace_name: Word | UnsetType = UNSET
    vulnerabilities: list[_Vulnerability] | UnsetType | None = UNSET
    cveids: list[Word] | UnsetType | None = UNSET
    basescores: Any = UNSET


class _Spec(Struct, rename="camel"):
    image: Name
    manifest: Name
    features: list[_Feature] | UnsetType | None = UNSET
    namespace_name: Any = UNSET


class _Status(Struct, rename="camel"):
    affected_pods: dict[str, Any] | UnsetType | None = UNSET
    last_update: Any = UNSET
    highest_severity: Any = UNSET
    unknown_count: Any = UNSET
    negligible_count: Any = UNSET
    low_count: Any = UNSET
    medium_count: Any = UNSET
    high_count: Any = UNSET
    critical_count: Any = UNSET
    defcon1_count: Any = UNSET
    fixable_count: Any = UNSET


class _Metadata(Struct, rename="camel"):
    namespace: KubernetesName
    name: Any = UNSET
    labels: Any = UNSET
    annotations: Any = UNSET
    uid: Any = UNSET
    generation: Any = UNSET
    resource_version: Any = UNSET
    creation_timestamp: Any = UNSET
    self_link: Any = UNSET
    owner_references: Any = UNSET
    managed_fields: Any = UNSET


class _Resource(Struct, rename="camel"):
    metadata: _Metadata
    spec: _Spec
    status: _Status | UnsetType = UNSET
    api_version: Any = UNSET
    kind: Any = UNSET


class ImageManifestVuln:
    """Quay's `ImageManifestVuln` resources."""

    name = "imagemanifestvuln"
    description = "Image Manifest Vulnerability"
    family = Family.VULNERABILITIES
    shape = _Resource

    def recognises(self, document: Document) -> bool:
        """Say whether it is such a resource."""
        return bool(document.field("kind") == "ImageManifestVuln")

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the one scan of the resource."""
        if (kind := document.field("kind")) != "ImageManifestVuln":
            said = "it has no kind" if kind is None else f"its kind is {str(kind)[:100]!r}"
            raise document.refusal(
                f"{said}, and 'ImageManifestVuln' is wanted",
                hint="`oc get imagemanifestvuln NAME -o json` prints one",
            )
        resource = document.shaped(_Resource)
        yield Scan(
            source=SOURCE,
            subject=Subject(SubjectKind.IMAGE, resource.spec.image, resource.spec.manifest),
            findings=tuple(_findings(resource.spec.features or ())),
            presences=tuple(_presences(document, resource)),
            namespaces=(resource.metadata.namespace,),
        )


def _findings(features: Iterable[_Feature]) -> Iterator[Finding]:
    # Most texts stand in a resource once for every package they are about: each is made a noun once.
    texts: dict[tuple[str, str, str, tuple[str, ...]], Advisory] = {}
    for feature in features:
        vulnerabilities = feature.vulnerabilities or ()
        package = Package(feature.name, feature.version or "", feature.versionformat or "")
        # A newer operator lists a package's CVEs beside its vulnerabilities: whose they are is clear for one alone.
        cves = tuple(feature.cveids or ()) if len(vulnerabilities) == 1 else ()
        for found in vulnerabilities:
            key = (found.name, found.namespace_name or "", found.link or "", cves)
            advisory = texts.get(key)
            if advisory is None or advisory.description != (found.description or ""):
                if len(texts) >= TEXTS:
                    texts.clear()
                texts[key] = advisory = _advisory(found, cves)
            fixed_in = (found.fixedby,) if found.fixedby else ()
            finding = (package, advisory, severity_of(found.severity), found.severity, fixed_in)
            if found.metadata:
                score, vector = _score(found.metadata)
                yield Finding(*finding, score=score, vector=vector)
            else:
                yield Finding(*finding)


def _advisory(found: _Vulnerability, cves: tuple[str, ...]) -> Advisory:
    """Return the advisory by its identifier; on RHEL its name is a sentence that begins with it."""
    link = found.link or ""
    own = identifiers(found.name)
    name = own[0] if own else found.name
    others = own[1:]
    if cves:
        others += identifiers(*cves)
    others += _linked(link, name)
    return Advisory(
        name,
        found.namespace_name or "",
        "" if found.name == name else found.name,
        found.description or "",
        links_of(link),
        tuple(other for other in dict.fromkeys(others) if other != name) if others else (),
    )


def _linked(link: str, name: str) -> tuple[str, ...]:
    """Return the identifiers in a link, but for the name it ends with as a rule."""
    # No identifier reaches over a slash, and all links of a feed begin the same.
    return _begun(link[: -len(name)]) if link.endswith("/" + name) else identifiers(link)


_begun = lru_cache(maxsize=256)(identifiers)


def _score(metadata: Any) -> tuple[float | None, str]:  # noqa: ANN401 - a JSON string, or what a newer Quay writes
    """Return the CVSS score and vector that Quay packs into a JSON string; nothing where it is not so."""
    try:
        inner = msgspec.json.decode(metadata) if isinstance(metadata, str) else metadata
        nvd = inner["NVD"]["CVSSv3"]
        score, vector = nvd.get("Score"), nvd.get("Vectors")
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return None, ""
    is_score = isinstance(score, int | float) and 0 < score <= 10
    return (float(score) if is_score else None), vector if isinstance(vector, str) else ""


def _presences(document: Document, resource: _Resource) -> Iterator[Presence]:
    pods = resource.status.affected_pods if resource.status else None
    for pod in pods or ():
        namespace, slash, name = pod.partition("/")
        if not (namespace and slash and name) or len(pod) > 510:
            raise document.refusal(f"status.affectedPods: {pod[:100]!r} is not `namespace/pod`")
        yield Presence(namespace, pod=pod)
