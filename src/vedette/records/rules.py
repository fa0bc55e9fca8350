"""The decisions of records: what makes things the same, what counts once, what a newer look closes."""

import re
from collections.abc import Iterable
from hashlib import blake2b, sha256

import msgspec

from vedette.records.model import Advisory, Finding, Package, Scan

KEY_BYTES = 16
_NUMBERED = re.compile(r"[a-z][a-z0-9]{1,9}-[0-9]{4}[-:][0-9]{1,9}(-[0-9]{1,5})?", re.IGNORECASE)
_GITHUB = re.compile(r"ghsa(-[0-9a-z]{4}){3}", re.IGNORECASE)
_PACK = msgspec.msgpack.Encoder().encode


def keys_of(things: Iterable[object]) -> list[bytes]:
    """Return 16 bytes that stand for each: for all its words, as a unique index over long texts would.

    They make the same: a package; an advisory, by its name and feed; all that an advisory says.
    """
    return [blake2b(packed, digest_size=KEY_BYTES).digest() for packed in map(_PACK, things)]


def spelled(name: str) -> str:
    """Return the name of an advisory as its publisher writes it; people type small letters. Others stay as they are.

    >>> spelled(" cve-2021-44228"), spelled("rhsa-2020:0575"), spelled("ghsa-JFH8-c2jp-5v3q"), spelled("temp-x")
    ('CVE-2021-44228', 'RHSA-2020:0575', 'GHSA-jfh8-c2jp-5v3q', 'temp-x')
    """
    name = name.strip()
    if _GITHUB.fullmatch(name):
        return name[:4].upper() + name[4:].lower()
    return name.upper() if _NUMBERED.fullmatch(name) else name


def identity_of(advisory: Advisory) -> str:
    """Return under which name this counts: the one CVE it is about, else its own name.

    An erratum that addresses five CVEs is none of them; a GHSA that names one CVE is that CVE.

    >>> identity_of(Advisory("GHSA-jfh8-c2jp-5v3q", names=("CVE-2021-44228",)))
    'CVE-2021-44228'
    >>> identity_of(Advisory("RHSA-2022:6457", names=("CVE-2015-20107", "CVE-2022-0391")))
    'RHSA-2022:6457'
    """
    if not advisory.names:
        return advisory.name
    cves = {name for name in (advisory.name, *advisory.names) if name.startswith("CVE-")}
    return cves.pop() if len(cves) == 1 else advisory.name


def digest_of(findings: Iterable[Finding]) -> bytes:
    """Return what changes when a scan's findings do; their order does not count."""
    digest = sha256()
    # In order they are brought by sorting: of a document's they are nearly so, and a hash of each costs more.
    for packed in sorted(map(_PACK, findings)):
        digest.update(packed)
    return digest.digest()[:KEY_BYTES]


def union_of(scans: Iterable[Scan]) -> dict[tuple[Package, str, str], Finding]:
    """Return what several documents of one snapshot found in one subject, each thing once, the gravest word.

    A thing is a package and an advisory's name and feed.
    """
    findings = [finding for scan in scans for finding in scan.findings]
    found = {(one.package, one.advisory.name, one.advisory.feed): one for one in findings}
    if len(found) < len(findings):
        # As a rule each stands there once. Of several the first of the gravest stays; their order is the first's.
        for one in reversed(findings):
            key = (one.package, one.advisory.name, one.advisory.feed)
            if one.severity >= found[key].severity:
                found[key] = one
    return found
