"""`kev`: catalogues of vulnerabilities that are known to be exploited, CISA's and the one of the EU's CSIRTs.

CISA's is an object that counts its entries: a count that differs is a file cut off. ENISA publishes the EU's as a
bare list (github.com/enisaeu/CNW, eukev.json, schema v1) with neither count nor version: its version here is the
newest day it names. It writes days with slashes and says `exploitationType` where CISA says ransomware or not.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct, field

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._shapes import Text, Word, time_of
from vedette.records.model import Exploited, ExploitedList, Record

CISA, ENISA = "cisa", "enisa"
_DAY = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)", re.ASCII)
Cve = Annotated[str, Meta(pattern=r"^CVE-[0-9]{4}-[0-9]{4,19}$", max_length=30)]


class _Entry(Struct, rename="camel", gc=False):
    cve_id: Cve = field(name="cveID")
    vendor_project: Word = ""
    product: Word = ""
    vulnerability_name: Word = ""
    date_added: Word = ""
    date_reported: Word = ""
    short_description: Text = ""
    required_action: Text = ""
    due_date: Word = ""
    known_ransomware_campaign_use: Word = ""
    exploitation_type: list[Word] | Word = ""
    notes: Text = ""


class _Catalog(Struct, rename="camel", gc=False):
    catalog_version: Annotated[str, Meta(min_length=1, max_length=100)]
    count: int
    vulnerabilities: list[_Entry]
    date_released: Word = ""


class Kev:
    """Catalogues of known exploited vulnerabilities."""

    name = "kev"
    description = "Known exploited vulnerabilities: CISA's catalogue, or the EU's (ENISA)"
    family = Family.KNOWLEDGE

    def recognises(self, document: Document) -> bool:
        """Say whether it is CISA's object or ENISA's list."""
        if isinstance(document.value, list):
            return bool(document.value) and all(map(_is_european, document.value))
        return isinstance(document.field("vulnerabilities"), list) and isinstance(
            document.field("catalogVersion"), str
        )

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the one catalogue."""
        if isinstance(document.value, list):
            yield _european(document)
        elif document.field("catalogVersion") is not None:
            yield _american(document)
        else:
            raise document.refusal(
                "it is no catalogue of exploited vulnerabilities",
                hint="CISA's known_exploited_vulnerabilities.json and ENISA's eukev.json are",
            )


def _is_european(entry: object) -> bool:
    return isinstance(entry, dict) and "cveID" in entry and "euvdID" in entry


def _american(document: Document) -> ExploitedList:
    catalog = document.shaped(_Catalog)
    if catalog.count != len(catalog.vulnerabilities):
        raise document.refusal(
            f"it counts {catalog.count} vulnerabilities and lists {len(catalog.vulnerabilities)}",
            hint="was it cut off?",
        )
    entries = _entries(document, catalog.vulnerabilities)
    released_at = time_of(catalog.date_released)
    return ExploitedList(CISA, catalog.catalog_version, released_at, entries)


def _european(document: Document) -> ExploitedList:
    if not all(map(_is_european, document.value)):
        raise document.refusal("it is a list of something else than ENISA's `cveID` and `euvdID`")
    entries = _entries(document, document.shaped(list[_Entry]))
    return ExploitedList(ENISA, max(entry.added_on for entry in entries), None, entries)


def _entries(document: Document, given: Iterable[_Entry]) -> tuple[Exploited, ...]:
    """Return each CVE once, as it was listed first: a catalogue may add one again when it is exploited again."""
    found: dict[str, Exploited] = {}
    for entry in given:
        exploited = _exploited(document, entry)
        known = found.get(exploited.cve)
        if known is None or exploited.added_on < known.added_on:
            found[exploited.cve] = exploited
    if not found:
        raise document.refusal("it lists no vulnerabilities", hint="was it cut off?")
    return tuple(found.values())


def _exploited(document: Document, entry: _Entry) -> Exploited:
    types = entry.exploitation_type
    types = [types] if isinstance(types, str) else types
    return Exploited(
        entry.cve_id,
        added_on=_day(document, entry, entry.date_added or entry.date_reported),
        due_on=_day(document, entry, entry.due_date) if entry.due_date else "",
        ransomware=entry.known_ransomware_campaign_use.lower() == "known"
        or "ransomware" in (word.lower() for word in types),
        vendor=entry.vendor_project,
        product=entry.product,
        title=entry.vulnerability_name or entry.short_description[:200],
        action=entry.required_action,
        notes=entry.notes,
    )


def _day(document: Document, entry: _Entry, text: str) -> str:
    match = _DAY.fullmatch(text)
    try:
        if match:
            return date(*(int(part) for part in match.groups())).isoformat()
    except ValueError:
        pass
    raise document.refusal(f"{entry.cve_id}: {text[:40]!r} is no day")
