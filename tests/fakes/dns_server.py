"""A small DNS server over real sockets, UDP and TCP on one port, that answers as a test says."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


def zone(*records: str, rcode: str = "NOERROR", flags: int = 0) -> Callable:
    """Answer every question with these records: `shop.example. 60 IN A 10.0.0.1`."""

    def answer(query, _transport):
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.from_text(rcode))
        reply.flags |= flags
        for record in records:
            name, ttl, kind, type_, *rest = record.split(" ")
            reply.answer.append(dns.rrset.from_text(name, int(ttl), kind, type_, " ".join(rest)))
        return reply.to_wire(max_size=65_535)

    return answer


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        for piece in self.server.answers(data, "udp"):
            self.transport.sendto(piece, addr)


class DnsServer:
    def __init__(self, answer):
        self.answer = answer
        self.asked = []
        self.port = 0

    def answers(self, data, transport):
        query = dns.message.from_wire(data)
        self.asked.append((query, transport))
        said = self.answer(query, transport)
        return said if isinstance(said, list) else [] if said is None else [said]

    async def tcp(self, reader, writer):
        with suppress(EOFError, ConnectionError):
            data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            for piece in self.answers(data, "tcp"):
                writer.write(len(piece).to_bytes(2, "big") + piece)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def dns_server(answer):
    server = DnsServer(answer)
    listening = await asyncio.start_server(server.tcp, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Udp(server), local_addr=("127.0.0.1", server.port)
    )
    try:
        yield server
    finally:
        transport.close()
        listening.close()
