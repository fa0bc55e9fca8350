"""The documents of the first Status Dashboard's API, made of bytes: two statements, whatever their length.

Keys stand in order, times are UTC to the minute and name no zone, as its readers expect.
"""

import msgspec

from vedette.db.queries import Connection, load
from vedette.incidents.components import Component, components

Q = load(__file__, "wire.sql")


async def components_document(
    conn: Connection,
    *,
    name: str | None = None,
    attribute: tuple[str, str] | None = None,
) -> bytes | None:
    """Return every component with all its incidents, as a JSON array.

    name: only those whose name begins so. With an attribute as well: the one of exactly that name that
    has it, as an object; None when there is none.
    """
    found = await components(conn)
    if name is not None and attribute is not None:
        key, value = attribute
        found = [c for c in found if c.service == name and c.wire_attributes.get(key) == value][:1]
        if not found:
            return None
    elif name is not None:
        found = [c for c in found if c.service.startswith(name)]
    theirs: dict[int, list[str]] = {}
    for _, document, members in await Q.all(conn, "documents", ids=None):
        for component_id in members:
            theirs.setdefault(component_id, []).append(document)
    documents = [_component(c, ",".join(theirs.get(c.id, ()))) for c in found]
    if attribute is not None and name is not None:
        return documents[0].encode()
    return f"[{','.join(documents)}]".encode()


async def incidents_document(conn: Connection) -> bytes:
    """Return every incident ever, as a JSON array."""
    rows = await Q.all(conn, "documents", ids=None)
    return f"[{','.join(document for _, document, _ in rows)}]".encode()


async def incident_document(conn: Connection, incident_id: int) -> bytes:
    """Return one public incident as a JSON object."""
    rows = await Q.all(conn, "documents", ids=[incident_id])
    return str(rows[0][1]).encode()


def attribute_list(component: Component) -> list[dict[str, str]]:
    """Return its attributes as the wire has them."""
    return [{"name": name, "value": value} for name, value in component.wire_attributes.items()]


def _component(component: Component, incidents: str) -> str:
    attributes = msgspec.json.encode(attribute_list(component)).decode()
    name = msgspec.json.encode(component.service).decode()
    return (
        f'{{"attributes":{attributes},"id":{component.id},"incidents":[{incidents}],"name":{name}}}'
    )
