"""A server at the other end of the link: real gRPC, mutual TLS, the rules of the protocol."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio

from vedette.link import vedette_pb2 as pb
from vedette.link import vedette_pb2_grpc as rpc
from vedette.link.identity import Credentials
from vedette.trust.authority import Authority
from vedette.trust.keys import make_csr, make_key


class FakeServer(rpc.LinkServicer):
    """Stores every frame of one agent; tests say what it answers.

    stored: frames in order; each must follow the one before it, or the stream is refused.
    results: answers to actions that came whole, as (id, bytes, signature).
    """

    def __init__(self):
        self.authority = Authority.make()
        self.hellos = []
        self.heartbeats = []
        self.stored = []
        self.results = []
        self.durable = 0
        self.definitions = []
        self.renewals = []
        self.credits = 4
        self.spread_ms = 0
        self.heartbeat_ms = 10_000
        self.clock = lambda: datetime.now(UTC)
        self.configuration = None
        self.refusals = []
        self.refuse_batches_with = None
        self.holding_acks = False
        self.most_unacked = 0
        self.changed = asyncio.Condition()
        self.port = 0
        self._calls = set()
        self._contexts = set()
        self._server = None

    async def start(self):
        chain, key = self.authority.issue_server(["127.0.0.1"])
        self._server = grpc.aio.server()
        rpc.add_LinkServicer_to_server(self, self._server)
        credentials = grpc.ssl_server_credentials(
            [(key, chain)], root_certificates=self.authority.pem, require_client_auth=True
        )
        self.port = self._server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        await self._server.start()

    async def stop(self):
        await self._server.stop(0)

    def credentials(self, name="edge"):
        key = make_key()
        issued = self.authority.issue_agent(make_csr(key, name), name, now=datetime.now(UTC))
        return Credentials(
            address=f"127.0.0.1:{self.port}",
            key_pem=key,
            certificate_pem=issued.pem,
            authority_pem=self.authority.pem,
        )

    async def configure(self, configuration):
        self.configuration = configuration
        for context in list(self._contexts):
            await context.write(pb.ToAgent(configuration=configuration))

    async def say(self, message):
        """Send it down every open stream."""
        for context in list(self._contexts):
            await context.write(message)

    async def until(self, claim):
        async with asyncio.timeout(15), self.changed:
            await self.changed.wait_for(claim)

    async def Attach(self, _requests, context):
        hello = (await context.read()).hello
        self.hellos.append(hello)
        await self._tell()
        if self.refusals:
            await context.write(pb.ToAgent(refusal=self.refusals.pop(0)))
            return
        await context.write(
            pb.ToAgent(
                welcome=pb.Welcome(
                    durable_seq=self.durable,
                    credits=self.credits,
                    clock_us=int(self.clock().timestamp() * 1e6),
                    heartbeat_ms=self.heartbeat_ms,
                    reconnect_spread_ms=self.spread_ms,
                    agent_name="edge",
                )
            )
        )
        if self.configuration and self.configuration.revision != hello.config_revision:
            await context.write(pb.ToAgent(configuration=self.configuration))
        self._contexts.add(context)
        try:
            await self._listen(context)
        finally:
            self._contexts.discard(context)

    async def _listen(self, context):
        known = set()
        unacked = 0
        pieces = []
        while (message := await context.read()) is not grpc.aio.EOF:
            kind = message.WhichOneof("kind")
            if kind == "define":
                known |= {layout.ref for layout in message.define.layouts}
                self.definitions.append(message.define)
            elif kind == "heartbeat":
                self.heartbeats.append(message.heartbeat)
            elif kind == "renew":
                await self._renew(context, message.renew)
            elif kind == "result":
                pieces = self._piece([] if message.result.number == 1 else pieces, message.result)
            else:
                frame = getattr(message, kind)
                if kind == "batch" and self.refuse_batches_with:
                    await context.write(pb.ToAgent(refusal=self.refuse_batches_with))
                    return
                assert frame.prev == self.durable, "the chain has a hole"
                self.durable = frame.seq
                self.stored.append(frame)
                unacked += 1
                self.most_unacked = max(unacked, self.most_unacked)
                if not self.holding_acks:
                    ack = pb.Ack(durable_seq=self.durable, credits=unacked)
                    unacked = 0
                    await context.write(pb.ToAgent(ack=ack))
            await self._tell()

    def _piece(self, pieces, said):
        pieces = [*pieces, said]
        assert [each.number for each in pieces] == list(range(1, len(pieces) + 1))
        assert {each.id for each in pieces} == {said.id}, "two answers are mixed"
        if said.last:
            whole = b"".join(each.piece for each in pieces)
            self.results.append((said.id, whole, said.signature))
        return [] if said.last else pieces

    async def _renew(self, context, renew):
        self.renewals.append(renew)
        issued = self.authority.issue_agent(
            renew.csr_pem, "edge", now=datetime.now(UTC), valid_for=timedelta(days=30)
        )
        reply = pb.RenewReply(certificate_pem=issued.pem, authority_pem=self.authority.pem)
        await context.write(pb.ToAgent(renewed=reply))

    async def _tell(self):
        async with self.changed:
            self.changed.notify_all()
