"""What becomes of a Status Dashboard's rows here; whatever cannot stay as it was is told, never dropped in silence."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vedette.errors import Invalid
from vedette.incidents.model import Impact, Kind, Said, Status
from vedette.incidents.rules import impact_of, status_of
from vedette.incidents.takeover_course import Steps, course_of

TITLE, TEXT, WORD = 300, 20_000, 50
"""Characters that the tables hold."""

UNPUBLISHED = frozenset({"pending_review", "reviewed", "pending review"})
"""The successor's words for a maintenance that the public does not see yet."""

BY = "import"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUpdate:
    """An update as it will stand here."""

    at: datetime
    status: str
    text: str
    made_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An incident as it will stand here.

    id: there. components: as they are here. steps: since when it was how grave. digest: of what it says there, so that a second import
    sees whether it has changed.
    """

    id: int
    kind: Kind
    title: str
    description: str
    impact: Impact
    status: Status
    system: bool
    starts_at: datetime
    ends_at: datetime | None
    published_at: datetime | None
    made_at: datetime
    made_by: str
    changed_at: datetime
    components: tuple[int, ...]
    updates: tuple[TakenUpdate, ...]
    steps: Steps
    digest: bytes


@dataclass(frozen=True, slots=True)
class Remark:
    """What did not stay as it was. what: as in `incident 12`."""

    what: str
    remark: str


def taken(
    row: Row,
    updates: Sequence[Row],
    components: Sequence[int],
    remarks: list[Remark],
    *,
    now: datetime,
) -> Taken | None:
    """Return what becomes of an incident; None, and a remark, when nothing can.

    `remarks` gets whatever is changed on the way.
    """
    what = f"incident {row.get('id')}"

    def tell(remark: str) -> None:
        remarks.append(Remark(what, remark))

    try:
        starts_at = _start(row)
        ends_at = moment(row.get("end_date"))
        made_at, changed_at = moment(row.get("created_at")), moment(row.get("modified_at"))
        impact = impact_of(row["impact"])
    except (Invalid, KeyError) as error:
        tell(f"not taken: {error}")
        return None
    kind = _kind_of(row, impact)
    if kind is not Kind.INCIDENT and impact:
        tell(f"impact {impact.word} is nothing for this kind: {kind}; it is 0 here")
        impact = Impact.MAINTENANCE
    said = tuple(
        update
        for each in sorted(updates, key=_order)
        if (update := _update(each, starts_at, tell)) is not None
    )
    if ends_at is not None and ends_at < starts_at:
        tell(
            f"it ended before it started, at {ends_at:%Y-%m-%d %H:%M:%S}; it ends at its start here"
        )
        ends_at = starts_at
    if kind is Kind.MAINTENANCE and ends_at is None:
        ends_at = max([starts_at, *(each.at for each in said)])
        tell("a maintenance without an end; it ends with what was said last")
    word = _last_word(row, said)
    published = min(starts_at, now)
    return Taken(
        id=int(row["id"]),
        kind=kind,
        title=_cut(row.get("text"), TITLE, "title", tell) or "Incident",
        description=_description(row, said, tell),
        impact=impact,
        status=_status(kind, word, starts_at, ends_at, now=now),
        system=bool(row.get("system")) and kind is Kind.INCIDENT,
        starts_at=starts_at,
        ends_at=ends_at,
        published_at=None if word in UNPUBLISHED else published,
        made_at=made_at or published,
        made_by=_cut(row.get("created_by"), 200, "created_by", tell) or BY,
        changed_at=changed_at or max([published, *(each.at for each in said)]),
        components=tuple(dict.fromkeys(components)),
        updates=said,
        steps=course_of(impact, said) if kind is Kind.INCIDENT else ((None, impact),),
        digest=_digest(row, *sorted(updates, key=_order), {"components": sorted(components)}),
    )


def moment(value: object) -> datetime | None:
    """Return a time of theirs, which is naive UTC, as text in SQLite; raises Invalid."""
    if value is None or value == "":
        return None
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise Invalid(f"{str(value)[:40]!a} is no time") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _start(row: Row) -> datetime:
    if row.get("deleted_at") is not None:
        raise Invalid("deleted there")
    starts_at = moment(row.get("start_date"))
    if starts_at is None:
        raise Invalid("it has no start")
    return starts_at


def _digest(*rows: Row) -> bytes:
    words = [[(key, str(value)) for key, value in sorted(row.items())] for row in rows]
    return hashlib.sha256(repr(words).encode()).digest()


def _kind_of(row: Row, impact: Impact) -> Kind:
    said = str(row.get("type") or "")
    if said in (Kind.MAINTENANCE, Kind.INFO) or impact == 0:
        return Kind.INFO if said == Kind.INFO else Kind.MAINTENANCE
    return Kind.INCIDENT


def _order(row: Row) -> tuple[str, int]:
    return str(row.get("timestamp") or ""), int(row.get("id") or 0)


def _update(row: Row, starts_at: datetime, tell: Any) -> TakenUpdate | None:  # noqa: ANN401
    number = row.get("id")
    if row.get("deleted_at") is not None:
        tell(f"update {number} not taken: deleted there")
        return None
    try:
        at = moment(row.get("timestamp")) or starts_at
    except Invalid as error:
        tell(f"update {number}: {error}; it has the time of the start here")
        at = starts_at
    status = _cut(row.get("status"), WORD, f"status of update {number}", tell) or Said.NOTE
    if not _is_known(status):
        tell(f"update {number}: the word {status!a} is none of ours; it is kept as it is")
    return TakenUpdate(
        at=at,
        status=_spelt(status),
        text=_cut(row.get("text"), TEXT, f"text of update {number}", tell),
        made_by=_cut(row.get("created_by"), 200, "created_by", tell) or BY,
    )


def _is_known(word: str) -> bool:
    return word in set(Said) or word in UNPUBLISHED or any(_as_status(word, kind) for kind in Kind)


def _spelt(word: str) -> str:
    """Return the word as we write it: `analysing` and `in_progress` have one spelling here."""
    if word in set(Said):
        return word
    return next((found for kind in Kind if (found := _as_status(word, kind))), word)


def _as_status(word: str, kind: Kind) -> Status | None:
    try:
        return status_of(word, kind)
    except Invalid:
        return None


def _last_word(row: Row, said: Sequence[TakenUpdate]) -> str:
    own = str(row.get("status") or "")
    if own:
        return own
    words = [each.status for each in said if each.status not in set(Said)]
    return words[-1] if words else ""


def _status(
    kind: Kind, word: str, starts_at: datetime, ends_at: datetime | None, *, now: datetime
) -> Status:
    """Return where it stands: as was said last, unless its times say otherwise."""
    said = _as_status(word, kind)
    if kind is Kind.INCIDENT:
        if ends_at is not None:
            return Status.RESOLVED
        return said if said not in (None, Status.RESOLVED) else Status.ANALYZING
    if said in (Status.CANCELLED, Status.COMPLETED):
        return said
    if ends_at is not None and ends_at <= now:
        return Status.COMPLETED
    if starts_at > now or word in UNPUBLISHED:
        return Status.PLANNED
    return Status.IN_PROGRESS if kind is Kind.MAINTENANCE else Status.ACTIVE


def _description(row: Row, said: Sequence[TakenUpdate], tell: Any) -> str:  # noqa: ANN401
    """Return the successor's column, or what the first Status Dashboard kept as an update."""
    own = _cut(row.get("description"), TEXT, "description", tell)
    return own or next((each.text for each in said if each.status == Said.DESCRIPTION), "")


def _cut(value: object, limit: int, what: str, tell: Any) -> str:  # noqa: ANN401
    text = str(value or "").replace("\0", "\ufffd").strip()
    if len(text) > limit:
        tell(f"{what} is {len(text)} characters long; the first {limit} are taken")
    return text[:limit]
