"""MIG's routes of loaders and manifests: for who looks after them, and for the loaders themselves."""

import base64
from typing import Any

import msgspec
from litestar import Response, get, post

from vedette import clock
from vedette.access.model import Actor
from vedette.access.secrets import Secrets
from vedette.actions import mig_loaders, mig_manifests
from vedette.actions.mig_auth import LOADER_ID
from vedette.actions.mig_loaders import Host, Loader
from vedette.actions.mig_wire import (
    MIG_ERRORS,
    AnyRequest,
    Json,
    collection,
    field,
    form,
    href,
    item,
    number,
    query,
)
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.rest.guard import ANY_QUERY

AS_THEY_ASK: dict[str, Any] = {ANY_QUERY: True}
MANIFEST_FORM_BYTES = 96 << 20
"""A form writes some characters of base64 with three."""


class Parameters(msgspec.Struct, kw_only=True):
    """What a loader posts: its host, and the file it wants."""

    agent: Host = msgspec.field(default_factory=Host)
    object: str = ""


@get("/api/v1/loader", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_loader(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return a loader."""
    found = await mig_loaders.loader(conn, number(query(request), "loaderid"))
    return collection(request, [_loader(request, found)])


@post("/api/v1/loader/new", status_code=201, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def new_loader(
    request: AnyRequest, conn: Connection, actor: Actor, secrets: Secrets
) -> Response[bytes]:
    """Add the loader of the form's field `loader`; its key is in the answer, and never again."""
    said = _object(field(await form(request), "loader"))
    found, key = await mig_loaders.add(
        conn, said, pepper=secrets.pepper, by=actor.name, now=clock.now()
    )
    return collection(request, [_loader(request, found, key)], status=201)


@post("/api/v1/loader/key", status_code=200, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def renew_loader_key(
    request: AnyRequest, conn: Connection, actor: Actor, secrets: Secrets
) -> Response[bytes]:
    """Give a loader a new key, which is in the answer and never again."""
    loader_id = number(await form(request), "loaderid")
    found, key = await mig_loaders.renew_key(conn, loader_id, pepper=secrets.pepper, by=actor.name)
    return collection(request, [_loader(request, found, key)])


@post("/api/v1/loader/status", status_code=200, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def set_loader_status(request: AnyRequest, conn: Connection, actor: Actor) -> Response[bytes]:
    """Enable or disable a loader."""
    said = await form(request)
    await mig_loaders.set_status(
        conn, number(said, "loaderid"), field(said, "status"), by=actor.name
    )
    return collection(request)


@post("/api/v1/loader/expect", status_code=200, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def set_loader_expectation(
    request: AnyRequest, conn: Connection, actor: Actor
) -> Response[bytes]:
    """Say which hosts may use a loader's key."""
    said = await form(request)
    target = said.get("expectenv", "").strip()
    await mig_loaders.set_expectation(conn, number(said, "loaderid"), target, by=actor.name)
    return collection(request)


@get("/api/v1/manifest", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def show_manifest(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return a manifest with its whole content, as whoever signs it must see it."""
    found = await mig_manifests.manifest(conn, number(query(request), "manifestid"))
    content = await mig_manifests.content_of(conn, found.id)
    place = href(request, f"manifest?manifestid={found.id}")
    value = mig_manifests.shown(found, content)
    return collection(request, [item(place, "manifest", value)])


@post(
    "/api/v1/manifest/new",
    status_code=201,
    request_max_body_size=MANIFEST_FORM_BYTES,
    opt=AS_THEY_ASK,
    exception_handlers=MIG_ERRORS,
)
async def new_manifest(request: AnyRequest, conn: Connection, actor: Actor) -> Response[bytes]:
    """Take in the manifest of the form's field `manifest`; it waits for signatures."""
    said = _object(field(await form(request), "manifest"))
    made = await mig_manifests.add(conn, said, by=actor.name, now=clock.now())
    found = await mig_manifests.manifest(conn, made)
    place = href(request, f"manifest?manifestid={made}")
    return collection(request, [item(place, "manifest", mig_manifests.shown(found))], status=201)


@post("/api/v1/manifest/sign", status_code=200, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def sign_manifest(request: AnyRequest, conn: Connection, actor: Actor) -> Response[bytes]:
    """Add a signature to a manifest; it is active once enough weight stands behind it."""
    said = await form(request)
    found = await mig_manifests.sign(
        conn,
        number(said, "manifestid"),
        field(said, "signature"),
        by=actor.name,
        now=clock.now(),
    )
    place = href(request, f"manifest?manifestid={found.id}")
    return collection(request, [item(place, "manifest", mig_manifests.shown(found))])


@post("/api/v1/manifest/status", status_code=200, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def set_manifest_status(
    request: AnyRequest, conn: Connection, actor: Actor
) -> Response[bytes]:
    """Stage a manifest anew, without its signatures, or disable it for good."""
    said = await form(request)
    manifest_id, status = number(said, "manifestid"), field(said, "status")
    await mig_manifests.set_status(conn, manifest_id, status, by=actor.name, now=clock.now())
    return collection(request)


@get("/api/v1/manifest/loaders", opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def list_manifest_loaders(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return the loaders that a manifest's target means."""
    manifest_id = number(query(request), "manifestid")
    found = await mig_manifests.loaders_of(conn, manifest_id, now=clock.now())
    return collection(request, [_loader(request, one) for one in found])


@post("/api/v1/manifest/agent", status_code=200, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def give_manifest(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return the manifest that is meant for the loader that asks, with the signatures that count."""
    asked = _parameters(await form(request))
    loader = await _heard(request, conn, asked.agent)
    found, signatures = await mig_manifests.meant_for(conn, loader, now=clock.now())
    value = {"loader_name": loader.name, "entries": found.entries, "signatures": signatures}
    return collection(request, [item(str(request.url), "manifest", value)])


@post("/api/v1/manifest/fetch", status_code=200, opt=AS_THEY_ASK, exception_handlers=MIG_ERRORS)
async def give_file(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return a file of the manifest that is meant for the loader that asks, compressed by gzip."""
    asked = _parameters(await form(request))
    if not asked.object:
        raise Invalid("manifest fetch with no object")
    loader = await _heard(request, conn, asked.agent)
    found, _ = await mig_manifests.meant_for(conn, loader, now=clock.now())
    file = await mig_manifests.file_for(conn, found, asked.object)
    value = {"data": base64.b64encode(file).decode()}
    return collection(request, [item(str(request.url), "content", value)])


async def _heard(request: AnyRequest, conn: Connection, host: Host) -> Loader:
    """Return the loader whose key the guard found, with what it says of its host now."""
    loader_id: int = request.scope["state"][LOADER_ID]
    return await mig_loaders.hear(conn, loader_id, host, now=clock.now())


def _loader(request: AnyRequest, found: Loader, key: str = "") -> Json:
    place = href(request, f"loader?loaderid={found.id}")
    return item(place, "loader", mig_loaders.shown(found, key=key))


def _object(text: str) -> Json:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise Invalid(f"this is no JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Invalid("this is no JSON object")
    return found


def _parameters(said: Any) -> Parameters:  # noqa: ANN401 - a form
    try:
        return msgspec.json.decode(field(said, "parameters"), type=Parameters)
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise Invalid(f"parameters cannot be read: {wrong}") from None


routes = [
    show_loader,
    new_loader,
    renew_loader_key,
    set_loader_status,
    set_loader_expectation,
    show_manifest,
    new_manifest,
    sign_manifest,
    set_manifest_status,
    list_manifest_loaders,
    give_manifest,
    give_file,
]
