"""A browser's cookies: the secret it came in with, and the sign-in it is in the middle of.

The secret, a token's or a session's, lies under seal, so the cookie is no bearer token anywhere else;
and every request asks for it anew: revoking it, or its expiry, ends the session at once, on every server.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from vedette.access.openid import Flow
from vedette.access.sessions import LASTS as SESSION_LASTS
from vedette.errors import VedetteError
from vedette.trust.seal import Seal
from vedette.web.answers import Request

LASTS = timedelta(hours=12)
"""How long a browser keeps a token; a person's session ends by its own rules."""
FLOW_LASTS = timedelta(minutes=10)
SEALED_AS = "web session"
FLOW_SEALED_AS = "web sign-in"
COOKIE_BYTES = 4_096
HINT_SEALED_AS = "id token"
HINT_LIMIT = 6_000
"""A longer ID token makes an address that common servers refuse; a provider does without it."""

T = TypeVar("T")


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    secret: str
    until: datetime


class Sessions:
    """Makes and reads the cookies; `cookie_key` is the house's own, the same on every server."""

    def __init__(self, cookie_key: bytes) -> None:
        # Keys of their own: the house signs other things with the cookie key too.
        self._seal = Seal([hashlib.sha256(b"vedette web session\0" + cookie_key).digest()])
        self._hints = Seal([hashlib.sha256(b"vedette id token\0" + cookie_key).digest()])
        self._form_key = hashlib.sha256(b"vedette web form\0" + cookie_key).digest()

    def cookie(self, request: Request, secret: str, *, now: datetime) -> tuple[bytes, bytes]:
        """Return the header that begins a session."""
        lasts = SESSION_LASTS if secret.startswith("vds_") else LASTS
        return _header(request, "", self._sealed(SEALED_AS, _Kept(secret, now + lasts)), lasts)

    def no_cookie(self, request: Request) -> tuple[bytes, bytes]:
        """Return the header that ends the session."""
        return _header(request, "", "", timedelta())

    def secret(self, request: Request, *, now: datetime) -> str | None:
        """Return what this browser came in with; None when it did not, or it is over or forged."""
        kept = self._opened(request, "", SEALED_AS, _Kept)
        return kept.secret if kept is not None and now < kept.until else None

    def flow_cookie(self, request: Request, flow: Flow) -> tuple[bytes, bytes]:
        """Return the header that keeps a sign-in at the provider until the browser comes back."""
        return _header(request, "-flow", self._sealed(FLOW_SEALED_AS, flow), FLOW_LASTS)

    def no_flow_cookie(self, request: Request) -> tuple[bytes, bytes]:
        """Return the header that ends the sign-in under way."""
        return _header(request, "-flow", "", timedelta())

    def flow(self, request: Request, *, now: datetime) -> Flow | None:
        """Return the sign-in this browser is in the middle of; None when there is none."""
        flow = self._opened(request, "-flow", FLOW_SEALED_AS, Flow)
        return flow if flow is not None and now < flow.until else None

    def hint_sealed(self, id_token: str) -> bytes | None:
        """Return the provider's ID token as the database keeps it; None for what is not worth keeping."""
        if not 0 < len(id_token) <= HINT_LIMIT:
            return None
        return self._hints.seal(HINT_SEALED_AS, id_token.encode())

    def hint(self, sealed: bytes | None) -> str:
        """Return the ID token; "" when there is none, or none that this house has sealed."""
        try:
            return self._hints.open(HINT_SEALED_AS, sealed).decode() if sealed else ""
        except VedetteError:
            return ""

    def form_key(self, secret: str) -> str:
        """Return what forms of this session carry, so that no other page can send them."""
        return hmac.digest(self._form_key, secret.encode(), "sha256").hex()[:32]

    def _sealed(self, name: str, kept: msgspec.Struct) -> str:
        sealed = self._seal.seal(name, msgspec.json.encode(kept))
        return base64.urlsafe_b64encode(sealed).decode()

    def _opened(self, request: Request, which: str, name: str, kind: type[T]) -> T | None:
        value = request.cookies.get(_name(request, which), "")
        if not value or len(value) > COOKIE_BYTES:
            return None
        try:
            return msgspec.json.decode(
                self._seal.open(name, base64.urlsafe_b64decode(value)), type=kind
            )
        except (binascii.Error, ValueError, VedetteError, msgspec.DecodeError):
            return None


def is_ours(request: Request) -> bool:
    """Return whether a posted form comes from a page of ours.

    Browsers say so in `Sec-Fetch-Site` (over TLS and on loopback) or else in `Origin`. Who says
    neither is no browser, and signs in nowhere: it has its token.
    """
    site = request.headers.get(b"sec-fetch-site")
    if site is not None:
        return site == b"same-origin"
    origin = urlsplit(request.headers.get(b"origin", b"").decode("latin-1"))
    return bool(origin.netloc) and origin.netloc == request.headers.get(b"host", b"").decode(
        "latin-1"
    )


def _name(request: Request, which: str) -> str:
    # A browser takes `__Host-` only over TLS, for this very host, and lets no sibling overwrite it.
    return ("__Host-vedette" if request.is_secure else "vedette") + which


def _header(request: Request, which: str, value: str, lasts: timedelta) -> tuple[bytes, bytes]:
    # Lax, not Strict: a browser comes back from the provider by a link of the provider's.
    secure = "; Secure" if request.is_secure else ""
    text = (
        f"{_name(request, which)}={value}; Path=/; HttpOnly; SameSite=Lax;"
        f" Max-Age={int(lasts.total_seconds())}{secure}"
    )
    return b"set-cookie", text.encode("ascii")
