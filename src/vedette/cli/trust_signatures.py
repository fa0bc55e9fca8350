"""Whose signatures stand under a trust bundle on the desk, and which of them do not count."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from vedette.trust.bundle import Bundle, signed_text
from vedette.trust.reasons import Untrusted
from vedette.trust.signed import Signed
from vedette.trust.verify import NOT_NOW, TRUST, verify


@dataclass(frozen=True, slots=True)
class Signatures:
    """What stands under a bundle.

    counting: each root's fingerprint and its signature. aside: why others do not count now, as of a
    key that has ended. wrong: what an agent refuses the whole bundle for.
    """

    counting: dict[str, str]
    aside: tuple[str, ...]
    wrong: tuple[str, ...]


def signatures_of(signed: Signed, held: Bundle, *, now: datetime) -> Signatures:
    """Return the signatures under the bundle, judged as of now."""
    counting: dict[str, str] = {}
    aside: list[str] = []
    wrong: list[str] = []
    for signature in signed.signatures:
        try:
            who = _signer(signature, signed, held, now)
        except Untrusted as error:
            (aside if error.reason in NOT_NOW else wrong).append(str(error))
            continue
        if who in counting:
            wrong.append(f"{who} signed twice")
        counting.setdefault(who, signature)
    return Signatures(counting, tuple(aside), tuple(wrong))


def with_signatures(signed: Signed, held: Bundle, added: Iterable[str], *, now: datetime) -> Signed:
    """Return the bundle with these signatures and without those that do not count.

    Raises Untrusted for an added one that does not: it is no root's, or over other bytes.
    """
    counting = dict(signatures_of(signed, held, now=now).counting)
    for signature in added:
        counting.setdefault(_signer(signature, signed, held, now), signature)
    return Signed(signed.document, tuple(counting.values()))


def _signer(signature: str, signed: Signed, held: Bundle, now: datetime) -> str:
    text = signed_text(signed.document)
    return verify(signature, text, held.roots.keys, namespace=TRUST, now=now).fingerprint
