"""Hand a message to a mail server: the standard library's client in a thread, never in the clear by accident."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum

from vedette.errors import Unavailable, VedetteError

TIMEOUT_S = 10.0
"""Of each answer of the mail server."""
WHOLE_S = 60.0
"""Of one message."""
NEVER = 500


class Refused(VedetteError):  # noqa: N818 - said of a mail, as the others of ours
    """Whoever takes mail for the address will not have this one, however often it is tried."""

    kind = "conflict"


class Security(StrEnum):
    """How the connection is kept private: TLS after STARTTLS, TLS from the start, not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in; user "": without sign-in."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)

    async def send(self, message: EmailMessage, to: str) -> None:
        """Hand over one message; raises Refused for good, Unavailable for now."""
        opened: list[smtplib.SMTP] = []
        try:
            async with asyncio.timeout(WHOLE_S):
                await asyncio.to_thread(self._send, message, to, opened.append)
        except TimeoutError:
            raise Unavailable(f"{self.host}:{self.port} is too slow to take mail") from None
        finally:
            # The thread cannot be cancelled; what it waits for can be taken from it.
            for session in opened:
                _break_off(session)

    def _send(self, message: EmailMessage, to: str, opened: Callable[[smtplib.SMTP], None]) -> None:
        try:
            session = self._open()
            opened(session)
            with session:
                self._sign_in(session)
                session.send_message(message, to_addrs=[to])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = error.recipients[to]
            raise _told(code, said) from None
        except smtplib.SMTPDataError as error:
            raise _told(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPResponseException as error:
            raise Unavailable(_words(error.smtp_code, error.smtp_error)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"{self.host}:{self.port} takes no mail: {error}") from None

    def _open(self) -> smtplib.SMTP:
        if self.security is Security.TLS:
            own = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=own)
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)

    def _sign_in(self, session: smtplib.SMTP) -> None:
        if self.security is Security.STARTTLS:
            # Without an offer of it this raises: nothing is sent in the clear instead.
            session.starttls(context=ssl.create_default_context())
        if self.user:
            session.login(self.user, self.password)


def _told(code: int, said: bytes | str) -> Exception:
    words = _words(code, said)
    return Refused(words) if code >= NEVER else Unavailable(words)


def _words(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"the mail server says: {code} {' '.join(text.split())[:300]}"


def _break_off(session: smtplib.SMTP) -> None:
    with suppress(OSError):
        if session.sock is not None:
            session.sock.shutdown(socket.SHUT_RDWR)
