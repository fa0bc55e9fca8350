"""Who this agent is: its key, its certificate, its server; files in its data directory.

Every file is written whole or not at all, readable by the agent's user alone. The key is made once
and never leaves; it is the identity, certificates come and go.
"""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from vedette.clock import now
from vedette.errors import Invalid, Missing
from vedette.link.identity import Credentials


class Held(msgspec.Struct):
    """What is remembered beside the PEM files."""

    name: str
    address: str
    renew_at: datetime
    welcomed_run_id: str = ""


class IdentityFiles:
    """`key.pem`, `agent.pem`, `authority.pem` and `identity.json` of a data directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._held: Held | None = None

    @property
    def exists(self) -> bool:
        """Say whether this directory was enrolled."""
        return (self.directory / "identity.json").exists()

    @property
    def held(self) -> Held:
        """What is remembered; raises `Missing` when the directory was never enrolled."""
        if self._held is None:
            path = self.directory / "identity.json"
            try:
                self._held = msgspec.json.decode(path.read_bytes(), type=Held)
            except FileNotFoundError:
                raise Missing(
                    f"{self.directory} holds no agent",
                    hint="enrol one: --server HOST:PORT --join-file FILE --ca-fingerprint sha256:…",
                ) from None
            except msgspec.MsgspecError:
                raise Invalid(
                    f"{path} is damaged", hint="enrol the agent anew, with another --data-dir"
                ) from None
        return self._held

    def keep(
        self,
        *,
        name: str,
        address: str,
        key_pem: bytes,
        certificate_pem: bytes,
        authority_pem: bytes,
    ) -> None:
        """Keep a fresh enrolment; `identity.json` comes last and makes it count.

        Raises Denied for a certificate that is not this key's.
        """
        from vedette.trust.keys import hold_certificate

        hold_certificate(certificate_pem, key_pem, authority_pem)
        write_private(self.directory / "key.pem", key_pem)
        write_private(self.directory / "agent.pem", certificate_pem)
        write_private(self.directory / "authority.pem", authority_pem)
        self._keep(Held(name, address, _half_life(certificate_pem)))

    def credentials(self) -> Credentials:
        """Return the newest certificate and the server's address."""
        return Credentials(
            address=self.held.address,
            key_pem=self._read("key.pem"),
            certificate_pem=self._read("agent.pem"),
            authority_pem=self._read("authority.pem"),
        )

    def fingerprint(self) -> str:
        """Return who this is: `sha256:` and hex of our own key, which no certificate changes."""
        from vedette.trust.keys import own_fingerprint

        return own_fingerprint(self._read("key.pem"))

    def welcomed_run_id(self) -> str:
        """Return the last run a server welcomed; "" at first."""
        return self.held.welcomed_run_id

    def keep_welcomed(self, run_id: str) -> None:
        """Remember that this run was welcomed; on the medium when it returns."""
        if self.held.welcomed_run_id != run_id:
            self._keep(msgspec.structs.replace(self.held, welcomed_run_id=run_id))

    def renew_at(self) -> datetime:
        """Return when half of the certificate's life is over."""
        return self.held.renew_at

    def request(self) -> bytes:
        """Return the request for a new certificate of the same key."""
        from vedette.trust.keys import make_csr

        return make_csr(self._read("key.pem"), self.held.name)

    def keep_renewed(self, certificate_pem: bytes, authority_pem: bytes) -> None:
        """Keep a new certificate, and the authority should it have changed.

        Raises Denied, or Invalid for what is no certificate, and keeps what there is.
        """
        from vedette.trust.keys import hold_certificate

        authority = authority_pem or self._read("authority.pem")
        hold_certificate(certificate_pem, self._read("key.pem"), authority)
        if authority_pem and authority_pem != self._read("authority.pem"):
            write_private(self.directory / "authority.pem", authority_pem)
        write_private(self.directory / "agent.pem", certificate_pem)
        self._keep(msgspec.structs.replace(self.held, renew_at=_half_life(certificate_pem)))

    def _keep(self, held: Held) -> None:
        self._held = held
        write_private(self.directory / "identity.json", msgspec.json.encode(held))

    def _read(self, name: str) -> bytes:
        try:
            return (self.directory / name).read_bytes()
        except OSError as fault:
            raise Missing(
                f"{self.directory / name} cannot be read: {fault.strerror}",
                hint="enrol the agent anew, with another --data-dir",
            ) from None


def write_private(path: Path, content: bytes) -> None:
    """Write a file for this user alone, replacing it whole or not at all."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        aside.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        aside.unlink(missing_ok=True)


def _half_life(certificate_pem: bytes) -> datetime:
    from cryptography import x509

    # From now: certificates are dated back, for the sake of clocks that are behind.
    until = x509.load_pem_x509_certificate(certificate_pem).not_valid_after_utc
    begin = now()
    return (begin + (until - begin) / 2).astimezone(UTC)
