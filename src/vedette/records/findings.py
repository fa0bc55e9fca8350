"""What was found goes to the database by one COPY: of what was never looked at to its table, else to be merged there.

A row a finding, with the numbers of its package and its advisory, which `texts` has kept before.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from vedette.db.copies import copy_rows, time_bytes
from vedette.db.queries import Connection, load
from vedette.records.looks import Look
from vedette.records.outcome import Outcome
from vedette.records.reads import planned_for_its_values
from vedette.records.texts import Texts, keep_texts, said_of

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
    texts = await keep_texts(
        conn,
        dict.fromkeys(finding.package for finding in found),
        said_of(found),
        {"": 0} | {finding.word: finding.severity for finding in found},
        now=now,
    )
    outcome.say_found(found, texts.packages.new, texts.words.new - {""}, texts.advisories.new)
    if first := [look for look in looks if look.is_first]:
        seen = time_bytes(at)
        rows = _rows(first, texts, rest=(seen, seen))
        await copy_rows(conn, Q["add_findings"], (*_FINDING, *_SEEN), rows)
        _count_added(first, outcome)
    if again := [look for look in looks if not look.is_first]:
        await copy_rows(conn, Q["give"], _FINDING, _rows(again, texts))
        await _keep_findings(conn, again, outcome, at=at)


def _rows(
    looks: Sequence[Look], texts: Texts, *, rest: tuple[object, ...] = ()
) -> Iterator[tuple[object, ...]]:
    """Yield a row a finding."""
    packages, advisories, words = texts.packages.ids, texts.advisories.ids, texts.words.ids
    for look in looks:
        for (package, name, feed), finding in look.findings.items():
            yield (
                look.scan_id,
                packages[package],
                advisories[name, feed],
                int(finding.severity),
                words[finding.word],
                ", ".join(finding.fixed_in),
                finding.fix_state,
                finding.suppressed,
                *rest,
            )


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
