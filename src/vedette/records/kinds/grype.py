"""`grype`: what Grype finds in an image, a directory or a bill of materials (`grype -o json`, from 0.50 on).

A match is a vulnerability of one package at one place: the same CVE at two paths is two findings. What the user's
rules or a VEX ignored is kept as suppressed. EPSS scores and KEV marks inside a report are left there: they are of the
report's day, and those that Vedette has loaded are joined when somebody looks.
"""

from collections.abc import Iterable, Iterator

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._cvss import scored
from vedette.records.kinds._grype import (
    Artifact,
    Cvss,
    Database,
    Match,
    Report,
    Rule,
    Source,
    Target,
    Vulnerability,
)
from vedette.records.kinds._packages import type_of
from vedette.records.kinds._shapes import severity_of, time_of
from vedette.records.kinds._subjects import given_subject, image, subject_or_refusal
from vedette.records.model import (
    Advisory,
    Finding,
    FixState,
    Package,
    Record,
    Scan,
    Subject,
    SubjectKind,
)

SOURCE = "grype"
_FIX_STATES = {
    "fixed": FixState.FIXED,
    "not-fixed": FixState.NOT_FIXED,
    "wont-fix": FixState.WONT_FIX,
}
_SCHEMES = (
    "docker:", "podman:", "containerd:", "registry:", "pull:", "image:", "snap:",
    "docker-archive:", "oci-archive:", "oci-dir:", "singularity:",
)  # fmt: skip
"""How Grype was told where to find an image; no part of its name."""


class Grype:
    """Grype's JSON reports."""

    name = "grype"
    description = "Grype's JSON reports"
    family = Family.VULNERABILITIES

    def recognises(self, document: Document) -> bool:
        """Say whether it is such a report: the descriptor names its writer."""
        descriptor = document.field("descriptor")
        return isinstance(descriptor, dict) and descriptor.get("name") == SOURCE

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the one scan of the report."""
        report = document.shaped(Report)
        if report.descriptor.name != SOURCE:
            raise document.refusal(
                f"$.descriptor.name is {report.descriptor.name[:50]!r}, not 'grype'"
            )
        database = report.descriptor.db or Database()
        yield Scan(
            SOURCE,
            given_subject(context) or _subject(document, context, report.source),
            (*map(_finding, report.matches), *map(_finding, report.ignored_matches or ())),
            at=time_of(report.descriptor.timestamp),
            scanner_version=report.descriptor.version,
            database_version=database.built or database.status.built,
        )


def _subject(document: Document, context: Context, source: Source | None) -> Subject:
    target = source.target if source else None
    if isinstance(target, Target):
        name = _image_name(target)
        if name:
            return image(name, *(target.repo_digests or ()), target.manifest_digest)
    name = target.strip('"') if isinstance(target, str) else ""
    if not name or name == "unknown":
        return subject_or_refusal(document, context)
    return Subject(SubjectKind.FILE, name)


def _image_name(target: Target) -> str:
    """Return the image's name: as it was asked for, unless that says rather where its archive lies."""
    has_scheme = target.user_input.startswith(_SCHEMES)
    if target.tags and (has_scheme or not target.user_input):
        return target.tags[0]
    return target.user_input.partition(":")[2] if has_scheme else target.user_input


def _finding(match: Match) -> Finding:
    found, artifact = match.vulnerability, match.artifact
    related = match.related_vulnerabilities or []
    score, vector = _score(found.cvss) or _best_of(each.cvss for each in related)
    return Finding(
        _package(artifact),
        _advisory(found, related),
        severity_of(found.severity),
        found.severity,
        tuple(dict.fromkeys(filter(None, found.fix.versions or ()))),
        _FIX_STATES.get(found.fix.state, FixState.UNKNOWN),
        score,
        vector,
        _suppressed(match.applied_ignore_rules),
    )


def _package(artifact: Artifact) -> Package:
    path = artifact.locations[0].path if artifact.locations else ""
    kind = type_of(artifact.purl, artifact.type)
    return Package(artifact.name, artifact.version, kind, artifact.purl, path)


def _advisory(found: Vulnerability, related: list[Vulnerability]) -> Advisory:
    """Return the advisory; its text is a related one's where its publisher wrote none."""
    described = (each.description for each in (found, *related))
    names = (*(each.id for each in related), *(each.id for each in found.advisories or ()))
    return Advisory(
        found.id,
        feed=found.namespace,
        description=next(filter(None, described), ""),
        links=tuple(filter(None, dict.fromkeys((found.data_source, *(found.urls or ()))))),
        names=tuple(name for name in dict.fromkeys(names) if name and name != found.id),
        cwes=tuple(dict.fromkeys(each.cwe for each in found.cwes or () if each.cwe)),
    )


def _score(scores: list[Cvss] | None) -> tuple[float | None, str] | None:
    """Return (score, vector) of the newest version of CVSS, a primary source before others; None without any."""
    ranked = sorted(scores or (), key=lambda each: (each.vector[:8], each.type == "Primary"))
    for each in reversed(ranked):
        found = scored(each.vector, each.metrics.base_score if each.metrics else None)
        if found[0] is not None:
            return found
    return None


def _best_of(several: Iterable[list[Cvss] | None]) -> tuple[float | None, str]:
    found = next(filter(None, map(_score, several)), None)
    return found or (None, "")


def _suppressed(rules: list[Rule] | None) -> str:
    """Return why Grype does not count a match, or ""."""
    if not rules:
        return ""
    vex = (
        f"VEX {rule.vex_status} {rule.vex_justification}".strip()
        for rule in rules
        if rule.vex_status
    )
    reasons = (rule.reason for rule in rules if rule.reason)
    return "; ".join(dict.fromkeys((*reasons, *vex)))[:1_000] or "ignored by a rule"
