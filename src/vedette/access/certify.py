"""Certificates of clients: a program that reads reports shows one instead of a token."""

from datetime import datetime, timedelta

from vedette.access.audit import write_audit
from vedette.access.model import Actor, Scope
from vedette.db.queries import Connection
from vedette.errors import Denied
from vedette.trust.authority import Authority, Issued


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

    It reads what a token of scope `read` reads, until it expires. Raises Denied when whoever asks
    may not read, Invalid for a wrong name, request or time.
    """
    if not by.may_grant([Scope.READ]):
        raise Denied(f"{by.name!r} does not have read to give")
    issued = authority.issue_client(csr_pem, name, now=now, valid_for=valid_for)
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
