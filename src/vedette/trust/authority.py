"""The authority: our own small CA, which vouches for servers, agents and clients and nobody else.

Its certificate is the only root anyone of ours trusts, so no other CA of the world matters here.
Keys are P-256: the one curve every TLS stack of ours speaks fast.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vedette import clock
from vedette.errors import Invalid
from vedette.trust.keys import (
    PEM_LIMIT,
    SERVER_NAME,
    certificate_fingerprint,
    key_fingerprint,
    private_key,
)
from vedette.trust.names import checked_agent_name

AUTHORITY_LIFE = timedelta(days=3653)
SERVER_LIFE = timedelta(days=30)
AGENT_LIFE = timedelta(days=7)
CLIENT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=398)

BACKDATED = timedelta(days=2)
"""Certificates begin this long ago: an agent whose clock is a day slow trusts the server."""

AUTHORITY_NAME = "Vedette authority"
CURVES = (ec.SECP256R1, ec.SECP384R1)

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate fresh from the authority.

    pem: the certificate alone; whoever receives it holds the authority's already.
    serial: as hexadecimal digits.
    not_after: aware UTC; from then on TLS refuses it.
    key_fingerprint: SHA-256 of the public key, 32 bytes: the identity.
    """

    pem: bytes
    serial: str
    not_after: datetime
    key_fingerprint: bytes


class Authority:
    """A CA's certificate and private key; never shows the key but to be sealed."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        if certificate.public_key() != key.public_key():
            raise Invalid("the authority's certificate and private key do not belong together")
        self._certificate = certificate
        self._key = key

    @classmethod
    def make(cls, *, now: datetime | None = None) -> Self:
        """Return a new authority, good for ten years."""
        now = now or clock.now()
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY_NAME)])
        public = key.public_key()
        certificate = (
            _blank(name, name, public, now - BACKDATED, now + AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def from_pem(cls, certificate_pem: bytes, key_pem: bytes) -> Self:
        """Return the authority kept in these two; raises Invalid when they do not fit."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem)
        except ValueError:
            raise Invalid("the authority's certificate is no certificate in PEM") from None
        key = private_key(key_pem)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Invalid("the authority's key is not an elliptic one")
        return cls(certificate, key)

    @property
    def pem(self) -> bytes:
        """The certificate, for everyone."""
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, for the seal alone."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def fingerprint(self) -> str:
        """What people compare: `sha256:` and the hex SHA-256 of the certificate."""
        return certificate_fingerprint(self._certificate)

    @property
    def not_after(self) -> datetime:
        """When the authority ends and everything with it."""
        return self._certificate.not_valid_after_utc

    def issue_server(
        self, hosts: Sequence[str] = (), *, now: datetime | None = None
    ) -> tuple[bytes, bytes]:
        """Return a server's chain (with the authority in it) and its new private key, both PEM.

        Good for 30 days, for `vedette.server` and these hosts; servers take a new one earlier.
        """
        now = now or clock.now()
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_host(host) for host in dict.fromkeys([SERVER_NAME, *hosts])]
        certificate = self._sign(
            key.public_key(),
            common_name=SERVER_NAME,
            names=names,
            usage=(ExtendedKeyUsageOID.SERVER_AUTH,),
            now=now,
            not_after=now + SERVER_LIFE,
        )
        chain = certificate.public_bytes(Encoding.PEM) + self.pem
        return chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def issue_agent(
        self, csr_pem: bytes, name: str, *, now: datetime, valid_for: timedelta = AGENT_LIFE
    ) -> Issued:
        """Return a certificate for the agent `name`, whatever name its request gave.

        Raises Invalid when the request is damaged, not signed with its own key, or of a key we do
        not take (P-256, P-384 and Ed25519 we do).
        """
        return self._issue("agent", csr_pem, name, now=now, valid_for=valid_for)

    def issue_collector(
        self, csr_pem: bytes, name: str, *, now: datetime, valid_for: timedelta = AGENT_LIFE
    ) -> Issued:
        """Return a certificate for a collector, good at both ends.

        Towards the server it is a client's; its own agents take it for a server's, as `vedette.server`.
        """
        usage = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
        return self._issue(
            "collector",
            csr_pem,
            name,
            now=now,
            valid_for=valid_for,
            names=[x509.DNSName(SERVER_NAME)],
            usage=usage,
        )

    def issue_client(
        self, csr_pem: bytes, name: str, *, now: datetime, valid_for: timedelta = CLIENT_LIFE
    ) -> Issued:
        """Return a certificate for a program that reads reports; no agent's door opens to it."""
        return self._issue("client", csr_pem, name, now=now, valid_for=valid_for)

    def _issue(
        self,
        kind: str,
        csr_pem: bytes,
        name: str,
        *,
        now: datetime,
        valid_for: timedelta,
        names: Sequence[x509.GeneralName] = (),
        usage: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    ) -> Issued:
        if not timedelta(0) < valid_for <= LONGEST_LIFE:
            raise Invalid(f"a certificate is good for at most {LONGEST_LIFE.days} days")
        name = checked_agent_name(name)
        certificate = self._sign(
            request_key(csr_pem),
            common_name=name,
            names=[x509.UniformResourceIdentifier(f"vedette:{kind}:{name}"), *names],
            usage=usage,
            now=now,
            # A leaf that outlives its root would be refused without anyone knowing why.
            not_after=min(now + valid_for, self.not_after),
        )
        return Issued(
            pem=certificate.public_bytes(Encoding.PEM),
            serial=f"{certificate.serial_number:x}",
            not_after=certificate.not_valid_after_utc,
            key_fingerprint=key_fingerprint(certificate),
        )

    def _sign(
        self,
        public: PublicKey,
        *,
        common_name: str,
        names: Sequence[x509.GeneralName],
        usage: Sequence[x509.ObjectIdentifier],
        now: datetime,
        not_after: datetime,
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        ours = self._key.public_key()
        return (
            _blank(self._certificate.subject, subject, public, now - BACKDATED, not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ours), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def request_key(csr_pem: bytes) -> PublicKey:
    """Return the public key of a request that is sound and signed with that key; raises Invalid."""
    if len(csr_pem) > PEM_LIMIT:
        raise Invalid(f"the certificate request is {len(csr_pem)} bytes, the limit is {PEM_LIMIT}")
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise Invalid("this is no certificate request in PEM") from None
    if not isinstance(key, PublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, CURVES)
    ):
        raise Invalid("the request's key is of a kind we do not take", hint="P-256 or Ed25519")
    # Without this anyone could ask for a certificate of someone else's key.
    if not signed:
        raise Invalid("the certificate request is not signed with its own key")
    return key


def _blank(
    issuer: x509.Name,
    subject: x509.Name,
    public: PublicKey,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    bare = host.strip("[]")
    try:
        return x509.IPAddress(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        return x509.DNSName(bare.encode("idna").decode())
    except (UnicodeError, ValueError):
        raise Invalid(f"{host[:80]!a} is neither a host name nor an address") from None
