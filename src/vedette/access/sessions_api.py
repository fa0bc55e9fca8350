"""REST routes of a person's own session: begin a command line's, say who one is, end it."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

import msgspec
from litestar import Response, delete, get, post

from vedette import clock
from vedette.access.api import NEVER_CACHED, AnyRequest, address_of
from vedette.access.device_sign_in import DeviceSignIns
from vedette.access.handover import take_over
from vedette.access.model import Actor
from vedette.access.people import recognise
from vedette.access.provider_http import SLOW_DOWN
from vedette.access.secrets import Secrets
from vedette.access.sessions import COMMAND_LINE, Session, begin_session, end_session, session_of
from vedette.db.queries import Connection
from vedette.errors import Invalid, Missing


class Code(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a browser handed over, and what its challenge was made of."""

    code: str
    verifier: str


class Begun(msgspec.Struct, kw_only=True):
    """A session; its secret is never shown again."""

    name: str
    secret: str


class Device(msgspec.Struct, kw_only=True):
    """What a person must do: type user_code at verification_uri, or open verification_uri_complete.

    interval_s: how long to wait between two questions. handle: what each question shows; a secret.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    interval_s: int
    ends_at: datetime
    handle: str


class Handle(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The handle of a sign-in that has begun."""

    handle: str


class Waiting(msgspec.Struct, kw_only=True):
    """Nobody has agreed yet; slow_down: ask five seconds less often from now on."""

    slow_down: bool


class Oneself(msgspec.Struct, kw_only=True):
    """Who asks; ends_at: when the session is over at the latest, null for a token."""

    name: str
    scopes: list[str]
    roles: list[str]
    ends_at: datetime | None


@post("/api/v1/session")
async def begin(
    request: AnyRequest, conn: Connection, secrets: Secrets, data: Code
) -> Response[Begun]:
    """Begin the session of a command line that a person has let in with their browser."""
    handed = await take_over(
        conn,
        data.code,
        data.verifier,
        pepper=secrets.pepper,
        now=clock.now(),
        address=address_of(request),
        client=request.headers.get("user-agent", ""),
    )
    begun = Begun(name=handed.name, secret=handed.secret)
    return Response(begun, status_code=201, headers=NEVER_CACHED)


@post("/api/v1/session/device")
async def begin_device(devices: DeviceSignIns | None) -> Response[Device]:
    """Begin to sign in at the provider from a machine without a browser (RFC 8628)."""
    asked = await _known(devices).begin(now=clock.now())
    begun = Device(
        user_code=asked.user_code,
        verification_uri=asked.where,
        verification_uri_complete=asked.where_complete or None,
        interval_s=asked.interval_s,
        ends_at=asked.ends_at,
        handle=urlsafe_b64encode(asked.handle).decode(),
    )
    return Response(begun, status_code=201, headers=NEVER_CACHED)


@post("/api/v1/session/device/poll")
async def poll_device(
    request: AnyRequest,
    conn: Connection,
    secrets: Secrets,
    devices: DeviceSignIns | None,
    data: Handle,
) -> Response[Begun] | Response[Waiting]:
    """Begin the session once its person has agreed at the provider: 201; 202 while they have not."""
    known, now, address = _known(devices), clock.now(), address_of(request)
    identity = await known.poll(_envelope(data.handle), now=now)
    if isinstance(identity, str):
        waiting = Waiting(slow_down=identity == SLOW_DOWN)
        return Response(waiting, status_code=202, headers=NEVER_CACHED)
    person = await recognise(
        conn,
        issuer=identity.issuer,
        subject=identity.subject,
        name=identity.name,
        roles=identity.roles,
        now=now,
        source=address,
    )
    secret = await begin_session(
        conn,
        person.id,
        kind=COMMAND_LINE,
        rules=known.provider.options.mark,
        pepper=secrets.pepper,
        now=now,
        by=person.actor,
        address=address,
        client=request.headers.get("user-agent", ""),
    )
    begun = Begun(name=person.actor, secret=secret)
    return Response(begun, status_code=201, headers=NEVER_CACHED)


@get("/api/v1/session")
async def show(request: AnyRequest, conn: Connection, actor: Actor, secrets: Secrets) -> Oneself:
    """Say who one is and what one may, with a session or a token."""
    session = await _session(request, conn, secrets)
    return Oneself(
        name=actor.name,
        scopes=sorted(actor.scopes),
        roles=list(session.roles) if session else [],
        ends_at=session.ends_at if session else None,
    )


@delete("/api/v1/session")
async def end(request: AnyRequest, conn: Connection, secrets: Secrets) -> None:
    """End this very session; a token is ended by its name."""
    session = await _session(request, conn, secrets)
    if session is None:
        raise Invalid("a token is no session", hint="vedette tokens revoke NAME")
    await end_session(conn, session, session.id, source=address_of(request))


routes = [begin, begin_device, poll_device, show, end]


def _known(devices: DeviceSignIns | None) -> DeviceSignIns:
    if devices is None:
        raise Missing(
            "this server knows no provider to sign in at",
            hint="`sign_in` of its settings names one; `vedette login --no-browser` does without",
        )
    return devices


def _envelope(handle: str) -> bytes:
    try:
        return urlsafe_b64decode(handle.encode())
    except (binascii.Error, ValueError):
        return b""


async def _session(request: AnyRequest, conn: Connection, secrets: Secrets) -> Session | None:
    secret = request.headers.get("authorization", "").partition(" ")[2].strip()
    return await session_of(conn, secret, pepper=secrets.pepper, now=clock.now())
