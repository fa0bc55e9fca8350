"""What Trivy's reports have in common, whoever scans: results with packages, and what is wrong with them.

A result without `Vulnerabilities` has none; which results say anything of packages at all is told by their class.
Of several CVSS vectors the one of the source that gave the severity is taken, then NVD's, then GitHub's.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

from vedette.records.kinds._cvss import scored
from vedette.records.kinds._packages import one_line, type_of, versions_of
from vedette.records.kinds._shapes import Name, Text, Word, part_image, severity_of, time_of
from vedette.records.model import Advisory, Finding, FixState, Package, Validation

LANGUAGE_PACKAGES = "lang-pkgs"
_NOT_PACKAGES = {"config", "secret", "license", "license-file"}
_FIX_STATES = {
    "fixed": FixState.FIXED,
    "affected": FixState.NOT_FIXED,
    "fix_deferred": FixState.NOT_FIXED,
    "will_not_fix": FixState.WONT_FIX,
    "end_of_life": FixState.WONT_FIX,
}

SYSTEM = re.compile(r"(?P<name>\S+) \([\w.-]+ [^()]*\)")
"""The target of a system's packages, with the name of its image: `quay.io/shop/orders:1.4 (debian 12.1)`."""


class Cvss(Struct, gc=False, rename="pascal"):
    """The vectors and scores of one source."""

    v40_vector: Word = ""
    v3_vector: Word = ""
    v2_vector: Word = ""
    v40_score: float | None = None
    v3_score: float | None = None
    v2_score: float | None = None

    def scored(self) -> tuple[float | None, str]:
        """Return (score, vector) of the newest version that has any."""
        for vector, score in (
            (self.v40_vector, self.v40_score),
            (self.v3_vector, self.v3_score),
            (self.v2_vector, self.v2_score),
        ):
            if vector or score:
                found = scored(vector, score)
                if found[0] is not None:
                    return found
        return None, ""


class _Identifier(Struct, gc=False):
    purl: Word = field(name="PURL", default="")


class _DataSource(Struct, gc=False):
    id: Word = field(name="ID", default="")


class Vulnerability(Struct, rename="pascal"):
    """One vulnerability of one package."""

    id: Name = field(name="VulnerabilityID")
    pkg_name: Name
    vendor_ids: list[Name] | None = field(name="VendorIDs", default=None)
    pkg_path: Text = ""
    pkg_identifier: _Identifier | None = None
    installed_version: Word = ""
    fixed_version: Text = ""
    status: Word = ""
    severity: Word = ""
    severity_source: Word = ""
    data_source: _DataSource | None = None
    title: Text = ""
    description: Text = ""
    primary_url: Text = field(name="PrimaryURL", default="")
    references: list[Text] | None = None
    cwe_ids: list[Word] | None = field(name="CweIDs", default=None)
    cvss: dict[str, Cvss] | None = field(name="CVSS", default=None)
    published_date: Word = ""


class Misconfiguration(Struct, rename="pascal"):
    """A check of a manifest that Trivy made. status: `FAIL`, `PASS` or `EXCEPTION`."""

    id: Name = field(name="ID")
    title: Text = ""
    description: Text = ""
    message: Text = ""
    resolution: Text = ""
    severity: Word = ""
    status: Word = "FAIL"


class Result(Struct, rename="pascal"):
    """What was found in one target: the system's packages, a lock file, a manifest."""

    target: Text
    class_: Word = field(name="Class", default="")
    type: Word = ""
    vulnerabilities: list[Vulnerability] | None = None
    misconfigurations: list[Misconfiguration] | None = None

    def of_packages(self) -> bool:
        """Say whether it is about packages, so that no vulnerability in it means that there is none."""
        if self.vulnerabilities is not None:
            return True
        return self.class_ not in _NOT_PACKAGES and self.misconfigurations is None

    def of_manifests(self) -> bool:
        """Say whether it is about a manifest, so that what it does not name is in order."""
        return self.class_ == "config" or self.misconfigurations is not None


class Metadata(Struct):
    """What Trivy knows of an image."""

    image_id: Word = field(name="ImageID", default="")
    tags: list[Name] | None = field(name="RepoTags", default=None)
    digests: list[Name] | None = field(name="RepoDigests", default=None)
    os: dict[str, Any] | None = field(name="OS", default=None)


def findings_of(results: list[Result]) -> Iterator[Finding]:
    """Yield the findings of those results."""
    for result in results:
        for found in result.vulnerabilities or ():
            yield _finding(found, result)


def _finding(found: Vulnerability, result: Result) -> Finding:
    score, vector = best_score(found.cvss, found.severity_source)
    return Finding(
        _package(found, result),
        _advisory(found),
        severity_of(found.severity),
        found.severity,
        versions_of(found.fixed_version) if found.fixed_version else (),
        _FIX_STATES.get(found.status, FixState.UNKNOWN),
        score,
        vector,
    )


def _package(found: Vulnerability, result: Result) -> Package:
    """Return the package; one out of a lock file lies where that lies."""
    purl = found.pkg_identifier.purl if found.pkg_identifier else ""
    is_file = result.class_ == LANGUAGE_PACKAGES or not (result.class_ or "(" in result.target)
    path = found.pkg_path or (result.target if is_file else "")
    return Package(found.pkg_name, found.installed_version, type_of(purl, result.type), purl, path)


def _advisory(found: Vulnerability) -> Advisory:
    url, references = found.primary_url, found.references or ()
    return Advisory(
        found.id,
        feed=(found.data_source.id if found.data_source else "") or found.severity_source,
        title=one_line(found.title),
        description=found.description,
        links=tuple(dict.fromkeys((url, *references) if url else references)),
        names=tuple(dict.fromkeys(found.vendor_ids)) if found.vendor_ids else (),
        cwes=tuple(found.cwe_ids or ()),
        published_at=_published_at(found.published_date),
    )


_published_at = lru_cache(maxsize=20_000)(time_of)


def best_score(cvss: dict[str, Cvss] | None, *preferred: str) -> tuple[float | None, str]:
    """Return (score, vector) of the first of those sources that has one, then NVD's, GitHub's, anybody's."""
    if not cvss:
        return None, ""
    for source in (*preferred, "nvd", "ghsa", *sorted(cvss)):
        if source in cvss and (found := cvss[source].scored())[0] is not None:
            return found
    return None, ""


def digests_of(name: str, metadata: Metadata) -> Iterator[str]:
    """Yield an image's digests, the one under its own name first; its configuration's when it was never pushed."""
    repository = part_image(name)[0]
    yield from sorted(
        metadata.digests or (), key=lambda digest: digest.partition("@")[0] != repository
    )
    yield metadata.image_id


def checks_of(result: Result, of: tuple[str, str, str]) -> Iterator[Validation]:
    """Yield what was checked of an object, (namespace, kind, name)."""
    for check in result.misconfigurations or ():
        yield Validation(
            check.id,
            *of,
            passed=check.status in {"PASS", "EXCEPTION"},
            word=check.severity,
            message=check.message,
            description=check.description or one_line(check.title),
            remediation=check.resolution,
        )
