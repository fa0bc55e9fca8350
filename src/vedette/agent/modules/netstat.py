"""MIG's `netstat` module: which of these addresses, neighbours, connections and ports this host has.

MIG's defects are none of ours: hits are counted, a listener is connected to nobody, and only what
listens is a listening port. A neighbour is who has answered. Those of IPv6 the kernel tells of the
network alone that the agent is in; a question for one in others is answered by an error.
"""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Annotated, ClassVar

from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.host_files import MASKED
from vedette.agent.modules.networks import Network, all_networks, host_network, macs
from vedette.agent.modules.sockets import Address, Socket
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid

Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Some = Annotated[tuple[Text, ...], Meta(max_length=10_000)]
Key = str | int | Address
Subnet = IPv4Network | IPv6Network
Test = Callable[[Key], bool]
Element = dict[str, str | int]


class NetstatParameters(Parameters, frozen=True, kw_only=True):
    """What to look for; at least one.

    localmac, neighbormac: RE2 on a MAC, in any case. localip, neighborip, connectedip: an address
    or a range (`10.0.0.0/8`), of IPv4 or IPv6. listeningport: a number, in quotes. namespaces: look
    into every network namespace of this host, not only into its own.
    """

    localmac: Some = ()
    neighbormac: Some = ()
    localip: Some = ()
    neighborip: Some = ()
    connectedip: Some = ()
    listeningport: Some = ()
    namespaces: bool = False


class Netstat:
    """Looks for addresses, neighbours, connections and listening ports.

    elements: the kinds asked for, each `{value: [{localmacaddr, remotemacaddr, localaddr, localport,
    remoteaddr, remoteport, namespace}]}` with the members that it has; a value without any has an empty
    list. statistics: `examined`, `exectime`, `totalhits`. On macOS neighbours cannot be told, sockets
    only to root.
    """

    name: ClassVar[str] = "netstat"
    description: ClassVar[str] = (
        "Looks for addresses, MACs, neighbours, connections and listening ports."
    )
    needs: ClassVar[Needs] = Needs(processes=True, netlink=True)
    parameters: ClassVar[type[Parameters]] = NetstatParameters

    def needs_for(self, parameters: NetstatParameters) -> Needs:
        """Return less where no other namespace is looked into, and no neighbour of IPv6 is meant."""
        neighbours = bool(parameters.neighbormac) or any(":" in ip for ip in parameters.neighborip)
        return Needs(processes=parameters.namespaces, netlink=neighbours)

    def check(self, parameters: NetstatParameters) -> None:
        """Raise `Invalid` for a value that is no address, range, port or pattern, and where there is none."""
        _asked(parameters)

    def run(self, parameters: NetstatParameters, context: Context) -> Result:
        """Look for each value; `Invalid` as `check`."""
        asked = _asked(parameters)
        tally = Tally(context)
        tables = Tables(context, tally, parameters)
        elements = {
            kind: Looked(kind, tables, tally, context).for_each(wanted)
            for kind, wanted in asked.items()
        }
        counted = {
            "examined": tally.examined,
            "exectime": tally.exectime,
            "totalhits": tally.hits,
        }
        return tally.result(elements, counted)


def _asked(parameters: NetstatParameters) -> dict[str, list[tuple[str, Key | Test]]]:
    asked = {
        kind: [(text, _wanted(kind, text)) for text in dict.fromkeys(getattr(parameters, kind))]
        for kind in _KINDS
        if getattr(parameters, kind)
    }
    if not asked:
        raise Invalid(
            "module netstat: nothing is asked for", hint=f"give one of {', '.join(_KINDS)}"
        )
    return asked


class Tables:
    """What there is to be found, by kind: what is compared, and the element it gives."""

    def __init__(self, context: Context, tally: Tally, parameters: NetstatParameters) -> None:
        self._context = context
        self._tally = tally
        self._asks_six = any(":" in text for text in parameters.neighborip)
        everywhere = parameters.namespaces
        if sys.platform == "linux":
            self._networks = (
                all_networks(context, tally) if everywhere else [host_network(context, tally)]
            )
            self._macs = macs(context)
        else:
            from vedette.agent.modules.networks_elsewhere import OtherNetwork, other_macs

            self._networks = [OtherNetwork(tally)]
            self._macs = other_macs()

    def rows(self, kind: str) -> Iterable[tuple[Key, Element]]:
        """Yield each thing of this kind."""
        if kind == "localmac":
            for mac in self._macs:
                yield mac, {"localmacaddr": mac}
            return
        for network in self._networks:
            for key, element in _ROWS[kind](network):
                yield key, {**element, "namespace": network.name}
            if kind == "neighbormac" or (kind == "neighborip" and self._asks_six):
                yield from self._six(network, by_mac=kind == "neighbormac")

    def _six(self, network: Network, *, by_mac: bool) -> Iterable[tuple[Key, Element]]:
        found = network.neighbours6()
        if found is None:
            words = f"neighbours of IPv6 in the network {network.name} cannot be told from here"
            self._tally.fault(words, unanswered=not by_mac)
        for address, mac in found or ():
            element: Element = {"remotemacaddr": mac, "remoteaddr": str(address)}
            yield mac if by_mac else address, {**element, "namespace": network.name}


