"""Pieces that the kinds share: bounded texts, identifiers out of prose, severities, times as they come."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

from vedette.records.model import Severity

Name = Annotated[str, Meta(min_length=1, max_length=1_000)]
"""Of a package, an advisory, a namespace: something, and no essay."""
Word = Annotated[str, Meta(max_length=1_000)]
"""A short text that may be empty: a version, a severity."""
Text = Annotated[str, Meta(max_length=200_000)]
"""Prose."""
KubernetesName = Annotated[str, Meta(min_length=1, max_length=253)]
"""Of a namespace, a pod, an object."""

_IDENTIFIER = re.compile(
    r"\b(?:CVE-\d{4}-\d{4,19}|GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}"
    r"|RH[SBE]A-\d{4}:\d{3,6}|(?:PYSEC|RUSTSEC|GO|MAL|OSV|EUVD)-\d{4}-\d+|(?:DSA|DLA|USN|ELSA|ALAS\d*)-\d[\w.:-]*\w)",
    re.IGNORECASE,
)
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)? ([+-]\d{4})(?: \w+)?(?: m=.*)?")
_URL = ("http://", "https://")
_SEVERITIES = {
    "unknown": Severity.UNKNOWN,
    "none": Severity.UNKNOWN,
    "untriaged": Severity.UNKNOWN,
    "unassigned": Severity.UNKNOWN,
    "negligible": Severity.NEGLIGIBLE,
    "info": Severity.NEGLIGIBLE,
    "informational": Severity.NEGLIGIBLE,
    "low": Severity.LOW,
    "minor": Severity.LOW,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "critical": Severity.CRITICAL,
    "defcon1": Severity.DEFCON1,
}


@lru_cache(maxsize=256)
def severity_of(word: str) -> Severity:
    """Return our severity of a source's word, in whatever case; `UNKNOWN` for what nobody taught us."""
    return _SEVERITIES.get(word.strip().lower(), Severity.UNKNOWN)


def severity_of_score(score: float | None) -> Severity:
    """Return what CVSS calls that score (v3.1 specification, section 5: qualitative severity rating scale)."""
    if score is None or score <= 0:
        return Severity.UNKNOWN
    if score < 4:
        return Severity.LOW
    if score < 7:
        return Severity.MEDIUM
    return Severity.HIGH if score < 9 else Severity.CRITICAL


def identifiers(*texts: str) -> tuple[str, ...]:
    """Return the identifiers of vulnerabilities in those texts, each once, in their usual case, in order."""
    # Most texts are one CVE and nothing else: seeing that takes a fifth of the search for all that it might hold.
    if len(texts) == 1 and _CVE.fullmatch(texts[0]):
        return texts
    matches = [match for text in texts for match in _IDENTIFIER.findall(text)]
    return tuple(dict.fromkeys(map(usual_case, matches))) if matches else ()


def usual_case(identifier: str) -> str:
    """Return an identifier as its publisher writes it: `CVE-…` in capitals, `GHSA-` with small letters after."""
    upper = identifier.upper()
    return "GHSA" + identifier[4:].lower() if upper.startswith("GHSA") else upper


def links_of(text: str) -> tuple[str, ...]:
    """Return the URLs of a text where several stand, parted by blanks."""
    words = text.split()
    if len(words) == 1:
        return tuple(words) if words[0].startswith(_URL) else ()
    return tuple(dict.fromkeys(word for word in words if word.startswith(_URL)))


def time_of(text: str | None) -> datetime | None:
    """Return the time that RFC 3339 or Go's `String()` writes; None for what is neither, or nothing.

    A time without a zone counts as UTC. Go's zero time (year 1) is nothing.
    """
    if not text:
        return None
    go = _GO_TIME.fullmatch(text.strip())
    if go:
        day, clock, fraction, zone = go.groups()
        text = f"{day}T{clock}{(fraction or '')[:7]}{zone}"
    try:
        at = datetime.fromisoformat(_to_micros(text.strip()))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # the last hour of the year 9999, told west of Greenwich
        return None
    return at if at.year >= 1970 else None


def past_time_of(text: str | None, now: datetime) -> datetime | None:
    """Return the time as `time_of` does, but none to come: it would be newer than all that follows."""
    at = time_of(text)
    return min(at, now) if at else None


def _to_micros(text: str) -> str:
    # Go writes nanoseconds, which `fromisoformat` of 3.11 takes in fractions of any length but ISO's basic zone.
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def part_image(name: str) -> tuple[str, str, str]:
    """Return (repository, tag, digest) of an image's name: `host:5000/a/b:1.2@sha256:…`; "" for what is not there."""
    rest, _, digest = name.partition("@")
    head, colon, tail = rest.rpartition(":")
    if colon and "/" not in tail:
        return head, tail, digest
    return rest, "", digest
