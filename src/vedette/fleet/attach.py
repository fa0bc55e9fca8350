"""Let an agent's stream in, or say why not; close it; keep what the agent says of itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Denied
from vedette.fleet.model import AgentFacts, Attached, HelloFacts
from vedette.fleet.rules import Lineage, succeed
from vedette.trust.names import plain_json, plain_text

Q = load(__file__, "stream.sql")

DUPLICATES_KEPT = 20
FACT_LIMIT = 200
"""Characters of each text an agent says of itself."""
HIGHEST_PID = 2**31 - 1


class UnknownAgent(Denied):
    """The certificate is ours but its key belongs to no agent that is enrolled."""

    reason: ClassVar[str] = "unknown_agent"


class RevokedAgent(Denied):
    """Someone revoked this agent; it stays so, the host must be enrolled anew."""

    reason: ClassVar[str] = "revoked"


class NotBound(Denied):
    """It came another way than the one it was bound to when it was enrolled, or is no agent."""

    reason: ClassVar[str] = "not_bound"


class DuplicateIdentity(Conflict):
    """Another machine holds this agent's key: a copied disk or a cloned virtual machine."""

    reason: ClassVar[str] = "duplicate_identity"


async def attach(
    conn: Connection,
    key_fingerprint: bytes,
    hello: HelloFacts,
    *,
    server: str,
    address: str,
    now: datetime,
    kind: str | None = "agent",
    via: int | None = None,
    public_key: bytes | None = None,
) -> Attached:
    """Give the stream to this run of the agent; an older stream of it loses its epoch.

    kind: what it must be; None takes an agent and a collector. via: the collector whose stream
    brings it; None means that it came itself. public_key: DER, of which key_fingerprint is the SHA-256.

    Call it outside of a transaction: what is found out of a duplicate must be kept although this
    raises. Raises UnknownAgent, RevokedAgent, NotBound or DuplicateIdentity, all final: trying again
    does not help until someone acts.
    """
    async with conn.transaction():
        agent_id, name, revision, is_a = await _agent_of(conn, key_fingerprint)
        if kind is not None and is_a != kind:
            raise NotBound(f"{name!r} is enrolled as {is_a}, this door is for another kind")
        await _check_way(conn, agent_id, name, via)
        await Q.run(conn, "open_row", agent_id=agent_id)
        row = await Q.one(conn, "lock_lineage", agent_id=agent_id)
        assert row is not None
        lineage = succeed(Lineage(*row), hello.run_id, hello.welcomed_run_id)
        if lineage is None:
            await _keep_duplicate(conn, agent_id, name, hello, address=address, now=now)
        else:
            taken = await Q.one(
                conn,
                "take_stream",
                agent_id=agent_id,
                run_id=lineage.run_id,
                previous_run_id=lineage.previous_run_id,
                run_confirmed=lineage.confirmed,
                server=server,
                address=address,
                now=now,
                clock_offset_s=(hello.clock - now).total_seconds(),
            )
            assert taken is not None
            await keep_facts(conn, agent_id, hello.facts, public_key=public_key)
            return Attached(
                agent_id=agent_id,
                name=name,
                epoch=taken[0],
                durable_seq=taken[1],
                config_revision=revision,
                kind=is_a,
            )
    raise DuplicateIdentity(
        f"another machine already runs as agent {name!r} with the same key",
        hint="on the copy, delete the agent's directory and enrol it with a new join token",
    )


async def detach(conn: Connection, agent_id: int, epoch: int, *, now: datetime) -> None:
    """Say that the stream of that epoch has ended; nothing happens when a newer one took over."""
    await Q.run(conn, "leave_stream", agent_id=agent_id, epoch=epoch, now=now)


