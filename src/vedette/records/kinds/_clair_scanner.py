"""What clair-scanner wrote of images with Clair before version 4.

It lists those it does not approve of and describes those it found; where it names more than it describes, the list was
cut and closes nothing.
"""

from msgspec import Struct, field

from vedette.records.documents import Document
from vedette.records.kinds import Context
from vedette.records.kinds._packages import one_line
from vedette.records.kinds._shapes import Name, Text, Word, identifiers, links_of, severity_of
from vedette.records.kinds._subjects import given_subject, image
from vedette.records.model import Advisory, Finding, Package, Scan

SOURCE = "clair"


class _Described(Struct):
    """A vulnerability as clair-scanner describes it."""

    name: Name = field(name="vulnerability")
    package: Name = field(name="featurename")
    version: Word = field(name="featureversion", default="")
    namespace: Word = ""
    description: Text = ""
    link: Text = ""
    severity: Word = ""
    fixed_by: Word = field(name="fixedby", default="")


class _ScannerReport(Struct):
    image: Name
    unapproved: list[Word] | None
    vulnerabilities: list[_Described] | None


def is_of_scanner(document: Document) -> bool:
    """Say whether it is such a report, by its keys."""
    return isinstance(document.field("image"), str) and "unapproved" in document.value


def read_scanner(document: Document, context: Context) -> Scan:
    """Return the scan; raise Invalid for one that names vulnerabilities and describes none."""
    report = document.shaped(_ScannerReport)
    described = report.vulnerabilities or []
    missing = set(report.unapproved or ()) - {each.name for each in described}
    if missing and not described:
        raise document.refusal(
            f"$.vulnerabilities lacks {min(missing)[:100]!r} and all others: it was cut"
        )
    return Scan(
        SOURCE,
        given_subject(context) or image(report.image),
        tuple(map(_described, described)),
        complete=not missing,
    )


def _described(each: _Described) -> Finding:
    own = identifiers(each.name)
    name = own[0] if own else each.name
    others = (*own[1:], *identifiers(each.link))
    return Finding(
        Package(each.package, each.version),
        Advisory(
            name,
            feed=each.namespace,
            title="" if each.name == name else one_line(each.name),
            description=each.description,
            links=links_of(each.link),
            names=tuple(other for other in dict.fromkeys(others) if other != name),
        ),
        severity_of(each.severity),
        each.severity,
        (each.fixed_by,) if each.fixed_by else (),
    )
