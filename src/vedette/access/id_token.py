"""ID tokens: what must hold before we believe who someone is (OpenID Connect Core, 3.1.3.7).

Pure: the keys, the time and what we asked for are handed in. Only asymmetric algorithms count, so that
neither `none` nor a public key used as a shared secret can pass.
"""

import hmac
import json
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

from vedette.errors import Denied

ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
)
KINDS: dict[str, type[Key]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
KIND_OF = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
TOKEN_LIMIT = 64 * 1024
SUBJECT_LIMIT = 255
KEYS_LIMIT = 100
LEEWAY = timedelta(seconds=60)
OLDEST = timedelta(minutes=10)
"""An ID token is fresh from the provider; one made longer ago was kept by somebody."""


class UnknownKey(Denied):
    """The token names a key that is not among those we know; the provider may have a new one."""


def keys_of(document: object) -> tuple[Mapping[str, Any], ...]:
    """Return the keys of a JWK set that may sign: public ones of kinds we know."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return ()
    return tuple(
        each
        for each in listed[:KEYS_LIMIT]
        if isinstance(each, dict) and each.get("kty") in KINDS and each.get("use", "sig") == "sig"
    )


def claims_of(
    token: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    issuer: str,
    client_id: str,
    nonce: str | None,
    algorithms: Collection[str],
    now: datetime,
) -> dict[str, Any]:
    """Return the claims of a token that holds; raises Denied saying what does not, or UnknownKey.

    nonce: what we sent with the browser; None where no browser of ours went, as from a device. algorithms:
    those the provider says it signs with; of them only ours count.
    """
    if not isinstance(token, str) or len(token) > TOKEN_LIMIT:
        raise _bad("it is none")
    header = _header(token)
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS or algorithm not in algorithms:
        raise _bad(f"it is signed with {str(algorithm)[:20]!a}")
    key = _key(keys, header.get("kid"), KIND_OF[algorithm[:2]])
    try:
        signed = jws.deserialize_compact(token, key, algorithms=[algorithm])
        claims = json.loads(signed.payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _bad("its signature is not the provider's") from None
    if not isinstance(claims, dict):
        raise _bad("it has no claims")
    _check(claims, issuer=issuer, client_id=client_id, nonce=nonce, now=now)
    return claims


def _header(token: str) -> dict[str, Any]:
    try:
        header = json.loads(urlsafe_b64decode(token.partition(".")[0].encode("ascii")))
    except (ValueError, RecursionError):
        raise _bad("it is none") from None
    if not isinstance(header, dict):
        raise _bad("it is none")
    return header


def _key(keys: Sequence[Mapping[str, Any]], name: object, kind: str) -> Key:
    fitting = [
        key for key in keys if key["kty"] == kind and (name is None or key.get("kid") == name)
    ]
    if len(fitting) != 1:
        raise UnknownKey(f"the provider has no key {str(name)[:40]!a} for its ID token")
    public = {word: value for word, value in fitting[0].items() if word not in ("d", "k")}
    try:
        return KINDS[kind].import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        raise _bad("the provider's key cannot be read") from None


def _check(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str | None, now: datetime
) -> None:
    if claims.get("iss") != issuer:
        raise _bad("another issuer made it")
    heard = claims.get("aud")
    audience = heard if isinstance(heard, list) else [heard]
    if client_id not in audience:
        raise _bad("it is meant for another audience")
    party = claims.get("azp")
    if party != client_id and (party is not None or len(audience) > 1):
        raise _bad("it was given to another party")
    if nonce is not None and not _is_nonce(claims.get("nonce"), nonce):
        raise _bad("its nonce is not ours")
    moment = now.timestamp()
    leeway = LEEWAY.total_seconds()
    if _time(claims, "exp") <= moment - leeway:
        raise _bad("it has expired")
    made = _time(claims, "iat")
    if not moment - OLDEST.total_seconds() <= made <= moment + leeway:
        raise _bad("it was not made just now")
    if "nbf" in claims and _time(claims, "nbf") > moment + leeway:
        raise _bad("it does not count yet")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LIMIT or "\0" in subject:
        raise _bad("it names nobody")


def _is_nonce(given: object, nonce: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), nonce.encode())


def _time(claims: Mapping[str, Any], name: str) -> float:
    found = claims.get(name)
    if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found):
        return float(found)
    raise _bad(f"it lacks the time {name}")


def _bad(why: str) -> Denied:
    return Denied(f"the provider's ID token does not count: {why}", hint="sign in again")
