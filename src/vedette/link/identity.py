"""Who an agent is to its server, and where it keeps that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


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
        """Keep the new certificate."""
