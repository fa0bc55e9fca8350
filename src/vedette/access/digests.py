"""Secrets we hand out and never keep: how they are made and what of them we store."""

import hmac
import re
import secrets

SECRET_BYTES = 32
TOKEN = re.compile(r"vdt_[A-Za-z0-9_-]{43}")
SESSION = re.compile(r"vds_[A-Za-z0-9_-]{43}")
JOIN_TOKEN = re.compile(r"vdj_[A-Za-z0-9_-]{43}")


def make_secret(prefix: str) -> str:
    """Return a new secret: the prefix tells scanners and people what leaked."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def digest(pepper: bytes, secret: str) -> bytes:
    """Return what we store: useless without the pepper, which a dump holds only sealed.

    A slow hash would add nothing, 256 random bits cannot be guessed.
    """
    return hmac.digest(pepper, secret.encode(), "sha256")
