"""What we decided and what suppliers stated, as others read it: OpenVEX 0.2.0, CycloneDX 1.6.

An accepted risk is `affected` with what was accepted as the action; a false positive is `not_affected`. A statement names
its products: a decision that holds everywhere is of the images that have it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from vedette.records.model import Statement, VexStatus
from vedette.records.triage import Decision

OPENVEX, CYCLONEDX = "openvex", "cyclonedx"
AUTHOR = "Vedette"
_STATUS = {
    Decision.ACCEPTED: VexStatus.AFFECTED,
    Decision.FALSE_POSITIVE: VexStatus.NOT_AFFECTED,
    Decision.NOT_AFFECTED: VexStatus.NOT_AFFECTED,
    Decision.AFFECTED: VexStatus.AFFECTED,
    Decision.UNDER_INVESTIGATION: VexStatus.UNDER_INVESTIGATION,
}
_STATES = {
    VexStatus.NOT_AFFECTED: "not_affected",
    VexStatus.AFFECTED: "exploitable",
    VexStatus.FIXED: "resolved",
    VexStatus.UNDER_INVESTIGATION: "in_triage",
}
_JUSTIFICATIONS = {
    "component_not_present": "code_not_present",
    "vulnerable_code_not_present": "code_not_present",
    "vulnerable_code_not_in_execute_path": "code_not_reachable",
    "vulnerable_code_cannot_be_controlled_by_adversary": "requires_environment",
    "inline_mitigations_already_exist": "protected_by_mitigating_control",
}
"""CycloneDX's word for each of OpenVEX's."""


def image_purl(name: str, digest: str = "") -> str:
    """Return the package URL of an image.

    >>> image_purl("quay.io/shop/orders")
    'pkg:oci/orders?repository_url=quay.io/shop/orders'
    """
    version = f"@{quote(digest, safe='')}" if digest else ""
    short = quote(name.rpartition("/")[2], safe="")
    return f"pkg:oci/{short}{version}?repository_url={quote(name, safe='/:.')}"


def decided(
    decision: Decision,
    names: Sequence[str],
    products: Sequence[str],
    *,
    package: str,
    justification: str,
    reason: str,
    until: datetime | None,
    by: str,
    at: datetime,
) -> Statement:
    """Return a decision of ours as a statement."""
    status = _STATUS[decision]
    covers = status is VexStatus.NOT_AFFECTED
    ends = f" until {until.astimezone(UTC).date().isoformat()}" if until else ""
    return Statement(
        "vedette",
        "vedette",
        by,
        tuple(names),
        tuple(products),
        status,
        justification=justification if covers else "",
        impact=reason if covers else "",
        action="" if covers else f"{decision}{ends}: {reason}",
        at=at,
        components=(f"pkg:generic/{quote(package, safe='')}",) if package else (),
    )


def openvex(statements: Iterable[Statement], *, at: datetime) -> dict[str, object]:
    """Return them as an OpenVEX document; those that name no product are left out, since it has no such statement."""
    written = [_openvex(one) for one in statements if one.products]
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": f"https://openvex.dev/docs/vedette-{at.strftime('%Y%m%dT%H%M%SZ')}",
        "author": AUTHOR,
        "timestamp": at.isoformat(),
        "version": 1,
        "statements": written,
    }


def _openvex(one: Statement) -> dict[str, object]:
    inner = [{"@id": component} for component in one.components]
    products: list[dict[str, object]] = [{"@id": product} for product in one.products]
    if inner:
        products = [{**product, "subcomponents": inner} for product in products]
    written: dict[str, object] = {
        "vulnerability": {"name": one.names[0], "aliases": list(one.names[1:])},
        "products": products,
        "status": str(one.status),
        "supplier": one.author,
    }
    if one.at:
        written["timestamp"] = one.at.isoformat()
    if one.status is VexStatus.NOT_AFFECTED:
        if one.justification:
            written["justification"] = one.justification
        if one.impact or not one.justification:
            written["impact_statement"] = one.impact or "not affected"
    if one.status is VexStatus.AFFECTED:
        written["action_statement"] = one.action or "none is known"
    return written


def cyclonedx(statements: Iterable[Statement], *, at: datetime) -> dict[str, object]:
    """Return them as a CycloneDX VEX.

    It has no words for a component of a product that it does not list itself: such statements are left out, and how
    many they are stands in its metadata.
    """
    given = list(statements)
    told = [one for one in given if one.products and not one.components]
    serial = uuid5(NAMESPACE_URL, f"vedette:{at.isoformat()}:{len(given)}")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": at.isoformat(),
            "tools": {"components": [{"type": "application", "name": AUTHOR}]},
            "properties": [{"name": "vedette:left-out", "value": str(len(given) - len(told))}],
        },
        "vulnerabilities": [_cyclonedx(one) for one in told],
    }


def _ref(product: str) -> str:
    """Return the reference to a product that the document does not list: a name that is no URL becomes one."""
    return (
        product
        if product.startswith(("pkg:", "urn:cdx:"))
        else f"pkg:generic/{quote(product, safe='')}"
    )


def _cyclonedx(one: Statement) -> dict[str, object]:
    analysis: dict[str, object] = {"state": _STATES[one.status]}
    if one.status is VexStatus.NOT_AFFECTED and one.justification in _JUSTIFICATIONS:
        analysis["justification"] = _JUSTIFICATIONS[one.justification]
    if detail := one.impact or one.action:
        analysis["detail"] = detail
    if one.at:
        analysis["lastUpdated"] = one.at.isoformat()
    written: dict[str, object] = {
        "id": one.names[0],
        "analysis": analysis,
        "affects": [{"ref": _ref(product)} for product in one.products],
    }
    if one.names[1:]:
        written["references"] = [{"id": name, "source": {"name": name}} for name in one.names[1:]]
    if one.action:
        written["recommendation"] = one.action
    return written
