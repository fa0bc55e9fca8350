"""What the forms that begin something say: an incident, a notice, a maintenance, a series."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import blake2b

import msgspec

from vedette.access.repeated import Kept, asked, once
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.plan import Plan, plan
from vedette.incidents.rules import impact_of, status_of
from vedette.incidents.series import Wish, begin_series
from vedette.incidents.series_rules import checked_schedule, zone_of
from vedette.incidents.whom import components_of
from vedette.web.desk_form import Misread, Typed, of_field
from vedette.web.reader import N_


async def begun_once(
    conn: Connection, typed: Typed, act: Callable[[], Awaitable[int]], *, by: str, now: datetime
) -> int:
    """Return the number of what `act` began; a form that is sent twice as it is begins one."""

    async def kept() -> Kept:
        return Kept(303, str(await act()).encode())

    content = msgspec.json.encode({name: list(typed.fields[name]) for name in sorted(typed.fields)})
    digest = blake2b(content, digest_size=32)
    # With the content in its name: whoever goes back and writes something else means something else.
    form = asked(by, f"desk:{digest.hexdigest()}", content)
    return int((await once(conn, form, kept, now=now)).body)


async def open_told(conn: Connection, typed: Typed, *, by: str, now: datetime) -> int:
    """Open the incident or notice that was typed; return its number. Raises Invalid or Conflict."""
    kind = Kind.INFO if typed.text("kind") == Kind.INFO else Kind.INCIDENT
    starts_at, ends_at = typed.time("starts_at") or now, typed.time("ends_at")
    publish_at = typed.time("publish_at")
    if publish_at is not None and typed.do == "publish":
        how = N_("keep it as a draft until that time")
        raise Misread(Invalid(N_("it cannot go out now and later"), hint=how), "publish_at")
    is_incident = kind is Kind.INCIDENT
    if is_incident:
        status = status_of(typed.text("status") or Status.ANALYZING, kind)
    else:
        status = Status.ACTIVE if starts_at <= now else Status.PLANNED
    draft = Draft(
        kind=kind,
        title=typed.title(),
        impact=impact_of(typed.text("impact") or "minor") if is_incident else Impact.MAINTENANCE,
        status=status,
        starts_at=starts_at,
        ends_at=ends_at,
        components=await components_of(
            conn, components=typed.every("component"), regions=typed.every("region")
        ),
        published_at=now if typed.do == "publish" else None,
        publish_at=publish_at,
    )
    text = typed.text("text")

    async def act() -> int:
        return await open_incident(conn, draft, by=by, now=now, text=text)

    return await begun_once(conn, typed, act, by=by, now=now)


async def plan_told(conn: Connection, typed: Typed, *, by: str, now: datetime) -> int:
    """Plan the maintenance that was typed; return its number. Raises Invalid or Conflict."""
    starts_at = typed.time("starts_at") or now
    ends_at, lasts = typed.time("ends_at"), typed.text("lasts").strip()
    if (ends_at is None) is (not lasts):
        how = N_("give either an end or how long it lasts, as in 2h")
        raise Misread(Invalid(N_("when does it end?"), hint=how), "lasts")
    wish = Plan(
        title=typed.title(),
        description=typed.text("text"),
        starts_at=starts_at,
        ends_at=ends_at or starts_at + typed.lasts(),
        components=await components_of(
            conn, components=typed.every("component"), regions=typed.every("region")
        ),
        draft=typed.do == "draft",
        publish_at=typed.time("publish_at"),
    )

    async def act() -> int:
        return await plan(conn, wish, by=by, now=now)

    return await begun_once(conn, typed, act, by=by, now=now)


async def series_told(conn: Connection, typed: Typed, *, by: str, now: datetime) -> int:
    """Begin the series that was typed; return its number. Raises Invalid or Conflict."""
    lasts = typed.lasts()
    with of_field("zone"):
        zone_of(typed.zone)
    with of_field("schedule"):
        schedule = checked_schedule(typed.text("schedule"), typed.zone, lasts, now=now)
    wish = Wish(
        title=typed.title(),
        schedule=schedule,
        zone=typed.zone,
        lasts=lasts,
        description=typed.text("text"),
        components=await components_of(
            conn, components=typed.every("component"), regions=typed.every("region")
        ),
        from_at=typed.time("starts_at"),
        until_at=typed.time("ends_at"),
    )

    async def act() -> int:
        return await begin_series(conn, wish, by=by, now=now)

    return await begun_once(conn, typed, act, by=by, now=now)
