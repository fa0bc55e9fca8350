"""Events to be told of, for the tests of feeds, badges and documents."""

from xml.etree import ElementTree as ET

from tests.factories import at

from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident

BY = {"by": "person:ada", "now": at("12:00")}
EVIL = "<script>alert(1)</script> ]]> & \"quoted\" 'too' <img src=x onerror=alert(2)>"
ATOM = "{http://www.w3.org/2005/Atom}"


async def tell(conn, *components: int, text: str = "We look.", **given) -> int:
    """Open an incident that is published unless `published_at` says otherwise."""
    draft = {
        "kind": Kind.INCIDENT,
        "title": "Orders are slow",
        "impact": Impact.MINOR,
        "status": Status.ANALYZING,
        "starts_at": at("10:00"),
        "published_at": at("10:05"),
        "components": components,
    }
    return await open_incident(conn, Draft(**(draft | given)), **BY, text=text)


async def plan(conn, *components: int, **given) -> int:
    """Announce a maintenance for the afternoon."""
    return await tell(
        conn,
        *components,
        **{
            "kind": Kind.MAINTENANCE,
            "title": "New disks",
            "impact": Impact.MAINTENANCE,
            "status": Status.PLANNED,
            "starts_at": at("15:00"),
            "ends_at": at("16:00"),
        }
        | given,
    )


async def private(conn, component_id: int) -> None:
    """Keep a component from the public."""
    await conn.execute(
        'UPDATE fleet.component SET attributes = attributes || \'{"public": "false"}\' WHERE id = %s',
        [component_id],
    )


def parsed(page) -> ET.Element:
    """The document of a feed, as any reader parses it."""
    return ET.fromstring(page.text)
