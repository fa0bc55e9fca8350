"""What a client says of a server it cannot ask."""

import asyncio
import ssl

import pytest
from tests.connectors.certificates import TestAuthority

from vedette.cli.client import Client
from vedette.cli.where import Asking
from vedette.errors import Unavailable

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]"


async def ask(context: ssl.SSLContext):
    """Return what a client is answered by a server with this certificate."""

    async def answer(incoming, outgoing):
        await incoming.readuntil(b"\r\n\r\n")
        outgoing.write(ANSWER)
        outgoing.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        host, port = server.sockets[0].getsockname()
        with Client(Asking(url=f"https://{host}:{port}")) as client:
            return await asyncio.to_thread(client.get, "/api/v1/targets")


async def test_a_certificate_nobody_here_trusts_is_said_with_the_way_out(tmp_path, monkeypatch):
    authority = TestAuthority(tmp_path)
    with pytest.raises(Unavailable, match="is not trusted here") as refused:
        await ask(authority.server("127.0.0.1"))
    assert "SSL_CERT_FILE" in (refused.value.hint or "")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    assert await ask(authority.server("127.0.0.1")) == []


def test_nothing_that_listens_is_another_matter():
    with (
        Client(Asking(url="http://127.0.0.1:1")) as client,
        pytest.raises(Unavailable, match=r"nothing answers at http://127.0.0.1:1"),
    ):
        client.get("/api/v1/targets")
