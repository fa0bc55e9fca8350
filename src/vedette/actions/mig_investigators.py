"""Investigators as MIG's API looks after them: who they are, what they may ask of the API, their keys for it.

Whether agents obey them stands in the trust bundle alone; whoever is in it is changed there.
"""

from datetime import datetime

from vedette.access.audit import write_audit
from vedette.access.digests import digest
from vedette.actions import mig_reads
from vedette.actions.mig_auth import make_api_key
from vedette.actions.mig_permissions import ADMIN, named
from vedette.actions.mig_shown import InvestigatorRow
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, Missing
from vedette.trust.verify import key_fingerprint

Q = load(__file__, "mig_access.sql")

LOCK = lock_number("investigators")
KEY_CHARACTERS = 65_536
STATUSES = ("active", "disabled")


async def investigator(conn: Connection, investigator_id: int) -> InvestigatorRow:
    """Return an investigator; raises Missing."""
    found = await mig_reads.investigator_rows(conn, {"investigatorid": investigator_id, "limit": 1})
    if not found:
        raise Missing(f"Investigator ID '{investigator_id}' not found")
    return found[0]


async def add(
    conn: Connection, name: str, public_key: str, permissions: int, *, by: str, now: datetime
) -> int:
    """Add an investigator with his public key; return the id.

    His signatures weigh nothing until the trust bundle names him. Raises Invalid for a key that cannot be
    read, Conflict for one that is known.
    """
    if not name.strip() or len(name) > 1024:
        raise Invalid("Investigator name must not be empty")
    if not public_key.strip() or len(public_key) > KEY_CHARACTERS:
        raise Invalid("Investigator Public Key must not be empty")
    if "PRIVATE KEY" in public_key:
        raise Invalid("this is a secret key: it stays with its owner, the public one is wanted")
    fingerprint = key_fingerprint(public_key)
    async with conn.transaction():
        made = await Q.value(
            conn,
            "add_investigator",
            name=name.strip(),
            fingerprint=fingerprint,
            public_key=public_key,
            permissions=permissions,
            now=now,
        )
        if made is None:
            raise Conflict(f"there is an investigator with the key {fingerprint} already")
        await _note(conn, "add", made, by, {"name": name, "permissions": permissions})
    return int(made)


async def set_status(
    conn: Connection, investigator_id: int, status: str, *, by: str, now: datetime
) -> None:
    """Let an investigator in, or not; raises Conflict where the trust bundle says so, or he is the last admin."""
    if status not in STATUSES:
        raise Invalid("status must be active or disabled")
    async with conn.transaction():
        row = await _locked(conn, investigator_id)
        if row.in_bundle and row.status != status:
            raise Conflict(
                f"{row.name} stands in the trust bundle, which alone says whether he counts",
                hint="change the bundle, let its roots sign it: vedette trust",
            )
        if status != "active":
            await _hold_other_admin(conn, row)
        await _change(conn, investigator_id, status=status, now=now)
        await _note(conn, status, investigator_id, by, {})


async def set_permissions(
    conn: Connection, investigator_id: int, permissions: int, *, by: str, now: datetime
) -> None:
    """Say what an investigator may ask of MIG's API; raises Conflict when nobody could do so any more."""
    async with conn.transaction():
        row = await _locked(conn, investigator_id)
        if permissions & ADMIN != ADMIN:
            await _hold_other_admin(conn, row)
        await _change(conn, investigator_id, permissions=permissions, now=now)
        allowed = [name for name, may in named(permissions).items() if may]
        await _note(conn, "permissions", investigator_id, by, {"permissions": allowed})


async def new_api_key(
    conn: Connection, investigator_id: int, *, pepper: bytes, by: str, now: datetime
) -> str:
    """Give an investigator a key of the API and return it; it is kept as a digest, and the one before counts no more."""
    key = make_api_key()
    async with conn.transaction():
        await _locked(conn, investigator_id)
        kept = digest(pepper, key)
        await Q.run(conn, "keep_api_key", id=investigator_id, digest=kept, by=by, now=now)
        await _note(conn, "api_key", investigator_id, by, {})
    return key


async def forget_api_key(conn: Connection, investigator_id: int, *, by: str) -> None:
    """Take an investigator's key of the API away."""
    async with conn.transaction():
        await _locked(conn, investigator_id)
        await Q.run(conn, "forget_api_key", id=investigator_id)
        await _note(conn, "no_api_key", investigator_id, by, {})


async def _locked(conn: Connection, investigator_id: int) -> InvestigatorRow:
    await Q.run(conn, "lock_investigators", lock=LOCK)
    return await investigator(conn, investigator_id)


async def _change(
    conn: Connection,
    investigator_id: int,
    *,
    status: str | None = None,
    permissions: int | None = None,
    now: datetime,
) -> None:
    await Q.run(
        conn,
        "change_investigator",
        id=investigator_id,
        status=status,
        permissions=permissions,
        now=now,
    )


async def _hold_other_admin(conn: Connection, row: InvestigatorRow) -> None:
    was_admin = row.status == "active" and row.permissions & ADMIN == ADMIN
    if was_admin and not await Q.value(conn, "other_admins", id=row.id, admin=ADMIN):
        raise Conflict(f"{row.name} is the last who may look after investigators; name another")


async def _note(
    conn: Connection, word: str, investigator_id: int, by: str, detail: dict[str, object]
) -> None:
    name = f"investigator:{investigator_id}"
    await write_audit(conn, actor=by, action=f"investigator.{word}", object=name, detail=detail)
