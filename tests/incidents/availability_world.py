"""Components with a published past, for the tests of availability."""

from datetime import UTC, datetime, timedelta

from tests.factories import make_component


def when(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


async def component(conn, name="Orders", born="2020-01-01") -> int:
    number = await make_component(conn, name)
    await conn.execute(
        "UPDATE fleet.component SET made_at = %s WHERE id = %s", (when(born), number)
    )
    return number


async def tell(conn, component_id, impact, since, until) -> None:
    """Publish it, as `incidents.settle` would."""
    row = await conn.execute(
        "INSERT INTO incidents.incident"
        " (kind, title, impact, status, origin, starts_at, published_at, made_at, made_by, changed_at)"
        " VALUES ('incident', 'x', 1, 'analyzing', 'person', now(), now(), now(), 'test', now()) RETURNING id"
    )
    (incident,) = await row.fetchone()
    await conn.execute(
        "INSERT INTO incidents.span VALUES (%s, %s, %s, %s, %s)",
        (component_id, incident, impact, since, until),
    )


async def blind(conn, component_id, since, until) -> None:
    await conn.execute(
        "INSERT INTO incidents.blind VALUES (%s, %s, %s)", (component_id, since, until)
    )
