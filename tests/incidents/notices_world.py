"""A mail server for tests, a real one: it takes what it is told to take, and keeps it."""

import asyncio
import email
import ssl
from contextlib import asynccontextmanager
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from vedette.incidents.smtp import MailServer, Security


class Box:
    """What came; refuse: what it answers to an address instead of taking its mail."""

    def __init__(self):
        self.taken, self.raw = [], []
        self.refuse = {}
        self.answer = "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):
        if self.answer.startswith("250"):
            self.raw.append(envelope.content)
            message = email.message_from_bytes(envelope.content, policy=default)
            self.taken.append((envelope.rcpt_tos, message))
        return self.answer

    @property
    def subjects(self):
        """The subjects of what came, in its order."""
        return [str(message["Subject"]) for _, message in self.taken]


def signs_in(_server, _session, _envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.password == b"secret"
    return AuthResult(success=good and mechanism in ("PLAIN", "LOGIN"), handled=False)


@asynccontextmanager
async def mail_server(box: Box, *, tls: ssl.SSLContext | None = None, **options):
    """Run it on a free port of loopback; tls: offers STARTTLS."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, tls_context=tls, hostname="mx.test", **options), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def plain(port: int, **given) -> MailServer:
    return MailServer(host="127.0.0.1", port=port, security=Security.NONE, **given)
