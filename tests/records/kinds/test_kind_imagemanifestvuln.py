"""What is read of Quay's resources: one text an advisory, whoever it is about."""

from typing import Any

from tests.record_documents import read, refusal_of

from vedette.records.model import Advisory, Scan

CVE = "CVE-2026-1000"
LINK = f"https://access.redhat.com/security/cve/{CVE}"


def vulnerability(**said: Any) -> dict[str, Any]:
    found = {
        "name": CVE,
        "severity": "High",
        "namespaceName": "centos:8",
        "description": "a",
        "link": LINK,
    }
    return found | said  # fmt: skip


def advisories(*vulnerabilities: dict[str, Any]) -> list[Advisory]:
    """Of an image that has each of these in a package of its own."""
    features = [
        {"name": f"p{place}", "version": "1", "vulnerabilities": [found]}
        for place, found in enumerate(vulnerabilities)
    ]
    spec = {"image": "quay.io/a/b", "manifest": "sha256:aa", "features": features}
    resource = {"kind": "ImageManifestVuln", "metadata": {"namespace": "n"}, "spec": spec}
    (scan,) = read("imagemanifestvuln", resource, cluster="c1")
    assert isinstance(scan, Scan)
    return [finding.advisory for finding in scan.findings]


def test_a_text_that_several_packages_share_is_one_and_one_that_differs_anywhere_another() -> None:
    first, same, told, feed, link, last = advisories(
        vulnerability(),
        vulnerability(),
        vulnerability(description="b"),
        vulnerability(namespaceName="centos:7"),
        vulnerability(link="https://bugzilla.redhat.com/CVE-2026-2000"),
        vulnerability(),
    )
    assert same is first
    assert (told.description, told.feed, told.names) == ("b", "centos:8", ())
    assert (feed.description, feed.feed) == ("a", "centos:7")
    assert (link.links, link.names) == (
        ("https://bugzilla.redhat.com/CVE-2026-2000",),
        ("CVE-2026-2000",),
    )
    assert last == first


def test_what_is_no_such_resource_is_told_what_it_is() -> None:
    assert "it has no kind" in refusal_of("imagemanifestvuln", "<html></html>")
    assert "its kind is 'Pod'" in refusal_of("imagemanifestvuln", {"kind": "Pod"})
