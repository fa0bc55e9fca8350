"""The components of a Status Dashboard: which of ours each is, and those that are made for it."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.fleet.assign import Q as ASSIGN
from vedette.fleet.assign import hold_fleet
from vedette.fleet.catalog_rules import Key, called
from vedette.fleet.declare import keep_components, keep_names
from vedette.fleet.provision import rows_of
from vedette.incidents.takeover_read import Source
from vedette.incidents.takeover_rules import Remark, moment
from vedette.trust.names import checked_label, checked_tags

Q = load(__file__, "takeover.sql")

ORIGIN = "import"
NEVER = datetime.max.replace(tzinfo=UTC)


async def take_components(
    conn: Connection, source: Source, remarks: list[Remark]
) -> tuple[dict[int, int], int]:
    """Return our id of each of theirs, and how many were made; those that are there stay as they are."""
    theirs = _read(source, remarks)
    await hold_fleet(conn)
    ours: dict[Key, int] = {tuple(key): id_ for id_, *key in await Q.all(conn, "components")}
    new: dict[Key, Mapping[str, str]] = {}
    seen: dict[Key, int] = {}
    for id_, (key, attributes) in theirs.items():
        if key in seen:
            remarks.append(
                Remark(f"component {id_}", f"is {called(key)}, as component {seen[key]}; one here")
            )
        seen.setdefault(key, id_)
        if key not in ours:
            new.setdefault(key, attributes)
    rows = rows_of(new)
    # The category of a service belongs to whoever declares it; these have theirs as an attribute.
    rows.services.update(dict.fromkeys(rows.services))
    await keep_names(conn, rows)
    await keep_components(conn, rows, ORIGIN)
    if new:
        await ASSIGN.run(conn, "notify_targets")
        ours = {tuple(key): id_ for id_, *key in await Q.all(conn, "components")}
    return {id_: ours[key] for id_, (key, _) in theirs.items()}, len(new)


async def bear(conn: Connection, source: Source, ours: Mapping[int, int]) -> None:
    """Make our components as old as theirs, or as the first incident they are in, or as the whole page."""
    starts = {
        row.get("id"): at for row in source.incidents if (at := _known(row.get("start_date")))
    }
    if not starts:
        return
    first = min(starts.values())
    born: dict[int, datetime] = {}
    for row in source.components:
        id_ = ours.get(row["id"])
        if id_ is not None:
            born[id_] = min(born.get(id_, NEVER), _known(row.get("created_at")) or first)
    for row in source.relations:
        at, id_ = starts.get(row.get("incident_id")), ours.get(row.get("component_id", 0))
        if at is not None and id_ is not None:
            born[id_] = min(born[id_], at)
    await Q.run(conn, "bear", ids=list(born), at=list(born.values()))


def _known(value: object) -> datetime | None:
    try:
        return moment(value)
    except Invalid:
        return None


def _read(source: Source, remarks: list[Remark]) -> dict[int, tuple[Key, dict[str, str]]]:
    attributes: dict[int, dict[str, str]] = defaultdict(dict)
    known = {row["id"] for row in source.components}
    for row in sorted(source.attributes, key=lambda row: int(row["id"])):
        what, word = f"component {row.get('component_id')}", str(row["name"]).strip()
        if row.get("component_id") not in known:
            remarks.append(
                Remark(what, f"attribute {word!a} not taken: there is no such component")
            )
            continue
        held = attributes[row["component_id"]]
        if word in held:
            remarks.append(
                Remark(what, f"attribute {word!a} is there twice; the last one is taken")
            )
        try:
            held |= checked_tags({word: str(row["value"]).strip()}, field="attribute")
        except Invalid as error:
            remarks.append(Remark(what, f"not taken: {error.message}"))
    found = {}
    for row in source.components:
        try:
            name = checked_label(str(row["name"]).strip(), field="name")
        except Invalid as error:
            remarks.append(Remark(f"component {row['id']}", f"not taken: {error.message}"))
            continue
        own = attributes[row["id"]]
        found[row["id"]] = ((name, own.get("region"), own.get("type")), own)
    return found
