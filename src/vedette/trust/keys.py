"""Keys of agents and clients: making one, asking for its certificate, finding the authority.

An agent is its key, not its hostname: the fingerprint of the public key is the identity, and it
stays the same when the certificate is renewed.
"""

import _ssl
import hashlib
import os
import secrets
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from vedette.errors import Denied, Invalid, Missing, Unavailable
from vedette.trust.names import checked_agent_name

SERVER_NAME = "vedette.server"
"""In every server's certificate; clients check it instead of the address, so any address works."""

FINGERPRINT_PREFIX = "sha256:"
PEM_LIMIT = 16 * 1024
"""Bytes of a request or a key; more is refused unread."""
HANDSHAKE_S = 10.0

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def make_key() -> bytes:
    """Return a new P-256 private key as PEM (PKCS #8, not encrypted: the file's mode guards it)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_csr(key_pem: bytes, name: str) -> bytes:
    """Return the request for a certificate of that key, as PEM, signed with the key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, checked_agent_name(name))])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    key = private_key(key_pem)
    return request.sign(key, signing_hash(key)).public_bytes(Encoding.PEM)


def write_key(path: Path, key_pem: bytes) -> None:
    """Keep the key in a file of its own (0600), replacing it whole or not at all."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key_pem)
            file.flush()
            os.fsync(handle)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def key_fingerprint(
    certificate_or_request: x509.Certificate | x509.CertificateSigningRequest | bytes,
) -> bytes:
    """Return the SHA-256 (32 bytes) of the public key of a certificate or a CSR, parsed or PEM."""
    return hashlib.sha256(public_key_of(certificate_or_request)).digest()


def own_fingerprint(key_pem: bytes) -> str:
    """Return who holds this private key, as trust bundles name agents: `sha256:` and hex."""
    return FINGERPRINT_PREFIX + hashlib.sha256(_public_half(key_pem)).hexdigest()


def hold_certificate(certificate_pem: bytes, key_pem: bytes, authority_pem: bytes) -> None:
    """Raise Denied unless this is a certificate of that private key, by that authority.

    Whoever issues certificates could otherwise make an agent take itself for another one.
    """
    certificate = _from_pem(certificate_pem)
    if public_key_of(certificate) != _public_half(key_pem):
        raise Denied("the certificate is one of another key")
    authority = _from_pem(authority_pem)
    if isinstance(certificate, x509.Certificate) and isinstance(authority, x509.Certificate):
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            raise Denied("the certificate is not by the authority that came with it") from None
        return
    raise Denied("a certificate request is no certificate")


def _public_half(key_pem: bytes) -> bytes:
    public = private_key(key_pem).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_key_of(
    certificate_or_request: x509.Certificate | x509.CertificateSigningRequest | bytes,
) -> bytes:
    """Return the public key (DER SubjectPublicKeyInfo) of a certificate or a CSR, parsed or PEM."""
    holder = certificate_or_request
    if isinstance(holder, bytes):
        holder = _from_pem(holder)
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def serial_of(certificate_pem: bytes) -> str:
    """Return a certificate's serial number as hexadecimal digits; raises Invalid."""
    certificate = _from_pem(certificate_pem)
    if not isinstance(certificate, x509.Certificate):
        raise Invalid("this is a certificate request, not a certificate")
    return f"{certificate.serial_number:x}"


def certificate_fingerprint(certificate: x509.Certificate | bytes) -> str:
    """Return `sha256:` and the hex SHA-256 of the certificate (bytes are its DER)."""
    der = certificate if isinstance(certificate, bytes) else certificate.public_bytes(Encoding.DER)
    return FINGERPRINT_PREFIX + hashlib.sha256(der).hexdigest()


def checked_fingerprint(text: str) -> str:
    """Return the fingerprint as we write it; takes capitals, colons and a missing prefix."""
    bare = text.strip().lower().removeprefix(FINGERPRINT_PREFIX).replace(":", "")
    if len(bare) != 64 or not set(bare) <= set("0123456789abcdef"):
        raise Invalid(
            "the CA fingerprint is not 64 hexadecimal digits",
            hint="the server prints it at its start, as in sha256:0f3a…",
        )
    return FINGERPRINT_PREFIX + bare


def fetch_authority(host: str, port: int, fingerprint: str) -> bytes:
    """Return the PEM of the authority with that fingerprint, from the chain the server shows.

    Blocking: use it in a thread. Nothing is trusted but the fingerprint: the handshake is not
    verified and nothing is sent, so whoever plays the server can only show a certificate that is
    not the one we look for. Raises Denied when the chain lacks it, Unavailable when nobody answers.
    """
    wanted = checked_fingerprint(fingerprint)
    for der in _chain_shown(host, port):
        if certificate_fingerprint(der) == wanted and _is_authority(der):
            return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
    raise Denied(
        f"the server at {host}:{port} does not show the authority {wanted}",
        hint="compare with the fingerprint the server printed; someone may sit in between",
    )


def private_key(key_pem: bytes) -> PrivateKey:
    """Read a private key of a kind we use; raises Invalid."""
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        raise Invalid("this is no private key in PEM without a passphrase") from None
    if not isinstance(key, PrivateKey):
        raise Invalid("the private key is neither elliptic nor Ed25519", hint="make a P-256 key")
    return key


def signing_hash(key: PrivateKey) -> hashes.SHA256 | None:
    """Return the hash to sign with: none for Ed25519, which brings its own."""
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _from_pem(pem: bytes) -> x509.Certificate | x509.CertificateSigningRequest:
    if len(pem) > PEM_LIMIT:
        raise Invalid(f"the PEM is {len(pem)} bytes long, the limit is {PEM_LIMIT}")
    try:
        if b"CERTIFICATE REQUEST" in pem:
            return x509.load_pem_x509_csr(pem)
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise Invalid("this is neither a certificate nor a certificate request in PEM") from None


def _is_authority(der: bytes) -> bool:
    # The fingerprint of a server's own certificate, pasted by mistake, would hold for 30 days only.
    try:
        extensions = x509.load_der_x509_certificate(der).extensions
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound):
        return False


def _chain_shown(host: str, port: int) -> list[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])  # gRPC's servers hang up on whoever does not offer it
    try:
        with (
            socket.create_connection((host, port), timeout=HANDSHAKE_S) as plain,
            context.wrap_socket(plain, server_hostname=SERVER_NAME) as secured,
        ):
            return _unverified_chain(secured)
    except OSError as error:
        raise Unavailable(
            f"no TLS server answers at {host}:{port}: {error.strerror or error}",
            hint="is it the server's clients' address (--grpc-clients)?",
        ) from None


def _unverified_chain(secured: ssl.SSLSocket) -> list[bytes]:
    public = getattr(secured, "get_unverified_chain", None)
    if public is not None:  # Python 3.13 and later
        return list(public())
    inner = getattr(secured, "_sslobj", None)
    if inner is None:
        raise Missing("this Python cannot show the server's chain", hint="use Python 3.13 or later")
    return [
        certificate.public_bytes(_ssl.ENCODING_DER)
        for certificate in inner.get_unverified_chain() or []
    ]
