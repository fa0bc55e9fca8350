"""Keep the policies that the settings name, and read them."""

from collections.abc import Mapping
from typing import Any

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.incidents.policy_rules import POLICY_FIELDS, Place, Policies

Q = load(__file__, "policy.sql")


async def policies(conn: Connection) -> Policies:
    """Return every policy there is."""
    rows = await Q.all(conn, "policies")
    said = (dict(zip(POLICY_FIELDS, row[2:], strict=True)) for row in rows)
    return Policies(
        {
            (row[0], row[1]): {name: value for name, value in of_place.items() if value is not None}
            for row, of_place in zip(rows, said, strict=True)
        }
    )


async def keep_policies(
    conn: Connection, said: Mapping[Place, Mapping[str, Any]], *, by: str
) -> bool:
    """Make these the policies, and no others; return whether that changed anything.

    said: of each place the fields of `Policy` that are named there. Safe to repeat.
    """
    async with conn.transaction():
        await Q.run(conn, "hold_policies")
        if (await policies(conn)).said == said:
            return False
        await Q.run(conn, "forget_policies")
        for (service, region), of_place in said.items():
            every = dict.fromkeys(POLICY_FIELDS) | dict(of_place)
            await Q.run(conn, "keep_policy", service=service, region=region, **every)
        await write_audit(
            conn,
            actor=by,
            action="incident.policy",
            object="policies",
            detail={"places": len(said)},
        )
    return True
