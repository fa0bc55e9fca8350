"""TLS contexts, shared by every target that trusts the same: one costs 15 ms and a megabyte."""

import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any

from vedette.agent.connector import Setting
from vedette.agent.connectors.errors import Fault
from vedette.health.model import State

TLS_SETTINGS = (
    Setting("ca_file", "str", "PEM file of the authorities to trust; else the system's."),
    Setting("insecure", "bool", "Take any certificate.", default=False),
    Setting("client_cert", "str", "PEM file of a certificate to show."),
    Setting("client_key", "str", "PEM file of its key; default in `client_cert`."),
)
"""What a connector takes that makes its context by `context_for`."""


def tls_context(
    *,
    ca_file: str | None = None,
    insecure: bool = False,
    client_cert: str | None = None,
    client_key: str | None = None,
) -> ssl.SSLContext:
    """Return the context for these settings; a file that changed on disk is read again.

    insecure: take any certificate. Raises a `tls` fault, state unknown, when a file cannot be read:
    that is our own doing.
    """
    stamps = tuple(_stamp(path) for path in (ca_file, client_cert, client_key))
    try:
        return _made(ca_file, insecure, client_cert, client_key, stamps)
    except (OSError, ssl.SSLError) as error:
        raise Fault(
            "tls", f"cannot use {ca_file or client_cert}: {error.strerror or error}", State.UNKNOWN
        ) from error


def context_for(settings: dict[str, Any]) -> ssl.SSLContext:
    """Return the context a connector's parsed settings ask for."""
    return tls_context(
        ca_file=settings.get("ca_file"),
        insecure=bool(settings.get("insecure")),
        client_cert=settings.get("client_cert"),
        client_key=settings.get("client_key"),
    )


def _stamp(path: str | None) -> tuple[int, int]:
    if path is None:
        return (0, 0)
    try:
        stat = Path(path).stat()
    except OSError as error:
        raise Fault("tls", f"cannot read {path}: {error.strerror}", State.UNKNOWN) from error
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=64)
def _made(
    ca_file: str | None,
    insecure: bool,
    client_cert: str | None,
    client_key: str | None,
    _stamps: tuple[tuple[int, int], ...],
) -> ssl.SSLContext:
    if insecure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=ca_file)
    if client_cert is not None:
        context.load_cert_chain(client_cert, client_key)
    return context
