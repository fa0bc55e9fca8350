"""Reading a Dash.DB: as of one moment, piece by piece, and turned into the documents and nouns that its clients sent."""

import math
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import dict_row

from vedette.db.pool import normalise_dsn, parameters
from vedette.db.queries import load
from vedette.db.trouble import explain, place
from vedette.errors import Invalid
from vedette.records.bounds import checked_records, deployment_fault
from vedette.records.documents import Document
from vedette.records.kinds import Context
from vedette.records.kinds.imagemanifestvuln import ImageManifestVuln
from vedette.records.model import (
    Commit,
    Deployment,
    Presence,
    Record,
    Scan,
    SloValue,
    Validation,
    Validations,
)
from vedette.records.staged import pack_document
from vedette.records.store import Batch

Q = load(__file__, "takeover_dashdotdb_read.sql")
KINDS = {
    "CSODataType": "imagemanifestvuln",
    "DVODataType": "deploymentvalidation",
    "SLODataType": "serviceslometrics",
}
"""Dash.DB's data type → kind; DORA's are no snapshots."""
IMAGES_AT_ONCE = 200
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Token:
    """A snapshot there, that was closed."""

    id: int
    uuid: UUID
    kind: str
    at: datetime


@dataclass(slots=True)
class DashDb:
    """An open Dash.DB. name: where it is, without a password. passed: what could not be taken, and how often."""

    name: str
    conn: AsyncConnection[dict[str, Any]]
    zone: ZoneInfo
    passed: dict[str, int] = field(default_factory=dict)
    _images: dict[int, tuple[str, str]] = field(default_factory=dict)
    _scans: dict[int, tuple[Scan, bytes]] = field(default_factory=dict)

    async def counts(self) -> dict[str, int]:
        """Return how many there are of everything; raises Invalid where this is no Dash.DB."""
        (found,) = await self._ask("counts")
        if await self._has_delivered():
            found |= (await self._ask("delivered"))[0]
        return {what: int(number) for what, number in found.items()}

    async def _has_delivered(self) -> bool:
        return bool((await self._ask("has_delivered"))[0]["has_delivered"])

    async def tokens(self) -> list[Token]:
        """Return the snapshots, the oldest first."""
        found: list[Token] = []
        seen: set[UUID | None] = {None}
        for row in await self._ask("tokens"):
            uuid = _uuid_of(row["uuid"])
            if uuid in seen:
                self.passed_over("snapshots without a token of their own")
                continue
            seen.add(uuid)
            if uuid and (kind := KINDS.get(row["type"])):
                found.append(Token(row["id"], uuid, kind, self._aware(row["at"])))
        return found

    async def batches(self, token: Token) -> list[Batch]:
        """Return what a snapshot held, by cluster."""
        if token.kind == "imagemanifestvuln":
            return await self._scanned(token)
        if token.kind == "deploymentvalidation":
            return await self._validated(token)
        return await self._measured(token)

    async def _scanned(self, token: Token) -> list[Batch]:
        asked = await self._ask("pods", token=token.id)
        rows = [row for row in asked if self._is_named(row, "pods", "cluster", "namespace", "pod")]
        await self._read_images({row["image_id"] for row in rows})
        found: list[Batch] = []
        rows.sort(key=lambda row: (row["cluster"], row["image_id"]))
        for (cluster, image), own in groupby(rows, lambda row: (row["cluster"], row["image_id"])):
            if image not in self._scans:
                self.passed_over("pods of images that cannot be read")
                continue
            scan, document = self._scans[image]
            runs = tuple(Presence(row["namespace"], pod=row["pod"]) for row in own)
            namespaces = tuple(dict.fromkeys(run.namespace for run in runs))
            scan = msgspec.structs.replace(scan, presences=runs, namespaces=namespaces)
            found += self._kept((scan,), cluster, document)
        return found

    async def _read_images(self, wanted: set[int]) -> None:
        """Read what was found in these images, where that is not known yet."""
        if not self._images:
            rows = await self._ask("images")
            self._images = {row["id"]: (row["name"], row["manifest"]) for row in rows}
        missing = sorted(wanted.intersection(self._images) - set(self._scans))
        for start in range(0, len(missing), IMAGES_AT_ONCE):
            some = missing[start : start + IMAGES_AT_ONCE]
            rows = await self._ask("found", images=some)
            features = {
                image: list(own) for image, own in groupby(rows, lambda row: row["image_id"])
            }
            for image in some:
                self._keep_image(image, features.get(image, []))

    def _keep_image(self, image: int, rows: Sequence[dict[str, Any]]) -> None:
        name, manifest = self._images[image]
        resource = as_resource(name, manifest, rows)
        document = Document(resource, f"image {image}")
        try:
            (scan,) = ImageManifestVuln().read(document, Context(datetime.now(self.zone)))
        except Invalid:
            self.passed_over("images that cannot be read")
            return
        assert isinstance(scan, Scan)
        self._scans[image] = scan, pack_document(msgspec.json.encode(resource))

    async def _validated(self, token: Token) -> list[Batch]:
        asked = await self._ask("validations", token=token.id)
        rows = [row for row in asked if self._is_named(row, "validations", "cluster")]
        rows.sort(key=lambda row: row["cluster"])
        found: list[Batch] = []
        for cluster, own in groupby(rows, lambda row: row["cluster"]):
            results = [one for row in own if (one := self._validation(row))]
            found += self._kept((Validations("dvo", tuple(results), complete=True),), cluster)
        return found

    def _validation(self, row: dict[str, Any]) -> Validation | None:
        given = (row["check"], row["namespace"], row["kind"], row["object"])
        if not all(given) or row["status"] is None:
            self.passed_over("validations without a name")
            return None
        return Validation(*given, passed=row["status"] == 0)

    async def _measured(self, token: Token) -> list[Batch]:
        found: list[Batch] = []
        for row in await self._ask("slo_values", token=token.id):
            if not all(map(math.isfinite, (row["value"], row["target"]))):
                self.passed_over("SLO values that are no numbers")
                continue
            found += self._kept((SloValue(**row, at=token.at),), "")
        return found

    async def deployments(self) -> list[Deployment]:
        """Return every deployment, the oldest first."""
        if not await self._has_delivered():
            return []
        rows = await self._ask("deployments")
        found: list[Deployment] = []
        for _, own in groupby(rows, lambda row: row["id"]):
            one = self._deployment(list(own))
            if deployment_fault(one):
                self.passed_over("deployments without a name")
                continue
            found.append(one)
        return found

    def _deployment(self, rows: Sequence[dict[str, Any]]) -> Deployment:
        first = rows[0]
        commits = [one for row in rows if row["revision"] and (one := self._commit(row))]
        return Deployment(
            first["app"],
            first["environment"] or "",
            first["pipeline"] or "",
            first["reason"] or "",
            self._aware(first["finished_at"]),
            tuple(commits),
        )

    def _commit(self, row: dict[str, Any]) -> Commit | None:
        revision = row["revision"].lower()
        if not (_REVISION.fullmatch(revision) and row["repository"] and row["at"]):
            self.passed_over("commits without a revision, a repository or a time")
            return None
        return Commit(revision, row["repository"], self._aware(row["at"]), row["lead_s"] or 0)

    def _is_named(self, row: dict[str, Any], what: str, *words: str) -> bool:
        if all(row[word] for word in words):
            return True
        self.passed_over(f"{what} without a name")
        return False

    def _kept(
        self, records: tuple[Record, ...], cluster: str, document: bytes = b""
    ) -> Iterator[Batch]:
        try:
            batch = Batch(records, cluster, document)
            checked_records(records)
        except (Invalid, TypeError):
            self.passed_over("records with a name that cannot be kept")
            return
        yield batch

    def passed_over(self, what: str) -> None:
        """Note that something is not taken."""
        self.passed[what] = self.passed.get(what, 0) + 1

    def _aware(self, at: datetime) -> datetime:
        return at.replace(tzinfo=self.zone) if at.tzinfo is None else at

    async def _ask(self, query: str, **params: object) -> list[dict[str, Any]]:
        try:
            answer = await self.conn.execute(Q[query].encode(), params)
            return await answer.fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise Invalid(
                f"{self.name} is no Dash.DB: {str(error).splitlines()[0]}",
                hint="its tables are looked for on the search path; ?options=-csearch_path%3DSCHEMA sets it",
            ) from None


