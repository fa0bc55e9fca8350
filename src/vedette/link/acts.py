"""Signed actions as they come down an agent's stream, and its answers as they go up; protobuf ends here.

An answer is kept by the agent until it is told that it is stored, and may be large: here lie only the
numbers of those to be said, and the one that is being said.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from vedette.link import vedette_pb2 as pb

PIECE_BYTES = 1 << 20
"""Of an answer in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A signed action somebody wants run; nothing of it is believed yet.

    id: of the command. document: the bytes people signed, as they were handed in. signatures: each in
    one line. cancelled: nobody wants it any more.
    """

    id: int
    document: bytes
    signatures: tuple[str, ...]
    cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer as it was signed. id: of the command."""

    id: int
    answer: bytes
    signature: bytes


async def _nothing(*_: object) -> None:
    return None


async def _none() -> Sequence[int]:
    return ()


@dataclass(slots=True)
class Acts:
    """Between the stream and whoever acts.

    act, told, trust: called with each action, with the commands whose answers may be forgotten, with
    a trust bundle as it was signed; while they wait, nothing more is read from the stream.
    untold: returns the commands whose answers are kept; asked once a stream.
    answer: returns the answer of a command, None when it is kept no longer.
    """

    act: Callable[[Act], Awaitable[None]] = _nothing
    told: Callable[[Sequence[int]], Awaitable[None]] = _nothing
    trust: Callable[[bytes], Awaitable[None]] = _nothing
    untold: Callable[[], Awaitable[Sequence[int]]] = _none
    answer: Callable[[int], Awaitable[Answered | None]] = _nothing
    _queue: deque[int] = field(default_factory=deque)
    _saying: Answered | None = None
    _sent: int = 0
    _ask: bool = False
    _wake: Callable[[], None] = lambda: None

    def begin(self, wake: Callable[[], None]) -> None:
        """Serve a new stream: whatever it was not told is said on it once, unasked."""
        self.end()
        self._wake = wake
        self.say_all()

    def end(self) -> None:
        """Forget the stream; it is gone."""
        self._queue.clear()
        self._saying, self._ask, self._wake = None, False, lambda: None

    def say_all(self) -> None:
        """Say all answers that are kept, as when a collector has only now let us through."""
        self._ask = True
        self._wake()

    def say(self, command_id: int) -> None:
        """Say this answer as soon as the stream lets us, from its beginning."""
        if self._saying is not None and self._saying.id == command_id:
            self._saying = None
        if command_id not in self._queue:
            self._queue.append(command_id)
        self._wake()

    async def take(self, message: pb.ToAgent) -> None:
        """Hand down what came."""
        match message.WhichOneof("kind"):
            case "told":
                await self._told(tuple(message.told.ids))
            case "trust":
                await self.trust(message.trust.signed)
            case "act":
                said = message.act
                await self.act(
                    Act(
                        id=said.id,
                        document=said.document,
                        signatures=tuple(said.signatures),
                        cancelled=said.cancelled,
                    )
                )

    @property
    def waiting(self) -> bool:
        """Whether there is something to send."""
        return self._ask or self._saying is not None or bool(self._queue)

    async def next(self) -> pb.FromAgent | None:
        """Return the piece that is to be sent next, None when there is nothing."""
        if self._ask:
            self._ask = False
            for each in await self.untold():
                self.say(each)
        while self._saying is None and self._queue:
            self._sent = 0
            self._saying = await self.answer(self._queue.popleft())
        return None if self._saying is None else self._piece(self._saying)

    def _piece(self, saying: Answered) -> pb.FromAgent:
        begin = self._sent * PIECE_BYTES
        last = begin + PIECE_BYTES >= len(saying.answer)
        self._sent += 1
        if last:
            self._saying = None
        return pb.FromAgent(
            result=pb.Result(
                id=saying.id,
                number=self._sent,
                piece=saying.answer[begin : begin + PIECE_BYTES],
                last=last,
                signature=saying.signature if last else b"",
            )
        )

    async def _told(self, ids: Sequence[int]) -> None:
        for each in ids:
            if each in self._queue:
                self._queue.remove(each)
            if self._saying is not None and self._saying.id == each:
                self._saying = None
        await self.told(ids)