async def keep_facts(
    conn: Connection, agent_id: int, facts: AgentFacts, *, public_key: bytes | None = None
) -> None:
    """Keep what the agent says of itself: claims, cut to size, shown as said."""
    await Q.run(
        conn,
        "keep_facts",
        agent_id=agent_id,
        hostname=plain_text(facts.hostname, limit=FACT_LIMIT),
        os=plain_text(facts.os, limit=FACT_LIMIT),
        queueloc=queueloc(facts),
        version=plain_text(facts.version, limit=FACT_LIMIT),
        pid=facts.pid if 0 <= facts.pid <= HIGHEST_PID else 0,
        started_at=facts.started_at,
        environment=Jsonb(plain_json(facts.environment, limit=FACT_LIMIT)),
        claims=Jsonb(plain_json(facts.tags, limit=FACT_LIMIT)),
        connectors=[plain_text(name, limit=FACT_LIMIT) for name in facts.connectors],
        modules=[plain_text(name, limit=FACT_LIMIT) for name in facts.modules],
        sandbox=Jsonb(plain_json(facts.sandbox, limit=FACT_LIMIT)),
        bundle_version=facts.bundle_version,
        mode=facts.mode,
        public_key=public_key,
    )


def queueloc(facts: AgentFacts) -> str:
    """Return `<os>.<machine id>`, the endpoint two agents of one host share; "" while unknown."""
    if not facts.os or not facts.machine_id:
        return ""
    return plain_text(f"{facts.os}.{facts.machine_id}", limit=FACT_LIMIT)


async def _check_way(conn: Connection, agent_id: int, name: str, via: int | None) -> None:
    way = await Q.all(conn, "way_of", agent_id=agent_id)
    if via is None and way:
        raise NotBound(
            f"{name!r} is bound to collector {way[0][1]!r} and comes through it alone",
            hint="to let it come itself, enrol it anew with a join token without --via",
        )
    if via is not None:
        _check_bound(name, via, way)


def _check_bound(name: str, via: int, way: Sequence[tuple[int, str, bool]]) -> None:
    """Raise unless the collector stands on the way the agent was bound to, and nobody before it left."""
    for collector_id, collector, gone in way:
        if gone:
            raise RevokedAgent(f"collector {collector!r}, which {name!r} is bound to, was revoked")
        if collector_id == via:
            return
    raise NotBound(
        f"{name!r} is not bound to this collector",
        hint="bind it at enrolment: `vedette agents token --via COLLECTOR`",
    )


async def _agent_of(conn: Connection, key_fingerprint: bytes) -> tuple[int, str, int, str]:
    row = await Q.one(conn, "agent_of_key", key_fingerprint=key_fingerprint)
    if row is None:
        raise UnknownAgent(
            "this certificate's key belongs to no agent",
            hint="enrol it: `vedette agents token`, then `vedette agent --join`",
        )
    agent_id, name, kind, revoked_at, destroyed_at, revision = row
    if revoked_at is not None or destroyed_at is not None:
        raise RevokedAgent(
            f"agent {name!r} was revoked at {revoked_at or destroyed_at:%Y-%m-%d %H:%M} UTC",
            hint="enrol it anew: delete its directory, then `vedette agents token`",
        )
    return agent_id, name, revision, kind


async def _keep_duplicate(
    conn: Connection, agent_id: int, name: str, hello: HelloFacts, *, address: str, now: datetime
) -> None:
    attempts = await Q.value(
        conn,
        "keep_duplicate",
        agent_id=agent_id,
        run_id=hello.run_id,
        hostname=plain_text(hello.facts.hostname, limit=FACT_LIMIT),
        queueloc=queueloc(hello.facts),
        address=address,
        now=now,
    )
    if attempts > 1:
        return  # one line in the audit log a machine, not one an attempt
    await Q.run(conn, "forget_oldest_duplicates", agent_id=agent_id, keep=DUPLICATES_KEPT)
    await write_audit(
        conn,
        actor=f"agent:{name}",
        action="agent.duplicate",
        object=f"agent:{name}",
        source=address,
        detail={"run_id": str(hello.run_id), "hostname": hello.facts.hostname},
    )
