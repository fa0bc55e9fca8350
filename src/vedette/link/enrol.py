"""The enrolment door: a join token and a certificate request in, a certificate out.

It is the one door that opens to strangers: server TLS, no certificate, no token but the one-time
one. Every field has its limit before anything is asked of the database, whoever fails too often
waits, and the join token appears in no log.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc
import grpc.aio
import structlog
from psycopg_pool import AsyncConnectionPool

from vedette import clock
from vedette.access.joining import JoinRefused
from vedette.errors import Denied, Invalid, VedetteError
from vedette.fleet.enrol import enrol_agent
from vedette.link import vedette_pb2 as pb
from vedette.link.answer import Context, answering
from vedette.link.errors import TooMany
from vedette.link.hello import read_facts
from vedette.link.strikes import Strikes, address_of
from vedette.trust.authority import Authority
from vedette.trust.keys import PEM_LIMIT

JOIN_TOKEN_LIMIT = 200
NAME_LIMIT = 200
FACT_LIMIT = 255
"""Characters of each short text an agent says of itself."""

log = structlog.get_logger(__name__)


class Enrolment:
    """The service Enrolment; `open(server)` it on the clients' listener.

    agents_address: HOST:PORT of the agents' door as the agents reach it, which need not be what it
    is bound to.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool,
        *,
        authority: Authority,
        pepper: bytes,
        agents_address: str,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._pool = pool
        self._authority = authority
        self._pepper = pepper
        self._agents_address = agents_address
        self._now = now
        self._strikes = Strikes()

    def open(self, server: grpc.aio.Server) -> None:
        """Serve Enrolment on this server."""
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Enrol": grpc.unary_unary_rpc_method_handler(
                self.enrol,
                request_deserializer=pb.EnrolRequest.FromString,
                response_serializer=pb.EnrolReply.SerializeToString,
            )
        }
        service = grpc.method_handlers_generic_handler("vedette.v1.Enrolment", handlers)
        server.add_generic_rpc_handlers((service,))

    async def enrol(self, request: pb.EnrolRequest, context: Context) -> pb.EnrolReply:
        """Let the bearer of the join token be an agent."""
        async with answering(context):
            address = address_of(context.peer())
            if self._strikes.out(address, now=self._now()):
                raise TooMany("too many failed enrolments", hint="try again in a minute")
            try:
                return await self.enrol_one(request, address)
            except (Denied, Invalid) as error:
                self._strikes.add(address, now=self._now())
                _log_refusal(error, address)
                raise
        raise AssertionError("answering() ends the call")

    async def enrol_one(
        self, request: pb.EnrolRequest, address: str, *, via: int | None = None
    ) -> pb.EnrolReply:
        """Enrol the bearer; `via` is the collector that passed the request on. Raises VedetteError."""
        _check_sizes(request)
        facts = read_facts(request.facts)
        async with self._pool.connection() as conn:
            enrolled = await enrol_agent(
                conn,
                authority=self._authority,
                pepper=self._pepper,
                join_token=request.join_token,
                csr_pem=request.csr_pem,
                wished_name=request.name,
                facts=facts,
                address=address,
                now=self._now(),
                kind=request.role or "agent",
                via=via,
            )
        log.info("an agent was enrolled", agent=enrolled.name, address=address)
        return pb.EnrolReply(
            name=enrolled.name,
            certificate_pem=enrolled.certificate_pem,
            authority_pem=enrolled.authority_pem,
            agents_address=self._agents_address,
        )


def _check_sizes(request: pb.EnrolRequest) -> None:
    facts = request.facts
    for field, size, limit in (
        ("join_token", len(request.join_token), JOIN_TOKEN_LIMIT),
        ("csr_pem", len(request.csr_pem), PEM_LIMIT),
        ("name", len(request.name), NAME_LIMIT),
        ("role", len(request.role), FACT_LIMIT),
        *((field, len(getattr(facts, field)), FACT_LIMIT) for field in ("hostname", "os")),
        *((field, len(getattr(facts, field)), FACT_LIMIT) for field in ("machine_id", "version")),
        ("connectors", max(map(len, facts.connectors), default=0), FACT_LIMIT),
    ):
        if size > limit:
            raise Invalid(f"{field} is {size} long, the limit is {limit}")


def _log_refusal(error: VedetteError, address: str) -> None:
    kind = "join_token" if isinstance(error, JoinRefused) else error.kind
    log.warning("refused an enrolment", why=kind, address=address, said=error.message)