def _uuid_of(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


def as_resource(name: str, manifest: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the resource that was sent, as far as it was kept; of pods it says nothing."""
    features: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found = {
            "name": row["vulnerability"],
            "namespaceName": row["feed"],
            "description": row["description"],
            "link": row["link"],
            "fixedby": row["fixed_in"],
            "severity": row["severity"],
        }
        features.setdefault((row["package"], row["version"]), []).append(found)
    return {
        "kind": "ImageManifestVuln",
        "metadata": {"namespace": "unknown"},
        "spec": {
            "image": name,
            "manifest": manifest,
            "features": [
                {"name": package, "version": version, "vulnerabilities": found}
                for (package, version), found in features.items()
            ],
        },
    }


@asynccontextmanager
async def open_dashdotdb(dsn: str, *, zone: ZoneInfo) -> AsyncIterator[DashDb]:
    """Open a Dash.DB to read it as of one moment; raises what says why it cannot be reached.

    zone: by which its server's clock went; its times name none.
    """
    scheme, _, rest = dsn.partition("://")
    dsn = f"{scheme.split('+')[0]}://{rest}"
    try:
        conn = await AsyncConnection.connect(**parameters(dsn), row_factory=dict_row)
    except psycopg.OperationalError as error:
        told = explain(error, dsn)
        told.hint = "is this where Dash.DB keeps its tables?"
        raise told from None
    async with conn:
        await conn.set_read_only(True)
        await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        yield DashDb(place(normalise_dsn(dsn)), conn, zone)
