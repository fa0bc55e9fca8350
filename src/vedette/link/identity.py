"""Who an agent is to its server, and where it keeps that."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from vedette.errors import VedetteError

if TYPE_CHECKING:
    from vedette.link.vedette_pb2 import RenewReply

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What mutual TLS needs, in PEM, and where the server is."""

    address: str
    key_pem: bytes
    certificate_pem: bytes
    authority_pem: bytes


class Identity(Protocol):
    """Where the agent keeps who it is; written whole or not at all."""

    def credentials(self) -> Credentials:
        """Return the newest certificate and the address."""

    def welcomed_run_id(self) -> str:
        """Return the last run of this agent that a server welcomed; "" at first."""

    def keep_welcomed(self, run_id: str) -> None:
        """Remember that this run was welcomed, durably."""

    def renew_at(self) -> datetime:
        """Return when a new certificate is due."""

    def request(self) -> bytes:
        """Return the request for a certificate of our key, PEM."""

    def keep_renewed(self, certificate_pem: bytes, authority_pem: bytes) -> None:
        """Keep the new certificate; raises Denied or Invalid for one that is not ours."""


def take_renewed(identity: Identity, reply: "RenewReply") -> None:
    """Keep what a server renewed; a certificate that is refused ends nothing."""
    try:
        identity.keep_renewed(reply.certificate_pem, reply.authority_pem)
    except VedetteError as refused:
        log.warning("a certificate was refused", why=str(refused))
        return
    log.info("the certificate was renewed", renew_again_at=identity.renew_at().isoformat())
