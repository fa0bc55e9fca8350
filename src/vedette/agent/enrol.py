"""Becoming an agent: make a key, have it certified with a join token, keep the result."""

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

from vedette import clock
from vedette.agent.facts import claims
from vedette.agent.identity import IdentityFiles, write_private
from vedette.errors import Invalid, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """What it takes to be let in.

    server: HOST:PORT of the server's clients' address.
    token: a join token, good once.
    fingerprint: of the server's authority; nothing else is trusted.
    name: wished; the token's own name wins. role: "" an agent, or `collector`.
    """

    server: str
    token: str
    fingerprint: str
    name: str = ""
    role: str = ""


async def enrol(directory: Path, joining: Joining, *, tags: dict[str, str]) -> IdentityFiles:
    """Enrol the agent of this directory; one that is enrolled already is left as it is.

    A key made by an attempt that failed is used again: to the server it is the same agent.
    """
    from vedette.link import join
    from vedette.trust.keys import fetch_authority, make_csr, make_key

    identity = IdentityFiles(directory)
    if identity.exists:
        return identity
    host, port = host_and_port(joining.server)
    name = joining.name or socket.gethostname()
    key_pem = _kept_key(directory) or make_key()
    request_pem = make_csr(key_pem, name)
    authority_pem = await asyncio.to_thread(fetch_authority, host, port, joining.fingerprint)
    try:
        # Before the token is spent: a directory that cannot be written must not cost one.
        await asyncio.to_thread(_keep_key, directory, key_pem)
    except OSError as fault:
        raise Unavailable(
            f"{directory} cannot be written: {fault.strerror}",
            hint="--data-dir must name a directory this user may write",
        ) from None
    reply = await join.enrol(
        joining.server,
        authority_pem=authority_pem,
        token=joining.token,
        request_pem=request_pem,
        name=name,
        claims=claims(started_at=clock.now(), tags=tags),
        role=joining.role,
    )
    identity.keep(
        name=reply.name,
        address=reply.agents_address,
        key_pem=key_pem,
        certificate_pem=reply.certificate_pem,
        authority_pem=authority_pem,
    )
    return identity


def host_and_port(address: str) -> tuple[str, int]:
    """Split HOST:PORT; IPv6 addresses stand in brackets."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise Invalid(f"{address!r} is not HOST:PORT", hint="as in vedette.example:4001")
    return host.strip("[]"), int(port)


def _keep_key(directory: Path, key_pem: bytes) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(directory / "key.pem", key_pem)


def _kept_key(directory: Path) -> bytes | None:
    try:
        return (directory / "key.pem").read_bytes()
    except OSError:
        return None
