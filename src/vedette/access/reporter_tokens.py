"""Tokens of reporters of other systems: a JWT they make themselves, of a secret they share with us.

They are signed with HMAC-SHA-256 and say hardly anything: `{"stackmon": "dummy"}`, mostly without an
expiry. Who shows one may post that components fail, and nothing else.
"""

import warnings
from collections.abc import Mapping
from datetime import datetime

import structlog
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OctKey

from vedette.access.model import Actor, Scope
from vedette.errors import Invalid

ALGORITHM = "HS256"
CLAIM = "stackmon"
TOKEN_LIMIT = 8_192
KNOWN_LIMIT = 256
"""Tokens whose signature is remembered; reporters are few and show the same one every minute."""
STRONG_BYTES = 32
"""RFC 7518 wants a key as long as its hash; reporters have shorter ones, which count with a warning."""

log = structlog.get_logger(__name__)


class ReporterKey:
    """The secret that reporters share with us."""

    def __init__(self, secret: bytes, *, claim: str = CLAIM) -> None:
        """Take the secret, saying when it is weak; claim: what a token must contain, whatever its value.

        Raises Invalid when there is nothing in it.
        """
        if not secret:
            raise Invalid("the reporters' secret is empty", hint="32 random bytes or more")
        if len(secret) < STRONG_BYTES:
            log.warning(
                "the reporters' secret is short",
                bytes=len(secret),
                hint=f"{STRONG_BYTES} bytes or more cannot be guessed",
            )
        with warnings.catch_warnings():
            # Said above, in our words and where an operator reads it.
            warnings.simplefilter("ignore", SecurityWarning)
            self._key = OctKey.import_key(secret)
        self._claim = claim
        self._known: dict[str, Mapping[str, object]] = {}

    def whose(self, token: str, *, now: datetime, any_claims: bool = False) -> Actor | None:
        """Return the reporter whose token this is; None when it is not valid.

        any_claims: it need not contain the claim, as the first Status Dashboard's successor has it.
        """
        claims = self._known.get(token)
        if claims is None:
            claims = self._verified(token)
        if claims is None or (not any_claims and self._claim not in claims):
            return None
        if "aud" in claims or not _is_in_time(claims, now):
            return None
        return Actor("reporter", frozenset({Scope.COMPONENT_STATUS}))

    def _verified(self, token: str) -> Mapping[str, object] | None:
        """Return what a token says that this secret signed; None for any other.

        It is remembered, since the same bytes stay signed; whether it is in time is another question.
        """
        if len(token) > TOKEN_LIMIT or token.count(".") != 2:
            return None
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError, RecursionError):
            return None
        if len(self._known) >= KNOWN_LIMIT:
            del self._known[next(iter(self._known))]
        self._known[token] = claims
        return claims


def _is_in_time(claims: Mapping[str, object], now: datetime) -> bool:
    for name, past in (("exp", False), ("nbf", True)):
        moment = claims.get(name)
        if moment is None:
            continue
        if isinstance(moment, bool) or not isinstance(moment, int | float):
            return False
        if (moment <= now.timestamp()) != past:
            return False
    return True
