"""A browser's session: a token kept in a cookie that only this house can open.

The cookie holds the token under seal, so it is no bearer token anywhere else, and every request
asks for the token anew: revoking it, or its expiry, ends each session at once, on every server.
"""

import base64
import binascii
import hashlib
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from vedette.errors import VedetteError
from vedette.trust.seal import Seal
from vedette.web.answers import Request

LASTS = timedelta(hours=12)
SEALED_AS = "web session"
COOKIE_BYTES = 2_048


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    secret: str
    until: datetime


class Sessions:
    """Makes and reads the cookie; `cookie_key` is the house's own, the same on every server."""

    def __init__(self, cookie_key: bytes) -> None:
        # A key of its own: the house signs other things with the cookie key too.
        self._seal = Seal([hashlib.sha256(b"vedette web session\0" + cookie_key).digest()])

    def cookie(self, request: Request, secret: str, *, now: datetime) -> tuple[bytes, bytes]:
        """Return the header that begins a session; it ends with the browser, or after `LASTS`."""
        kept = msgspec.json.encode(_Kept(secret, now + LASTS))
        value = base64.urlsafe_b64encode(self._seal.seal(SEALED_AS, kept)).decode()
        return _header(request, value, f"Max-Age={int(LASTS.total_seconds())}")

    def no_cookie(self, request: Request) -> tuple[bytes, bytes]:
        """Return the header that ends the session."""
        return _header(request, "", "Max-Age=0")

    def secret(self, request: Request, *, now: datetime) -> str | None:
        """Return this browser's token; None when it has none, or one that is over or forged."""
        value = request.cookies.get(_name(request), "")
        if not value or len(value) > COOKIE_BYTES:
            return None
        try:
            kept = msgspec.json.decode(
                self._seal.open(SEALED_AS, base64.urlsafe_b64decode(value)), type=_Kept
            )
        except (binascii.Error, ValueError, VedetteError, msgspec.DecodeError):
            return None
        return kept.secret if now < kept.until else None


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


def _name(request: Request) -> str:
    # A browser takes `__Host-` only over TLS, for this very host, and lets no sibling overwrite it.
    return "__Host-vedette" if request.is_secure else "vedette"


def _header(request: Request, value: str, age: str) -> tuple[bytes, bytes]:
    secure = "; Secure" if request.is_secure else ""
    text = f"{_name(request)}={value}; Path=/; HttpOnly; SameSite=Strict; {age}{secure}"
    return b"set-cookie", text.encode("ascii")
