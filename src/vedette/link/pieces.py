"""An answer to an action as it comes up a stream: in pieces, in order, one answer after the other."""

from dataclasses import dataclass, field

from vedette.link import vedette_pb2 as pb
from vedette.trust.result_signature import ANSWER_BYTES

PIECE_BYTES = 1 << 20


class Scattered(Exception):  # noqa: N818 - of what came
    """Pieces that are no answer: out of order, or too much."""


@dataclass(slots=True)
class Pieces:
    """The answer that a stream is giving; nothing of one that was broken off is kept."""

    _id: int = 0
    _number: int = 0
    _body: bytearray = field(default_factory=bytearray)

    def add(self, piece: pb.Result) -> bytes | None:
        """Add a piece; return the whole answer with its last one. Raises `Scattered`."""
        if piece.number == 1:
            self._begin(piece.id)
        if piece.id != self._id or piece.number != self._number + 1:
            self._begin(0)
            raise Scattered(f"piece {piece.number} of {piece.id} was not awaited")
        if len(piece.piece) > PIECE_BYTES or len(self._body) + len(piece.piece) > ANSWER_BYTES:
            self._begin(0)
            raise Scattered(f"more than {ANSWER_BYTES} bytes, or than {PIECE_BYTES} in a piece")
        self._number = piece.number
        self._body += piece.piece
        if not piece.last:
            return None
        whole = bytes(self._body)
        self._begin(0)
        return whole

    def _begin(self, command_id: int) -> None:
        self._id, self._number, self._body = command_id, 0, bytearray()
