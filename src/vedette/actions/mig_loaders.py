"""Loaders: who may ask for the manifest that is meant for him, and what he says of his host."""

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.access.digests import digest
from vedette.actions.mig_auth import LOADER_KEY_CHARACTERS, PREFIX_CHARACTERS
from vedette.actions.mig_search import NO_FILTER
from vedette.actions.mig_wire import Json, written
from vedette.actions.target_match import Facts, Truth, evaluate
from vedette.actions.target_text import read_target
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Denied, Invalid, Missing

Q = load(__file__, "mig_manifests.sql")

LETTERS = string.ascii_letters + string.digits
SAID_BYTES = 64 << 10
"""Of what a loader says of its host."""

_GIVEN_KEY = re.compile(rf"[A-Za-z0-9]{{{LOADER_KEY_CHARACTERS}}}", re.ASCII)
_GIVEN_PREFIX = re.compile(rf"[A-Za-z0-9]{{{PREFIX_CHARACTERS}}}", re.ASCII)
_ENV = re.compile(r"\b(?:loaders\.)?env(?=\s*(?:->|#>))")
"""MIG's tables of loaders call `env` what that of agents calls `environment`."""


@dataclass(frozen=True, slots=True)
class Loader:
    """A loader as it is kept; what it says of its host is its own word."""

    id: int
    name: str
    prefix: str
    agent_name: str
    queueloc: str
    environment: dict[str, Any]
    tags: dict[str, Any]
    seen_at: datetime | None
    enabled: bool
    expectenv: str


@dataclass(frozen=True)
class _Facts(Facts):
    loadername: str | None = None


class Host(msgspec.Struct, kw_only=True):
    """What a loader says of its host: MIG's agent object, of which this much is looked at."""

    name: str = ""
    queueloc: str = ""
    mode: str = ""
    version: str = ""
    pid: int = 0
    environment: dict[str, Any] = {}
    tags: Any = None


def shown(loader: Loader, *, key: str = "") -> Json:
    """Return a loader in MIG's JSON; key: one that was made just now, and is shown this once."""
    return {
        "id": loader.id,
        "name": loader.name,
        "prefix": loader.prefix,
        "key": key,
        "agentname": loader.agent_name,
        "lastseen": written(loader.seen_at),
        "enabled": loader.enabled,
        "expectenv": loader.expectenv,
    }


async def loaders(conn: Connection, filters: Mapping[str, Any]) -> list[Json]:
    """Return the loaders that a search means."""
    return [shown(row) for row in await rows(conn, filters)]


async def rows(conn: Connection, filters: Mapping[str, Any]) -> list[Loader]:
    """Return loaders as they are kept, by their ids."""
    return await Q.all(conn, "loaders", row=Loader, **{**NO_FILTER, **filters})


async def loader(conn: Connection, loader_id: int) -> Loader:
    """Return one loader; raises Missing."""
    found = await rows(conn, {"loaderid": loader_id})
    if not found:
        raise Missing(f"Loader ID '{loader_id}' not found")
    return found[0]


async def add(
    conn: Connection, said: Mapping[str, Any], *, pepper: bytes, by: str, now: datetime
) -> tuple[Loader, str]:
    """Add a loader as MIG's client writes it (name, and prefix and key if it made them); return it and its key.

    Raises Invalid for what is no such JSON, Conflict for a name or prefix that is taken.
    """
    name, expectenv = _text(said, "name"), _text(said, "expectenv")
    prefix, key = _text(said, "prefix"), _text(said, "key")
    if not name:
        raise Invalid("a loader needs a name")
    _hold_target(expectenv)
    if bool(prefix) != bool(key):
        raise Invalid("a loader's prefix and key come together, or are made here")
    if key and not (_GIVEN_KEY.fullmatch(key) and _GIVEN_PREFIX.fullmatch(prefix)):
        raise Invalid("a loader's prefix has 8, its key 32 letters and digits")
    prefix, key = (prefix, key) if key else _made()
    async with conn.transaction():
        loader_id = await Q.value(
            conn,
            "add_loader",
            name=name,
            prefix=prefix,
            digest=digest(pepper, prefix + key),
            enabled=said.get("enabled", True) is True,
            expectenv=expectenv,
            by=by,
            now=now,
        )
        if loader_id is None:
            raise Conflict(f"there is a loader {name!r}, or one of this prefix, already")
        await write_audit(conn, actor=by, action="loader.add", object=f"loader:{loader_id}")
    return await loader(conn, loader_id), key


