"""What the server holds of trust: the newest bundle, read once a version."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.trust.bundle import Bundle, read_bundle
from vedette.trust.signed import Signed, write_signed

Q = load(__file__, "reads.sql")


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest trust bundle, as its roots signed it."""

    version: int
    bundle: Bundle
    signed: Signed
    roots: str
    pushed_at: datetime
    pushed_by: str

    def to_wire(self) -> bytes:
        """Return it as it travels."""
        return write_signed(self.signed)


async def newest_bundle(conn: Connection) -> Kept | None:
    """Return the newest trust bundle; None before the first was pushed."""
    row = await Q.one(conn, "newest_bundle")
    if row is None:
        return None
    version, document, signatures, roots, pushed_at, pushed_by = row
    signed = Signed(document.encode(), tuple(signatures))
    return Kept(version, _read(signed.document), signed, roots, pushed_at, pushed_by)


async def the_bundle(conn: Connection) -> Kept:
    """Return the newest trust bundle; raises Missing when there is none."""
    kept = await newest_bundle(conn)
    if kept is None:
        raise Missing(
            "there is no trust bundle: no agent would obey anybody",
            hint="make one: `vedette trust init`, `vedette trust push`",
        )
    return kept


@lru_cache(maxsize=2)
def _read(document: bytes) -> Bundle:
    return read_bundle(document)
