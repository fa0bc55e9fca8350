"""Hand a notice to a program over HTTP: signed as Standard Webhooks has it, or as a line for a chat.

Only what the operator's settings name is asked, redirects lead nowhere, and of the answer nothing but its
number is read. An address may be a secret itself, as a chat's are: it stands in no table, log or message.
"""

import asyncio
import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from urllib.parse import urlsplit

import httpx

from vedette.errors import Unavailable
from vedette.incidents.smtp import Refused

SILENCE_S = 5.0
"""For a connection, and between two parts of the answer."""
WHOLE_S = 15.0
"""For one notice."""
NEVER = frozenset({400, 410, 413, 415, 422})
"""Answers that say that this notice will not be taken, however often it comes; every other may change."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Webhook:
    """Where notices go. secret: what they are signed with, b"" for a chat, which takes a text alone."""

    url: str
    secret: bytes = b""

    def __repr__(self) -> str:
        """Return its name, which is no secret."""
        return f"<{self.name}>"

    @property
    def is_chat(self) -> bool:
        """Tell whether people read there, not programs."""
        return not self.secret

    @property
    def name(self) -> str:
        """Return what it is called where others may read: its host, and a mark that tells it from its neighbours."""
        mark = blake2b(self.url.encode(), digest_size=4).hexdigest()
        return f"{'chat' if self.is_chat else 'webhook'} {urlsplit(self.url).hostname} {mark}"

    async def send(self, number: int, body: bytes, *, now: datetime) -> None:
        """Hand over one notice; raises Refused for good, Unavailable for now."""
        headers = {"Content-Type": "application/json", "User-Agent": "vedette"}
        headers |= signed(self.secret, f"notice_{number}", body, now=now) if self.secret else {}
        try:
            async with (
                asyncio.timeout(WHOLE_S),
                httpx.AsyncClient(timeout=SILENCE_S, follow_redirects=False) as client,
                client.stream("POST", self.url, headers=headers, content=body) as answer,
            ):
                status = answer.status_code
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unavailable(f"{self.name} takes nothing: {type(error).__name__}") from None
        if status in NEVER:
            raise Refused(f"{self.name} answers {status}")
        if not httpx.codes.is_success(status):
            raise Unavailable(f"{self.name} answers {status}")


def signed(secret: bytes, identifier: str, body: bytes, *, now: datetime) -> Mapping[str, str]:
    """Return the three headers by which a receiver knows whose this is, when it was sent, and that it is whole."""
    at = str(int(now.timestamp()))
    content = f"{identifier}.{at}.".encode() + body
    signature = b64encode(hmac.digest(secret, content, "sha256")).decode()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{signature}",
    }
