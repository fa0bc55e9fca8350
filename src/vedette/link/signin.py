"""Who is calling a gRPC door: a client's certificate, or a token in metadata `authorization`.

Agents hold certificates of the same authority; they may deliver reports and may not read them. Tokens
and certificates may be revoked while a stream is open, so open streams are asked about again.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from psycopg_pool import AsyncConnectionPool

from vedette import clock
from vedette.access.certify import is_good
from vedette.access.model import Actor, Scope
from vedette.access.sessions import whose
from vedette.errors import Denied
from vedette.link.answer import Context
from vedette.link.errors import NotSignedIn
from vedette.trust.keys import serial_of

CLIENT = b"vedette:client:"
AGENT = b"vedette:agent:"
TOKEN_LIMIT = 200
"""Characters of an `authorization` value; more is refused unread."""

CERTIFICATES_KEPT = 1_000
"""Certificates read once: a client shows the same with every call."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling.

    name: as in `token:ci` or `client:grafana`. secret: the token; None with a certificate.
    serial: the certificate's; "" with a token.
    """

    name: str
    secret: str | None = field(default=None, repr=False)
    serial: str = ""


class SignIn(Protocol):
    """Knows who is calling, and whether they still may."""

    async def reader(self, context: Context) -> Caller:
        """Return who is calling; raises NotSignedIn, or Denied for those who may not read."""
        ...

    async def still_welcome(self, caller: Caller) -> bool:
        """Tell whether this caller may go on reading."""
        ...


class HouseSignIn:
    """The sign-in of the house: our authority's certificates and our tokens with scope `read`."""

    def __init__(self, pool: AsyncConnectionPool, *, pepper: bytes) -> None:
        self._pool = pool
        self._pepper = pepper

    async def reader(self, context: Context) -> Caller:
        """Return who is calling; raises NotSignedIn, or Denied for those who may not read."""
        names = context.auth_context().get("x509_subject_alternative_name", [])
        for name in names:
            if name.startswith(CLIENT):
                return await self._certified(name, context)
            if name.startswith(AGENT):
                raise Denied(
                    "an agent's certificate does not read reports",
                    hint="use a token at the clients' address, or a client's certificate",
                )
        secret = _bearer(context)
        actor = await self._actor(secret)
        if actor is None:
            raise NotSignedIn(
                "the token is unknown, expired or revoked", hint="make one: vedette tokens create"
            )
        if not actor.may(Scope.READ):
            raise Denied(f"{actor.name} lacks the scope read", hint="make a token that has it")
        return Caller(actor.name, secret)

    async def asker(self, context: Context) -> Actor:
        """Return who wants to ask a target; only a token may, so that the audit log names someone."""
        names = context.auth_context().get("x509_subject_alternative_name", [])
        if any(name.startswith((CLIENT, AGENT)) for name in names):
            raise Denied("a certificate does not ask", hint="use a token of scope ask")
        actor = await self._actor(_bearer(context))
        if actor is None:
            raise NotSignedIn(
                "the token is unknown, expired or revoked", hint="make one: vedette tokens create"
            )
        if not actor.may(Scope.ASK):
            raise Denied(f"{actor.name} lacks the scope ask", hint="make a token that has it")
        return actor

    async def still_welcome(self, caller: Caller) -> bool:
        """Tell whether this caller may go on reading."""
        if caller.secret is None:
            async with self._pool.connection() as conn:
                name = caller.name.removeprefix("client:")
                return await is_good(conn, name, caller.serial, now=clock.now())
        actor = await self._actor(caller.secret)
        return actor is not None and actor.may(Scope.READ)

    async def _certified(self, name: bytes, context: Context) -> Caller:
        pem = next(iter(context.auth_context().get("x509_pem_cert", ())), b"")
        told = name.removeprefix(b"vedette:").decode("ascii", "replace")
        caller = Caller(told, serial=_serial(pem))
        if not await self.still_welcome(caller):
            raise NotSignedIn(
                f"this certificate of {told} was revoked or has expired",
                hint="make another: vedette clients cert NAME",
            )
        return caller

    async def _actor(self, secret: str) -> Actor | None:
        async with self._pool.connection() as conn:
            return await whose(conn, secret, pepper=self._pepper, now=clock.now())


@lru_cache(maxsize=CERTIFICATES_KEPT)
def _serial(pem: bytes) -> str:
    return serial_of(pem)


def _bearer(context: Context) -> str:
    shown = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
    if len(shown) != 1 or not isinstance(shown[0], str):
        raise NotSignedIn(
            "no token came with the call" if not shown else "more than one token came",
            hint="send metadata authorization: Bearer vdt_…",
        )
    scheme, _, secret = shown[0].partition(" ")
    if scheme.lower() != "bearer" or not secret or len(secret) > TOKEN_LIMIT:
        raise NotSignedIn("the authorization is not a bearer token", hint="write: Bearer vdt_…")
    return secret.strip()
