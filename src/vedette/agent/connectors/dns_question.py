"""One question to one DNS server, over UDP, TCP or both; dnspython reads the messages, we connect.

dnspython costs an agent with DNS targets 6 MB; what comes over UDP from anywhere is better read by
a library many have attacked than by two hundred lines of ours.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.wire import addresses_of, wire

if TYPE_CHECKING:
    from dns.message import Message

_RECORDS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: of which server, how.

    transport: `udp` (goes on over TCP when the answer is cut), or `tcp`.
    """

    server: str
    port: int
    name: str
    type: str
    transport: str = "udp"
    dnssec: bool = False
    recursion: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back.

    records: those of the type asked for, as zone files write them, sorted.
    least_ttl_s: None without a record. flags: as in `QR RD RA AD`.
    """

    rcode: str
    flags: tuple[str, ...]
    records: tuple[str, ...]
    least_ttl_s: float | None
    size_bytes: int
    took_s: float
    address: str
    transport: str


async def ask(look: Look, asked: Asked) -> Answered:
    """Ask once; what is no answer to our question is not taken for one."""
    query = _query(asked)
    if asked.transport == "udp":
        answered = await _over_udp(look, asked, query)
        if "TC" not in answered.flags:
            return answered
    return await _over_tcp(look, asked, query)


def check_name(name: str, record_type: str) -> None:
    """Raise ValueError when it is no name or no type of record."""
    import dns.exception
    import dns.name
    import dns.rdatatype

    try:
        dns.name.from_text(name)
        dns.rdatatype.from_text(record_type)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(str(error) or type(error).__name__) from None


def _query(asked: Asked) -> "Message":
    import dns.flags
    import dns.message

    # AD in a question asks for AD in the answer (RFC 6840), without all the signatures DO brings.
    flags = (dns.flags.RD if asked.recursion else 0) | dns.flags.AD
    return dns.message.make_query(
        asked.name,
        asked.type,
        flags=flags,
        use_edns=0,
        want_dnssec=asked.dnssec,
        payload=1232,
    )


async def _over_udp(look: Look, asked: Asked, query: "Message") -> Answered:
    address = (await addresses_of(look, asked.server, asked.port))[0]
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    transport, inbox = await loop.create_datagram_endpoint(
        _Inbox, remote_addr=(address, asked.port)
    )
    try:
        transport.sendto(query.to_wire())
        while True:
            came = await inbox.next()
            answer = _read(came)
            # Anybody may send us something; only who saw the question knows its number.
            if answer is not None and query.is_response(answer):
                took_s = time.perf_counter() - begun
                return _answered(answer, asked, came, took_s, address, "udp")
    finally:
        transport.close()


async def _over_tcp(look: Look, asked: Asked, query: "Message") -> Answered:
    begun = time.perf_counter()
    async with wire(look, asked.server, asked.port) as opened:
        sent = query.to_wire()
        opened.writer.write(len(sent).to_bytes(2, "big") + sent)
        length = int.from_bytes(await opened.reader.readexactly(2), "big")
        came = await opened.reader.readexactly(length)
        answer = _read(came)
        if answer is None or not query.is_response(answer):
            raise Fault("protocol", "what came is no answer to what was asked")
        took_s = time.perf_counter() - begun
        return _answered(answer, asked, came, took_s, opened.address, "tcp")


class _Inbox(asyncio.DatagramProtocol):
    """Datagrams as they come, a few of them; an error of the socket is raised to who waits."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[bytes | Exception] = asyncio.Queue(16)

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - asyncio's
        """Keep it, if there is room."""
        self._keep(data)

    def error_received(self, exc: Exception) -> None:
        """Keep it, as a refused port makes one."""
        self._keep(exc)

    async def next(self) -> bytes:
        """Return the next datagram."""
        came = await self._came.get()
        if isinstance(came, Exception):
            raise came
        return came

    def _keep(self, came: bytes | Exception) -> None:
        if not self._came.full():
            self._came.put_nowait(came)


def _read(came: bytes) -> "Message | None":
    import dns.exception
    import dns.message

    try:
        return dns.message.from_wire(came, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError, IndexError, RecursionError, AssertionError):
        return None


def _answered(
    answer: "Message", asked: Asked, came: bytes, took_s: float, address: str, transport: str
) -> Answered:
    import dns.flags
    import dns.rcode
    import dns.rdatatype

    wanted = dns.rdatatype.from_text(asked.type)
    sets = [rrset for rrset in answer.answer if wanted in (rrset.rdtype, dns.rdatatype.ANY)]
    records = sorted(str(record) for rrset in sets for record in rrset)
    return Answered(
        rcode=dns.rcode.to_text(answer.rcode()),
        flags=tuple(dns.flags.to_text(answer.flags).split()),
        records=tuple(records[:_RECORDS]),
        least_ttl_s=min((float(rrset.ttl) for rrset in sets), default=None),
        size_bytes=len(came),
        took_s=took_s,
        address=address,
        transport=transport,
    )
