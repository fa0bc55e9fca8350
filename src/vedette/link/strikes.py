"""Who has failed too often of late: refused before their next try costs anything.

Counted a network address and over all of them; one IPv6 customer has a /64 to play with, so that
counts as one address. What is kept is bounded, whoever knocks.
"""

import ipaddress
from collections import OrderedDict, deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
EACH = 10
"""Failures of one address within the window."""

TOGETHER = 300
"""Failures of all within the window: beyond it nobody who ever failed is let in, others are."""

REMEMBERED = 10_000


class Strikes:
    """Failures by address."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._all: deque[datetime] = deque(maxlen=TOGETHER)

    def out(self, address: str, *, now: datetime) -> bool:
        """Tell whether this address has to wait before it may try again."""
        own = self._recent(self._of.get(network(address)), now)
        if own >= EACH:
            return True
        return own > 0 and self._recent(self._all, now) >= TOGETHER

    def add(self, address: str, *, now: datetime) -> None:
        """Count a failure."""
        key = network(address)
        self._of.setdefault(key, deque(maxlen=EACH)).append(now)
        self._of.move_to_end(key)
        if len(self._of) > REMEMBERED:
            self._of.popitem(last=False)
        self._all.append(now)

    @staticmethod
    def _recent(failures: deque[datetime] | None, now: datetime) -> int:
        return sum(1 for at in failures or () if at > now - WINDOW)


def network(address: str) -> str:
    """Return what counts as one: an IPv4 address, an IPv6 /64, anything else as it is."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip.packed, 64), strict=False))
    return str(ip)


def address_of(peer: str) -> str:
    """Return the address in gRPC's `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000` or `unix:…`."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return peer
    host = rest.rpartition(":")[0]
    return host.replace("%5B", "").replace("%5D", "").strip("[]")
