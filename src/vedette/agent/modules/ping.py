"""MIG's `ping` module: whether this host reaches another, by ICMP, TCP or UDP."""

import errno
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.icmp import echo
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid

TIMED_OUT_MS = 9_999_999
REFUSED_MS = -1
FAILED_MS = 0

_PAUSE_S = 0.1
_TIMEOUT_S = 5.0
_COUNT = 3
_PROBE = b"Ping!Ping!Ping!"


class PingParameters(Parameters, frozen=True, kw_only=True):
    """Whom to reach and how.

    destination: a name or an address; of a name its first address. destinationport: for tcp and
    udp. count: of probes, 0 is three. timeout: seconds for each, 0 is five.
    """

    destination: Annotated[str, Meta(min_length=1, max_length=253)]
    destinationport: Annotated[int, Meta(ge=0, le=65_535)] = 0
    protocol: Literal["icmp", "tcp", "udp"]
    count: Annotated[int, Meta(ge=0, le=100)] = 0
    timeout: Annotated[float, Meta(ge=0, le=300)] = 0.0


@dataclass(frozen=True, slots=True)
class Destination:
    """An address to be reached. port: 0 for icmp."""

    family: int
    address: str
    port: int


class Ping:
    """Probes another host.

    elements: `latencies` in ms (9999999 no answer in time, -1 refused, 0 another failure),
    `protocol`, `resolvedhost`, `failures` in words. found: any answer; of UDP also none, since the
    port may be open. Between two probes are 100 ms.
    """

    name: ClassVar[str] = "ping"
    description: ClassVar[str] = "Probes another host by ICMP, TCP or UDP."
    needs: ClassVar[Needs] = Needs(network=True)
    parameters: ClassVar[type[Parameters]] = PingParameters

    def check(self, parameters: PingParameters) -> None:
        """Raise `Invalid` when a port is missing."""
        if parameters.protocol != "icmp" and not parameters.destinationport:
            raise Invalid(
                f"module ping: {parameters.protocol} needs a port", hint="give destinationport"
            )

    def run(self, parameters: PingParameters, context: Context) -> Result:
        """Probe; `Invalid` as `check`.

        Of UDP no answer means that the port may be open: it counts as found, as in MIG.
        """
        self.check(parameters)
        tally = Tally(context)
        try:
            destination = _resolved(parameters)
        except (OSError, UnicodeError) as fault:
            words = getattr(fault, "strerror", None) or str(fault)
            tally.fault(f"{parameters.destination}: {words}", unanswered=True)
            return tally.result(_elements(parameters, None, [], []), None, found=False)
        latencies, failures = _probed(parameters, destination, tally)
        maybe_open = parameters.protocol == "udp" and TIMED_OUT_MS in latencies
        reached = any(0 < one < TIMED_OUT_MS for one in latencies)
        elements = _elements(parameters, destination, latencies, failures)
        return tally.result(elements, None, found=reached or maybe_open)


def _resolved(parameters: PingParameters) -> Destination:
    kind = socket.SOCK_DGRAM if parameters.protocol == "udp" else socket.SOCK_STREAM
    port = parameters.destinationport if parameters.protocol != "icmp" else 0
    family, _, _, _, address = socket.getaddrinfo(parameters.destination, port, type=kind)[0]
    return Destination(family, str(address[0]), port)


def _probed(
    parameters: PingParameters, destination: Destination, tally: Tally
) -> tuple[list[float], list[str]]:
    """Return the latency of each probe (ms), and in words what else went wrong."""
    latencies: list[float] = []
    failures: list[str] = []
    probe = _PROBES[parameters.protocol]
    for number in range(1, (parameters.count or _COUNT) + 1):
        if number > 1:
            time.sleep(_PAUSE_S)  # nobody is flooded
        if tally.over:
            break
        left = tally.context.deadline - time.monotonic()
        begun = time.perf_counter()
        try:
            probe(destination, number, min(parameters.timeout or _TIMEOUT_S, left))
        except OSError as fault:
            latency = _meaning(fault)
            if latency == FAILED_MS:
                failures.append(f"ping #{number} failed with error: {fault.strerror or fault}")
            latencies.append(latency)
        else:
            latencies.append((time.perf_counter() - begun) * 1000)
    return latencies, failures


def _meaning(fault: OSError) -> float:
    if isinstance(fault, TimeoutError) or fault.errno == errno.ETIMEDOUT:
        return TIMED_OUT_MS
    return REFUSED_MS if isinstance(fault, ConnectionRefusedError) else FAILED_MS


def _icmp(to: Destination, number: int, timeout_s: float) -> None:
    echo(to.family, to.address, number=number, timeout_s=timeout_s)


def _tcp(to: Destination, number: int, timeout_s: float) -> None:
    with socket.socket(to.family, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        line.connect((to.address, to.port))


def _udp(to: Destination, number: int, timeout_s: float) -> None:
    with socket.socket(to.family, socket.SOCK_DGRAM) as line:
        line.settimeout(timeout_s)
        line.connect((to.address, to.port))
        line.send(_PROBE)
        line.recv(1500)


_PROBES: dict[str, Callable[[Destination, int, float], None]] = {
    "icmp": _icmp,
    "tcp": _tcp,
    "udp": _udp,
}


def _elements(
    parameters: PingParameters,
    to: Destination | None,
    latencies: list[float],
    failures: list[str],
) -> dict[str, object]:
    port = "" if parameters.protocol == "icmp" else f":{parameters.destinationport}"
    return {
        "latencies": latencies,
        "protocol": parameters.protocol,
        "resolvedhost": f"{parameters.destination}{port} ({to.address if to else ''})",
        "failures": failures,
    }
