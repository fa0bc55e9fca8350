"""Where others push: Prometheus remote write 1.0 and 2.0, OTLP/HTTP metrics.

The two protocols want opposite things of a push of which a part is kept. Remote write: an answer that
is no success, with headers that say how much. OTLP: 200, with a body that says how much is not. Neither
may be sent again for it.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
from litestar import Request, Response, post
from psycopg_pool import PoolTimeout

from vedette import clock
from vedette.db.queries import Connection
from vedette.errors import Denied, Invalid, Unavailable
from vedette.health.intake import Intake, Taken
from vedette.link import intake_wire as wire
from vedette.link.intake_wire import Push

MOST_BYTES = 16 << 20
"""A push as it comes, packed."""
SMALL = 128 << 10
"""What is smaller, packed and unpacked, is read at once; all else apart from the event loop, one push at a time."""
WAITING = 3
"""Large pushes that are read or wait for it; each holds a connection."""
RETRY_AFTER_S = "5"
INVALID_ARGUMENT, PERMISSION_DENIED, UNAVAILABLE = 3, 7, 14
"""Codes of gRPC that OTLP's errors carry."""

AnyRequest = Request[Any, Any, Any]
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
READ: dict[str, Callable[[bytes], Push]] = {
    "": wire.read_write,
    "prometheus.writerequest": wire.read_write,
    "io.prometheus.write.v2.request": wire.read_write_2,
}


@post("/api/v1/prometheus/write", request_max_body_size=MOST_BYTES, status_code=200)
async def remote_write(request: AnyRequest, conn: Connection, intake: Intake) -> Response[bytes]:
    """Take samples from a Prometheus, or from whatever writes as it does."""
    media, parameters = content_type(request)
    read = READ.get(parameters.get("proto", ""))
    if media != PROTOBUF or read is None:
        return _told(415, "Content-Type must be application/x-protobuf of remote write 1 or 2")
    if request.headers.get("content-encoding", "").lower() != "snappy":
        return _told(415, "Content-Encoding must be snappy")
    try:
        push = await _read(intake, await request.body(), wire.unsnappy, read)
        taken = await _taken(intake, conn, push, "remote_write")
    except Invalid as why:
        return _told(400, str(why))
    except Denied as why:
        return _told(403, str(why))
    except Unavailable as why:
        return _told(503, str(why), **{"Retry-After": RETRY_AFTER_S})
    if push.histograms:
        taken.refuse(0, "native histograms are not kept; let the sender send classic ones")
    written = {
        "X-Prometheus-Remote-Write-Samples-Written": str(taken.written),
        "X-Prometheus-Remote-Write-Histograms-Written": "0",
        "X-Prometheus-Remote-Write-Exemplars-Written": "0",
    }
    if taken.refused or push.histograms:
        return _told(400, taken.why, **written)
    return Response(b"", status_code=204, headers=written)


@post("/v1/metrics", request_max_body_size=MOST_BYTES, status_code=200)
async def otlp(request: AnyRequest, conn: Connection, intake: Intake) -> Response[bytes]:
    """Take metrics from an OpenTelemetry SDK or collector; its endpoint is this server."""
    return await _otlp(intake, request, conn)


@post("/api/v1/otlp/v1/metrics", request_max_body_size=MOST_BYTES, status_code=200)
async def otlp_beside(request: AnyRequest, conn: Connection, intake: Intake) -> Response[bytes]:
    """Take metrics, where Prometheus takes them: the endpoint is /api/v1/otlp."""
    return await _otlp(intake, request, conn)


def content_type(request: AnyRequest) -> tuple[str, dict[str, str]]:
    """Return the media type and its parameters, all in lower case."""
    parts = [part.strip().lower() for part in request.headers.get("content-type", "").split(";")]
    pairs = (part.partition("=") for part in parts[1:])
    return parts[0], {name.strip(): value.strip().strip('"') for name, _, value in pairs}


async def _otlp(intake: Intake, request: AnyRequest, conn: Connection) -> Response[bytes]:
    media, _ = content_type(request)
    encoding = request.headers.get("content-encoding", "identity").lower()
    as_json = media == JSON
    if media not in (PROTOBUF, JSON):
        return _told(415, f"Content-Type must be {PROTOBUF} or {JSON}")
    if encoding not in ("gzip", "identity", ""):
        return _told(415, "Content-Encoding must be gzip or none")

    def fault(status: int, code: int, why: object, **headers: str) -> Response[bytes]:
        body = wire.otlp_fault(code, str(why), as_json=as_json)
        return Response(body, status_code=status, media_type=media, headers=headers)

    try:
        body = await request.body()
        unpack = wire.gunzip if encoding == "gzip" else bytes
        push = await _read(intake, body, unpack, partial(wire.read_otlp, is_json=as_json))
        taken = await _taken(intake, conn, push, "otlp")
    except Invalid as why:
        return fault(400, INVALID_ARGUMENT, why)
    except Denied as why:
        return fault(403, PERMISSION_DENIED, why)
    except Unavailable as why:
        return fault(503, UNAVAILABLE, why, **{"Retry-After": RETRY_AFTER_S})
    answer = wire.otlp_answer(taken.refused, taken.why, as_json=as_json)
    return Response(answer, status_code=200, media_type=media)


async def _read(
    intake: Intake, body: bytes, unpack: Callable[[bytes], bytes], read: Callable[[bytes], Push]
) -> Push:
    """Return what a push says; raises Invalid, Unavailable where too many large ones come at once."""
    plain = unpack(body) if len(body) < SMALL else None
    if plain is not None and len(plain) < SMALL:
        return read(plain)
    with intake.reading(at_most=WAITING) as turn:
        async with turn:
            return await asyncio.to_thread(lambda: read(unpack(body) if plain is None else plain))


async def _taken(intake: Intake, conn: Connection, push: Push, connector: str) -> Taken:
    try:
        taken = await intake.take(conn, push.series, connector=connector, now=clock.now())
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout):
        raise Unavailable("the database does not answer", hint="push it again") from None
    if push.refused:
        taken.refuse(push.refused, push.why)
    return taken


def _told(status: int, why: str, **headers: str) -> Response[bytes]:
    line = " ".join(why.split())[:500]
    return Response(
        line.encode() + b"\n",
        status_code=status,
        media_type="text/plain",
        headers=headers,
    )


routes: list[Any] = [remote_write, otlp, otlp_beside]
