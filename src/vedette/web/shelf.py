"""A shelf in Redis where the servers of one database share what they have made.

All servers must call the same state of the database by the same name, or one would take what another
made before a change. PostgreSQL hands every notice to every listener in the order of the commits; so a
server that begins to listen sends a notice with a random word, from which on each counts the notices
into a hash: the turn. What lies under a turn's name was read after all that the turn has heard of.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
import structlog
from psycopg_pool import AsyncConnectionPool
from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ValkeyError

from vedette.db.queries import load
from vedette.db.trouble import DATABASE_IS_AWAY
from vedette.web.answers import Answer

Q = load(__file__, "shelf.sql")

PATIENCE_S = 0.05
"""Redis that takes longer is away."""
TRY_AGAIN_S = 1.0
"""For so long Redis is not asked after it was away."""
ANNOUNCE_AGAIN_S = 1.0
LARGEST = 4 * 1024 * 1024
WRITES_UNDER_WAY = 64
SEAL_BYTES = 32
AWAY = (ValkeyError, OSError, TimeoutError)

log = structlog.get_logger(__name__)


class Shelf:
    """No shelf: every server keeps what it made to itself."""

    def announce(self, channel: str) -> None:
        """Say to all servers that we begin to listen."""

    def begin(self, word: str) -> None:
        """Count turns from this word on."""

    def turn(self, channel: str, payload: str) -> None:
        """Count a notice."""

    def lose(self) -> None:
        """Forget which turn it is: notices may have passed unheard."""

    def place(self, key: str) -> str:
        """Return the name under which that answer lies in this turn; "" is nowhere."""
        return ""

    async def take(self, place: str, *, now: datetime) -> tuple[Answer, datetime] | None:
        """Return what lies there and until when it holds; None: nothing, or Redis is away."""
        return None

    def put(self, place: str, answer: Answer, *, until: datetime, now: datetime) -> None:
        """Lay an answer there until it holds no longer; nobody waits for it."""

    async def close(self) -> None:
        """Let go of Redis."""


NO_SHELF = Shelf()


class _Laid(msgspec.Struct, array_like=True, frozen=True):
    body: bytes
    type: bytes
    cache: bytes
    headers: list[tuple[bytes, bytes]]
    safe: list[tuple[bytes, bytes]]
    changed_at: datetime | None
    until: datetime


class RedisShelf(Shelf):
    """The shelf in a Redis.

    url: where it is; a password in it goes before `password`.
    prefix: before all names of ours there. seal: a secret of all servers; what does not bear its mark
    is not ours, whoever else may write to that Redis. dressed: what answers depend on beside the
    database (version, theme), so that servers that differ in it do not take each other's.
    """

    def __init__(
        self,
        url: str,
        pool: AsyncConnectionPool,
        *,
        prefix: str,
        seal: bytes,
        dressed: str,
        password: str = "",
    ) -> None:
        self._pool = pool
        self._prefix = prefix
        self._seal = blake2b(seal, person=b"vedette shelf").digest()
        self._dressed = blake2b(dressed.encode()).digest()
        self._turn: bytes | None = None
        self._away_until = 0.0
        self._is_told = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._redis = Valkey.from_url(
            url,
            password=password or None,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )

    def announce(self, channel: str) -> None:
        """Say to all servers that we begin to listen."""
        self._turn = None
        self._start(self._announce(channel))

    def begin(self, word: str) -> None:
        """Count turns from this word on."""
        self._turn = self._hashed(word.encode())

    def turn(self, channel: str, payload: str) -> None:
        """Count a notice."""
        if self._turn is not None:
            self._turn = self._hashed(self._turn, channel.encode(), payload.encode())

    def lose(self) -> None:
        """Forget which turn it is: notices may have passed unheard."""
        self._turn = None

    def place(self, key: str) -> str:
        """Return the name under which that answer lies in this turn; "" is nowhere."""
        if self._turn is None:
            return ""
        return self._prefix + self._hashed(self._turn, self._dressed, key.encode()).hex()

    async def take(self, place: str, *, now: datetime) -> tuple[Answer, datetime] | None:
        """Return what lies there and until when it holds; None: nothing, or Redis is away."""
        laid = await self._ask(lambda: self._redis.get(place))
        if not isinstance(laid, bytes) or len(laid) > LARGEST:
            return None
        mark, text = laid[:SEAL_BYTES], laid[SEAL_BYTES:]
        if not secrets.compare_digest(mark, self._mark(place, text)):
            return None
        found = msgspec.msgpack.decode(text, type=_Laid)
        if found.until <= now:
            return None
        answer = Answer(
            found.body,
            type=found.type,
            cache=found.cache,
            headers=tuple(found.headers),
            safe=tuple(found.safe),
            changed_at=found.changed_at,
        )
        return answer, found.until

    def put(self, place: str, answer: Answer, *, until: datetime, now: datetime) -> None:
        """Lay an answer there until it holds no longer; nobody waits for it."""
        if len(answer.body) > LARGEST // 2 or len(self._tasks) >= WRITES_UNDER_WAY:
            return
        laid = _Laid(
            body=answer.body,
            type=answer.type,
            cache=answer.cache,
            headers=list(answer.headers),
            safe=list(answer.safe),
            changed_at=answer.changed_at and answer.changed_at.astimezone(UTC),
            until=until,
        )
        text = msgspec.msgpack.encode(laid)
        self._start(
            self._lay(place, self._mark(place, text) + text, int((until - now).total_seconds()))
        )

    async def close(self) -> None:
        """Let go of Redis."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    async def _announce(self, channel: str) -> None:
        while True:
            try:
                async with self._pool.connection() as conn:
                    await Q.run(conn, "announce", channel=channel, word=secrets.token_hex(16))
            except DATABASE_IS_AWAY as error:
                log.warning("cache_not_announced", error=str(error))
                await asyncio.sleep(ANNOUNCE_AGAIN_S)
            else:
                return

    async def _lay(self, place: str, text: bytes, seconds: int) -> None:
        await self._ask(lambda: self._redis.set(place, text, ex=max(1, seconds)))

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - as Redis answers
        """Ask Redis; None: it is away, and for a while it is not asked again."""
        clock = asyncio.get_running_loop().time
        if clock() < self._away_until:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                answered = await ask()
        except AWAY as error:
            self._away_until = clock() + TRY_AGAIN_S
            # Said once until it works again; its words may hold the address, never the password.
            if not self._is_told:
                log.warning("cache_away", error=type(error).__name__)
            self._is_told = True
            return None
        if self._is_told:
            log.info("cache_back")
        self._is_told = False
        return answered

    def _start(self, work: Any) -> None:  # noqa: ANN401 - a coroutine of ours
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _mark(self, place: str, text: bytes) -> bytes:
        return blake2b(
            place.encode() + b"\n" + text, key=self._seal, digest_size=SEAL_BYTES
        ).digest()

    def _hashed(self, *parts: bytes) -> bytes:
        found = blake2b(digest_size=20)
        for part in parts:
            found.update(len(part).to_bytes(8, "big") + part)
        return found.digest()
