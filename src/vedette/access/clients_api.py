"""The REST routes of clients' certificates; the key stays where the request was made."""

from datetime import datetime

import msgspec
from litestar import Response, delete, get, post

from vedette import clock
from vedette.access.api import NEVER_CACHED, AnyRequest, address_of, span_of
from vedette.access.certify import certify_client, list_clients, revoke_client
from vedette.access.model import Actor
from vedette.access.secrets import Secrets
from vedette.db.queries import Connection
from vedette.rest.request_id import request_id_of


class CertificateRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A client to certify; csr: PKCS #10 in PEM; ttl: as in `90d`, at most 398 days."""

    name: str
    csr: str
    ttl: str = "90d"


class ClientCertificate(msgspec.Struct, kw_only=True):
    """What a client shows, and the authority whose servers it believes; both PEM."""

    name: str
    certificate: str
    authority: str
    expires_at: datetime


class ShownClient(msgspec.Struct, kw_only=True):
    """A certificate that is good; one row each, where a client has several. serial: hexadecimal."""

    name: str
    serial: str
    made_at: datetime
    made_by: str
    expires_at: datetime


@get("/api/v1/clients")
async def show_clients(conn: Connection) -> list[ShownClient]:
    """List the certificates of clients that are neither revoked nor expired, by name."""
    return [
        ShownClient(
            name=it.name,
            serial=it.serial,
            made_at=it.made_at,
            made_by=it.made_by,
            expires_at=it.not_after,
        )
        for it in await list_clients(conn, now=clock.now())
    ]


@delete("/api/v1/clients/{name:str}")
async def end_client(request: AnyRequest, conn: Connection, actor: Actor, name: str) -> None:
    """Revoke every certificate of a client at once, on every server; its open streams end."""
    await revoke_client(
        conn,
        name,
        by=actor,
        now=clock.now(),
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )


@post("/api/v1/clients/certificates")
async def make_certificate(
    request: AnyRequest, conn: Connection, actor: Actor, secrets: Secrets, data: CertificateRequest
) -> Response[ClientCertificate]:
    """Certify a client that reads reports over gRPC; the asker must have the scope read itself."""
    issued = await certify_client(
        conn,
        secrets.authority,
        data.name,
        data.csr.encode(),
        valid_for=span_of(data.ttl),
        by=actor,
        now=clock.now(),
        source=address_of(request),
        request_id=request_id_of(request.scope),
    )
    made = ClientCertificate(
        name=data.name,
        certificate=issued.pem.decode(),
        authority=secrets.authority.pem.decode(),
        expires_at=issued.not_after,
    )
    return Response(made, status_code=201, headers=NEVER_CACHED)


routes = [show_clients, end_client, make_certificate]
