"""What everybody reads, kept as bytes: made once, forgotten at the notice of a change.

An answer is kept while the LISTEN connection stands, and sent again while it was proven of late that no
notice is missing: without that a change could pass unseen, and a page that is green out of ignorance is
worse than a slow one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, TypeVar, cast

from vedette.db.listen import listen
from vedette.web.answers import NO_STORE, Answer, Request
from vedette.web.reader import reading
from vedette.web.shelf import NO_SHELF, Shelf

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Answer]]
Beside = Callable[[Request], str]

TOLD = "vedette_incident"
"""Here a change is told of what is said by people and automations, not of how things are."""
CHANNELS = ("vedette_transition", "vedette_fleet", TOLD)
ANNOUNCED = "vedette_kept"
"""Here a server that has begun to listen says from where on it counts turns."""
KEPT_FOR = timedelta(seconds=30)
"""Even when nothing changed: "12 min ago" must not stand still."""
SURE_FOR_S = 1.0
"""So long after a change at most a page from before it is sent, even over a network that fell silent."""
PROVE_EVERY_S = 0.25
"""Three times a sign of life may be late before pages are made anew."""
BYTES = 64 * 1024 * 1024
LARGEST = 8 * 1024 * 1024
"""A larger answer is made for each asker."""
OVERHEAD = 1_024
QUERY_BYTES = 1_024
"""What is asked with a longer query is not kept."""


def nothing(_: Request) -> str:
    """Say that an answer depends on nothing else."""
    return ""


@dataclass(slots=True)
class Lease:
    """For how long an answer may be sent again."""

    keeper: "Keeper"
    turn: int
    until: datetime

    def holds(self) -> bool:
        """Say whether it may still be sent."""
        keeper = self.keeper
        return self.turn == keeper.turn and keeper.clock() < self.until and keeper.is_sure()


class Keeper:
    """The kept answers of one server.

    clock: says what time it is. kept_for: how long an answer is kept at most; zero is not at all.
    shelf: where servers of one database share what they made.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        kept_for: timedelta = KEPT_FOR,
        shelf: Shelf = NO_SHELF,
        limit: int = BYTES,
    ) -> None:
        self.clock = clock
        self.turn = 0
        self._kept_for = kept_for
        self._shelf = shelf
        self._limit = limit
        self._is_listening = False
        self._sure_until = 0.0
        self._kept: OrderedDict[str, tuple[Answer, Lease]] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[tuple[int, str], asyncio.Future[Answer]] = {}
        self._things_turn = 0
        self._parts: dict[str, tuple[object, int, datetime, Any]] = {}

    def is_sure(self) -> bool:
        """Say whether no notice can be missing of what was committed a second ago or earlier."""
        return monotonic() < self._sure_until

    def kept(
        self,
        handler: Handler,
        *,
        words: Sequence[str] | None = (),
        beside: Beside = nothing,
    ) -> Handler:
        """Return the handler, whose answers are kept by path, query, language and zone.

        words: what the page knows of a query; others are no other page. None: the whole query counts.
        beside: what else its answer depends on.
        """
        if not self._kept_for:
            return handler

        async def answer(request: Request) -> Answer:
            if request.method not in ("GET", "HEAD"):
                return await handler(request)
            asked = _asked(request, words)
            if asked is None:
                return await handler(request)
            who = reading()
            key = "\n".join((request.scope["path"], asked, who.language, who.zone, beside(request)))
            return await self._answer(key, lambda: handler(request))

        return answer

    async def part(self, name: str, make: Callable[[], Awaitable[T]], *, of: object) -> T:
        """Return a part of pages that no incident alters, kept until a notice of anything else.

        While trouble lasts incidents are written all the time, and what is costly to read is the past.
        of: what the part depends on beside the database.
        """
        held = self._parts.get(name)
        is_same = held is not None and held[:2] == (of, self._things_turn)
        if held is not None and is_same and self.clock() < held[2] and self.is_sure():
            return cast("T", held[3])
        turn, until = self._things_turn, self.clock() + self._kept_for
        made = await make()
        if self._is_listening and turn == self._things_turn:
            self._parts[name] = of, turn, until, made
        return made

    async def follow(self, dsn: str) -> None:
        """Forget what is kept at each notice, for ever; run it beside the server."""
        try:
            async for notice in listen(
                dsn,
                (*CHANNELS, ANNOUNCED),
                on_lost=self._lost,
                on_proof=self._proven,
                prove_every_s=PROVE_EVERY_S,
            ):
                if notice.channel == ANNOUNCED:
                    self._shelf.begin(notice.payload)
                    continue
                self._is_listening = True
                self._forget(are_things_the_same=notice.channel == TOLD)
                if notice.channel:
                    self._shelf.turn(notice.channel, notice.payload)
                else:
                    self._shelf.announce(ANNOUNCED)
        finally:
            self._lost()
            await self._shelf.close()

    def _proven(self, asked_at: float) -> None:
        self._sure_until = asked_at + SURE_FOR_S

    def _lost(self) -> None:
        self._is_listening = False
        self._sure_until = 0.0
        self._shelf.lose()
        self._forget()

    def _forget(self, *, are_things_the_same: bool = False) -> None:
        self.turn += 1
        if not are_things_the_same:
            self._things_turn += 1
            self._parts.clear()
        self._kept.clear()
        self._bytes = 0

    async def _answer(self, key: str, make: Callable[[], Awaitable[Answer]]) -> Answer:
        found = self._kept.get(key)
        if found is not None and found[1].holds():
            self._kept.move_to_end(key)
            return found[0]
        # A crowd that comes at once waits for one rendering, not for one each; whoever comes after
        # the next notice waits for another, since this one may not have seen what it told.
        place = (self.turn, key)
        under_way = self._under_way.get(place)
        if under_way is not None:
            return await asyncio.shield(under_way)
        under_way = self._under_way[place] = asyncio.ensure_future(self._make(key, make))
        under_way.add_done_callback(lambda _: self._under_way.pop(place, None))
        return await asyncio.shield(under_way)

    async def _make(self, key: str, make: Callable[[], Awaitable[Answer]]) -> Answer:
        turn, now = self.turn, self.clock()
        shared = self._shelf.place(key) if self.is_sure() else ""
        found = await self._shelf.take(shared, now=now) if shared else None
        if found is not None:
            answer, until = found
        else:
            answer, until = await make(), now + self._kept_for
        # A notice that came while we read may tell of what we did not see: do not keep it.
        if not self._is_listening or turn != self.turn or not _is_to_be_kept(answer):
            return answer
        lease = Lease(self, turn, until)
        answer.lease = lease
        self._put(key, answer, lease)
        if shared and found is None and shared == self._shelf.place(key):
            self._shelf.put(shared, answer, until=until, now=now)
        return answer

    def _put(self, key: str, answer: Answer, lease: Lease) -> None:
        if key in self._kept:
            self._bytes -= _weight(self._kept.pop(key)[0])
        self._kept[key] = answer, lease
        self._bytes += _weight(answer)
        while self._bytes > self._limit:
            _, (oldest, _) = self._kept.popitem(last=False)
            self._bytes -= _weight(oldest)


def _asked(request: Request, words: Sequence[str] | None) -> str | None:
    """Return what of the query makes it another answer; None: it is not kept."""
    query: bytes = request.scope["query_string"]
    if len(query) > QUERY_BYTES:
        return None
    if not query or words is None:
        return query.decode("latin-1")
    given = request.query
    return repr([(word, given[word]) for word in words if word in given])


def _is_to_be_kept(answer: Answer) -> bool:
    return (
        answer.status == 200
        and answer.cache != NO_STORE
        and len(answer.body) <= LARGEST
        and all(name != b"set-cookie" for name, _ in answer.headers)
    )


def _weight(answer: Answer) -> int:
    # The compressed forms together are smaller than the plain one.
    return 2 * len(answer.body) + OVERHEAD
