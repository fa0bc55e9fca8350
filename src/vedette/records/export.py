"""What we decided and what suppliers stated, gathered for others."""

from collections import defaultdict
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.records.model import Statement, VexStatus
from vedette.records.triage import Decision
from vedette.records.vex_written import decided, image_purl

Q = load(__file__, "export.sql")


async def statements(conn: Connection, *, now: datetime) -> list[Statement]:
    """Return every decision of ours that holds, then what suppliers state."""
    images: dict[int, list[str]] = defaultdict(list)
    for number, name, digest in await Q.all(conn, "images", now=now):
        images[number].append(image_purl(name, digest))
    found = []
    for row in await Q.all(conn, "triage", now=now):
        (
            number,
            identity,
            package,
            image,
            decision,
            justification,
            reason,
            until,
            at,
            by,
            aliases,
        ) = row
        found.append(
            decided(
                Decision(decision),
                (identity, *aliases),
                [image_purl(image)] if image else images[number],
                package=package,
                justification=justification,
                reason=reason,
                until=until,
                by=by,
                at=at,
            )
        )
    for document, source, author, names, products, status, *rest in await Q.all(conn, "statements"):
        justification, impact, action, at, components = rest
        found.append(
            Statement(
                document,
                source,
                author,
                tuple(names),
                tuple(products),
                VexStatus(status),
                justification=justification,
                impact=impact,
                action=action,
                at=at,
                components=tuple(components),
            )
        )
    return found
