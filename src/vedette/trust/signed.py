"""A document and the signatures under it, kept as the bytes that were signed."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from vedette.errors import Invalid
from vedette.trust.verify import MOST_SIGNATURES

SIGNED_BYTES = 16 << 20
"""The longest document with its signatures that is read."""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    document: str
    signatures: list[str] = []


@dataclass(frozen=True, slots=True)
class Signed:
    """A document as it was signed.

    document: its bytes, never written anew. signatures: each in one line.
    """

    document: bytes
    signatures: tuple[str, ...] = ()

    def with_signature(self, signature: str) -> "Signed":
        """Return the same document with one signature more; the same one twice stays one."""
        if signature in self.signatures:
            return self
        return Signed(self.document, (*self.signatures, signature))


def write_signed(signed: Signed) -> bytes:
    """Return the JSON in which a signed document travels: `{"document": text, "signatures": […]}`."""
    envelope = _Envelope(signed.document.decode(), list(signed.signatures))
    return msgspec.json.format(msgspec.json.encode(envelope), indent=2) + b"\n"


def read_signed(data: bytes) -> Signed:
    """Return what was signed; raises Invalid when it is no such JSON, or too long."""
    if len(data) > SIGNED_BYTES:
        raise Invalid(f"a signed document is longer than {SIGNED_BYTES} bytes")
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
        return Signed(envelope.document.encode(), _few(envelope.signatures))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Invalid(f"this is no signed document: {error}") from None


def _few(signatures: Sequence[str]) -> tuple[str, ...]:
    if len(signatures) > MOST_SIGNATURES:
        raise Invalid(f"there are more than {MOST_SIGNATURES} signatures")
    return tuple(signatures)
