"""One agent's open stream, as the server holds it."""

import asyncio
from dataclasses import dataclass, field

import grpc
import grpc.aio

from vedette.fleet.model import Attached
from vedette.health.sight import Sight
from vedette.link import vedette_pb2 as pb
from vedette.link.commands_read import Carried
from vedette.link.decode import BadFrame, Begun, Dictionary
from vedette.link.outgoing import Outgoing
from vedette.link.pieces import Pieces
from vedette.link.relay_channel import Channel

Context = grpc.aio.ServicerContext[pb.FromAgent, pb.ToAgent]

CREDITS = 16
"""Frames an agent may have on their way unacknowledged."""


@dataclass(slots=True, eq=False)
class Stream:
    """What a stream knows: who speaks, what it may speak of, where its sequence stands.

    epoch: whoever holds the agent's highest owns its stream. seq: of the last frame taken in, durable
    or not. holds_revision: of the configuration the agent came with, bundle_version: of its trust
    bundle. pieces: of the answer to an action that it is giving. offset_us: added to the agent's
    times; 0 while its clock is about right.
    """

    context: Context | Channel
    attached: Attached
    public_key: bytes
    key_fingerprint: bytes
    sight: Sight
    address: str
    seq: int
    holds_revision: int = 0
    bundle_version: int = 0
    offset_us: int = 0
    is_refused: bool = False
    dictionary: Dictionary = field(default_factory=Dictionary)
    begun: Begun = field(default_factory=Begun)
    definitions: int = 0
    measures: int = 0
    commands: dict[int, Carried] = field(default_factory=dict)
    pieces: Pieces = field(default_factory=Pieces)
    _unstored: int = 0
    _outgoing: Outgoing = field(init=False)
    _reader: asyncio.Task[object] | None = field(default_factory=asyncio.current_task)

    @property
    def agent_id(self) -> int:
        """Whose stream it is."""
        return self.attached.agent_id

    @property
    def epoch(self) -> int:
        """The epoch it took when it was let in."""
        return self.attached.epoch

    def follow(self, seq: int, prev: int) -> None:
        """Take the next number of the sequence; raise `BadFrame` when one is missing or comes again."""
        if seq <= self.seq or seq >= 1 << 63:
            raise BadFrame("sequence", f"frame {seq} came after frame {self.seq}")
        if prev != self.seq:
            raise BadFrame("sequence", f"frame {seq} follows {prev}, but the last was {self.seq}")
        self.seq = seq

    def __post_init__(self) -> None:
        self._outgoing = Outgoing(self.context.write)

    def send(self, message: pb.ToAgent) -> None:
        """Queue a message; an agent that lets them pile up is let go."""
        if self._outgoing.is_full:
            self.refuse("does_not_read", "more waits for this agent than it reads")
        else:
            self._outgoing.put(message)

    def take_credit(self) -> None:
        """Count a frame that came; raise `BadFrame` when the agent sends more than it has credits for.

        What comes through a collector is counted there: its agents share its credits.
        """
        self._unstored += 1
        if self._unstored > CREDITS and not isinstance(self.context, Channel):
            raise BadFrame("credits", f"more than {CREDITS} frames came that are not stored yet")

    def stored(self, seq: int, frames: int) -> None:
        """Tell the agent that everything up to `seq` is durable."""
        self._unstored -= frames
        if not self.is_refused:
            self.send(pb.ToAgent(ack=pb.Ack(durable_seq=seq, credits=frames)))

    def refuse(self, reason: str, message: str, *, final: bool = False) -> None:
        """Tell the agent why, then end the stream; the first reason wins."""
        if self.is_refused:
            return
        self.is_refused = True
        self.send(pb.ToAgent(refusal=pb.Refusal(reason=reason, message=message, final=final)))
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel("refused")

    async def said_everything(self) -> None:
        """Wait until what was queued is written, for at most a second."""
        await self._outgoing.emptied()
