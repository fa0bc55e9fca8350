"""What validators say of objects becomes how they stand: each change of state is a row, the same again is none.

All of one source's words of a snapshot are merged in four statements. An object that is not named any more, where
its source says everything, is *gone*: nobody saw it pass. A source that says both of a check at once is believed when
it says that it fails, and the contradiction is kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.fleet.places import Places
from vedette.records.merge import LOCK, Snapshot
from vedette.records.model import Validation, Validations
from vedette.records.outcome import Outcome

Q = load(__file__, "validations.sql")


@dataclass(frozen=True, slots=True)
class Validated:
    """What one document says, and the cluster it speaks of."""

    said: Validations
    cluster: str


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An object: of a namespace, or with none ("") of the cluster itself."""

    cluster: str
    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Stand:
    """How an object stands to a check, by all that one snapshot says of it."""

    result: Validation
    contradicted: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """All that one source says at once.

    stands: by object and check. objects: of which it says everything. clusters: of whose objects it names them all.
    """

    stands: dict[tuple[Place, str], Stand]
    objects: frozenset[Place]
    clusters: frozenset[str]


def told(given: Iterable[Validated], *, complete: bool) -> Told:
    """Bring together what one source said; a later document about a whole object replaces an earlier one."""
    stands: dict[tuple[Place, str], Stand] = {}
    objects: set[Place] = set()
    clusters: set[str] = set()
    for one in given:
        whole = {Place(one.cluster, *names) for names in one.said.objects}
        for key in [key for key in stands if key[0] in whole] if whole & objects else ():
            del stands[key]
        objects |= whole
        if complete or one.said.complete:
            clusters.add(one.cluster)
        for result in one.said.results:
            place = Place(one.cluster, result.namespace, result.object_kind, result.object_name)
            stands[place, result.check] = _with(stands.get((place, result.check)), result)
    return Told(stands, frozenset(objects), frozenset(clusters))


def _with(held: Stand | None, result: Validation) -> Stand:
    """Return what both together say: failing wins, and saying both is noted."""
    if held is None or held.result.passed is result.passed:
        return Stand(result, held.contradicted if held else False)
    failing = held if not held.result.passed else Stand(result)
    return replace(failing, contradicted=True)


async def merge_validations(
    conn: Connection,
    given: Sequence[Validated],
    places: Places,
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    at: datetime,
) -> None:
    """Merge what validators said, true from `at` on; the transaction is the caller's.

    A complete snapshot is all there is of each cluster it names, source by source. Of an object that its source
    has looked at since, an older look changes nothing.
    """
    sources: dict[str, list[Validated]] = defaultdict(list)
    for one in given:
        sources[one.said.source].append(one)
    by_source = {source: told(said, complete=snapshot.complete) for source, said in sources.items()}
    await Q.run(conn, "hold", number=LOCK)
    for source, said in by_source.items():
        await _merge_source(conn, source, said, places, outcome, at=at)


async def _merge_source(
    conn: Connection, source: str, said: Told, places: Places, outcome: Outcome, *, at: datetime
) -> None:
    checks = {check: stand.result for (_, check), stand in said.stands.items()}
    objects = dict.fromkeys([*(place for place, _ in said.stands), *sorted(said.objects)])
    rows = await Q.all(
        conn,
        "keep_names",
        row=None,
        source=source,
        checks=list(checks),
        descriptions=[result.description for result in checks.values()],
        remediations=[result.remediation for result in checks.values()],
        **_as_columns(objects, places),
    )
    ids = {what: [row for row in rows if row[0] == what] for what in "sco"}
    check_ids = dict(zip(checks, (row[2] for row in ids["c"]), strict=True))
    object_ids = dict(zip(objects, (row[2] for row in ids["o"]), strict=True))
    for check, row in zip(checks, ids["c"], strict=True):
        if row[3]:
            outcome.say("validation", check)
    for place, row in zip(objects, ids["o"], strict=True):
        if row[3]:
            outcome.say("object", f"{place.kind}/{place.name}")
    stands = said.stands
    opened, closed, changed, older = await _one(
        conn,
        source=ids["s"][0][2],
        objects=[object_ids[place] for place, _ in stands],
        checks=[check_ids[check] for _, check in stands],
        passed=[stand.result.passed for stand in stands.values()],
        contradicted=[stand.contradicted for stand in stands.values()],
        words=[stand.result.word for stand in stands.values()],
        messages=[stand.result.message for stand in stands.values()],
        scope_objects=[object_ids[place] for place in said.objects],
        scope_clusters=[places.clusters[name] for name in said.clusters],
        at=at,
    )
    outcome.count(opened, closed, changed)
    outcome.older += older
    outcome.unchanged += len(stands) - opened - changed - older


async def _one(conn: Connection, **columns: object) -> tuple[int, int, int, int]:
    row = await Q.one(conn, "merge", row=None, **columns)
    assert row is not None
    return row[0], row[1], row[2], row[3]


def _as_columns(objects: Iterable[Place], places: Places) -> dict[str, list[object]]:
    return {
        "clusters": [places.clusters[place.cluster] for place in objects],
        "namespaces": [
            places.namespaces[place.cluster, place.namespace] if place.namespace else None
            for place in objects
        ],
        "kinds": [place.kind for place in objects],
        "names": [place.name for place in objects],
    }
