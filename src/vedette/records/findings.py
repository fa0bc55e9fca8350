"""What was found goes to the database by one COPY: of what was never looked at to its table, else to be merged there.

A row a finding, with the numbers of its package and its advisory, which `texts` has kept before.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import compress
from operator import not_

from vedette.db.copies import copy_rows, time_bytes
from vedette.db.queries import Connection, load
from vedette.records.looks import Look
from vedette.records.model import Finding
from vedette.records.outcome import Outcome
from vedette.records.reads import planned_for_its_values
from vedette.records.texts import Texts, each_once, keep_texts, said_of

Q = load(__file__, "findings.sql")

_FINDING = ("int4", "int4", "int4", "int2", "int2", "text", "text", "text")
_SEEN = ("bytea", "bytea")


async def merge_findings(
    conn: Connection, looks: Sequence[Look], outcome: Outcome, *, at: datetime, now: datetime
) -> None:
    """Let the scans hold what was found, from `at` on; write what came of it into looks and outcome.

    Two texts of one advisory in one batch are one: the later stays.
    """
    found = [finding for look in looks for finding in look.findings.values()]
    packages, package_at = each_once([one.package for one in found])
    names, advisory_at = each_once([(one.advisory.name, one.advisory.feed) for one in found])
    words = {"": 0} | {one.word: one.severity for one in found}
    said = said_of(advisory_at, found)
    texts = await keep_texts(conn, packages, names, said, words, now=now)
    new_words = set(compress(words, texts.words.new)) - {""}
    _say_new(found, package_at, advisory_at, new_words, texts, outcome)
    columns: tuple[Sequence[object], ...] = (
        [look.scan_id for look in looks for _ in look.findings],
        [texts.packages.numbers[place] for place in package_at],
        [texts.advisories.numbers[place] for place in advisory_at],
        *_words(found, dict(zip(words, texts.words.numbers, strict=True))),
    )
    is_first = [look.is_first for look in looks for _ in look.findings]
    if first := [look for look in looks if look.is_first]:
        seen = [time_bytes(at)] * len(found)
        rows = compress(zip(*columns, seen, seen, strict=True), is_first)
        await copy_rows(conn, Q["add_findings"], (*_FINDING, *_SEEN), rows)
        _count_added(first, outcome)
    if again := [look for look in looks if not look.is_first]:
        rows = compress(zip(*columns, strict=True), map(not_, is_first))
        await copy_rows(conn, Q["give"], _FINDING, rows)
        await _keep_findings(conn, again, outcome, at=at)


def _words(found: Sequence[Finding], word_ids: Mapping[str, int]) -> tuple[Sequence[object], ...]:
    """Return what each says, in columns."""
    return (
        [one.severity for one in found],
        [word_ids[one.word] for one in found],
        [one.fixed_in[0] if len(one.fixed_in) == 1 else ", ".join(one.fixed_in) for one in found],
        [one.fix_state for one in found],
        [one.suppressed for one in found],
    )


def _say_new(
    found: Sequence[Finding],
    package_at: Sequence[int],
    advisory_at: Sequence[int],
    words: set[str],
    texts: Texts,
    outcome: Outcome,
) -> None:
    """Tell what is new, in the order in which it was found."""
    totals = {
        "feature": sum(texts.packages.new),
        "severity": len(words),
        "vulnerability": sum(texts.advisories.new),
    }

    def new() -> Iterator[tuple[str, str]]:
        packages = advisories = 0
        for one, package, advisory in zip(found, package_at, advisory_at, strict=True):
            if package == packages:  # what it is about was not found before
                packages += 1
                if texts.packages.new[package]:
                    yield "feature", one.package.name
            if one.word in words:
                words.discard(one.word)
                yield "severity", one.word
            if advisory == advisories:
                advisories += 1
                if texts.advisories.new[advisory]:
                    yield "vulnerability", one.advisory.name

    outcome.say_all(new(), {what: number for what, number in totals.items() if number})


def _count_added(looks: Sequence[Look], outcome: Outcome) -> None:
    """Count what was found where nobody had looked: there was nothing that it could change or close."""
    for look in looks:
        look.tally = (len(look.findings), 0, 0)
        outcome.count(*look.tally)


async def _keep_findings(
    conn: Connection, looks: Sequence[Look], outcome: Outcome, *, at: datetime
) -> None:
    numbers = {look.scan_id: look for look in looks}
    with planned_for_its_values(conn):
        rows = await Q.all(
            conn,
            "merge_findings",
            looked=[look.scan_id for look in looks],
            complete=[look.complete for look in looks],
            predecessors=[look.predecessor for look in looks],
            at=at,
        )
    for scan_id, opened, closed, changed in rows:
        numbers[scan_id].tally = (opened, closed, changed)
        outcome.count(opened, closed, changed)
