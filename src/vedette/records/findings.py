"""What was found goes to the database by one COPY and is merged there, in two statements whatever its size.

A row a finding, with its package's texts and its advisory's where they are first named. Arrays would cost the
driver, and an id that comes back the database, more than all else.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from vedette.db.queries import Connection, load
from vedette.records.looks import Look
from vedette.records.model import Advisory, Finding, Package
from vedette.records.outcome import Outcome
from vedette.records.reads import planned_for_its_values
from vedette.records.rules import KEY_BYTES, identity_of, key_of, package_key, text_key

Q = load(__file__, "findings.sql")

_Name = tuple[str, str]
"""Of an advisory, and its feed: what makes it the same."""

_FINDING = ("int4", "bytea", "bytea", "int2", "int2", "text", "text", "text")
_PACKAGE = ("text",) * 5
_ADVISORY = ("bytea", *("text",) * 7, "float4", "text", "timestamptz")
_NO_PACKAGE, _NO_ADVISORY = (None,) * len(_PACKAGE), (None,) * len(_ADVISORY)


class Said(NamedTuple):
    """An advisory as a batch says it last, with its score."""

    advisory: Advisory
    score: float | None
    vector: str


async def merge_findings(
    conn: Connection, looks: Sequence[Look], outcome: Outcome, *, at: datetime, now: datetime
) -> None:
    """Let the scans hold what was found, from `at` on; write what came of it into looks and outcome.

    Two texts of one advisory in one batch are one: the later stays.
    """
    packages = {
        package: package_key(package)
        for package in dict.fromkeys(package for look in looks for package, _, _ in look.findings)
    }
    said = said_of(chain.from_iterable(look.findings.values() for look in looks))
    keys = {name: key_of(*name) for name in said}
    await _send(conn, _rows(looks, packages, said, keys, outcome.words))
    with planned_for_its_values(conn):
        new_packages, new_advisories = await _keep_texts(conn, said, keys, now=now)
        outcome.say_found(
            chain.from_iterable(look.findings.values() for look in looks),
            {package for package, key in packages.items() if key in new_packages},
            {name for name, key in keys.items() if key in new_advisories},
        )
        await _keep_findings(conn, looks, outcome, at=at)


def said_of(findings: Iterable[Finding]) -> dict[_Name, Said]:
    """Return the advisories that these name, each once."""
    said: dict[_Name, Said] = {}
    for finding in findings:
        advisory = finding.advisory
        name = (advisory.name, advisory.feed)
        held = said.get(name)
        if held is None or finding.score is not None:
            said[name] = Said(advisory, finding.score, finding.vector)
        elif held.advisory is not advisory:
            said[name] = held._replace(advisory=advisory)
    return said


def _rows(
    looks: Iterable[Look],
    packages: dict[Package, bytes],
    said: dict[_Name, Said],
    keys: dict[_Name, bytes],
    words: dict[str, int],
) -> Iterator[tuple[object, ...]]:
    """Yield a row a finding; each text goes once."""
    unsent_packages, unsent = set(packages), dict(said)
    for look in looks:
        for (package, *name), finding in look.findings.items():
            is_first = package in unsent_packages
            unsent_packages.discard(package)
            news = unsent.pop((name[0], name[1]), None)
            yield (
                look.scan_id,
                packages[package],
                keys[name[0], name[1]],
                int(finding.severity),
                words[finding.word],
                ", ".join(finding.fixed_in),
                finding.fix_state,
                finding.suppressed,
                *(_package_texts(package) if is_first else _NO_PACKAGE),
                *(_advisory_texts(news) if news else _NO_ADVISORY),
            )


def _package_texts(package: Package) -> tuple[str, ...]:
    return (package.name, package.version, package.type, package.purl, package.path)


def _advisory_texts(said: Said) -> tuple[object, ...]:
    one = said.advisory
    return (
        text_key(one),
        one.name,
        one.feed,
        identity_of(one),
        one.title,
        one.description,
        " ".join(one.links),
        " ".join(one.cwes),
        said.score,
        said.vector,
        one.published_at,
    )


async def _send(conn: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    async with conn.cursor() as cursor, cursor.copy(Q["give"].encode()) as copy:
        copy.set_types((*_FINDING, *_PACKAGE, *_ADVISORY))
        for row in rows:
            await copy.write_row(row)


async def _keep_texts(
    conn: Connection, said: dict[_Name, Said], keys: dict[_Name, bytes], *, now: datetime
) -> tuple[set[bytes], set[bytes]]:
    """Keep each package and advisory once; return the keys of the new ones."""
    aliases = [(other, keys[name]) for name, one in said.items() for other in one.advisory.names]
    found = await Q.one(
        conn,
        "keep_texts",
        row=None,
        aliases=[alias for alias, _ in aliases],
        alias_keys=[key for _, key in aliases],
        now=now,
    )
    packages, advisories = (_parted(key) for key in found or (None, None))
    return packages, advisories


def _parted(keys: bytes | None) -> set[bytes]:
    """Return keys that stand one after the other."""
    return {keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)} if keys else set()


async def _keep_findings(
    conn: Connection, looks: Sequence[Look], outcome: Outcome, *, at: datetime
) -> None:
    numbers = {look.scan_id: look for look in looks}
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
