"""`csaf`: advisories in the Common Security Advisory Framework, 2.0 and 2.1, and its VEX profile.

Each vulnerability is a bulletin, and a statement for every product that has a status. The same products may not be
affected and not affected at once: such a document fails the standard's own tests, and is refused.
"""

from collections.abc import Iterator
from typing import NamedTuple

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds import _csaf as shapes
from vedette.records.kinds._cvss import scored
from vedette.records.kinds._packages import one_line
from vedette.records.kinds._shapes import (
    identifiers,
    links_of,
    past_time_of,
    severity_of,
    severity_of_score,
    time_of,
)
from vedette.records.model import Advisory, Bulletin, Record, Statement, VexStatus

SOURCE = "csaf"
VERSIONS = ("2.0", "2.1")
WITHDRAWN = "csaf_withdrawn"
_STATUS = (
    ("first_affected", VexStatus.AFFECTED),
    ("known_affected", VexStatus.AFFECTED),
    ("last_affected", VexStatus.AFFECTED),
    ("first_fixed", VexStatus.FIXED),
    ("fixed", VexStatus.FIXED),
    ("known_not_affected", VexStatus.NOT_AFFECTED),
    ("under_investigation", VexStatus.UNDER_INVESTIGATION),
)
_ACTIONS = ("vendor_fix", "mitigation", "workaround", "optional_patch", "fix_planned", "no_fix_planned", "none_available")  # fmt: skip
"""The categories of remediations, the most useful first."""
Remark = tuple[str, set[str] | None]
"""A text, and the products it concerns; None is all."""


