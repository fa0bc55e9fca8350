"""What an agent signs of an answer to an action, and how the server checks who gave it.

The bytes signed are those that are kept: whoever reads the answer later can check it again.
"""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from vedette.errors import Denied
from vedette.trust.keys import PrivateKey, private_key

DOMAIN = b"vedette result v1\0"
"""Before the answer, so that no signature of a result is ever one of something else."""
ANSWER_BYTES = 16 << 20
"""The longest answer."""
PUBLIC_KEY_BYTES = 512
"""Of a public key; ours have 91."""

_ECDSA = ec.ECDSA(hashes.SHA256())


def sign_result(key_pem: bytes, answer: bytes) -> bytes:
    """Return the signature of the answer's bytes by the agent's key; raises Invalid for another kind."""
    return sign_with(private_key(key_pem), answer)


def sign_with(key: PrivateKey, answer: bytes) -> bytes:
    """Do the same with a key that is read already."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(DOMAIN + answer)
    return key.sign(DOMAIN + answer, _ECDSA)


def hold_result(public_key: bytes, answer: bytes, signature: bytes) -> None:
    """Raise Denied unless the holder of that key (DER) signed exactly this answer."""
    try:
        key = load_der_public_key(public_key) if len(public_key) <= PUBLIC_KEY_BYTES else None
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, DOMAIN + answer)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, DOMAIN + answer, _ECDSA)
        else:
            raise Denied("the agent's key is of a kind that signs no results")
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        raise Denied("the answer does not bear its agent's signature") from None
