"""`osv`: what osv-scanner found, and entries of the OSV schema on their own (1.x).

osv-scanner lists only sources with findings, each with its packages: one scan a source (a lockfile, a bill of
materials), or one scan of what the operator says was looked at, with the sources as places in it. It groups entries
that are one vulnerability under several names: a group is one finding. With nothing found at all it writes an
empty `results`, which says nothing of what it looked at, or zero bytes.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._osv import (
    Entry,
    PackageName,
    advisory_of,
    fixed_in,
    package_type,
    rating_of,
)
from vedette.records.kinds._shapes import Name, Word, severity_of_score
from vedette.records.kinds._subjects import subject_or_refusal
from vedette.records.model import (
    Bulletin,
    Finding,
    Package,
    Record,
    Scan,
    Subject,
    SubjectKind,
)

SOURCE = "osv-scanner"


class _Package(PackageName, gc=False):
    version: Word = ""
    commit: Word = ""


class _Group(Struct, gc=False):
    ids: Annotated[list[Name], Meta(min_length=1)]
    aliases: list[Name] | None = None
    max_severity: Word = ""
    analysis: Any = field(name="experimentalAnalysis", default=None)


class _Found(Struct, gc=False):
    package: _Package
    vulnerabilities: list[Entry] | None = None
    groups: list[_Group] | None = None


class _Source(Struct, frozen=True, gc=False):
    path: Name
    type: Word = ""


class _Result(Struct, gc=False):
    source: _Source
    packages: list[_Found]


class _Output(Struct, gc=False):
    results: list[_Result]


class Osv:
    """osv-scanner's JSON and OSV's own entries."""

    name = "osv"
    description = "OSV: osv-scanner's JSON, or entries of an OSV database"
    family = Family.VULNERABILITIES

    def recognises(self, document: Document) -> bool:
        """Say whether it is the scanner's output, an entry or a list of entries."""
        if isinstance(document.value, list):
            return bool(document.value) and all(map(_is_entry, document.value))
        return _is_entry(document.value) or _is_output(document)

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield a scan for each source, or a bulletin for each entry."""
        if isinstance(document.value, list):
            yield from map(_bulletin, document.shaped(list[Entry]))
        elif isinstance(document.field("results"), list):
            yield from _scans(document, context)
        elif _is_entry(document.value):
            yield _bulletin(document.shaped(Entry))
        else:
            raise document.refusal(
                "it is neither osv-scanner's output nor an OSV entry",
                hint="`osv-scanner scan --format json` writes the first",
            )


def _is_entry(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return False
    marks = ("affected", "schema_version", "aliases", "withdrawn", "details")
    return isinstance(value.get("modified"), str) and any(mark in value for mark in marks)


def _is_output(document: Document) -> bool:
    results = document.field("results")
    if not isinstance(results, list):
        return False
    if not results:
        return "experimental_config" in document.value
    return all(isinstance(one, dict) and {"source", "packages"} <= one.keys() for one in results)


def _bulletin(entry: Entry) -> Bulletin:
    severity, _, score, vector = rating_of(entry)
    return Bulletin(advisory_of(entry), severity, score, vector, withdrawn=bool(entry.withdrawn))


def _scans(document: Document, context: Context) -> Iterator[Scan]:
    results = document.shaped(_Output).results
    if not results or context.subject:
        subject = subject_or_refusal(document, context)
        found = (one for each in results for one in _findings(each, each.source.path))
        yield Scan(SOURCE, subject, tuple(found))
        return
    by_source: dict[_Source, list[Finding]] = {}
    for each in results:
        by_source.setdefault(each.source, []).extend(_findings(each, ""))
    for source, findings in by_source.items():
        yield Scan(SOURCE, Subject(SubjectKind.FILE, source.path), tuple(findings))


def _findings(result: _Result, path: str) -> Iterator[Finding]:
    for found in result.packages:
        package = Package(
            found.package.name,
            found.package.version or found.package.commit,
            package_type(found.package),
            found.package.purl,
            path,
        )
        entries = {entry.id: entry for entry in found.vulnerabilities or ()}
        grouped = {name for group in found.groups or () for name in group.ids}
        alone = (_Group([name]) for name in entries if name not in grouped)
        for group in (*(found.groups or ()), *alone):
            yield _finding(package, found.package, group, entries)


def _finding(
    package: Package, named: PackageName, group: _Group, entries: dict[str, Entry]
) -> Finding:
    """Return the finding of a group, by the first entry of it that the output holds."""
    held = [entries[name] for name in group.ids if name in entries] or [Entry(group.ids[0])]
    names = [name for entry in held[1:] for name in advisory_of(entry).names]
    ratings = [rating_of(entry, named) for entry in held]
    severity, word, score, vector = max(ratings, key=lambda each: (each.severity, each.score or 0))
    if score is None and not severity:
        score = _score(group.max_severity)
    return Finding(
        package,
        advisory_of(held[0], (*group.ids, *(group.aliases or ()), *names)),
        severity or severity_of_score(score),
        word,
        tuple(dict.fromkeys(version for entry in held for version in fixed_in(entry, named))),
        score=score,
        vector=vector,
        suppressed=_suppressed(group, held),
    )


def _score(text: str) -> float | None:
    try:
        score = float(text)
    except ValueError:
        return None
    return score if 0 < score <= 10 else None


def _suppressed(group: _Group, held: list[Entry]) -> str:
    """Return why the scanner does not count it: all entries are withdrawn, or it saw that the code is not called."""
    if all(entry.withdrawn for entry in held):
        return "withdrawn"
    analysis = group.analysis if isinstance(group.analysis, dict) else {}
    called = [one.get("called") for one in analysis.values() if isinstance(one, dict)]
    return "the code is not called" if called and all(one is False for one in called) else ""
