"""The server's own secrets: made once by whichever server comes first, sealed in the database."""

import secrets
from dataclasses import dataclass, field

from vedette.access.audit import write_audit
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.trust.authority import Authority
from vedette.trust.seal import OtherSealKey, Seal

READS = load(__file__, "reads.sql")
WRITES = load(__file__, "writes.sql")

PEPPER = "token pepper"
COOKIE_KEY = "cookie key"
AUTHORITY_KEY = "authority key 1"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a server needs to know tokens, cookies and certificates as ours."""

    pepper: bytes = field(repr=False)
    cookie_key: bytes = field(repr=False)
    authority: Authority


async def load_or_make_secrets(conn: Connection, seal: Seal) -> Secrets:
    """Return the secrets, made when there are none; servers that start at once agree.

    Raises OtherSealKey when the database was sealed with another key.
    """
    async with conn.transaction():
        # Waits: the second server needs what the first is making.
        await conn.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(__name__),))
        if not await READS.all(conn, "secrets"):
            await _make(conn, seal)
        return await _load(conn, seal)


async def reseal(conn: Connection, seal: Seal) -> int:
    """Seal every secret anew with the first key of the seal, which opens the old ones; return how many.

    All of them or none. Raises OtherSealKey when the seal does not open one of them.
    """
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(__name__),))
        rows = await READS.all(conn, "secrets")
        for name, sealed in rows:
            anew = seal.seal(name, _opened(seal, name, sealed))
            await WRITES.run(conn, "reseal_secret", name=name, sealed=anew)
        await write_audit(
            conn, actor="server", action="secrets.reseal", detail={"key": seal.key_id}
        )
    return len(rows)


async def _make(conn: Connection, seal: Seal) -> None:
    authority = Authority.make()
    made = {
        PEPPER: secrets.token_bytes(SECRET_BYTES),
        COOKIE_KEY: secrets.token_bytes(SECRET_BYTES),
        AUTHORITY_KEY: authority.key_pem,
    }
    for name, plain in made.items():
        await WRITES.run(conn, "insert_secret", name=name, sealed=seal.seal(name, plain))
    await WRITES.run(
        conn,
        "insert_authority",
        certificate_pem=authority.pem.decode(),
        secret_name=AUTHORITY_KEY,
        not_after=authority.not_after,
    )
    await write_audit(
        conn,
        actor="server",
        action="secrets.make",
        detail={"seal_key": seal.key_id, "authority": authority.fingerprint},
    )


async def _load(conn: Connection, seal: Seal) -> Secrets:
    sealed: dict[str, bytes] = dict(await READS.all(conn, "secrets"))
    newest = await READS.one(conn, "newest_authority")
    assert newest is not None, "the secrets and the authority are made in one transaction"
    certificate_pem, secret_name = newest
    return Secrets(
        pepper=_opened(seal, PEPPER, sealed[PEPPER]),
        cookie_key=_opened(seal, COOKIE_KEY, sealed[COOKIE_KEY]),
        authority=Authority.from_pem(
            certificate_pem.encode(), _opened(seal, secret_name, sealed[secret_name])
        ),
    )


def _opened(seal: Seal, name: str, envelope: bytes) -> bytes:
    try:
        return seal.open(name, bytes(envelope))
    except OtherSealKey as error:
        raise OtherSealKey(
            f"the database was sealed with another key: {error.message}",
            hint="point VEDETTE_SEAL_KEY_FILE at the seal.key of the server that made it",
        ) from None
