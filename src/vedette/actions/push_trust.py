"""Push trust: the fleet's newest trust bundle is kept, handed to the agents, and laid open to SQL.

The server hands it on and cannot write it. It checks the roots' signatures so that a bundle which every
agent would refuse is refused here, with words; what agents believe hangs on what their hosts pinned.
"""

from dataclasses import dataclass
from datetime import datetime

from vedette.access.audit import write_audit
from vedette.actions.trusted import Kept, newest_bundle
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.errors import Conflict
from vedette.trust.accept import Pin, accept, held_of
from vedette.trust.bundle import Bundle, read_bundle, roots_digest
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.signed import Signed
from vedette.trust.verify import key_fingerprint

Q = load(__file__, "writes.sql")

LOCK = lock_number("trust bundles")
PUBLIC_KEY_CHARACTERS = 65_536


@dataclass(frozen=True, slots=True)
class Pushed:
    """A bundle that was taken in: its version, and the digest of its roots to pin on hosts."""

    version: int
    roots: str


async def push_trust(
    conn: Connection, signed: Signed, *, by: str, now: datetime, new_roots: bool = False
) -> Pushed:
    """Keep the bundle as the newest one; the same one again changes nothing.

    new_roots: take one whose roots are others than the last one's; hosts that pinned those refuse it.
    Raises Untrusted when too few of its roots signed it, it ended, or is older than the newest one;
    Conflict for other roots.
    """
    async with conn.transaction():
        await Q.run(conn, "lock_bundles", lock=LOCK)
        kept = await newest_bundle(conn)
        bundle = _accepted(signed, kept, now, new_roots=new_roots)
        roots = roots_digest(bundle.roots.keys)
        await Q.run(
            conn,
            "add_bundle",
            version=bundle.version,
            fleet=bundle.fleet,
            document=signed.document.decode(),
            signatures=list(signed.signatures),
            roots=roots,
            made_at=bundle.made_at,
            expires_at=bundle.expires_at,
            by=by,
            now=now,
        )
        await _lay_open(conn, bundle, now)
        await write_audit(
            conn,
            actor=by,
            action="trust.push",
            object=f"trust:{bundle.version}",
            detail={"roots": roots},
        )
        await Q.run(conn, "tell_trust", version=bundle.version)
    return Pushed(bundle.version, roots)


def _accepted(signed: Signed, kept: Kept | None, now: datetime, *, new_roots: bool) -> Bundle:
    held = held_of(kept.bundle, kept.signed) if kept is not None else None
    pin = _own_pin(signed) if kept is None or new_roots else Pin(kept.roots, 1)
    try:
        return accept(signed, pin=pin, held=held, now=now)
    except Untrusted as refused:
        if refused.reason is not Reason.OTHER_ROOTS:
            raise
        raise Conflict(
            "this bundle has other roots than the one the agents hold; they would refuse it",
            hint="if the roots were changed on purpose, and pinned anew on the hosts: --new-roots",
        ) from None


def _own_pin(signed: Signed) -> Pin:
    """Return the pin of the bundle's own roots: the first one is believed for what it is."""
    return Pin(roots_digest(read_bundle(signed.document).roots.keys), 1)


async def _lay_open(conn: Connection, bundle: Bundle, now: datetime) -> None:
    for table in ("forget_members", "forget_minimums", "forget_weights"):
        await Q.run(conn, table)
    members = [(group.name, key) for group in bundle.groups for key in group.agents]
    await Q.run(
        conn, "add_members", groups=[name for name, _ in members], keys=[key for _, key in members]
    )
    await Q.run(
        conn,
        "add_minimums",
        groups=[one.group for one in bundle.minimums],
        modules=[one.module for one in bundle.minimums],
        weights=[one.weight for one in bundle.minimums],
    )
    await Q.run(
        conn,
        "add_weights",
        groups=[one.group for one in bundle.weights],
        modules=[one.module for one in bundle.weights],
        investigators=[one.investigator for one in bundle.weights],
        weights=[one.weight for one in bundle.weights],
    )
    people = [(key_fingerprint(key), key, one) for one in bundle.investigators for key in one.keys]
    await Q.run(
        conn, "out_of_bundle", fingerprints=[fingerprint for fingerprint, _, _ in people], now=now
    )
    await Q.run(
        conn,
        "add_investigators",
        names=[one.name for _, _, one in people],
        fingerprints=[fingerprint for fingerprint, _, _ in people],
        public_keys=[key[:PUBLIC_KEY_CHARACTERS] for _, key, _ in people],
        statuses=[one.status for _, _, one in people],
        begins=[one.valid_from for _, _, one in people],
        ends=[one.valid_until for _, _, one in people],
        now=now,
    )
