"""When an action counts, by the host's own clock, and that it counts once."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from vedette.trust.openpgp import SKEW
from vedette.trust.reasons import Reason, Untrusted

LONGEST_VALIDITY = timedelta(days=366)
"""An agent keeps what it ran until it expires; nothing may have to be kept for ever."""
MOST_KEPT = 100_000
"""Actions an agent remembers; more at once are refused, never forgotten."""


def hold_validity(valid_from: datetime, expire_after: datetime, *, now: datetime) -> None:
    """Raise Untrusted unless now is within the action's validity.

    A signer's clock may be ahead by SKEW; nobody's clock lets an action run after it expired.
    """
    if now < valid_from - SKEW:
        raise Untrusted(Reason.NOT_YET_VALID, f"the action counts from {valid_from:%FT%TZ}")
    if now >= expire_after:
        raise Untrusted(
            Reason.EXPIRED, f"the action expired at {expire_after:%FT%TZ}; sign it again"
        )
    if expire_after - valid_from > LONGEST_VALIDITY:
        raise Untrusted(
            Reason.VALID_TOO_LONG, f"the action counts for more than {LONGEST_VALIDITY.days} days"
        )


def action_digest(text: bytes) -> str:
    """Return what an action is remembered by: of the signed bytes, not of the signatures.

    The same order signed by somebody else is the same order.
    """
    return hashlib.sha256(text).hexdigest()


def hold_new(digest: str, kept: Mapping[str, datetime], *, now: datetime) -> None:
    """Raise Untrusted when the action ran here before, or when no more can be remembered.

    kept: digest → when that action expires.
    """
    if digest in kept:
        raise Untrusted(Reason.REPLAYED, "this very action ran here before; sign a new one")
    if sum(ends > now - SKEW for ends in kept.values()) >= MOST_KEPT:
        raise Untrusted(
            Reason.TOO_MANY_KEPT, f"{MOST_KEPT} actions are remembered until they expire"
        )


def still_kept(kept: Mapping[str, datetime], *, now: datetime) -> dict[str, datetime]:
    """Return what must still be remembered: what has expired is refused for that already."""
    return {digest: ends for digest, ends in kept.items() if ends > now - SKEW}
