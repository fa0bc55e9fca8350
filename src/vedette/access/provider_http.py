"""Asking a provider: over TLS unless it is on this machine, within limits of time and size.

No redirect is followed: what the provider's discovery names is where it is.
"""

import asyncio
import json
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog

from vedette.errors import Denied, Invalid, Unavailable

PATIENCE_S = 8.0
"""For a whole answer."""
SILENCE_S = 4.0
"""For a connection, and between two parts of the answer."""
ANSWER_BYTES = 256 * 1024
SLOW_DOWN = "slow_down"
WAITING = frozenset({"authorization_pending", SLOW_DOWN})
"""Errors by which a provider says that somebody has not decided yet (RFC 8628, 3.5)."""

log = structlog.get_logger(__name__)


class Refused(Denied):
    """The provider answered with an error of its own; `word` is what it calls it, as in `invalid_grant`."""

    def __init__(self, word: str) -> None:
        super().__init__(f"the provider refused: {word}", hint="sign in again")
        self.word = word


def refuse_open_url(url: str, what: str) -> None:
    """Raise Invalid unless this is an address under TLS, or one on this very machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    is_plain = bool(host) and not parts.username and not parts.fragment
    if is_plain and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        return
    raise Invalid(
        f"{what} {url[:200]!a} is no https:// address", hint="http:// only on this machine"
    )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def ask(
    method: str,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    basic: tuple[str, str] | None = None,
    bearer: str | None = None,
) -> dict[str, Any]:
    """Return the JSON object that the provider answers; raises Unavailable, Refused for its 4xx."""
    # Packed answers could unfold without end.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    body = bytearray()
    host = urlsplit(url).netloc
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            httpx.AsyncClient(timeout=SILENCE_S, follow_redirects=False) as client,
            client.stream(
                method,
                url,
                headers=headers,
                data=form,
                auth=httpx.BasicAuth(*basic) if basic else None,
            ) as answer,
        ):
            async for part in answer.aiter_raw():
                body += part
                if len(body) > ANSWER_BYTES:
                    raise Unavailable(f"the provider at {host} answers endlessly")
    except (TimeoutError, httpx.TimeoutException):
        raise Unavailable(
            f"the provider at {host} does not answer in time", hint="try again in a moment"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        log.warning("the provider cannot be reached", url=url, error=str(error))
        raise Unavailable(
            f"the provider at {host} cannot be reached", hint="try again in a moment"
        ) from None
    said = _object(bytes(body))
    if answer.is_client_error:
        why = str(said.get("error", ""))[:80] if said else ""
        if why not in WAITING:
            log.warning("the provider refused", url=url, status=answer.status_code, error=why)
        raise Refused(why or str(answer.status_code))
    if not answer.is_success or said is None:
        raise Unavailable(
            f"the provider at {host} answered {answer.status_code}, and not as one should"
        )
    return said


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
