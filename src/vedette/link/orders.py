"""Commands as they come down an agent's stream, and answers as they go up; protobuf ends here."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from vedette.link import vedette_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command the server wants done; nothing of it is believed yet.

    within_s: from when it came. rows, size_bytes: of the whole answer, at most.
    """

    id: int
    name: str
    target_id: int
    parameters_json: str
    within_s: float
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A part of an answer; number counts from 1. What follows `last` holds in the last part only."""

    id: int
    number: int
    rows_json: bytes = b"[]"
    last: bool = False
    error_class: str = ""
    message: str = ""
    truncated: str = ""
    took_ms: int = 0


@dataclass(slots=True)
class Orders:
    """Between the stream and whoever obeys: hands orders down, keeps what is said until it is sent.

    obey, cancel: called with each order, and with the id of one nobody waits for any more.
    """

    obey: Callable[[Order], None] = lambda _order: None
    cancel: Callable[[int], None] = lambda _id: None
    _said: deque[pb.FromAgent] = field(default_factory=deque)
    _wake: Callable[[], None] = lambda: None

    def begin(self, wake: Callable[[], None]) -> None:
        """Serve a new stream; `wake` when there is something to send.

        What was meant for an older one is dropped: the server asks again on the new stream, and is
        told again.
        """
        self._said.clear()
        self._wake = wake

    def end(self) -> None:
        """Forget the stream; it is gone."""
        self.begin(lambda: None)

    def take(self, message: pb.ToAgent) -> None:
        """Hand down an order, or the end of one."""
        if message.WhichOneof("kind") == "cancel":
            self.cancel(message.cancel.id)
            return
        said = message.command
        self.obey(
            Order(
                id=said.id,
                name=said.name,
                target_id=said.target,
                parameters_json=said.parameters_json,
                within_s=said.within_ms / 1000,
                rows=said.rows,
                size_bytes=said.bytes,
            )
        )

    def say(self, said: Said) -> None:
        """Send this part as soon as the stream lets us."""
        answer = pb.Answer(
            id=said.id,
            number=said.number,
            rows_json=said.rows_json,
            last=said.last,
            error_class=said.error_class,
            message=said.message,
            truncated=said.truncated,
            took_ms=said.took_ms,
        )
        self._said.append(pb.FromAgent(answer=answer))
        self._wake()

    @property
    def waiting(self) -> bool:
        """Whether there is something to send."""
        return bool(self._said)

    def next(self) -> pb.FromAgent | None:
        """Return what is to be sent next, None when there is nothing."""
        return self._said.popleft() if self._said else None
