"""Connector `grpc`: the standard health protocol, `grpc.health.v1.Health/Check`.

gRPC connects by itself, so it is given the address that reach allowed, and the name only for TLS and
the authority. It says of a failed connection little that is certain, and holds on to a silent one
for long after its channel is closed: so we knock first, on a connection of our own. The two messages
of the protocol hold one field each and are read here: no generated code, no protobuf.
"""

import ssl
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Measures, Setting
from vedette.agent.connectors.door_commands import PHASES, phases_of
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, told
from vedette.agent.connectors.tls_contexts import context_for
from vedette.agent.connectors.wire import wire, within
from vedette.agent.packs import Threshold
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State

if TYPE_CHECKING:
    import grpc.aio

_METHOD = "/grpc.health.v1.Health/Check"
_ANSWER_BYTES = 64 << 10
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""How HTTP/2 begins: its magic and an empty SETTINGS frame."""
_SETTINGS_FRAME = 4

_STATUSES = {
    0: ("UNKNOWN", Fault("unhealthy", "it says that it does not know", State.UNKNOWN)),
    1: ("SERVING", None),
    2: ("NOT_SERVING", Fault("unhealthy", "it says NOT_SERVING")),
    3: ("SERVICE_UNKNOWN", Fault("protocol", "it knows no such service", State.UNKNOWN)),
}
"""ServingStatus → its name and what it means."""


class GrpcHealth:
    """Opens a fresh channel each look: a kept one waits out its own back-off before it tries."""

    description: ClassVar[Description] = Description(
        name="grpc",
        help="Asks a gRPC server for its health by the standard health protocol.",
        settings=(
            Setting("host", "str", "Name or address of the server.", required=True),
            Setting("port", "int", "Port of the server.", required=True),
            Setting("service", "str", "The service to ask for; default the server as a whole."),
            Setting("tls", "bool", "Speak TLS.", default=False),
            Setting("server_name", "str", "Name to ask for and to verify; default `host`."),
            Setting("ca_file", "str", "PEM file of the authorities to trust; else the system's."),
            Setting("client_cert", "str", "PEM file of a certificate to show."),
            Setting("client_key", "str", "PEM file of its key; default in `client_cert`."),
            Setting("bearer_token", "str", "Token to show as `authorization`.", secret=True),
        ),
        pack={"check_s": Threshold(2.0, 1.0)},
        measures=(
            Measures("check_s", "seconds", "Time of connection and answer."),
            Measures("connect_s", "seconds", "Of that, until the connection was ready."),
        ),
        commands=(PHASES,),
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        if not 0 < self._settings["port"] < 65_536:
            raise Invalid("port must be from 1 to 65535")

    async def probe(self, look: Look) -> Report:
        """Knock, then ask."""
        try:
            async with within(look):
                return await self._checked(look)
        except EXPECTED as error:
            return failed(error, f"{self._settings['host']}:{self._settings['port']}")

    async def _checked(self, look: Look) -> Report:
        import grpc

        begun = time.perf_counter()
        address, connect_s = await self._knock(look)
        channel = self._channel(address, look.timeout_s)
        try:
            answer = await self._asked(channel, look)
        except grpc.aio.AioRpcError as error:
            raise _fault(error, look) from None
        finally:
            await channel.close(grace=None)
        took_s = time.perf_counter() - begun
        return self._report(_status(answer), connect_s, took_s, address)

    async def _knock(self, look: Look) -> tuple[str, float]:
        """Return an address where TLS or HTTP/2 answers, and how long it took to connect."""
        said = self._settings
        tls = context_for(said) if said["tls"] else None
        async with wire(
            look, said["host"], said["port"], tls=tls, server_name=said["server_name"]
        ) as opened:
            if tls is None:
                opened.writer.write(_PREFACE)
                head = await opened.reader.readexactly(9)
                if head[3] != _SETTINGS_FRAME or head[:2] != b"\0\0":
                    raise Fault("protocol", "what answers does not speak HTTP/2, as gRPC does")
            return opened.address, opened.connect_s + opened.tls_s

    async def _asked(self, channel: "grpc.aio.Channel", look: Look) -> bytes:
        service = (self._settings["service"] or "").encode()
        token = look.settings.get("bearer_token") or self._settings["bearer_token"]
        check: Any = channel.unary_unary(
            _METHOD, request_serializer=None, response_deserializer=None
        )
        metadata = (("authorization", f"Bearer {token}"),) if token else None
        answer: bytes = await check(_request(service), metadata=metadata)
        return answer

    def _channel(self, address: str, timeout_s: float) -> "grpc.aio.Channel":
        import grpc
        import grpc.aio

        name = self._settings["server_name"] or self._settings["host"]
        port = self._settings["port"]
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            # Here: how long it tries to connect, and holds a connection that says nothing.
            ("grpc.min_reconnect_backoff_ms", int(timeout_s * 1000)),
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_receive_message_length", _ANSWER_BYTES),
            ("grpc.default_authority", f"[{name}]" if ":" in name else name),
            ("grpc.primary_user_agent", "vedette"),
        ]
        where = f"ipv6:[{address}]:{port}" if ":" in address else f"ipv4:{address}:{port}"
        if not self._settings["tls"]:
            return grpc.aio.insecure_channel(where, options)
        options.append(("grpc.ssl_target_name_override", name))
        return grpc.aio.secure_channel(where, self._credentials(), options)

    def _credentials(self) -> "grpc.ChannelCredentials":
        import grpc

        said = self._settings
        authorities = _content(said["ca_file"]) or _system_authorities()
        certificate = _content(said["client_cert"])
        key = _content(said["client_key"]) or certificate
        return grpc.ssl_channel_credentials(authorities, key, certificate)

    def _report(self, status: int, connect_s: float, took_s: float, address: str) -> Report:
        word, fault = _STATUSES.get(
            status, (str(status), Fault("protocol", f"it says {status}, which means nothing"))
        )
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message if fault else "",
            rtt=timedelta(seconds=took_s),
            measurements=(
                Measurement("check_s", took_s),
                Measurement("connect_s", connect_s),
            ),
            facts={"address": address, "status": word},
        )

    async def ask(self, look: Look, _name: str, _params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer `phases`."""
        for row in phases_of(await self.probe(look)):
            yield row

    async def aclose(self) -> None:
        """Nothing is held between looks."""