class Csaf:
    """Advisories and VEX in CSAF."""

    name = "csaf"
    description = "CSAF 2.0 and 2.1: a supplier's security advisories and VEX"
    family = Family.KNOWLEDGE

    def recognises(self, document: Document) -> bool:
        """Say whether it is CSAF, of whatever version."""
        head = document.field("document")
        return isinstance(head, dict) and "csaf_version" in head

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield a bulletin for each vulnerability, and what is stated of its products."""
        if not self.recognises(document):
            raise document.refusal("it is no CSAF: it has no `document.csaf_version`")
        version = document.value["document"]["csaf_version"]
        if version not in VERSIONS:
            raise document.refusal(
                f"its csaf_version is {str(version)[:40]!r}, not one of {', '.join(VERSIONS)}"
            )
        given = document.shaped(shapes.Advisory)
        if not given.vulnerabilities:
            raise document.refusal("it lists no vulnerabilities")
        products = shapes.Products(document, given.product_tree)
        for number, vulnerability in enumerate(given.vulnerabilities):
            one = _One(document, given, products, vulnerability, f"vulnerabilities[{number}]")
            yield _bulletin(one)
            yield from _statements(one, context)


class _One(NamedTuple):
    document: Document
    given: shapes.Advisory
    products: shapes.Products
    vulnerability: shapes.Vulnerability
    place: str


class _Same(NamedTuple):
    """What statements of several components of a product have in common."""

    products: tuple[str, ...]
    status: VexStatus
    is_whole: bool
    justification: str
    impact: str
    action: str


class _Remarks(NamedTuple):
    flags: list[Remark]
    impacts: list[Remark]
    actions: list[Remark]


def _names(one: _One) -> tuple[str, ...]:
    """Return the vulnerability's identifiers, its CVE first; trackers' numbers are none unless it has no other."""
    given = [each.text for each in one.vulnerability.ids or () if each.text]
    names = dict.fromkeys((one.vulnerability.cve, *identifiers(*given)))
    names.pop("", None)
    found = tuple(names) or tuple(given[:1])
    if not found:
        raise one.document.refusal(f"{one.place} has neither `cve` nor `ids`")
    return found


def _bulletin(one: _One) -> Bulletin:
    given, head = one.vulnerability, one.given.document
    name, *others = _names(one)
    score, vector, word = _score(given)
    word = word or head.aggregate_severity.text
    notes = {note.category: note.text for note in reversed(given.notes or ())}
    cwes = [each.id for each in (given.cwe, *(given.cwes or ())) if each]
    return Bulletin(
        Advisory(
            name,
            feed=head.publisher.name,
            title=one_line(given.title),
            description=notes.get("description")
            or notes.get("summary")
            or notes.get("details", ""),
            links=tuple(
                dict.fromkeys(url for each in given.references or () for url in links_of(each.url))
            ),
            names=tuple(others),
            cwes=tuple(dict.fromkeys(cwes)),
            published_at=time_of(given.release_date or given.disclosure_date),
        ),
        severity_of(word) or severity_of_score(score),
        score,
        vector,
        withdrawn=head.category == WITHDRAWN,
    )


def _score(given: shapes.Vulnerability) -> tuple[float | None, str, str]:
    """Return (score, vector, word): the highest of the newest version of CVSS, as products may differ."""
    opinions = [*(given.scores or ()), *(each.content for each in given.metrics or ())]
    for version in ("cvss_v4", "cvss_v3", "cvss_v2"):
        own = [getattr(each, version) for each in opinions if getattr(each, version)]
        found = [(*scored(each.vector_string, each.base_score), each.base_severity) for each in own]
        known = [each for each in found if each[0] is not None]
        if known:
            return max(known, key=lambda each: each[0] or 0)
    return None, "", ""


def _statements(one: _One, context: Context) -> Iterator[Statement]:
    """Yield a statement for each product, with all components of it of which the same is said."""
    grouped: dict[_Same, dict[str, None]] = {}
    remarks = _remarks(one)
    for identifier, status in _by_product(one).items():
        named = one.products.of(identifier, f"{one.place}.product_status")
        said = _said(remarks, identifier, status)
        same = _Same(named.products, status, not named.components, *said)
        grouped.setdefault(same, {}).update(dict.fromkeys(named.components))
    head = one.given.document
    for same, components in grouped.items():
        yield Statement(
            head.tracking.id,
            SOURCE,
            head.publisher.name,
            _names(one),
            same.products,
            same.status,
            justification=same.justification,
            impact=same.impact,
            action=same.action,
            at=past_time_of(head.tracking.current_release_date, context.now),
            components=tuple(components),
        )


def _by_product(one: _One) -> dict[str, VexStatus]:
    found: dict[str, VexStatus] = {}
    for name, status in _STATUS:
        for identifier in getattr(one.vulnerability.product_status, name) or ():
            if found.setdefault(identifier, status) is not status:
                raise one.document.refusal(
                    f"{one.place}.product_status: {identifier[:200]!r} is {found[identifier]} and {status}"
                )
    return found


def _remarks(one: _One) -> _Remarks:
    given, products = one.vulnerability, one.products
    remediations = sorted(given.remediations or (), key=_usefulness)
    return _Remarks(
        [(each.label, products.are_concerned(each)) for each in given.flags or ()],
        [
            (each.details, products.are_concerned(each))
            for each in given.threats or ()
            if each.category == "impact"
        ],
        [(each.details or each.url, products.are_concerned(each)) for each in remediations],
    )


def _said(remarks: _Remarks, identifier: str, status: VexStatus) -> tuple[str, str, str]:
    """Return (justification, impact, action) for that product; each only with the status it belongs to."""
    if status is VexStatus.NOT_AFFECTED:
        return _first(remarks.flags, identifier), _first(remarks.impacts, identifier), ""
    return "", "", _first(remarks.actions, identifier)


def _first(remarks: list[Remark], identifier: str) -> str:
    concerning = (text for text, them in remarks if text and (them is None or identifier in them))
    return next(concerning, "")


def _usefulness(remediation: shapes.Remediation) -> int:
    category = remediation.category
    return _ACTIONS.index(category) if category in _ACTIONS else len(_ACTIONS)
