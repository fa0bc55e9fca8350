"""What we decide of vulnerabilities: accepted until a day, no finding at all, not affected, affected all the same.

A decision holds everywhere, or of a service, a namespace or an image, and there of every package or one. Of several the
one that says most exactly where holds, then the newest (`records.triage_of`). Accepting a risk has an end; when it has
come, the vulnerability stands where it stood.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, Missing
from vedette.fleet.named import check_named
from vedette.records.exposures import mark
from vedette.records.rules import spelled

Q = load(__file__, "triage.sql")
NAME_LIMIT, REASON_LIMIT = 200, 10_000


class Decision(StrEnum):
    """What is decided; the first three say that it need not be mended."""

    ACCEPTED = "accepted"
    FALSE_POSITIVE = "false_positive"
    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    UNDER_INVESTIGATION = "under_investigation"


JUSTIFICATIONS = (
    "",
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)
"""Why something is not affected, as OpenVEX says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A decision to make. name: any that the vulnerability goes by. until: when it ends; None is never.

    service, namespace (of a cluster), image: where; "" is everywhere. package: of which; "" is any.
    """

    name: str
    decision: Decision
    reason: str
    until: datetime | None = None
    package: str = ""
    service: str = ""
    cluster: str = ""
    namespace: str = ""
    image: str = ""
    justification: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """A decision that was made; ended_at: when somebody took it back."""

    id: int
    identity: str
    package: str
    service: str
    cluster: str
    namespace: str
    image: str
    decision: str
    justification: str
    reason: str
    until: datetime | None
    made_at: datetime
    made_by: str
    ended_at: datetime | None
    ended_by: str | None


def checked(wish: Wish, *, now: datetime) -> Wish:
    """Return the wish; raises Invalid naming what is wrong with it."""
    if not wish.name.strip() or len(wish.name) > NAME_LIMIT or not wish.name.isprintable():
        raise Invalid(f"name: {wish.name[:40]!a} is no name of a vulnerability")
    if not wish.reason.strip() or len(wish.reason) > REASON_LIMIT or "\0" in wish.reason:
        raise Invalid("reason: say why, in 1 to 10,000 characters")
    if wish.decision is Decision.ACCEPTED and wish.until is None:
        raise Invalid(
            "until: accepting a risk has an end", hint="a day, as in 2027-01-31T00:00:00Z"
        )
    if wish.until is not None and wish.until <= now:
        raise Invalid(f"until: {wish.until.isoformat()} has passed")
    if wish.justification not in JUSTIFICATIONS:
        raise Invalid(
            f"justification: there is none called {wish.justification[:60]!a}",
            hint=f"one of {', '.join(JUSTIFICATIONS[1:])}",
        )
    if sum(map(bool, (wish.service, wish.namespace, wish.image))) > 1:
        raise Invalid("a decision is of a service, of a namespace or of an image: name one of them")
    if wish.cluster and not wish.namespace:
        raise Invalid("cluster: name the namespace, too")
    for where in (wish.package, wish.service, wish.cluster, wish.namespace, wish.image):
        if len(where) > 1_000 or not where.isprintable():
            raise Invalid(f"{where[:40]!a} is no name of anything")
    return wish


async def identity_called(conn: Connection, name: str) -> str:
    """Return what a name counts as, itself where nobody knows it; raises Conflict for one that is several."""
    found = [row[0] for row in await Q.all(conn, "identities", name=name)]
    if not found or name in found:
        return name
    if len(found) > 1:
        listed = ", ".join(sorted(found)[:5])
        raise Conflict(f"{name} is about several: {listed}", hint="decide of each of them")
    return str(found[0])


async def decide(conn: Connection, wish: Wish, *, by: str, now: datetime) -> Triage:
    """Make a decision, with a line in the audit log; raises Invalid, Missing or Conflict."""
    checked(wish, now=now)
    async with conn.transaction():
        identity = await identity_called(conn, spelled(wish.name))
        number = await Q.value(
            conn,
            "add",
            identity=identity,
            package=wish.package,
            service=await _service(conn, wish.service),
            namespace=await _namespace(conn, wish.namespace, wish.cluster),
            image=wish.image,
            decision=str(wish.decision),
            justification=wish.justification,
            reason=wish.reason,
            until=wish.until,
            by=by,
            now=now,
        )
        await mark(conn, [identity])
        (made,) = await decisions(conn, number=number, now=now)
        await write_audit(
            conn,
            actor=by,
            action="triage.decide",
            object=f"vulnerability:{identity}",
            detail={
                "number": number,
                "decision": made.decision,
                "until": made.until.isoformat() if made.until else None,
                "where": made.service or made.namespace or made.image,
                "package": made.package,
                "reason": made.reason,
            },
        )
    return made


async def _service(conn: Connection, name: str) -> int | None:
    if not name:
        return None
    found = await Q.value(conn, "service", name=name)
    if found is None:
        await check_named(conn, service=name)
    return int(found)


async def _namespace(conn: Connection, name: str, cluster: str) -> int | None:
    if not name:
        return None
    found = await Q.all(conn, "namespaces", name=name, cluster=cluster)
    if not found:
        await check_named(conn, cluster=cluster, namespace=name)
    if len(found) > 1:
        raise Conflict(f"several clusters have a namespace {name}", hint="name the cluster, too")
    return int(found[0][0])


async def take_back(conn: Connection, number: int, *, by: str, now: datetime) -> None:
    """End a decision, with a line in the audit log; raises Missing for none that holds."""
    async with conn.transaction():
        identity = await Q.value(conn, "end", number=number, by=by, now=now)
        if identity is None:
            raise Missing(f"there is no decision {number} that holds")
        await mark(conn, [identity])
        await write_audit(
            conn,
            actor=by,
            action="triage.end",
            object=f"vulnerability:{identity}",
            detail={"number": number},
        )


async def decisions(
    conn: Connection,
    *,
    now: datetime,
    name: str | None = None,
    number: int | None = None,
    state: str = "all",
    limit: int = 1,
    before: int | None = None,
) -> Sequence[Triage]:
    """Return decisions, the newest first; name: any that their vulnerability goes by."""
    identities = None
    if name is not None:
        name = spelled(name)
        identities = [name, *(row[0] for row in await Q.all(conn, "identities", name=name))]
    return await Q.all(
        conn,
        "page",
        row=Triage,
        identities=identities,
        number=number,
        state=state,
        before=before,
        limit=limit,
        now=now,
    )
