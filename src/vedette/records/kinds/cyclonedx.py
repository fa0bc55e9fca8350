"""`cyclonedx`: JSON of CycloneDX 1.4–1.7 with vulnerabilities: bills of materials (BOM, VDR) and VEX.

A vulnerability of a component in the same document is a finding of what the document is about, and an analysis that
says it does no harm there suppresses it: there, and nowhere else. One of a component in another document (BOM-Link, or
a package URL of none here) is a statement about that, and a bulletin of how grave it is. A document without the key
`vulnerabilities` is an inventory: nobody looked for any, which is not "none".
"""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._cyclonedx import (
    Affected,
    Bom,
    Component,
    Grade,
    Vulnerability,
    fixed_in,
    grade_of,
    is_unaffected,
)
from vedette.records.kinds._shapes import identifiers, links_of, past_time_of, time_of
from vedette.records.kinds._subjects import given_subject, image, subject_or_refusal
from vedette.records.kinds.cyclonedx_vex import analysed, statements_of
from vedette.records.model import (
    Advisory,
    Bulletin,
    Finding,
    Record,
    Scan,
    Subject,
    SubjectKind,
)

VERSIONS = ("1.4", "1.5", "1.6", "1.7")
_SUBJECTS = {
    "container": SubjectKind.IMAGE,
    "file": SubjectKind.FILE,
    "operating-system": SubjectKind.HOST,
    "device": SubjectKind.HOST,
}
_LINK = "urn:cdx:"


class CycloneDx:
    """Bills of materials with vulnerabilities, and VEX."""

    name = "cyclonedx"
    description = "CycloneDX 1.4-1.7 (JSON): bills of materials with vulnerabilities, VDR, VEX"
    family = Family.VULNERABILITIES

    def recognises(self, document: Document) -> bool:
        """Say whether it is CycloneDX, of whatever version, also the XML that is refused with a hint."""
        return document.field("bomFormat") == "CycloneDX" or _is_xml(document)

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the scan of what it is about, then bulletins and statements about other documents."""
        _refuse_others(document)
        bom = document.shaped(Bom)
        parts = _Parts([], [], [])
        components = bom.by_ref()
        for number, vulnerability in enumerate(bom.vulnerabilities):
            place = f"vulnerabilities[{number}]"
            _take(document, vulnerability, place, _World(bom, components, context), parts)
        if parts.findings or not parts.bulletins:
            yield _scan(document, bom, context, parts.findings)
        yield from parts.bulletins
        yield from parts.statements


class _World(NamedTuple):
    bom: Bom
    components: dict[str, Component]
    context: Context


class _Parts(NamedTuple):
    findings: list[Finding]
    bulletins: list[Record]
    statements: list[Record]


def _is_xml(document: Document) -> bool:
    start = document.value[:2_000] if isinstance(document.value, str) else ""
    return start.startswith("<") and "cyclonedx.org/schema/bom" in start


def _refuse_others(document: Document) -> None:
    if _is_xml(document):
        raise document.refusal(
            "it is CycloneDX in XML, which is not read", hint="`cyclonedx convert` makes JSON of it"
        )
    if document.field("bomFormat") != "CycloneDX":
        raise document.refusal("it is no CycloneDX: `bomFormat` does not say so")
    if document.field("specVersion") not in VERSIONS:
        version = str(document.field("specVersion"))[:40]
        raise document.refusal(f"its specVersion is {version!r}, not one of {', '.join(VERSIONS)}")
    if document.field("vulnerabilities") is None:
        raise document.refusal(
            "it is an inventory: it has no `vulnerabilities`",
            hint="let a scanner read it, and apply what that writes",
        )


def _scan(document: Document, bom: Bom, context: Context, findings: list[Finding]) -> Scan:
    tool = bom.metadata.tool()
    return Scan(
        tool.name.lower() or "cyclonedx",
        given_subject(context) or _subject(bom) or subject_or_refusal(document, context),
        tuple(findings),
        at=past_time_of(bom.metadata.timestamp, context.now),
        scanner_version=tool.version,
        complete=bom.lists_all(),
    )


def _subject(bom: Bom) -> Subject | None:
    """Return what the document is about; one that does not say is itself what it is about, by its serial number."""
    about = bom.metadata.component
    if about is None:
        return Subject(SubjectKind.FILE, bom.serial_number) if bom.serial_number else None
    kind = _SUBJECTS.get(about.type, SubjectKind.REPOSITORY)
    if kind is SubjectKind.IMAGE:
        found = image(about.name, about.version if about.version.startswith("sha256:") else "")
        tag = "" if about.version.startswith("sha256:") else about.version
        return Subject(kind, found.name, found.digest or _digest(about.purl), found.tag or tag)
    name = f"{about.group}/{about.name}" if about.group else about.name
    return Subject(kind, name[:1_000])


def _digest(purl: str) -> str:
    """Return the digest that is the version of an image's package URL: `pkg:oci/orders@sha256%3Aab…`."""
    version = purl.partition("@")[2].partition("?")[0].replace("%3A", ":").replace("%3a", ":")
    return version if purl.startswith("pkg:oci/") and version.startswith("sha256:") else ""


