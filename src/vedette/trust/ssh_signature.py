"""SSH signatures as `ssh-keygen -Y sign` makes them (PROTOCOL.sshsig), by keys people already have.

A signature names its purpose, the namespace, so that one made for a Git commit is none of ours. A security key
(PROTOCOL.u2f) signs what it was asked together with whether somebody touched it; untouched it may have been asked by
a program alone, so that does not count.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from vedette.errors import Invalid
from vedette.trust.one_line import ONE_LINE_CHARACTERS, dearmor
from vedette.trust.reasons import Reason, Untrusted

MAGIC = b"SSHSIG"
ONE_LINE_START = base64.b64encode(MAGIC).decode()
"""How an SSH signature in one line begins: six bytes are eight characters, always these."""
HASHES = ("sha256", "sha512")
RSA_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    b"rsa-sha2-256": hashes.SHA256(),
    b"rsa-sha2-512": hashes.SHA512(),
}
SECURITY_KEYS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", *SECURITY_KEYS)
PROOF_BYTES = 5
"""What a security key says of itself in a signature: a byte of flags, and how often it signed."""
TOUCHED = 1
LEAST_RSA_BITS = 2048

SshKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class SshSignature:
    """The parts of a signature; `key` is the public key's blob, which only says who signed.

    proof: what a security key says of itself; empty for other keys.
    """

    key: bytes
    namespace: bytes
    hash: str
    algorithm: bytes
    signed: bytes
    proof: bytes


def read_ssh_signature(text: str) -> SshSignature:
    """Return the signature of an armoured or one-line text; raises Untrusted when it is none."""
    try:
        return _read(_blob(text))
    except (Invalid, binascii.Error, UnicodeError) as error:
        raise Untrusted(Reason.NOT_A_SIGNATURE, f"this is no SSH signature: {error}") from None


def one_line(armored: str) -> str:
    """Return ssh-keygen's armoured signature as one line."""
    return base64.b64encode(dearmor(armored)[1]).decode()


@lru_cache(maxsize=4_096)
def key_blob(key: str) -> bytes:
    """Return the bytes of a public key line (`ssh-ed25519 AAAA… comment`); raises Invalid."""
    parts = key.split(None, 2)
    if len(parts) < 2 or parts[0] not in KEY_TYPES or len(key) > ONE_LINE_CHARACTERS:
        raise Invalid(f"an SSH public key begins with one of {', '.join(KEY_TYPES)}")
    try:
        blob = base64.b64decode(parts[1].encode("ascii"), validate=True)
        load_ssh_public_key(f"{parts[0]} {parts[1]}".encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(f"the SSH public key {key[:40]}… cannot be read") from None
    return blob


def ssh_fingerprint(blob: bytes) -> str:
    """Return what `ssh-keygen -l` shows: `SHA256:` and base64 without padding."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def verify_ssh(signature: str, text: bytes, keys: Iterable[str], *, namespace: str) -> str:
    """Return the fingerprint of who signed the text; raises Untrusted naming the reason.

    SSH keys know no expiry and no revocation: whoever lists the key says how long it counts.
    """
    found = read_ssh_signature(signature)
    name = ssh_fingerprint(found.key)
    key = next((key for key in keys if key_blob(key) == found.key), None)
    if key is None:
        raise Untrusted(Reason.UNKNOWN_KEY, f"the signature is by {name}, whom nobody here knows")
    if found.namespace != namespace.encode():
        raise Untrusted(
            Reason.OTHER_NAMESPACE,
            f"the signature by {name} was made for another purpose; sign with -n {namespace}",
        )
    if found.hash not in HASHES:
        raise Untrusted(Reason.WEAK_HASH, f"the signature's hash is none of {' and '.join(HASHES)}")
    digest = hashlib.new(found.hash, text).digest()
    over = MAGIC + b"".join(map(_string, (found.namespace, b"", found.hash.encode(), digest)))
    _verify(found, _public(key), over, name)
    return name


def _asked_of_security_key(found: SshSignature, over: bytes, name: str) -> bytes:
    """Return what the key signed when it was asked for this; raises Untrusted when nobody touched it."""
    if not found.proof[0] & TOUCHED:
        raise Untrusted(
            Reason.NOT_TOUCHED,
            f"nobody touched the security key {name}; make one without no-touch-required",
        )
    application = b""
    rest = found.key
    while rest:
        application, rest = _take(rest)
    return hashlib.sha256(application).digest() + found.proof + hashlib.sha256(over).digest()


def _public(key: str) -> SshKey:
    public = load_ssh_public_key(" ".join(key.split(None, 2)[:2]).encode())
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < LEAST_RSA_BITS:
        raise Untrusted(Reason.WEAK_KEY, "the RSA key is shorter than 2048 bits; make another")
    if isinstance(public, SshKey):
        return public
    raise Untrusted(Reason.WEAK_KEY, f"the key is none of {', '.join(KEY_TYPES)}")


def _verify(found: SshSignature, public: SshKey, over: bytes, name: str) -> None:
    # What is no security key must not pass for one, nor one for a plain key, which nobody touches.
    is_of_its_kind = found.algorithm == _take(found.key)[0]
    if is_of_its_kind and found.proof:
        over = _asked_of_security_key(found, over, name)
    try:
        match public:
            case ed25519.Ed25519PublicKey() if is_of_its_kind:
                public.verify(found.signed, over)
            case rsa.RSAPublicKey() if found.algorithm in RSA_HASHES:
                public.verify(found.signed, over, padding.PKCS1v15(), RSA_HASHES[found.algorithm])
            case ec.EllipticCurvePublicKey() if is_of_its_kind:
                r, rest = _take(found.signed)
                s, rest = _take(rest)
                pair = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
                public.verify(pair, over, ec.ECDSA(hashes.SHA256()))
            case _:
                raise Untrusted(
                    Reason.WEAK_HASH,
                    f"the signature by {name} is of an algorithm that does not count",
                )
    except (InvalidSignature, Invalid, ValueError):
        raise Untrusted(
            Reason.WRONG_SIGNATURE, f"the signature by {name} is not over this text"
        ) from None


def _blob(text: str) -> bytes:
    if len(text) > ONE_LINE_CHARACTERS:
        raise Invalid(f"it is longer than {ONE_LINE_CHARACTERS} characters")
    if text.lstrip().startswith("-----"):
        kind, data = dearmor(text)
        if kind != "SSH SIGNATURE":
            raise Invalid(f"it is a {kind}")
        return data
    return base64.b64decode(text.strip().encode("ascii"), validate=True)


def _read(blob: bytes) -> SshSignature:
    if not blob.startswith(MAGIC + b"\x00\x00\x00\x01"):
        raise Invalid("it is not one of version 1")
    parts = []
    rest = blob[len(MAGIC) + 4 :]
    for _ in range(5):
        part, rest = _take(rest)
        parts.append(part)
    key, namespace, reserved, hashed, signature = parts
    algorithm, inner = _take(signature)
    signed, proof = _take(inner)
    expected = PROOF_BYTES if algorithm.decode("ascii", "replace") in SECURITY_KEYS else 0
    if rest or reserved or len(proof) != expected:
        raise Invalid("it holds more or less than a signature")
    return SshSignature(key, namespace, hashed.decode("ascii"), algorithm, signed, proof)


def _take(data: bytes) -> tuple[bytes, bytes]:
    """Return a length-prefixed string and what follows it."""
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < 4 or end > len(data):
        raise Invalid("it is cut off")
    return data[4:end], data[end:]


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
