"""What is read of Quay's resources: one text an advisory, whoever it is about; and as quickly as it may be."""

import json
from typing import Any

import msgspec
import pytest
from tests.record_documents import NOW, read, refusal_of

from vedette.errors import Invalid
from vedette.records.intake_read import Asked, read_body
from vedette.records.kinds.imagemanifestvuln import ImageManifestVuln
from vedette.records.model import Advisory, Record, Scan
from vedette.records.strict_json import shaped_value

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


def resource(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    """Of an image that has each of these in a package of its own."""
    features = [
        {"name": f"p{place}", "version": "1", "vulnerabilities": [found]}
        for place, found in enumerate(vulnerabilities)
    ]
    spec = {"image": "quay.io/a/b", "manifest": "sha256:aa", "features": features}
    return {"kind": "ImageManifestVuln", "metadata": {"namespace": "n"}, "spec": spec}


def advisories(*vulnerabilities: dict[str, Any]) -> list[Advisory]:
    (scan,) = read("imagemanifestvuln", resource(*vulnerabilities), cluster="c1")
    assert isinstance(scan, Scan)
    return [finding.advisory for finding in scan.findings]


def posted(body: str) -> list[Record]:
    """What is read of a body, as the intake does."""
    asked = Asked(kind="imagemanifestvuln", cluster="c1")
    parts = read_body(body.encode(), asked, now=NOW, max_bytes=1 << 20).parts
    return [record for batch in parts["imagemanifestvuln"] for record in batch.records]


def is_held_whole(body: str) -> bool:
    return shaped_value(body.encode(), ImageManifestVuln.shape) is not msgspec.UNSET


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


def test_a_resource_is_read_the_same_whether_its_shape_holds_all_of_it_or_not() -> None:
    usual = resource(vulnerability(fixedby="", metadata=None), vulnerability(name="CVE-2026-3"))
    usual["status"] = {"affectedPods": {"n/p": ["a"]}, "highestSeverity": "High", "fixableCount": 0}
    usual["metadata"] |= {"labels": {"n/p": "true"}, "creationTimestamp": "2026-11-22T12:00:00Z"}
    odd = usual | {"spec": usual["spec"] | {"somethingNew": "x"}}
    assert is_held_whole(json.dumps(usual))
    assert not is_held_whole(json.dumps(odd))
    wanted = read("imagemanifestvuln", usual, cluster="c1")
    assert posted(json.dumps(usual)) == posted(json.dumps(odd)) == wanted


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        ('"name": "p0"', '"name": "p1", "name": "p0"', "the key 'name' stands twice"),
        ('"kind": "ImageManifestVuln", ', "", "it has no kind"),
        ('"namespace": "n"', '"namespace": 1', r"Expected `str`, got `int` - at `\$.metadata"),
        ('"features": [', '"features": [[], ', r"Expected `object`, got `array` - at `\$.spec"),
    ],
)
def test_what_is_wrong_is_told_as_ever(was: str, now: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        posted(json.dumps(resource(vulnerability())).replace(was, now))
