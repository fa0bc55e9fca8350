"""HOST:PORT as people write it; which of them only this machine reaches; taking a port."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address

from vedette.errors import Denied, Invalid, Unavailable

HIGHEST_PORT = 65535
BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. host: a name or an IP address without brackets; port 0: a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_everywhere(self) -> bool:
        """Whether it stands for every address of this machine."""
        return self.host in {"0.0.0.0", "::"}  # noqa: S104 - a comparison

    @property
    def from_here(self) -> "Address":
        """The address as this machine reaches it."""
        if not self.is_everywhere:
            return self
        return Address("::1" if ":" in self.host else "127.0.0.1", self.port)

    @property
    def from_elsewhere(self) -> "Address":
        """The address as other machines may reach it: by this machine's name."""
        return Address(socket.getfqdn(), self.port) if self.is_everywhere else self


def parse_address(text: str, *, what: str) -> Address:
    """Return the address; `:8080` means every address of this machine. Raises `Invalid`."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise Invalid(f"{what}: {text!r} is not an address", hint="write it as HOST:PORT")
    if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
        raise Invalid(f"{what}: {text!r} is not an address", hint="write IPv6 as [::1]:8080")
    return Address(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - asked for in words


def listen_on(address: Address, *, flag: str) -> socket.socket:
    """Return a listening socket; raise `Unavailable` naming the flag when the port is taken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((address.host, address.port))
        found.listen(BACKLOG)
    except PermissionError:
        found.close()
        raise Denied(
            f"you may not listen on {address}", hint=f"take a port above 1023: {flag} HOST:PORT"
        ) from None
    except OSError as error:
        found.close()
        raise Unavailable(
            f"cannot listen on {address}: {error.strerror or error}",
            hint=f"another program has it? Choose another: {flag} HOST:PORT",
        ) from None
    found.setblocking(False)
    return found


def free_port(address: Address, *, flag: str) -> Address:
    """Return the address with a port that is free now; raise `Unavailable` when it is not.

    grpcio says nothing but "failed to bind" when a port is taken; the kernel tells why.
    """
    with listen_on(address, flag=flag) as taken:
        port: int = taken.getsockname()[1]
    return Address(address.host, port)