def _request(service: bytes) -> bytes:
    # HealthCheckRequest {string service = 1}
    return b"\x0a" + _varint(len(service)) + service if service else b""


def _varint(number: int) -> bytes:
    pieces = bytearray()
    while number > 0x7F:
        pieces.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*pieces, number])


def _status(answer: bytes) -> int:
    # HealthCheckResponse {ServingStatus status = 1}; absent is 0, and the last one counts.
    status = place = 0
    while place < len(answer):
        tag, place = _number(answer, place)
        if tag >> 3 == 1 and tag & 7 == 0:
            status, place = _number(answer, place)
        elif tag & 7 == 0:
            _, place = _number(answer, place)
        elif tag & 7 == 2:
            length, place = _number(answer, place)
            place += length
        else:
            raise _foreign()
    if place != len(answer):
        raise _foreign()
    return status


def _number(answer: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    for octet in answer[place : place + 10]:
        number |= (octet & 0x7F) << shift
        place += 1
        shift += 7
        if octet < 0x80:
            return number, place
    raise _foreign()


def _foreign() -> Fault:
    return Fault("protocol", "what answers does not speak the health protocol")


def _fault(error: "grpc.aio.AioRpcError", look: Look) -> Fault:
    import grpc

    code, words = error.code(), told(error.details() or "", look, limit=200)
    said = f"it answers {code.name}: {words}".rstrip(": ")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return Fault("protocol", f"it has no health service ({words})", State.UNKNOWN)
    if code is grpc.StatusCode.NOT_FOUND:
        return Fault("protocol", f"it knows no such service ({words})", State.UNKNOWN)
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return Fault("auth", said, State.UNKNOWN)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Fault("timeout", said)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        too_large = "larger than max" in words
        return Fault("too_large" if too_large else "full", said, State.DEGRADED)
    # Somebody answered our knock and then spoke no gRPC.
    return Fault("protocol" if code is grpc.StatusCode.UNAVAILABLE else "bad_status", said)


def _content(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Fault("tls", f"cannot read {path}: {error.strerror}", State.UNKNOWN) from None


def _system_authorities() -> bytes | None:
    # gRPC brings its own list of authorities; the operator means the system's.
    file = ssl.get_default_verify_paths().cafile
    return _content(file) if file else None
