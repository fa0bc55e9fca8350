"""Who calls MIG's API: an investigator by a token he signed or by a key, a loader by its key, or a token of ours.

All refusals are 401, as in MIG: its client then signs a new token and tries once more.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException

from vedette import clock
from vedette.access.digests import digest, make_secret
from vedette.access.model import Actor
from vedette.actions.mig_permissions import has, scope_for
from vedette.actions.trusted import newest_bundle
from vedette.db.queries import Connection, load
from vedette.trust.openpgp import Verified, verify_openpgp
from vedette.trust.reasons import Untrusted
from vedette.trust.verify import is_openpgp_key

Q = load(__file__, "mig_access.sql")

SIGNED, API_KEY, LOADER_KEY = "x-pgpauthorization", "x-migapikey", "x-loaderkey"
WINDOW = timedelta(minutes=10)
"""How far the time in a signed token may be from ours."""
PREFIX_CHARACTERS, LOADER_KEY_CHARACTERS = 8, 32
LOADER = "loader-key"
"""The permission that a loader's key alone gives."""
LOADER_ID = "loader_id"
"""Under which the caller's loader is left in the state of the connection."""

Shown = ASGIConnection[Any, Any, Any, Any]

_TOKEN = re.compile(
    r"1;(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ);(\d{1,20});([A-Za-z0-9+/=]{1,16000})", re.ASCII
)
_LOADER_KEY = re.compile(r"[A-Za-z0-9]{40}", re.ASCII)


def make_api_key() -> str:
    """Return a new key of the API, to be shown once."""
    return make_secret("vdm_")


def with_token(connection: Shown, permission: str) -> bool:
    """Whether the caller shows none of MIG's credentials, where ours would do."""
    headers = connection.headers
    return permission != LOADER and SIGNED not in headers and API_KEY not in headers


async def token_caller(
    connection: Shown, permission: str, whose: Callable[[str], Awaitable[Actor | None]]
) -> Actor:
    """Return whose token of ours this is, when its scopes allow the same; raises NotAuthorizedException."""
    kind, _, secret = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise NotAuthorizedException("X-PGPAUTHORIZATION, X-MIGAPIKEY or a token is needed")
    actor = await whose(secret.strip())
    if actor is None:
        raise NotAuthorizedException("the token is not known, has expired or was revoked")
    needed = scope_for(permission)
    if not actor.may(needed):
        raise NotAuthorizedException(f"the token {actor.name!r} needs the scope {needed}")
    return actor


async def caller_of(
    conn: Connection, connection: Shown, permission: str, *, pepper: bytes
) -> Actor:
    """Return the investigator or loader who calls, and may; raises NotAuthorizedException."""
    headers, now = connection.headers, clock.now()
    if permission == LOADER:
        loader_id, name = await _loader(conn, headers.get(LOADER_KEY, ""), pepper)
        connection.state[LOADER_ID] = loader_id
        return Actor(f"loader:{name}")
    if SIGNED in headers:
        row = await _signed(conn, headers[SIGNED], now)
    else:
        row = await _by_key(conn, headers[API_KEY], pepper)
    _, name, mask = row
    if not has(mask, permission):
        raise NotAuthorizedException(
            f"investigator {name!r} has not the permission {permission!r} to do this"
        )
    return Actor(f"investigator:{name}", frozenset({scope_for(permission)}))


async def _signed(conn: Connection, token: str, now: datetime) -> tuple[int, str, int]:
    """Return the investigator who signed the token: within its window, and for the first time."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise NotAuthorizedException("invalid token format: 1;TIME;NONCE;SIGNATURE, in one line")
    said, nonce, signature = found.groups()
    at = _time(said)
    if abs(at - now) > WINDOW:
        raise NotAuthorizedException("token timestamp is not within acceptable time limits")
    text = f"1;{said};{nonce}\n".encode()
    signer = await _signer(conn, signature, text, now)
    row = await Q.one(conn, "investigator_of", fingerprint=signer.fingerprint, now=now)
    if row is None:
        raise NotAuthorizedException(f"{signer.fingerprint} is no active investigator")
    seen = hashlib.sha256(text).digest()
    first = await Q.run(
        conn, "keep_nonce", id=row[0], digest=seen, now=now, ends_at=at + 2 * WINDOW
    )
    if not first:
        raise NotAuthorizedException("the token was used before; sign a new one")
    return row[0], row[1], row[2]


def _time(said: str) -> datetime:
    try:
        return datetime.strptime(said, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise NotAuthorizedException("invalid token format: there is no such time") from None


async def _signer(conn: Connection, signature: str, text: bytes, now: datetime) -> Verified:
    kept = await newest_bundle(conn)
    keys = [key for (key,) in await Q.all(conn, "active_keys", now=now) if is_openpgp_key(key)]
    accepted = kept.bundle.accepted_sha1() if kept else frozenset()
    try:
        return verify_openpgp(signature, text, keys, now=now, accept_sha1=accepted)
    except Untrusted as refused:
        raise NotAuthorizedException(f"token verification failed: {refused.message}") from None


async def _by_key(conn: Connection, key: str, pepper: bytes) -> tuple[int, str, int]:
    row = await Q.one(conn, "investigator_of_key", digest=digest(pepper, key), now=clock.now())
    if row is None:
        raise NotAuthorizedException("the API key is not known, or its investigator not active")
    return row[0], row[1], row[2]


async def _loader(conn: Connection, key: str, pepper: bytes) -> tuple[int, str]:
    if not _LOADER_KEY.fullmatch(key):
        raise NotAuthorizedException("X-LOADERKEY is needed: eight characters and thirty-two")
    row = await Q.one(conn, "loader_of_prefix", prefix=key[:PREFIX_CHARACTERS])
    if row is None or not hmac.compare_digest(row[2], digest(pepper, key)):
        raise NotAuthorizedException("the loader's key is not known, or was disabled")
    return row[0], row[1]
