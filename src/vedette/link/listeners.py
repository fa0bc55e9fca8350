"""The server's gRPC ports: one demands a client's certificate, one takes none, one is in the clear.

A grpcio port does one or the other (measured), hence several. The first two show a certificate of our
own authority with the authority in the chain; it is renewed while streams stay open.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import grpc
import grpc.aio

from vedette.errors import Unavailable
from vedette.link.channel import SERVER_OPTIONS
from vedette.link.readable import Readable
from vedette.trust.authority import Authority

RENEW_EVERY = timedelta(days=10)
"""A third of a server certificate's life: a long outage of whatever renews it harms nobody."""

OPTIONS: tuple[tuple[str, str | int], ...] = (
    *SERVER_OPTIONS,
    # Two servers on one port would share its connections in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.max_metadata_size", 16 * 1024),
)


def make_listener(
    address: str, authority: Authority, clock: Callable[[], datetime], *, is_for_agents: bool
) -> tuple[grpc.aio.Server, int]:
    """Bind a gRPC server to `HOST:PORT` (port 0: a free one); return it, not started, and its port.

    is_for_agents: demand a certificate of our authority. Raises `Unavailable` when it is taken.
    """
    return bind(address, _credentials(authority, clock, is_for_agents=is_for_agents))


def bind(address: str, credentials: grpc.ServerCredentials) -> tuple[grpc.aio.Server, int]:
    """Bind a gRPC server that shows these credentials; otherwise as `make_listener`."""
    return _bound(address, lambda server: server.add_secure_port(address, credentials))


def make_plain_listener(address: str) -> tuple[grpc.aio.Server, int]:
    """Bind a gRPC server that neither encrypts nor asks who comes; otherwise as `make_listener`."""
    return _bound(address, lambda server: server.add_insecure_port(address))


def _bound(address: str, bind: Callable[[grpc.aio.Server], int]) -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server(options=list(OPTIONS), interceptors=[Readable()])
    try:
        port = bind(server)
    except RuntimeError:
        port = 0
    if port == 0:
        raise Unavailable(f"gRPC cannot listen on {address}", hint="is the port taken?")
    return server, port


def _credentials(
    authority: Authority, clock: Callable[[], datetime], *, is_for_agents: bool
) -> grpc.ServerCredentials:
    made_at = clock()

    def make() -> Any:  # noqa: ANN401 - grpcio names no type
        chain, key = authority.issue_server(now=clock())
        roots = authority.pem if is_for_agents else None
        return grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=roots)

    held = make()

    def current() -> Any:  # noqa: ANN401
        # Asked once a handshake, so the answer is kept; None means "as before".
        nonlocal made_at
        if clock() - made_at < RENEW_EVERY:
            return None
        made_at = clock()
        return make()

    return grpc.dynamic_ssl_server_credentials(
        held, current, require_client_authentication=is_for_agents
    )