class Looked:
    """The things of one kind, gathered by what is compared."""

    def __init__(self, kind: str, tables: Tables, tally: Tally, context: Context) -> None:
        self._tally = tally
        self._privacy = context.privacy
        self._rows: dict[Key, list[Element]] = {}
        self._count = 0
        for key, element in tables.rows(kind):
            self._rows.setdefault(key, []).append(element)
            self._count += 1

    def for_each(self, wanted: Iterable[tuple[str, Key | Test]]) -> dict[str, list[Element]]:
        """Return the elements of each value, by its text."""
        found: dict[str, list[Element]] = {}
        for text, test in wanted:
            if self._tally.over:
                break
            self._tally.examined += self._count
            found[text] = self._told(test)
        return found

    def _told(self, test: Key | Test) -> list[Element]:
        told: list[Element] = []
        for key in self._matching(test):
            for element in self._rows[key]:
                if self._tally.over:
                    return told
                told.append(self._masked(element))
                self._tally.hit()
        return told

    def _matching(self, test: Key | Test) -> list[Key]:
        if callable(test):
            return [key for key in self._rows if test(key)]
        return [test] if test in self._rows else []

    def _masked(self, element: Element) -> Element:
        if self._privacy and "remoteaddr" in element:
            return {**element, "remoteaddr": MASKED}
        return element


def _wanted(kind: str, text: str) -> Key | Test:
    """Return what a text asks for: a thing, or a test of things."""
    if kind.endswith("mac"):
        found = pattern(f"(?i){text}")
        return lambda key: found.fits(str(key).encode())
    if kind == "listeningport":
        return _port(text)
    subnet = _subnet(text)
    if subnet.num_addresses == 1:
        return subnet.network_address
    return lambda key: isinstance(key, IPv4Address | IPv6Address) and key in subnet


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65_536:
        return int(text)
    raise Invalid(f"module netstat: {text[:64]!r} is no port", hint="a number from 1 to 65535")


def _subnet(text: str) -> Subnet:
    try:
        subnet = ip_network(text, strict=False)
    except ValueError:
        raise Invalid(
            f"module netstat: {text[:64]!r} is no address", hint="like 192.0.2.7 or 192.0.2.0/24"
        ) from None
    mapped = subnet.network_address
    if isinstance(mapped, IPv6Address) and mapped.ipv4_mapped and subnet.prefixlen >= 96:
        return IPv4Network((mapped.ipv4_mapped, subnet.prefixlen - 96), strict=False)
    return subnet


def _local(network: Network) -> Iterable[tuple[Key, Element]]:
    return ((address, {"localaddr": str(address)}) for address in network.addresses())


def _neighbours(network: Network, *, by_mac: bool) -> Iterable[tuple[Key, Element]]:
    for address, mac in network.neighbours():
        yield mac if by_mac else address, {"remotemacaddr": mac, "remoteaddr": str(address)}


def _connected(network: Network) -> Iterable[tuple[Key, Element]]:
    for socket in network.sockets():
        if socket.is_connected:
            other: Element = {"remoteaddr": str(socket.remote), "remoteport": socket.remote_port}
            yield socket.remote, {**_own(socket), **other}


def _listening(network: Network) -> Iterable[tuple[Key, Element]]:
    return ((one.local_port, _own(one)) for one in network.sockets() if one.is_listening)


def _own(socket: Socket) -> Element:
    return {"localaddr": str(socket.local), "localport": socket.local_port}


_ROWS: dict[str, Callable[[Network], Iterable[tuple[Key, Element]]]] = {
    "localip": _local,
    "neighbormac": partial(_neighbours, by_mac=True),
    "neighborip": partial(_neighbours, by_mac=False),
    "connectedip": _connected,
    "listeningport": _listening,
}
_KINDS = ("localmac", *_ROWS)
