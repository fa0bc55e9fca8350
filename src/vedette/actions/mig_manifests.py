"""Manifests on the server: handed in, signed, active once enough weight stands behind them, given to loaders."""

import base64
from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.actions.mig_bundle import entries_of, file_of, read_content
from vedette.actions.mig_loaders import Loader, agents_target, means, rows
from vedette.actions.mig_search import NO_FILTER
from vedette.actions.mig_wire import Json, written
from vedette.actions.target_text import read_target
from vedette.actions.trusted import Kept, newest_bundle, the_bundle
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, Missing
from vedette.trust.manifest import MODULE, Entry, naming_groups, read_entries, signer_of
from vedette.trust.openpgp import Verified
from vedette.trust.reasons import Untrusted
from vedette.trust.weigh import people_of, weights

Q = load(__file__, "mig_manifests.sql")

STAGED, ACTIVE, DISABLED = "staged", "active", "disabled"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest without its content."""

    id: int
    name: str
    status: str
    target: str
    entries: list[Any]
    made_at: datetime
    signatures: list[str]

    @property
    def files(self) -> tuple[Entry, ...]:
        """Its files, with their digests: what is signed."""
        return read_entries(self.entries)


def shown(manifest: Manifest, content: bytes | None = None) -> Json:
    """Return a manifest in MIG's JSON; content: the archive, which whoever signs looks at."""
    found: Json = {
        "id": manifest.id,
        "name": manifest.name,
        "timestamp": written(manifest.made_at),
        "status": manifest.status,
        "target": manifest.target,
        "signatures": manifest.signatures,
    }
    return found if content is None else {**found, "content": base64.b64encode(content).decode()}


async def manifests(conn: Connection, filters: Mapping[str, Any]) -> list[Json]:
    """Return the manifests that a search means, the newest first, without their content."""
    return [shown(row) for row in await _rows(conn, filters)]


async def _rows(conn: Connection, filters: Mapping[str, Any]) -> list[Manifest]:
    return await Q.all(conn, "manifests", row=Manifest, **{**NO_FILTER, **filters})


async def manifest(conn: Connection, manifest_id: int) -> Manifest:
    """Return one manifest; raises Missing."""
    found = await _rows(conn, {"manifestid": manifest_id})
    if not found:
        raise Missing(f"Manifest ID '{manifest_id}' not found")
    return found[0]


async def content_of(conn: Connection, manifest_id: int) -> bytes:
    """Return the archive."""
    content: bytes = await Q.value(conn, "content", id=manifest_id)
    return content


async def add(conn: Connection, said: Mapping[str, Any], *, by: str, now: datetime) -> int:
    """Take in a manifest as MIG's client writes it: name, target, content; return its id.

    It waits for signatures, whatever status it says. Raises Invalid.
    """
    name, target, packed = (said.get(key) for key in ("name", "target", "content"))
    if not isinstance(name, str) or not name.strip() or len(name) > 1024 or "\0" in name:
        raise Invalid("manifest has invalid name")
    if not isinstance(target, str) or not target.strip() or len(target) > 8192:
        raise Invalid("manifest has invalid target")
    if not isinstance(packed, str):
        raise Invalid("manifest record has no content")
    read_target(agents_target(target))
    content = await to_thread(read_content, packed)
    entries = await to_thread(entries_of, content)
    async with conn.transaction():
        manifest_id = await Q.value(
            conn,
            "add_manifest",
            name=name,
            target=target,
            content=content,
            entries=Jsonb([{"name": one.name, "sha256": one.sha256} for one in entries]),
            by=by,
            now=now,
        )
        await _note(conn, "add", manifest_id, by, {"name": name, "target": target})
    return int(manifest_id)


