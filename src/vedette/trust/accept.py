"""Whether an agent takes a trust bundle: by the roots pinned on its host, never by the server."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from vedette.errors import Invalid
from vedette.trust.bundle import Bundle, read_bundle, roots_digest, signed_text
from vedette.trust.openpgp import SKEW
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.signed import Signed
from vedette.trust.verify import TRUST, verify_some

UNPINNED = "no roots are pinned here; start with --trust-root, or write trust: into agent.yaml"


@dataclass(frozen=True, slots=True)
class Pin:
    """What the host's owner pinned: the roots' digest (`sha256:…`) and how many must sign."""

    roots: str
    threshold: int


@dataclass(frozen=True, slots=True)
class Held:
    """The bundle an agent holds already: its version and the SHA-256 of its bytes, in hex."""

    version: int
    digest: str


def held_of(bundle: Bundle, signed: Signed) -> Held:
    """Return what an agent remembers of a bundle it took."""
    return Held(bundle.version, hashlib.sha256(signed.document).hexdigest())


def accept(
    signed: Signed,
    *,
    pin: Pin | None,
    held: Held | None,
    now: datetime,
    roots_at: datetime | None = None,
    aside: Callable[[Untrusted], None] = lambda _: None,
) -> Bundle:
    """Return the bundle when the pinned roots signed it; raises Untrusted naming the reason.

    It must be no older than the one held, not ended, and signed by as many distinct roots as both
    the pin and the bundle ask. The same bundle again is taken again.
    roots_at: when these very bytes were taken before; the roots' keys are judged as of then.
    aside: told of each root's signature that does not count, when the others are enough.
    """
    if pin is None:
        raise Untrusted(Reason.NO_BUNDLE, UNPINNED)
    try:
        bundle = read_bundle(signed.document)
        roots = roots_digest(bundle.roots.keys)
    except Invalid as error:
        raise Untrusted(Reason.NOT_A_BUNDLE, str(error)) from None
    if roots != pin.roots:
        raise Untrusted(
            Reason.OTHER_ROOTS, f"the bundle's roots are {roots}, pinned are {pin.roots}"
        )
    for refused in _hold_roots(bundle, signed, pin, roots_at or now):
        aside(refused)
    _hold_version(bundle, signed, held)
    hold_bundle_time(bundle, now)
    return bundle


def hold_bundle_time(bundle: Bundle, now: datetime) -> None:
    """Raise Untrusted when the bundle has ended, or begins later; asked before every action."""
    if now >= bundle.expires_at:
        raise Untrusted(
            Reason.EXPIRED_BUNDLE,
            f"the trust bundle ended at {bundle.expires_at:%FT%TZ}; sign a new one",
        )
    if bundle.made_at > now + SKEW:
        raise Untrusted(
            Reason.BUNDLE_FROM_FUTURE, "the trust bundle was made after now; set this host's clock"
        )


def _hold_roots(bundle: Bundle, signed: Signed, pin: Pin, now: datetime) -> tuple[Untrusted, ...]:
    """Return why roots' signatures were set aside; raises Untrusted unless enough others count.

    A root that ends takes no bundle with it that enough others signed.
    """
    signers, aside = verify_some(
        signed.signatures, signed_text(signed.document), bundle.roots.keys, namespace=TRUST, now=now
    )
    needed = max(pin.threshold, bundle.roots.threshold, 1)
    if len(signers) < needed:
        more = "".join(f"; not counted: {one}" for one in aside)
        raise Untrusted(
            Reason.THRESHOLD, f"{len(signers)} of the roots signed the bundle, {needed} must{more}"
        )
    return aside


def _hold_version(bundle: Bundle, signed: Signed, held: Held | None) -> None:
    if held is None:
        return
    if bundle.version < held.version:
        raise Untrusted(
            Reason.OLDER_BUNDLE, f"the bundle has version {bundle.version}, {held.version} is held"
        )
    if bundle.version == held.version and held_of(bundle, signed) != held:
        raise Untrusted(
            Reason.OTHER_BUNDLE,
            f"there is another bundle of version {held.version}; raise the version",
        )
