"""What can go wrong with a look: a small vocabulary, and one place that maps exceptions to it."""

import asyncio
import errno
import socket
import ssl

from vedette.agent.connector import Look
from vedette.health.model import Report, State

CLASSES: dict[str, str] = {
    "timeout": "Nothing, or not everything, came within the time allowed.",
    "refused": "The host answered that nothing listens on that port.",
    "closed": "The connection was closed before the answer was complete.",
    "unreachable": "No route leads there, or a firewall said no.",
    "dns": "The name does not resolve.",
    "tls": "The TLS handshake failed for another reason than the certificate.",
    "expired": "The certificate's time is over.",
    "not_yet_valid": "The certificate's time has not begun.",
    "name_mismatch": "The certificate is for another name.",
    "untrusted": "The certificate leads to no authority we trust.",
    "expiring": "The certificate is valid, but not for long.",
    "auth": "Our credentials were refused or are missing; the target itself may be well.",
    "protocol": "Something answers, but not in the expected protocol.",
    "bad_status": "The HTTP status is not one of those expected.",
    "bad_content": "The answer does not hold what it should.",
    "too_large": "The answer is longer than allowed.",
    "redirect": "Too many redirects, or one that leads where we do not follow.",
    "slow": "It answers, later than it should.",
    "limit": "It is past a limit of its own, or of what we read; the message names it.",
    "threshold": "A measurement is past its threshold; the message names it.",
    "wrong_role": "A primary where a replica is expected, or the reverse.",
    "starting": "It is starting, loading or recovering.",
    "stopping": "It is shutting down or being drained.",
    "full": "It takes no more connections.",
    "replication": "A replica has lost its primary, or a slot its log.",
    "storage": "It cannot write to its disk as it should.",
    "node_down": "Some nodes of the cluster are down; the rest carry it.",
    "unhealthy": "It says of itself that it is not healthy.",
    "rcode": "The DNS server answers with another code than expected.",
    "no_verdict": "The check ran, or could not be run, and says nothing of the target.",
    "quorum_lost": "Too few nodes are left for the cluster to serve.",
    "exhausted": "The agent itself is out of files, ports or memory.",
    "refused_by_host": "The agent's own agent.yaml does not allow it.",
    "secret_missing": "A file or variable that the settings refer to cannot be read there.",
    "bad_settings": "The connector does not understand its settings.",
    "unspecified": "The connector did not say.",
    "connector_crash": "The connector failed in a way nobody foresaw; a bug.",
}
"""Error class → what it means; every report that is not up carries one of these."""

_BY_VERIFY_CODE = {9: "not_yet_valid", 10: "expired", 62: "name_mismatch", 64: "name_mismatch"}
"""X509_V_ERR_… of OpenSSL → error class; the rest is `untrusted`."""

_OUR_OWN = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
_NO_WAY = {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.EACCES, errno.EPERM}


class Fault(Exception):  # noqa: N818 - the word of the house
    """A look failed in a way we understand; becomes a report."""

    def __init__(self, error_class: str, message: str, state: State = State.DOWN) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message
        self.state = state


EXPECTED = (Fault, OSError, TimeoutError, EOFError, asyncio.IncompleteReadError)
"""What a connector makes a report of itself; `ssl.SSLError` and `socket.gaierror` are OSErrors."""


def fault_of(error: BaseException) -> Fault:
    """Return what the exception means for the target.

    What is our own fault (no file handles, no route, no resolver) is `unknown`, never `down`.
    Only the system's words go into the message: never what we sent.
    """
    if isinstance(error, Fault):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        error_class = _BY_VERIFY_CODE.get(error.verify_code, "untrusted")
        return Fault(error_class, f"the certificate does not verify: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        words = getattr(error, "reason", None) or error.strerror or "the peer ended it"
        return Fault("tls", f"the TLS handshake failed: {words}")
    if isinstance(error, socket.gaierror):
        ours = error.errno == socket.EAI_AGAIN
        state = State.UNKNOWN if ours else State.DOWN
        return Fault("dns", f"the name does not resolve: {error.strerror}", state)
    if isinstance(error, TimeoutError):
        return Fault("timeout", str(error) or "no answer in time")
    if isinstance(error, ConnectionRefusedError):
        return Fault("refused", "connection refused")
    if isinstance(error, ConnectionError | EOFError):
        return Fault("closed", "the connection was closed before the answer was complete")
    if isinstance(error, OSError):
        return _fault_of_system(error)
    return Fault("connector_crash", type(error).__name__, State.UNKNOWN)


def _fault_of_system(error: OSError) -> Fault:
    words = error.strerror or type(error).__name__
    if error.errno in _OUR_OWN:
        return Fault("exhausted", f"the agent's own host: {words}", State.UNKNOWN)
    if error.errno == errno.ENETUNREACH:
        return Fault("unreachable", f"from the agent's host: {words}", State.UNKNOWN)
    if error.errno in _NO_WAY:
        return Fault("unreachable", words)
    return Fault("unreachable", f"cannot connect: {words}")


def failed(error: BaseException, where: str = "") -> Report:
    """Return the report of a look that ended with this exception; `where` opens its message."""
    fault = fault_of(error)
    message = f"{where}: {fault.message}" if where else fault.message
    return Report(state=fault.state, error_class=fault.error_class, message=message[:1024])


def told(text: object, look: Look, *, limit: int = 300) -> str:
    """Return what a target said, in one line, cut, and without any secret it may echo."""
    line = " ".join(str(text).split())
    for secret in look.secrets:
        if secret:
            line = line.replace(secret, "…")
    return line if len(line) <= limit else f"{line[:limit]}…"


def gravest(faults: list[Fault]) -> Fault:
    """Return the first fault of the gravest state; there must be one."""
    return max(faults, key=lambda fault: fault.state)
