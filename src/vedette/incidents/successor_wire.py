"""The documents of the Status Dashboard's successor, made of bytes: a fixed number of statements each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from vedette.db.queries import Connection, load
from vedette.incidents.availability_rules import month_bounds
from vedette.incidents.components import Component, components
from vedette.incidents.successor_bodies import Filter
from vedette.incidents.wire import attribute_list

Q = load(__file__, "successor.sql")

MONTHS = 12
DIGITS = 5
ANY = Filter()


async def components_v1(conn: Connection) -> bytes:
    """Return every component with all its incidents, as `/v1/component_status` has them."""
    theirs: dict[int, list[str]] = {}
    for document, members in await Q.all(conn, "incidents_v1", ids=None):
        for component_id in members:
            theirs.setdefault(component_id, []).append(document)
    return _array(
        _encoded(component_v2(one, last="name"))[:-1]
        + f',"incidents":[{",".join(theirs.get(one.id, ()))}]}}'
        for one in await components(conn)
    )


async def incidents_v1(conn: Connection) -> bytes:
    """Return every incident, the newest start first."""
    return _array(document for document, _ in await Q.all(conn, "incidents_v1", ids=None))


async def incident_v1(conn: Connection, number: int) -> bytes:
    """Return one incident; it must be published."""
    ((document, _),) = await Q.all(conn, "incidents_v1", ids=[number])
    return str(document).encode()


def component_v2(component: Component, *, last: str = "attributes") -> Mapping[str, Any]:
    """Return the component as an object; last: which of name and attributes stands at its end."""
    found = {"name": component.service, "attributes": attribute_list(component)}
    ending = found.pop(last)
    return {"id": component.id, **found, last: ending}


async def components_v2(conn: Connection) -> bytes:
    """Return every component without its incidents, a bare array."""
    return _array(_encoded(component_v2(one)) for one in await components(conn))


async def events_page(conn: Connection, wanted: Filter, *, now: datetime) -> bytes:
    """Return one page of events with what is needed to turn it; without that when there are none."""
    total, documents = await _events(conn, wanted, now=now, limit=wanted.limit)
    if not total:
        return b'{"data":[]}'
    pages = {
        "pageIndex": wanted.page,
        "recordsPerPage": wanted.limit,
        "totalRecords": total,
        "totalPages": -(-total // wanted.limit),
    }
    return f'{{"data":[{",".join(documents)}],"pagination":{_encoded(pages)}}}'.encode()


async def events_all(conn: Connection, wanted: Filter, *, now: datetime) -> bytes:
    """Return every event that is wanted, in one document."""
    _, documents = await _events(conn, wanted, now=now, limit=None)
    return f'{{"data":[{",".join(documents)}]}}'.encode()


async def event_document(
    conn: Connection, number: int, *, now: datetime, private: bool = True
) -> bytes | None:
    """Return one published event; None when there is none.

    private: also one that affects private components alone, for who may change it.
    """
    _, documents = await _events(conn, ANY, now=now, limit=1, ids=[number], private=private)
    return documents[0].encode() if documents else None


async def _events(
    conn: Connection,
    wanted: Filter,
    *,
    now: datetime,
    limit: int | None,
    ids: Sequence[int] | None = None,
    private: bool = False,
) -> tuple[int, list[str]]:
    """Return how many events there are in all, and the documents of the page."""
    asked = msgspec.structs.asdict(wanted) | {
        "limit": limit,
        "ids": ids,
        "now": now,
        "private": private,
    }
    page = asked.pop("page")
    rows = await Q.all(conn, "events", offset=(page - 1) * (limit or 0), **asked)
    if not rows and page > 1:
        # The total stands beside rows, and this page has none.
        total, _ = await _events(
            conn, msgspec.structs.replace(wanted, page=1), now=now, limit=limit
        )
        return total, []
    return (rows[0][0] if rows else 0), [document for _, document in rows]


async def availability_document(conn: Connection, *, now: datetime) -> bytes:
    """Return of every component the share of each of the last twelve months it was not out.

    Months are those of UTC, the newest first, whole even while they last; at each instant one outage
    counts, and one that is open until now.
    """
    first = now.astimezone(UTC).date().replace(day=1)
    month = first.year * 12 + first.month - MONTHS
    begin = first.replace(year=month // 12, month=month % 12 + 1)
    bounds = month_bounds(begin, MONTHS, "UTC")
    lost = {
        (component_id, nth): us
        for component_id, nth, us in await Q.all(conn, "outages", bounds=bounds, now=now)
    }

    def months(component_id: int) -> list[dict[str, Any]]:
        found = []
        for nth in range(MONTHS, 0, -1):
            opens, closes = bounds[nth - 1], bounds[nth]
            length = (closes - opens).total_seconds() * 1_000_000
            share = 100 - lost.get((component_id, nth), 0) / length * 100
            found.append(
                {"year": opens.year, "month": opens.month, "percentage": round(share, DIGITS)}
            )
        return found

    data = [
        {
            "id": one.id,
            "name": one.service,
            "availability": months(one.id),
            "region": one.region,
        }
        for one in await components(conn)
    ]
    return msgspec.json.encode({"data": data})


def _array(documents: Any) -> bytes:  # noqa: ANN401 - whatever yields texts
    return f"[{','.join(documents)}]".encode()


def _encoded(noun: object) -> str:
    return msgspec.json.encode(noun).decode()
