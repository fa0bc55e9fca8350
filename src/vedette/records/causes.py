"""Which deployment caused an incident: proposed by us once, decided by a person."""

from datetime import datetime
from enum import StrEnum

from vedette.access.audit import write_audit
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Missing

Q = load(__file__, "causes.sql")
LOCK = lock_number("vedette.records.causes")


class CauseState(StrEnum):
    """What is held of a deployment that may have caused an incident."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


async def propose_cause(conn: Connection, incident: int, deployment: int, *, now: datetime) -> bool:
    """Propose a deployment as an incident's cause; False where it was proposed or decided before."""
    added = await Q.run(conn, "propose", incident=incident, deployment=deployment, now=now)
    return bool(added)


async def decide_cause(
    conn: Connection,
    incident: int,
    deployment: int,
    decision: CauseState,
    *,
    by: str,
    now: datetime,
) -> None:
    """Confirm or reject a deployment as an incident's cause, proposed or not; safe to repeat.

    Raises Missing for a deployment there is not, Conflict where another one is confirmed already.
    """
    async with conn.transaction():
        await Q.run(conn, "hold", number=LOCK)
        if not await Q.value(conn, "has_deployment", deployment=deployment):
            raise Missing(f"there is no deployment {deployment}")
        other = await Q.value(conn, "confirmed", incident=incident, but=deployment)
        if decision is CauseState.CONFIRMED and other is not None:
            raise Conflict(
                f"deployment {other} is confirmed as the cause of incident {incident}",
                hint="reject it first",
            )
        changed = await Q.run(
            conn,
            "decide",
            incident=incident,
            deployment=deployment,
            state=str(decision),
            by=by,
            now=now,
        )
        if changed:
            await write_audit(
                conn,
                actor=by,
                action=f"cause.{decision}",
                object=f"incident {incident}",
                detail={"deployment": deployment},
            )