def _take(
    document: Document, given: Vulnerability, place: str, world: _World, parts: _Parts
) -> None:
    """Put what a vulnerability says where it belongs."""
    advisory = _advisory(document, given, place)
    grade = grade_of(given)
    elsewhere: list[str] = []
    for index, affected in enumerate(given.affects or ()):
        component = world.components.get(_own_ref(affected.ref, world.bom))
        if component is not None:
            parts.findings.append(_finding(given, affected, component, advisory, grade))
        elif affected.ref.startswith((_LINK, "pkg:")):
            elsewhere.append(affected.ref)
        else:
            raise document.refusal(
                f"{place}.affects[{index}].ref: {affected.ref[:200]!r} is no component here"
            )
    about = world.bom.metadata.component
    if not given.affects and about is not None:
        parts.findings.append(_finding(given, None, about, advisory, grade))
    elif elsewhere or not given.affects:
        parts.bulletins.append(Bulletin(advisory, grade.severity, grade.score, grade.vector))
    if elsewhere:
        names = (advisory.name, *advisory.names)
        parts.statements.extend(statements_of(world.bom, given, names, elsewhere, world.context))


def _own_ref(ref: str, bom: Bom) -> str:
    """Return the reference without the BOM-Link that leads to this very document."""
    link, _, fragment = ref.partition("#")
    own = f"{_LINK}{bom.serial_number.removeprefix('urn:uuid:')}/"
    return unquote(fragment) if fragment and bom.serial_number and link.startswith(own) else ref


def _finding(
    given: Vulnerability,
    affected: Affected | None,
    component: Component,
    advisory: Advisory,
    grade: Grade,
) -> Finding:
    unaffected = affected is not None and is_unaffected(affected, component)
    return Finding(
        component.package(),
        advisory,
        grade.severity,
        grade.word,
        fixed_in(given, affected, component.name),
        score=grade.score,
        vector=grade.vector,
        suppressed=analysed(given.analysis) or ("unaffected version" if unaffected else ""),
    )


def _advisory(document: Document, given: Vulnerability, place: str) -> Advisory:
    references = given.references or []
    others = [one.id for one in references if one.id]
    own = given.id or next(iter(others), "")
    if not own:
        raise document.refusal(f"{place} has no id")
    found = identifiers(own)
    name = found[0] if found and len(own.split()) > 1 else own
    names = dict.fromkeys((*others, *found))
    names.pop(name, None)
    urls = (
        given.source.url,
        *(one.url for one in given.advisories or ()),
        *(one.source.url for one in references),
    )
    return Advisory(
        name,
        feed=given.source.name,
        description=given.description or given.detail,
        links=tuple(dict.fromkeys(link for url in urls for link in links_of(url))),
        names=tuple(names),
        cwes=tuple(dict.fromkeys(f"CWE-{number}" for number in given.cwes or ())),
        published_at=time_of(given.published or given.created),
    )
