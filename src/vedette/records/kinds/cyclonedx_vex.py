"""What an analysis in CycloneDX says: in words of ours, and as a statement about components of other documents.

A BOM-Link names a document and a component in it. The statement's product is that document, or what the operator says
it is about, or what the document itself is about; its components are the references in it. A package URL alone is a
product of its own.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import unquote

from vedette.records.kinds import Context
from vedette.records.kinds._cyclonedx import Analysis, Bom, Vulnerability
from vedette.records.kinds._shapes import past_time_of
from vedette.records.model import Statement, VexStatus

SOURCE = "cyclonedx"
_STATUS = {
    "resolved": VexStatus.FIXED,
    "resolved_with_pedigree": VexStatus.FIXED,
    "exploitable": VexStatus.AFFECTED,
    "in_triage": VexStatus.UNDER_INVESTIGATION,
    "false_positive": VexStatus.NOT_AFFECTED,
    "not_affected": VexStatus.NOT_AFFECTED,
    "": VexStatus.AFFECTED,
}
"""By state; a report of vulnerabilities (VDR) lists what is there, and says nothing more of it."""
_JUSTIFICATIONS = {
    "code_not_present": "vulnerable_code_not_present",
    "code_not_reachable": "vulnerable_code_not_in_execute_path",
    "requires_configuration": "vulnerable_code_cannot_be_controlled_by_adversary",
    "requires_dependency": "vulnerable_code_cannot_be_controlled_by_adversary",
    "requires_environment": "vulnerable_code_cannot_be_controlled_by_adversary",
    "protected_by_compiler": "inline_mitigations_already_exist",
    "protected_at_runtime": "inline_mitigations_already_exist",
    "protected_at_perimeter": "inline_mitigations_already_exist",
    "protected_by_mitigating_control": "inline_mitigations_already_exist",
}
"""OpenVEX's word for each of CycloneDX's, which are finer."""


def analysed(analysis: Analysis | None) -> str:
    """Return why a vulnerability does no harm: the state, and the justification where there is one; else ""."""
    if analysis is None or _STATUS[analysis.state] not in {VexStatus.FIXED, VexStatus.NOT_AFFECTED}:
        return ""
    return f"{analysis.state}: {analysis.justification}".removesuffix(": ")


def statements_of(
    bom: Bom, given: Vulnerability, names: tuple[str, ...], refs: Sequence[str], context: Context
) -> Iterator[Statement]:
    """Yield one statement for each product those references lead to."""
    analysis = given.analysis or Analysis()
    status = _STATUS[analysis.state]
    for product, components in _products(refs, context).items():
        yield Statement(
            bom.serial_number or "CycloneDX",
            SOURCE,
            bom.metadata.tool().name,
            names,
            (product,),
            status,
            justification=_JUSTIFICATIONS.get(analysis.justification, analysis.justification),
            impact=analysis.detail if status is VexStatus.NOT_AFFECTED else "",
            action=given.recommendation or ", ".join(analysis.response or ()),
            at=_at(bom, given, analysis, context),
            components=tuple(components),
        )


def _products(refs: Sequence[str], context: Context) -> dict[str, dict[str, None]]:
    """Return the components of each product; none where a product is meant as a whole."""
    found: dict[str, dict[str, None]] = {}
    for ref in refs:
        link, _, fragment = ref.partition("#") if ref.startswith("urn:") else (ref, "", "")
        component = unquote(fragment) if fragment else ("" if ref.startswith("urn:") else ref)
        product = context.subject or link
        components = found.setdefault(product, {})
        if component and component != product:
            components[component] = None
    return found


def _at(bom: Bom, given: Vulnerability, analysis: Analysis, context: Context) -> datetime | None:
    times = (
        analysis.last_updated,
        analysis.first_issued,
        given.updated,
        bom.metadata.timestamp,
    )
    return past_time_of(next(filter(None, times), ""), context.now)
