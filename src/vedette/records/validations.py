"""What validators say of objects becomes how they stand: each change of state is a row, the same again is none.

All of one source's words of a snapshot are merged in three statements, and one more for each other time. An object that is not named any more, where
its source says everything, is *gone*: nobody saw it pass. A source that says both of a check at once is believed when
it says that it fails, and the contradiction is kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
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
class Numbers:
    """The ids of a source, of its checks and of its objects."""

    source: int
    checks: dict[str, int]
    objects: dict[Place, int]


@dataclass(frozen=True, slots=True)
class Told:
    """All that one source says at once, true from `at` on.

    stands: by object and check. objects: of which it says everything. clusters: of whose objects it names them all.
    """

    at: datetime
    stands: dict[tuple[Place, str], Stand]
    objects: frozenset[Place]
    clusters: frozenset[str]


def told(given: Iterable[Validated], *, at: datetime, whole: Set[str]) -> Told:
    """Bring together what one source said; a later document about a whole object replaces an earlier one.

    whole: clusters that it says everything about, beside those of which a document says so itself.
    """
    stands: dict[tuple[Place, str], Stand] = {}
    objects: set[Place] = set()
    clusters = set(whole)
    for one in given:
        entire = {Place(one.cluster, *names) for names in one.said.objects}
        for key in [key for key in stands if key[0] in entire] if entire & objects else ():
            del stands[key]
        objects |= entire
        if one.said.complete:
            clusters.add(one.cluster)
        for result in one.said.results:
            place = Place(one.cluster, result.namespace, result.object_kind, result.object_name)
            stands[place, result.check] = _with(stands.get((place, result.check)), result)
    return Told(at, stands, frozenset(objects), frozenset(clusters))


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
    own_times: bool,
) -> None:
    """Merge what validators said; the transaction is the caller's.

    It is true from when the snapshot was opened, or with own_times from when each document says it looked. A complete
    snapshot is all there is of each cluster it names, source by source, whatever the times of its documents. Of an
    object that its source has looked at since, an older look changes nothing; of one check of it, it may say the first.
    """
    opened_at = snapshot.opened_at
    sources: dict[str, list[Validated]] = defaultdict(list)
    for one in given:
        sources[one.said.source].append(one)
    await Q.run(conn, "hold", number=LOCK)
    for source, said in sources.items():
        times: dict[datetime, list[Validated]] = defaultdict(list)
        for one in said:
            at = one.said.at if own_times else None
            times[min(at or opened_at, opened_at)].append(one)
        looks = tolds(sorted(times.items()), complete=snapshot.complete)
        await _merge_source(conn, source, looks, places, outcome, complete=snapshot.complete)


def tolds(times: Sequence[tuple[datetime, list[Validated]]], *, complete: bool) -> list[Told]:
    """Return what one source said at each time, the earliest first.

    complete: all of it is all there is of each cluster. What none of it names has gone by the earliest time that the
    cluster is spoken of: what came up since may be of a part that was looked at before.
    """
    found: list[Told] = []
    spoken_of: set[str] = set()
    for at, given in times:
        clusters = {one.cluster for one in given}
        whole = clusters - spoken_of if complete else set[str]()
        found.append(told(given, at=at, whole=whole))
        spoken_of |= clusters
    return found


async def _merge_source(
    conn: Connection,
    source: str,
    looks: Sequence[Told],
    places: Places,
    outcome: Outcome,
    *,
    complete: bool,
) -> None:
    """Merge what one source said at several times; complete: what one of them names, no other ends."""
    ids = await _keep_names(conn, source, looks, places, outcome)
    named = {key for said in looks for key in said.stands} if complete and len(looks) > 1 else ()
    for said in looks:
        stands = said.stands
        opened, closed, changed, older = await _one(
            conn,
            source=ids.source,
            objects=[ids.objects[place] for place, _ in stands],
            checks=[ids.checks[check] for _, check in stands],
            passed=[stand.result.passed for stand in stands.values()],
            contradicted=[stand.contradicted for stand in stands.values()],
            words=[stand.result.word for stand in stands.values()],
            messages=[stand.result.message for stand in stands.values()],
            scope_objects=[ids.objects[place] for place in said.objects],
            scope_clusters=[places.clusters[name] for name in said.clusters],
            is_part=not (said.objects or said.clusters),
            named_objects=[ids.objects[place] for place, _ in named],
            named_checks=[ids.checks[check] for _, check in named],
            at=said.at,
        )
        outcome.count(opened, closed, changed)
        outcome.older += older
        outcome.unchanged += len(stands) - opened - changed - older


async def _keep_names(
    conn: Connection, source: str, looks: Sequence[Told], places: Places, outcome: Outcome
) -> Numbers:
    """Give the source, its checks and its objects numbers; say which of them are new."""
    checks = {check: stand.result for said in looks for (_, check), stand in said.stands.items()}
    objects = dict.fromkeys(
        place
        for said in looks
        for place in (*(place for place, _ in said.stands), *sorted(said.objects))
    )
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
    for check, row in zip(checks, ids["c"], strict=True):
        if row[3]:
            outcome.say("validation", check)
    for place, row in zip(objects, ids["o"], strict=True):
        if row[3]:
            outcome.say("object", f"{place.kind}/{place.name}")
    return Numbers(
        ids["s"][0][2],
        dict(zip(checks, (row[2] for row in ids["c"]), strict=True)),
        dict(zip(objects, (row[2] for row in ids["o"]), strict=True)),
    )


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
