"""Where kept pages are kept: the section `cache` and its flags."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter
from msgspec import Meta, Struct

from vedette import durations
from vedette.errors import Invalid, Missing

PASSWORD_VARIABLE = "VEDETTE_CACHE_REDIS_PASSWORD"  # noqa: S105 - its name
DEFAULT_PREFIX = "vedette:"
DEFAULT_TIMEOUT = timedelta(seconds=30)
LONGEST = timedelta(hours=1)
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
SCHEMES = ("redis", "rediss", "unix", "valkey", "valkeys")

Word = Literal["simple", "redis", "null", "SimpleCache", "RedisCache", "NullCache"]


class Store(StrEnum):
    """Where a server keeps what it has made: in itself, in Redis as well, or nowhere."""

    SIMPLE = "simple"
    REDIS = "redis"
    NULL = "null"


def _says(text: str) -> Meta:
    return Meta(description=text)


class CacheSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where kept pages are kept; read at the start."""

    type: Annotated[
        Word | None,
        _says("`simple`: in each server; `redis`: shared; `null`: nowhere. Default by `redis_…`."),
    ] = None
    key_prefix: Annotated[
        Annotated[str, Meta(max_length=100)] | None,
        _says("Before all names in Redis; default `vedette:`."),
    ] = None
    default_timeout: Annotated[
        int | str | None,
        _says("How long at most, as 30 (seconds) or 5m, to 1h; a change ends it at once."),
    ] = None
    redis_url: Annotated[str | None, _says("As redis://HOST:PORT/DB or rediss://.")] = None
    redis_host: Annotated[str | None, _says("Instead of the URL; default localhost.")] = None
    redis_port: Annotated[
        Annotated[int, Meta(ge=1, le=65_535)] | None, _says("Its port; default 6379.")
    ] = None
    redis_password_file: Annotated[str | None, _says("File with its password.")] = None


def _flag(env: str, help_text: str) -> Parameter:
    return Parameter(env_var=env, help=help_text, negative="")


@Parameter(name="*", group="Cache")
@dataclass(frozen=True, kw_only=True)
class CacheFlags:
    """Flags of `up` and `serve`; None: not said."""

    cache_type: Annotated[
        str | None,
        _flag(
            "VEDETTE_CACHE_TYPE",
            "Kept pages are kept in each server (simple), shared in Redis (redis), or not kept (null).",
        ),
    ] = None
    cache_key_prefix: Annotated[
        str | None, _flag("VEDETTE_CACHE_KEY_PREFIX", "Before all names in Redis.")
    ] = None
    cache_default_timeout: Annotated[
        str | None,
        _flag("VEDETTE_CACHE_DEFAULT_TIMEOUT", "How long at most, as 30 or 5m; default 30 s."),
    ] = None
    cache_redis_url: Annotated[
        str | None, _flag("VEDETTE_CACHE_REDIS_URL", "The Redis, as redis://HOST:PORT/DB.")
    ] = None
    cache_redis_host: Annotated[
        str | None, _flag("VEDETTE_CACHE_REDIS_HOST", "Its host, instead of the URL.")
    ] = None
    cache_redis_port: Annotated[
        int | None, _flag("VEDETTE_CACHE_REDIS_PORT", "Its port; default 6379.")
    ] = None
    cache_redis_password_file: Annotated[
        Path | None,
        _flag(
            "VEDETTE_CACHE_REDIS_PASSWORD_FILE", "File with its password; nobody reads it there."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Where one server keeps pages. redis: its URL; where: the same without a password."""

    store: Store = Store.SIMPLE
    prefix: str = DEFAULT_PREFIX
    kept_for: timedelta = DEFAULT_TIMEOUT
    redis: str = field(default="", repr=False)
    where: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None


def cache_of(
    flags: CacheFlags, said: CacheSettings, environ: Mapping[str, str] = os.environ
) -> Cache:
    """Return what flags and environment say, and below them the file; raises Invalid or Missing.

    Whoever names a Redis and no type wants it. An address in the flags goes before one in the file,
    however either was written.
    """
    url, host, port = flags.cache_redis_url, flags.cache_redis_host, flags.cache_redis_port
    if not (url or host or port):
        url, host, port = said.redis_url, said.redis_host, said.redis_port
    is_named = bool(url or host or port)
    word = flags.cache_type or said.type or (Store.REDIS if is_named else Store.SIMPLE)
    store = _store(word)
    named = flags.cache_redis_password_file
    password = environ.get(PASSWORD_VARIABLE, "")
    if named is None and not password and said.redis_password_file:
        named = Path(said.redis_password_file)
    prefix = flags.cache_key_prefix if flags.cache_key_prefix is not None else said.key_prefix
    timeout = flags.cache_default_timeout or said.default_timeout
    redis = ""
    if store is Store.REDIS:
        redis = _checked(url) if url else _address(host or "localhost", port or 6379)
    return Cache(
        store=store,
        prefix=DEFAULT_PREFIX if prefix is None else prefix,
        kept_for=DEFAULT_TIMEOUT if timeout is None else _span(str(timeout)),
        redis=redis,
        where=_shown(redis),
        password=password if named is None else _password_in(named),
        password_file=named,
    )


def _store(word: str) -> Store:
    plain = word.strip().lower().removesuffix("cache")
    if plain not in list(Store):
        raise Invalid(f"--cache-type {word[:40]!a} is none", hint="simple, redis or null")
    return Store(plain)


def _span(text: str) -> timedelta:
    span = durations.parse(f"{text}s" if text.isascii() and text.isdigit() else text)
    if not timedelta(seconds=1) <= span <= LONGEST:
        raise Invalid(
            f"--cache-default-timeout {text[:40]} is not between 1 second and 1 hour",
            hint="to keep nothing, say --cache-type null",
        )
    return span


def _address(host: str, port: int) -> str:
    if not 0 < port < 65_536:
        raise Invalid(f"--cache-redis-port {port} is no port")
    if not _HOST.fullmatch(host) and not _is_ip6(host):
        raise Invalid("--cache-redis-host is no name of a host")
    return f"redis://[{host}]:{port}" if ":" in host else f"redis://{host}:{port}"


def _is_ip6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return "%" not in host


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    # Its words are not repeated: a password may stand among them.
    if parts.scheme not in SCHEMES or port == 0:
        raise Invalid("--cache-redis-url is no address of a Redis", hint="as redis://HOST:6379/0")
    return url


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if url else ""


def _password_in(path: Path) -> str:
    try:
        password = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Missing(f"--cache-redis-password-file {path} cannot be read: {reason}") from None
    if not password:
        raise Missing(f"--cache-redis-password-file {path} is empty")
    return password
