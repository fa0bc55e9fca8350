"""Make a host an agent: join token and certificate request in, certificate out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.access.joining import (
    JoinRefused,
    JoinTokenSpent,
    redeem_join_token,
    redeemed_by,
)
from vedette.access.model import Join
from vedette.db.queries import Connection, load
from vedette.errors import Conflict
from vedette.fleet.assign import hold_fleet, reassign
from vedette.fleet.attach import keep_facts
from vedette.fleet.model import AgentFacts
from vedette.fleet.revoke import retire_agent
from vedette.trust.authority import AGENT_LIFE, Authority, Issued, request_key
from vedette.trust.keys import key_fingerprint
from vedette.trust.names import checked_agent_name

Q = load(__file__, "enrol.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A host that is an agent now: the name it got, its certificate, the authority to trust."""

    agent_id: int
    name: str
    certificate_pem: bytes
    authority_pem: bytes


async def enrol_agent(
    conn: Connection,
    *,
    authority: Authority,
    pepper: bytes,
    join_token: str,
    csr_pem: bytes,
    wished_name: str,
    facts: AgentFacts,
    address: str,
    now: datetime,
    valid_for: timedelta = AGENT_LIFE,
    kind: str = "agent",
    via: int | None = None,
) -> Enrolled:
    """Use the join token up and let the holder of that key be an agent; all or nothing.

    Repeating it with the same key and token, because the answer was lost, gives a certificate
    again. The token's name wins over the wished one, and then an agent that has it is retired: that
    is how a rebuilt machine gets its name back. Otherwise a living agent's name is refused.

    kind: what it wants to be, `agent` or `collector`; the token must have been made for one. via: the
    collector that passes the request on; the token must bind to it, or to one behind it.

    Raises Invalid (request, name), JoinRefused, or Conflict (name or key taken); the token is then
    as good as before.
    """
    request_key(csr_pem)
    fingerprint = key_fingerprint(csr_pem)
    bearer = f"key:{fingerprint.hex()}"
    try:
        async with conn.transaction():
            again = await _enrolled_before(conn, fingerprint)
            join = await redeemed_by(conn, join_token, pepper=pepper, used_by=bearer, now=now)
            if again is None or join is None:
                join = await redeem_join_token(
                    conn, join_token, pepper=pepper, used_by=bearer, now=now
                )
                bound_to = await _bound_to(conn, join, kind, via)
                again = await _admit(
                    conn, fingerprint, join, wished_name, via=bound_to, address=address, now=now
                )
            agent_id, name = again
            await keep_facts(conn, agent_id, facts)
            issue = authority.issue_collector if kind == "collector" else authority.issue_agent
            issued = issue(csr_pem, name, now=now, valid_for=valid_for)
            await _keep_certificate(conn, agent_id, issued)
    except JoinTokenSpent as refusal:
        # Worth a line: a token that comes twice may have been stolen on its way.
        await write_audit(
            conn,
            actor=bearer,
            action="agent.enrol.refused",
            source=address,
            detail={"why": refusal.message, "wished": wished_name},
        )
        raise
    return Enrolled(
        agent_id=agent_id, name=name, certificate_pem=issued.pem, authority_pem=authority.pem
    )


async def _enrolled_before(conn: Connection, fingerprint: bytes) -> tuple[int, str] | None:
    row = await Q.one(conn, "agent_of_key", key_fingerprint=fingerprint)
    if row is None:
        return None
    agent_id, name, gone = row
    if gone:
        raise Conflict(
            f"this key was agent {name!r}, which is revoked; it cannot come back",
            hint="delete the agent's directory so that it makes a new key",
        )
    return agent_id, name


async def _bound_to(conn: Connection, join: Join, kind: str, via: int | None) -> int | None:
    """Return the collector the token binds to; raise JoinRefused when it was brought another way."""
    if kind != join.kind:
        raise JoinRefused(
            f"this join token was made for a {join.kind}", hint=f"vedette {join.kind} --join …"
        )
    if join.via is None:
        if via is not None:
            raise JoinRefused(
                "this join token binds to no collector", hint="make one with --via COLLECTOR"
            )
        return None
    collector_id: int | None = await Q.value(conn, "collector_called", name=join.via)
    if collector_id is None:
        raise JoinRefused(f"no collector is called {join.via!r}", hint="enrol the collector first")
    if via is None or not await Q.value(conn, "is_behind", collector_id=collector_id, via=via):
        raise JoinRefused(
            f"this join token is good through collector {join.via!r} alone",
            hint="--server is that collector's own address (its --enrol)",
        )
    return collector_id


async def _admit(
    conn: Connection,
    fingerprint: bytes,
    join: Join,
    wished_name: str,
    *,
    via: int | None,
    address: str,
    now: datetime,
) -> tuple[int, str]:
    name = join.agent_name or checked_agent_name(wished_name, field="name of the agent")
    # Only now: strangers without a good token never wait for the fleet, nor keep it waiting.
    await hold_fleet(conn)
    if await Q.one(conn, "agent_of_key", key_fingerprint=fingerprint) is not None:
        raise Conflict(
            "this key belongs to an enrolled agent already",
            hint="start the agent without --join, or delete its directory",
        )
    await _free_name(conn, name, join, address=address, now=now)
    agent_id: int = await Q.value(
        conn,
        "insert_agent",
        name=name,
        key_fingerprint=fingerprint,
        tags=Jsonb(dict(join.tags)),
        kind=join.kind,
        via=via,
        now=now,
    )
    if join.kind == "collector":
        await Q.run(conn, "bind_anew", name=name, collector_id=agent_id)
    await Q.run(conn, "insert_stream", agent_id=agent_id)
    await reassign(conn, agent_id=agent_id)
    await write_audit(
        conn,
        actor=f"join_token:{join.token_id}",
        action="agent.enrol",
        object=f"agent:{name}",
        source=address,
        detail={
            "key": fingerprint.hex(),
            "tags": dict(join.tags),
            "kind": join.kind,
            "via": join.via,
        },
    )
    return agent_id, name


async def _free_name(
    conn: Connection, name: str, join: Join, *, address: str, now: datetime
) -> None:
    row = await Q.one(conn, "living_agent", name=name)
    if row is None:
        return
    _, revoked = row
    # Whoever made a token for this very name wanted the new machine to have it.
    if not revoked and join.agent_name is None:
        raise Conflict(
            f"there is an agent called {name!r} already",
            hint=f"choose another --name, or `vedette agents token --name {name}` to replace it",
        )
    await retire_agent(conn, name, by=f"join_token:{join.token_id}", now=now, source=address)


async def _keep_certificate(conn: Connection, agent_id: int, issued: Issued) -> None:
    await Q.run(
        conn,
        "keep_certificate",
        agent_id=agent_id,
        serial=issued.serial,
        not_after=issued.not_after,
    )
