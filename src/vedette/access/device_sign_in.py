"""Signing a command line in from elsewhere (RFC 8628): it shows a code, its person types it at the provider.

The server asks the provider, so that a client's secret never leaves it. What must be known meanwhile
travels under seal with whoever waits; nothing of it is kept here.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from vedette.access.device_pace import Paces
from vedette.access.openid import Identity, Provider
from vedette.access.provider_http import SLOW_DOWN, WAITING, Refused, refuse_open_url
from vedette.errors import Denied, Invalid, TooMany, Unavailable, VedetteError
from vedette.trust.seal import Seal

BEGUN_A_MINUTE = 30
"""So many by everybody together: each makes the provider keep something."""
WORD_LIMIT = 64
LEAST_INTERVAL_S, USUAL_INTERVAL_S, MOST_INTERVAL_S = 1, 5, 60
LASTS = timedelta(minutes=30)
"""However long the provider would wait."""
SEALED_AS = "device sign-in"
HANDLE_LIMIT = 8_192


class _Waiting(msgspec.Struct, array_like=True, frozen=True):
    device_code: str
    until: datetime
    interval_s: int = USUAL_INTERVAL_S


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person must do: type `user_code` at `where`, or open `where_complete` ("" when there is none).

    interval_s: how long to wait between two questions. handle: what the next question shows.
    """

    user_code: str
    where: str
    where_complete: str
    interval_s: int
    ends_at: datetime
    handle: bytes = field(repr=False)


class DeviceSignIns:
    """Sign-ins from elsewhere at one provider; cookie_key: the house's own, the same on every server."""

    def __init__(self, provider: Provider, cookie_key: bytes) -> None:
        self.provider = provider
        self._seal = Seal([hashlib.sha256(b"vedette device\0" + cookie_key).digest()])
        self._begun: deque[datetime] = deque(maxlen=BEGUN_A_MINUTE)
        self._paces = Paces()

    async def begin(self, *, now: datetime) -> Asked:
        """Begin one; raises Missing where the provider has no such way, TooMany, Unavailable."""
        if len(self._begun) == BEGUN_A_MINUTE and now - self._begun[0] < timedelta(minutes=1):
            raise TooMany("too many begin to sign in just now", hint="try again in a minute")
        self._begun.append(now)
        said = await self.provider.begin_device()
        ends_at = now + min(LASTS, timedelta(seconds=_seconds(said, "expires_in", 900)))
        interval_s = min(
            MOST_INTERVAL_S, max(LEAST_INTERVAL_S, _seconds(said, "interval", USUAL_INTERVAL_S))
        )
        code = _word(said, "device_code", limit=4_096)
        kept = msgspec.json.encode(_Waiting(code, ends_at, interval_s))
        complete = said.get("verification_uri_complete")
        return Asked(
            user_code=_word(said, "user_code"),
            where=_address(said.get("verification_uri", said.get("verification_url"))),
            where_complete=_address(complete) if complete else "",
            interval_s=interval_s,
            ends_at=ends_at,
            handle=self._seal.seal(SEALED_AS, kept),
        )

    async def poll(self, handle: bytes, *, now: datetime) -> Identity | str:
        """Return who agreed, or the provider's word while nobody has: `authorization_pending`, `slow_down`.

        Whoever asks again too soon is told to slow down by us, and the provider hears nothing of it.
        Raises Denied when the person said no, or the sign-in is over; Unavailable.
        """
        waiting = self._opened(handle)
        if waiting.until <= now:
            raise _over()
        device, interval = waiting.device_code, timedelta(seconds=waiting.interval_s)
        if self._paces.too_soon(device, interval, now=now):
            return SLOW_DOWN
        try:
            return await self.provider.identify_device(device)
        except Refused as refused:
            if refused.word == SLOW_DOWN:
                self._paces.slow_down(device, interval, now=now)
            if refused.word in WAITING:
                return refused.word
            if refused.word == "access_denied":
                raise Denied("you said no at the provider", hint="vedette login --device") from None
            if refused.word in ("expired_token", "invalid_grant"):
                raise _over() from None
            raise

    def _opened(self, handle: bytes) -> _Waiting:
        try:
            plain = self._seal.open(SEALED_AS, handle[:HANDLE_LIMIT])
            return msgspec.json.decode(plain, type=_Waiting)
        except (VedetteError, msgspec.DecodeError):
            raise _over() from None


def _over() -> Denied:
    return Denied(
        "that sign-in is over, or never began", hint="start again: vedette login --device"
    )


def _word(said: dict[str, Any], name: str, *, limit: int = WORD_LIMIT) -> str:
    """Return a word that a terminal may print; raises Unavailable."""
    word = said.get(name)
    if isinstance(word, str) and 0 < len(word) <= limit and word.isascii() and word.isprintable():
        return word
    raise Unavailable(f"the provider's answer is of no use: {name}", hint="vedette login")


def _address(url: object) -> str:
    try:
        refuse_open_url(str(url), "the address of the provider")
    except Invalid as error:
        raise Unavailable(f"the provider's answer is of no use: {error.message}") from None
    return _word({"verification_uri": url}, "verification_uri", limit=2_000)


def _seconds(said: dict[str, Any], name: str, usual: int) -> int:
    found = said.get(name, usual)
    is_number = isinstance(found, int) and not isinstance(found, bool)
    return found if is_number and 0 < found <= 86_400 else usual