async def renew_key(
    conn: Connection, loader_id: int, *, pepper: bytes, by: str
) -> tuple[Loader, str]:
    """Give a loader a new key; the old one counts no more. Return the loader and the key."""
    prefix, key = _made()
    await _change(
        conn, "key_of_loader", loader_id, by, prefix=prefix, digest=digest(pepper, prefix + key)
    )
    return await loader(conn, loader_id), key


async def set_status(conn: Connection, loader_id: int, status: str, *, by: str) -> None:
    """Enable or disable a loader; raises Invalid for another word."""
    if status not in ("enabled", "disabled"):
        raise Invalid("Invalid status specified, must be enabled or disabled")
    await _change(conn, "enable_loader", loader_id, by, enabled=status == "enabled")


async def set_expectation(conn: Connection, loader_id: int, expectenv: str, *, by: str) -> None:
    """Say which hosts may use the loader's key: a target; "" any."""
    _hold_target(expectenv)
    await _change(conn, "expect_of_loader", loader_id, by, expectenv=expectenv)


async def _change(conn: Connection, query: str, loader_id: int, by: str, **given: object) -> None:
    async with conn.transaction():
        if not await Q.run(conn, query, id=loader_id, **given):
            raise Missing(f"Loader ID '{loader_id}' not found")
        await write_audit(conn, actor=by, action=f"loader.{query}", object=f"loader:{loader_id}")


async def hear(conn: Connection, loader_id: int, host: Host, *, now: datetime) -> Loader:
    """Keep what a loader says of its host; return the loader.

    Raises Invalid for a host without a name, Denied for one that its `expectenv` does not mean.
    """
    if not host.name or len(host.name) > 1024 or len(host.queueloc) > 2048:
        raise Invalid("a loader must say the name of its host")
    if len(msgspec.json.encode([host.environment, host.tags])) > SAID_BYTES:
        raise Invalid(f"a loader says more than {SAID_BYTES} bytes of its host")
    await Q.run(
        conn,
        "hear_loader",
        id=loader_id,
        agent_name=host.name,
        queueloc=host.queueloc,
        environment=Jsonb(host.environment),
        tags=Jsonb(host.tags if isinstance(host.tags, dict) else {}),
        now=now,
    )
    found = await loader(conn, loader_id)
    if found.expectenv and not means(found.expectenv, found, now=now):
        raise Denied("loader environment verification failed")
    return found


def means(target: str, one: Loader, *, now: datetime) -> bool:
    """Whether a target, of `loaders` or of `agents`, means the loader, by what it said of its host.

    What is not known of it is no: a manifest goes to those it surely means.
    """
    facts = _Facts(
        name=one.agent_name or None,
        queueloc=one.queueloc or None,
        environment=one.environment,
        loadername=one.name,
    )
    tags = {str(key): str(value) for key, value in one.tags.items()}
    return evaluate(read_target(agents_target(target)), facts, tags, now=now) is Truth.TRUE


def agents_target(target: str) -> str:
    """Return a target of MIG's loaders in the words of agents."""
    return re.sub(r"\bloaders\.", "", _ENV.sub("environment", target))


def _hold_target(target: str) -> None:
    if target:
        read_target(agents_target(target))


def _made() -> tuple[str, str]:
    made = "".join(
        secrets.choice(LETTERS) for _ in range(PREFIX_CHARACTERS + LOADER_KEY_CHARACTERS)
    )
    return made[:PREFIX_CHARACTERS], made[PREFIX_CHARACTERS:]


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name) or ""
    if not isinstance(value, str) or "\0" in value or len(value) > 8192:
        raise Invalid(f"a loader's {name} must be text")
    return value.strip()
