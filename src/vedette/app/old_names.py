"""The Status Dashboard's variables (`SDB_…`), read as ours so that its deployments need no edit."""

import json
from collections.abc import Mapping, MutableMapping

import structlog

from vedette.errors import Invalid

OURS: Mapping[str, str] = {
    "SDB_SECRET_KEY": "VEDETTE_REPORTER_SECRET",
    "SDB_API_PAYLOAD_KEY": "VEDETTE_REPORTER_CLAIM",
    "SDB_OPENID_ISSUER_URL": "VEDETTE_SIGN_IN_ISSUER",
    "SDB_OPENID_CLIENT_ID": "VEDETTE_SIGN_IN_CLIENT_ID",
    "SDB_OPENID_REQUIRED_GROUP": "VEDETTE_SIGN_IN_ROLES",
    "SDB_CACHE_TYPE": "VEDETTE_CACHE_TYPE",
    "SDB_CACHE_KEY_PREFIX": "VEDETTE_CACHE_KEY_PREFIX",
    "SDB_CACHE_DEFAULT_TIMEOUT": "VEDETTE_CACHE_DEFAULT_TIMEOUT",
    "SDB_CACHE_REDIS_HOST": "VEDETTE_CACHE_REDIS_HOST",
    "SDB_CACHE_REDIS_PORT": "VEDETTE_CACHE_REDIS_PORT",
    "SDB_CACHE_REDIS_URL": "VEDETTE_CACHE_REDIS_URL",
    "SDB_CACHE_REDIS_PASSWORD": "VEDETTE_CACHE_REDIS_PASSWORD",
}
UNREAD: Mapping[str, str] = {
    "SDB_OPENID_CLIENT_SECRET": "write it to a file that VEDETTE_SIGN_IN_CLIENT_SECRET_FILE names",
    "SDB_GITHUB_CLIENT_ID": "sign-in is by OpenID Connect: VEDETTE_SIGN_IN_ISSUER",
    "SDB_GITHUB_CLIENT_SECRET": "sign-in is by OpenID Connect: VEDETTE_SIGN_IN_ISSUER",
}
DATABASES = ("SDB_SQLALCHEMY_DATABASE_URI", "SDB_DATABASE_URI")

log = structlog.get_logger(__name__)


def adopt(environ: MutableMapping[str, str]) -> None:
    """Give what an old variable says to ours, where ours is not set."""
    for old, ours in OURS.items():
        said = _plain(environ.get(old, ""))
        if said and ours not in environ:
            # Whoever is in the one group that may sign in there may write there.
            environ[ours] = f"operator={said}" if old == "SDB_OPENID_REQUIRED_GROUP" else said


def refuse_its_database(environ: Mapping[str, str]) -> None:
    """Raise Invalid when the Status Dashboard's database is named: it is not ours to write to."""
    for name in DATABASES:
        if environ.get(name):
            raise Invalid(
                f"{name} names the Status Dashboard's database, which Vedette cannot use",
                hint="unset it, and name one of its own with VEDETTE_DATABASE_URL",
            )


def tell(environ: Mapping[str, str]) -> None:
    """Log each old variable that is set, with the setting that takes its place."""
    for old, ours in OURS.items():
        if environ.get(old):
            log.warning("an old variable is read", variable=old, now=ours)
    for old, hint in UNREAD.items():
        if environ.get(old):
            log.warning("an old variable is not read", variable=old, hint=hint)


def _plain(text: str) -> str:
    """Return the value as the Status Dashboard reads it: as JSON where it is JSON."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return said if isinstance(said, str) else text
