"""Results of reports that are about installed packages: Trivy's adapter writes them of its operator's reports.

The image stands in each result's properties (`registry.server`, `artifact.repository`, `artifact.tag`), never its
digest; the workload is the report's scope. CVSS vectors stand under `SOURCE.v3_vector`.
"""

from collections.abc import Iterator

from vedette.records.documents import Document
from vedette.records.kinds import Context
from vedette.records.kinds._cvss import scored
from vedette.records.kinds._openreports import Report, Result, at_of
from vedette.records.kinds._packages import one_line, type_of, versions_of
from vedette.records.kinds._shapes import identifiers, links_of, severity_of, severity_of_score
from vedette.records.kinds._subjects import image, subject_or_refusal
from vedette.records.model import Advisory, Finding, Package, Presence, Scan, Subject

CONTAINER = "trivy-operator.container.name"
_VECTORS = (".v4_vector", ".v40_vector", ".v3_vector", ".v2_vector")


def is_finding(result: Result) -> bool:
    """Say whether it is about a package that is installed somewhere."""
    return bool(result.said("installedVersion") and result.said("pkgName", "resource"))


def scans_of(
    document: Document, report: Report, results: list[Result], context: Context
) -> Iterator[Scan]:
    """Yield a scan for each source and image."""
    grouped: dict[tuple[str, Subject], list[Result]] = {}
    for result in results:
        if result.result != "pass":
            subject = _subject(document, result, context)
            grouped.setdefault((report.source_of(result), subject), []).append(result)
    for (source, subject), own in grouped.items():
        yield Scan(
            source,
            subject,
            tuple(map(_finding, own)),
            presences=tuple(_presences(report)),
            at=at_of(own, context.now),
            complete=not report.is_limited(),
        )


def _subject(document: Document, result: Result, context: Context) -> Subject:
    repository, tag = result.said("artifact.repository"), result.said("artifact.tag")
    if not repository:
        return subject_or_refusal(document, context)
    server = result.said("registry.server")
    found = image(
        f"{server}/{repository}" if server else repository, result.said("artifact.digest")
    )
    return Subject(found.kind, found.name[:1_000], found.digest[:1_000], (found.tag or tag)[:1_000])


def _presences(report: Report) -> Iterator[Presence]:
    scope = report.scope
    namespace = report.metadata.namespace or (scope.namespace if scope else "")
    if not namespace:
        return
    container = (report.metadata.labels or {}).get(CONTAINER, "")
    if scope is None:
        yield Presence(namespace, container=container)
    elif scope.kind == "Pod":
        yield Presence(namespace, pod=f"{namespace}/{scope.name}", container=container)
    else:
        yield Presence(namespace, workload=f"{scope.kind}/{scope.name}", container=container)


def _finding(result: Result) -> Finding:
    purl = result.said("purl", "packagePURL")[:4_000]
    package = Package(
        result.said("pkgName", "resource")[:1_000],
        result.said("installedVersion")[:1_000],
        type_of(purl, result.said("packageType")[:100]),
        purl,
        result.said("pkgPath", "packagePath")[:1_000],
    )
    found = identifiers(result.policy)
    name = found[0] if found else result.policy
    score, vector = _score(result)
    return Finding(
        package,
        Advisory(
            name,
            title=one_line(result.message or result.description),
            links=links_of(result.said("primaryLink")),
            names=tuple(one for one in found if one != name),
        ),
        severity_of(result.severity) or severity_of_score(score),
        result.severity,
        versions_of(result.said("fixedVersion")[:10_000]),
        score=score,
        vector=vector,
    )


def _score(result: Result) -> tuple[float | None, str]:
    """Return (score, vector): of the newest version of CVSS, NVD's first; else the score alone."""
    properties = result.properties or {}
    for version in _VECTORS:
        keys = sorted(key for key in properties if key.endswith(version))
        for key in sorted(keys, key=lambda key: not key.startswith("nvd.")):
            score, vector = scored(properties[key])
            if score is not None:
                return score, vector
    try:
        return scored("", float(result.said("score")[:20]))
    except ValueError:
        return None, ""
