"""Where a Kubernetes API is and what opens it: settings, a pod's own account, or a kubeconfig.

A kubeconfig that the server pushed or named is taken only as far as it holds everything itself: paths
in it could name any file of this host, and `exec` any program. `vedette config` of kubectl makes one:
`kubectl config view --flatten --minify --raw`.
"""

import base64
import binascii
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.exchange import Address, address_of
from vedette.agent.connectors.tls_contexts import context_for, tls_context
from vedette.errors import Invalid
from vedette.health.model import State

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds who it is; the token there is replaced about once an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whom to ask and what to show."""

    address: Address
    token: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with every request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def access_of(settings: dict[str, Any]) -> Access:
    """Return what the settings say; reads a pod's own files anew each time."""
    if settings["in_cluster"]:
        return own_access()
    if settings["kubeconfig"]:
        return kubeconfig_access(settings["kubeconfig"], context=settings["context"])
    address = address_of(settings["url"])
    tls = context_for(settings) if address.scheme == "https" else None
    return Access(address=address, token=settings["bearer_token"] or "", tls=tls)


def own_access() -> Access:
    """Return the access of the pod we run in: to its own cluster, and no other."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    try:
        token = (ACCOUNT / "token").read_text().strip()
    except OSError as error:
        words = f"this agent is in no pod with an account: {error.strerror}"
        raise Fault("auth", words, State.UNKNOWN) from None
    if not host:
        raise Fault("auth", "this agent is in no pod of a cluster", State.UNKNOWN)
    url = f"https://[{host}]:{port or 443}" if ":" in host else f"https://{host}:{port or 443}"
    tls = tls_context(ca_file=str(ACCOUNT / "ca.crt"))
    return Access(address=address_of(url), token=token, tls=tls)


def kubeconfig_access(
    text: str, *, context: str | None = None, folder: Path | None = None
) -> Access:
    """Return what a kubeconfig says of its current context, or of the one named.

    folder: where it lies, if it may refer to files; raises `Invalid` when it may not and does.
    """
    document = _document(text)
    wanted = context or _text(document, "current-context")
    chosen = _named(document, "contexts", wanted, "context")
    cluster = _named(document, "clusters", _text(chosen, "cluster"), "cluster")
    user = _named(document, "users", _text(chosen, "user"), "user")
    for kind in ("exec", "auth-provider"):
        if kind in user:
            raise Invalid(
                f"the kubeconfig wants to run a program ({kind})",
                hint="give it a token of a service account",
            )
    pieces = _Pieces(folder)
    address = address_of(_text(cluster, "server"))
    tls = _context(pieces, cluster, user) if address.scheme == "https" else None
    token = _text(user, "token", "") or pieces.bytes_of(user, "tokenFile").decode().strip()
    name = _text(cluster, "tls-server-name", "") or None
    return Access(address=address, token=token, tls=tls, server_name=name)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What a kubeconfig holds or, where it may, refers to."""

    folder: Path | None

    def bytes_of(self, part: Mapping[str, Any], key: str) -> bytes:
        """Return `KEY-data` or the file that KEY names; empty when there is neither."""
        if data := _text(part, f"{key}-data", ""):
            try:
                return base64.b64decode(data, validate=True)
            except (binascii.Error, ValueError):
                raise Invalid(f"{key}-data in the kubeconfig is not base64") from None
        path = _text(part, key, "")
        if not path:
            return b""
        if self.folder is None:
            raise Invalid(
                f"the kubeconfig names a file ({key})",
                hint="kubectl config view --flatten --minify --raw puts it inside",
            )
        try:
            return (self.folder / path).read_bytes()
        except OSError as error:
            raise Invalid(f"{path} cannot be read: {error.strerror}") from None


def _context(
    pieces: _Pieces, cluster: Mapping[str, Any], user: Mapping[str, Any]
) -> ssl.SSLContext:
    authorities = pieces.bytes_of(cluster, "certificate-authority")
    certificate = pieces.bytes_of(user, "client-certificate")
    key = pieces.bytes_of(user, "client-key")
    try:
        context = ssl.create_default_context(cadata=authorities.decode() if authorities else None)
        if cluster.get("insecure-skip-tls-verify") is True:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            # OpenSSL takes a chain from a file only; ours alone, and gone at once.
            with NamedTemporaryFile(prefix="vedette-") as file:
                file.write(certificate + b"\n" + key)
                file.flush()
                context.load_cert_chain(file.name)
    except (ssl.SSLError, UnicodeDecodeError, ValueError, OSError) as error:
        words = getattr(error, "reason", None) or type(error).__name__
        raise Invalid(f"a certificate or key of the kubeconfig is none: {words}") from None
    return context


def _document(text: str) -> Mapping[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C if there
    except (yaml.YAMLError, RecursionError):
        raise Invalid("the kubeconfig is not YAML") from None
    if not isinstance(document, dict):
        raise Invalid("the kubeconfig is no mapping")
    return document


def _named(document: Mapping[str, Any], group: str, name: str, kind: str) -> Mapping[str, Any]:
    items = document.get(group)
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("name") == name and isinstance(item.get(kind), dict):
            found: Mapping[str, Any] = item[kind]
            return found
    raise Invalid(f"the kubeconfig has no {kind} {name!r}")


def _text(part: Mapping[str, Any], key: str, default: str | None = None) -> str:
    said = part.get(key, default)
    if not isinstance(said, str):
        raise Invalid(f"the kubeconfig does not say {key!r}")
    return said
