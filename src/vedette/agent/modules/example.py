"""MIG's `example` module: small enough to begin one's own from."""

import ipaddress
import re
import socket
from typing import Annotated, ClassVar

import psutil
from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid

Name = Annotated[str, Meta(min_length=1, max_length=253)]

_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class ExampleParameters(Parameters, frozen=True, kw_only=True):
    """What to tell: the host's name, its addresses, and the addresses of these names."""

    gethostname: bool = False
    getaddresses: bool = False
    # MIG's client writes null for a list without members.
    lookuphost: Annotated[tuple[Name, ...], Meta(max_length=100)] | None = ()


class Example:
    """Tells a host's name and addresses.

    elements: what was asked for of `hostname`, `addresses`, `lookeduphost` (`{name: [address]}`).
    statistics: `stufffound`.
    """

    name: ClassVar[str] = "example"
    description: ClassVar[str] = "Tells the host's name, its addresses and those of other hosts."
    needs: ClassVar[Needs] = Needs(network=True)
    parameters: ClassVar[type[Parameters]] = ExampleParameters

    def check(self, parameters: ExampleParameters) -> None:
        """Raise `Invalid` for a name no host can have."""
        for host in parameters.lookuphost or ():
            if _HOST_NAME.fullmatch(host) is None:
                raise Invalid(f"module example: {host[:64]!r} is no host's name")

    def run(self, parameters: ExampleParameters, context: Context) -> Result:
        """Tell what is asked for; `Invalid` as `check`."""
        self.check(parameters)
        tally = Tally(context)
        elements: dict[str, object] = {}
        if parameters.gethostname:
            elements["hostname"] = socket.gethostname()
            tally.hits += 1
        if parameters.getaddresses:
            elements["addresses"] = addresses = _addresses()
            tally.hits += len(addresses)
        if parameters.lookuphost:
            elements["lookeduphost"] = {
                host: _looked_up(host, tally) for host in parameters.lookuphost
            }
        return tally.result(elements, {"stufffound": tally.hits})


def _addresses() -> list[str]:
    """Return the host's own addresses with their prefixes, but for those of the loopback."""
    found = [
        f"{one.address.partition('%')[0]}/{_prefix(one.netmask)}"
        for interface in psutil.net_if_addrs().values()
        for one in interface
        if one.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return [one for one in found if one not in ("127.0.0.1/8", "::1/128")]


def _prefix(mask: str | None) -> int:
    return int(ipaddress.ip_address(mask or "255.255.255.255")).bit_count()


def _looked_up(host: str, tally: Tally) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        words = getattr(fault, "strerror", None) or str(fault)
        tally.fault(f"{host}: {words}", unanswered=True)
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
