"""The doors a collector opens: for agents, for collectors further out, and for whoever wants to enrol."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf.message import DecodeError

from vedette import clock
from vedette.errors import Kind, Unavailable
from vedette.link import vedette_pb2 as pb
from vedette.link.client import Refused
from vedette.link.errors import STATUS
from vedette.link.identity import Credentials
from vedette.link.listeners import bind
from vedette.link.outgoing import Outgoing
from vedette.link.relay import Relay
from vedette.link.relay_branch import Trunk
from vedette.link.strikes import Strikes, address_of
from vedette.link.vedette_pb2_grpc import (
    add_EnrolmentServicer_to_server,
    add_LinkServicer_to_server,
)

HELLO_WITHIN_S = 10.0
STOP_S = 0.5

Context = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger(__name__)


class AgentDown:
    """The way to an agent on its own stream."""

    def __init__(self, context: Context) -> None:
        self.present = True
        self.is_refused = False
        self._out = Outgoing(context.write)
        self._reader = asyncio.current_task()

    def send(self, message: pb.ToAgent) -> None:
        """Queue a message."""
        self._out.put(message)

    def acknowledge(self, seq: int, frames: int) -> None:
        """Say that everything up to `seq` is kept."""
        self.send(pb.ToAgent(ack=pb.Ack(durable_seq=seq, credits=frames)))

    def refuse(self, reason: str, message: str, *, final: bool = False) -> None:
        """Say why, then end the stream; the first reason wins."""
        if self.is_refused:
            return
        self.is_refused = True
        self.send(pb.ToAgent(refusal=pb.Refusal(reason=reason, message=message, final=final)))
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel("refused")

    async def emptied(self) -> None:
        """Wait until what was said is written, for at most a second."""
        await self._out.emptied()


class CollectorDoor:
    """`vedette.v1.Link`, as a collector serves it."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def Attach(self, _: object, context: Context) -> None:  # noqa: N802 - the name in the .proto
        """Serve one agent until it leaves or is refused."""
        down = AgentDown(context)
        member = None
        try:
            public_key = peer_key(context)
            said = await _signed_hello(context, down)
            member = await self._relay.admit(public_key, said, down)
            while True:
                message = await context.read()
                if not isinstance(message, pb.FromAgent) or down.is_refused:
                    return
                self._relay.take(member, message.signed, down)
                await self._relay.room()
        except Refused as refused:
            log.warning("refused an agent", reason=refused.reason, why=refused.message)
            down.refuse(refused.reason, refused.message, final=refused.final)
        except DecodeError:
            down.refuse("bad_frame", "what came is no message of the link", final=False)
        except asyncio.CancelledError:
            if not down.is_refused:
                raise
        finally:
            if member is not None:
                self._relay.leave(member, down)
            await down.emptied()

    async def Relay(self, _: object, context: Context) -> None:  # noqa: N802 - the name in the .proto
        """Serve one collector further out, and whoever speaks through it."""
        await Trunk(self._relay, peer_key(context), context).serve()


class EnrolmentDoor:
    """`vedette.v1.Enrolment`, passed on: a certificate is the server's to give.

    reach: where those who were enrolled find our door for agents.
    """

    def __init__(self, relay: Relay, reach: str) -> None:
        self._relay = relay
        self._reach = reach
        self._strikes = Strikes()

    async def Enrol(self, request: pb.EnrolRequest, context: Context) -> pb.EnrolReply:  # noqa: N802 - the name in the .proto
        """Ask the server, and send whoever it enrols to our own door."""
        address = address_of(context.peer())
        if self._strikes.out(address, now=clock.now()):
            why = "too many failed enrolments (try again in a minute)"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, why)
        try:
            enrolled = await self._relay.enrol(request)
        except Unavailable as away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(away))
            raise AssertionError from None
        if not enrolled.HasField("reply"):
            if enrolled.kind in {"denied", "invalid"}:
                self._strikes.add(address, now=clock.now())
            kind: Any = enrolled.kind
            await context.abort(_status(kind), enrolled.message)
        enrolled.reply.agents_address = self._reach
        return enrolled.reply


@asynccontextmanager
async def listening(
    relay: Relay,
    credentials: Callable[[], Credentials],
    *,
    agents: str,
    enrol: str,
    reach: str,
) -> AsyncIterator[tuple[str, str]]:
    """Open both doors while the block lasts; yields where they are."""
    servers, places = [], []
    for address, is_for_agents in ((agents, True), (enrol, False)):
        shown = listener_credentials(credentials, is_for_agents=is_for_agents)
        server, port = bind(address, shown)
        servers.append(server)
        places.append(f"{address.rpartition(':')[0]}:{port}")
    add_LinkServicer_to_server(CollectorDoor(relay), servers[0])
    told = reach if not reach.endswith(":0") else places[0]
    add_EnrolmentServicer_to_server(EnrolmentDoor(relay, told), servers[1])
    try:
        for server in servers:
            await server.start()
        yield places[0], places[1]
    finally:
        for server in servers:
            await server.stop(STOP_S)


def listener_credentials(
    credentials: Callable[[], Credentials], *, is_for_agents: bool
) -> grpc.ServerCredentials:
    """Return what a listener shows: our certificate, the newest we have, with the authority's."""
    held: tuple[bytes, Any] = (b"", None)

    def make() -> Any:  # noqa: ANN401 - grpcio names no type
        nonlocal held
        found = credentials()
        if found.certificate_pem != held[0]:
            chain = found.certificate_pem + found.authority_pem
            roots = found.authority_pem if is_for_agents else None
            held = (
                found.certificate_pem,
                grpc.ssl_server_certificate_configuration(
                    [(found.key_pem, chain)], root_certificates=roots
                ),
            )
        return held[1]

    return grpc.dynamic_ssl_server_credentials(
        make(), make, require_client_authentication=is_for_agents
    )


def peer_key(context: Context) -> bytes:
    """Return the public key of the certificate shown, as DER; raises Refused when there is none."""
    pem = next(iter(context.auth_context().get("x509_pem_cert", ())), b"")
    if not pem:
        raise Refused("no_certificate", "this door is for those with a certificate", final=True)
    key = x509.load_pem_x509_certificate(pem).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


async def _signed_hello(context: Context, down: AgentDown) -> pb.Signed:
    """Ask for the Hello anew, signed: the first one the server would have to take our word for."""
    try:
        async with asyncio.timeout(HELLO_WITHIN_S):
            first = await context.read()
            if not isinstance(first, pb.FromAgent) or first.WhichOneof("kind") != "hello":
                raise Refused(
                    "bad_frame", "the first message of a stream must be Hello", final=False
                )
            down.send(pb.ToAgent(welcome=pb.Welcome(sign=True)))
            second = await context.read()
    except TimeoutError:
        raise Refused("no_hello", "no Hello came within ten seconds", final=False) from None
    if not isinstance(second, pb.FromAgent) or second.WhichOneof("kind") != "signed":
        raise Refused(
            "protocol_version", "through a collector an agent must sign; upgrade it", final=True
        )
    return second.signed


def _status(kind: Kind) -> grpc.StatusCode:
    return STATUS.get(kind, grpc.StatusCode.UNAVAILABLE)