async def sign(
    conn: Connection, manifest_id: int, signature: str, *, by: str, now: datetime
) -> Manifest:
    """Add a signature; the manifest is active once enough weight stands behind it.

    Raises Untrusted for a signature that does not count, Conflict for a manifest that was disabled.
    """
    async with conn.transaction():
        await _hold_open(conn, manifest_id)
        row, trust = await manifest(conn, manifest_id), await the_bundle(conn)
        fingerprint = signer_of(trust.bundle, signature, row.files, now=now)
        added = await Q.run(
            conn,
            "add_signature",
            id=manifest_id,
            fingerprint=fingerprint,
            signature=signature,
            now=now,
        )
        if not added:
            raise Conflict(f"{fingerprint} signed this manifest already")
        row = await manifest(conn, manifest_id)
        if _counting(row, trust, now)[1]:
            await Q.run(conn, "set_status", id=manifest_id, status=ACTIVE, now=now)
        await _note(conn, "sign", manifest_id, by, {"fingerprint": fingerprint})
    return await manifest(conn, manifest_id)


async def set_status(
    conn: Connection, manifest_id: int, status: str, *, by: str, now: datetime
) -> None:
    """Stage a manifest again, without its signatures, or disable it for good."""
    if status not in (STAGED, DISABLED):
        raise Invalid("Invalid status specified, must be disabled or staged")
    async with conn.transaction():
        await _hold_open(conn, manifest_id)
        if status == STAGED:
            await Q.run(conn, "forget_signatures", id=manifest_id)
        await Q.run(conn, "set_status", id=manifest_id, status=status, now=now)
        await _note(conn, status, manifest_id, by, {})


async def loaders_of(conn: Connection, manifest_id: int, *, now: datetime) -> list[Loader]:
    """Return the loaders that the manifest's target means, by what they said last."""
    found = await manifest(conn, manifest_id)
    return [one for one in await rows(conn, {}) if means(found.target, one, now=now)]


async def meant_for(
    conn: Connection, loader: Loader, *, now: datetime
) -> tuple[Manifest, Sequence[str]]:
    """Return the newest active manifest that means the loader, and its signatures that count now.

    One whose signers no longer weigh enough is passed over. Raises Missing when none is left.
    """
    trust = await newest_bundle(conn)
    for row in await _rows(conn, {"status": ACTIVE}) if trust else ():
        assert trust is not None
        if means(row.target, loader, now=now):
            signatures, is_enough = _counting(row, trust, now)
            if is_enough:
                return row, signatures
    raise Missing("Unable to locate valid manifest for this loader entry")


async def file_for(conn: Connection, row: Manifest, name: str) -> bytes:
    """Return a file of the manifest, compressed by gzip; raises Missing."""
    return await to_thread(file_of, await content_of(conn, row.id), name)


def _counting(row: Manifest, trust: Kept, now: datetime) -> tuple[list[str], bool]:
    """Return the signatures that count, and whether they are enough in a group that says what a manifest needs.

    Each agent judges by its own groups, whatever is found here.
    """
    counting, signers = [], []
    for signature in row.signatures:
        try:
            signers.append(Verified(signer_of(trust.bundle, signature, row.files, now=now), None))
        except Untrusted:
            continue
        counting.append(signature)
    people = people_of(trust.bundle, signers, now)
    groups = naming_groups(trust.bundle, trust.bundle.groups)
    two = {group.name for group in groups if group.two_persons}
    found = weights(trust.bundle, people, [MODULE], groups)
    return counting, any(
        one.is_enough and (one.group not in two or len(one.investigators) > 1) for one in found
    )


async def _hold_open(conn: Connection, manifest_id: int) -> None:
    status = await Q.value(conn, "lock_manifest", id=manifest_id)
    if status is None:
        raise Missing(f"Manifest ID '{manifest_id}' not found")
    if status == DISABLED:
        raise Conflict(f"manifest {manifest_id} was disabled, for good")


async def _note(
    conn: Connection, word: str, manifest_id: int, by: str, detail: Mapping[str, Any]
) -> None:
    await write_audit(
        conn, actor=by, action=f"manifest.{word}", object=f"manifest:{manifest_id}", detail=detail
    )
