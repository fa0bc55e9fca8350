"""Certificates of clients: a program that reads reports shows one instead of a token.

The authority's signature alone opens nothing: the certificate must stand in our list, not revoked.
"""

from datetime import datetime, timedelta

from vedette.access.audit import write_audit
from vedette.access.model import Actor, ClientCertificate, Scope
from vedette.db.queries import Connection, load
from vedette.errors import Denied, Missing
from vedette.trust.authority import Authority, Issued
from vedette.trust.names import LABEL_LIMIT, plain_text

READS = load(__file__, "reads.sql")
WRITES = load(__file__, "writes.sql")


async def certify_client(
    conn: Connection,
    authority: Authority,
    name: str,
    csr_pem: bytes,
    *,
    valid_for: timedelta,
    by: Actor,
    now: datetime,
    source: str = "",
    request_id: str = "",
) -> Issued:
    """Issue the certificate and say so in the audit log; doing it again issues another one.

    It reads what a token of scope `read` reads, until it expires or is revoked. Raises Denied when whoever asks
    may not read, Invalid for a wrong name, request or time.
    """
    if not by.may_grant([Scope.READ]):
        raise Denied(f"{by.name!r} does not have read to give")
    issued = authority.issue_client(csr_pem, name, now=now, valid_for=valid_for)
    async with conn.transaction():
        await WRITES.run(
            conn,
            "insert_client",
            serial=issued.serial,
            name=name,
            now=now,
            by=by.name,
            not_after=issued.not_after,
        )
        await write_audit(
            conn,
            actor=by.name,
            action="client.certify",
            object=f"client:{name}",
            source=source,
            detail={"serial": issued.serial, "not_after": issued.not_after.isoformat()},
            request_id=request_id,
        )
    return issued


async def list_clients(conn: Connection, *, now: datetime) -> list[ClientCertificate]:
    """Return every certificate that opens a door, by name; a client may have several."""
    return await READS.all(conn, "clients", now=now, row=ClientCertificate)


async def is_good(conn: Connection, name: str, serial: str, *, now: datetime) -> bool:
    """Tell whether that certificate of that client still opens a door."""
    return bool(await READS.value(conn, "client_is_good", name=name, serial=serial, now=now))


async def revoke_client(
    conn: Connection,
    name: str,
    *,
    by: Actor,
    now: datetime,
    source: str = "",
    request_id: str = "",
) -> None:
    """End every certificate of the client at once, on every server; the name is free for a new one.

    Raises Denied when whoever asks may not read, Missing when the client has no certificate.
    """
    # As with tokens: who may only make small ones does not end the others.
    if not by.may_grant([Scope.READ]):
        raise Denied(f"{by.name!r} does not have read to take away")
    async with conn.transaction():
        # A name from a URL may be anything; PostgreSQL takes no NUL.
        known = plain_text(name, limit=LABEL_LIMIT + 1)
        ended = await WRITES.all(conn, "revoke_client", name=known, now=now)
        if not ended:
            raise Missing(
                f"no client called {name[:80]!a} has a certificate",
                hint="`vedette clients list` shows them",
            )
        await WRITES.run(conn, "notify_client_revoked", name=known)
        await write_audit(
            conn,
            actor=by.name,
            action="client.revoke",
            object=f"client:{known}",
            source=source,
            detail={"serials": sorted(row[0] for row in ended)},
            request_id=request_id,
        )
