"""The agents' door: holds the open streams of this process, and says what goes down to them.

Order of an open stream: certificate → Hello → attach (`admit`) → Welcome → configuration → frames
(`hear`), checked by `decode`, stored by `ingest`, acknowledged when durable.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
import structlog
from google.protobuf.message import DecodeError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.actions.ask_hear import Ears
from vedette.fleet.attach import detach
from vedette.fleet.heartbeats import keep_heartbeats
from vedette.fleet.model import Configuration
from vedette.fleet.reads import configuration_of
from vedette.fleet.renew import count_agents, revoked_among
from vedette.health import expect
from vedette.health.rules import reconnect_spread
from vedette.link import vedette_pb2 as pb
from vedette.link.admit import DatabaseAway, LinkOptions, Refused, admit
from vedette.link.commands import Commands
from vedette.link.decode import BadFrame
from vedette.link.errands import Errands
from vedette.link.hear import Hearing
from vedette.link.ingest import Ingest
from vedette.link.relay_channel import Channel
from vedette.link.relay_server import EnrolThrough, Session
from vedette.link.stream import CREDITS, Context, Stream

log = structlog.get_logger(__name__)

HEARTBEAT_MS = 10_000
ADMISSIONS = 8
"""Agents let in at the same time; fewer than the pool has connections, so that nobody times out."""
SUPERSEDED = ("superseded", "a newer stream of this agent took over")


class LinkServer:
    """`vedette.v1.Link` over the pool."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        ingest: Ingest,
        options: LinkOptions,
        ears: Ears | None = None,
    ) -> None:
        self.streams: dict[int, Stream] = {}
        self.commands = Commands(pool, self.streams, options.clock, ears or Ears())
        self.errands = Errands(pool, self.streams, options.clock)
        """Signed actions on their way, as `commands` are asks."""
        self.enrol: EnrolThrough | None = None
        """How agents are enrolled through a collector; None where nobody is."""
        self._pool = pool
        self._ingest = ingest
        self._options = options
        self._hearing = Hearing(pool, ingest, options, self.commands, self.errands.results)
        self._left: dict[int, tuple[int, datetime]] = {}
        self._fleet_size = 0
        self._turn = asyncio.Semaphore(ADMISSIONS)

    async def Relay(self, _: object, context: Context) -> None:  # noqa: N802 - the name in the .proto
        """Serve one collector, and whoever speaks through it, until it leaves or is refused."""
        await Session(context, self, self.enrol).serve()

    async def Attach(self, _: object, context: Context | Channel) -> None:  # noqa: N802 - the name in the .proto
        """Serve one agent until it leaves or is refused."""
        stream: Stream | None = None
        try:
            stream = await admit(context, self._pool, self._options, self._turn)
            await self._welcome(stream)
            await self._listen(stream)
        except Refused as refused:
            await _refuse(context, stream, refused.refusal)
        except BadFrame as bad:
            await _refuse(context, stream, pb.Refusal(reason=bad.reason, message=bad.message))
        except DecodeError:
            unreadable = pb.Refusal(
                reason="bad_frame", message="what came is no message of the link"
            )
            await _refuse(context, stream, unreadable)
        except asyncio.CancelledError:
            if stream is None or not stream.is_refused:
                raise
        finally:
            if stream is not None:
                await self._leave(stream)

    async def _welcome(self, stream: Stream) -> None:
        older = self.streams.get(stream.agent_id)
        if older is not None:
            older.refuse(*SUPERSEDED)
        self.streams[stream.agent_id] = stream
        self._left.pop(stream.agent_id, None)
        attached = stream.attached
        welcome = pb.Welcome(
            durable_seq=attached.durable_seq,
            credits=CREDITS,
            config_revision=attached.config_revision,
            clock_us=int(self._options.clock().timestamp() * 1e6),
            heartbeat_ms=HEARTBEAT_MS,
            reconnect_spread_ms=int(reconnect_spread(self._fleet_size).total_seconds() * 1000),
            agent_name=attached.name,
        )
        stream.send(pb.ToAgent(welcome=welcome))
        if stream.holds_revision != attached.config_revision:
            await self._configure(stream)
        self.commands.attached(stream)
        self.errands.attached(stream)

    async def _listen(self, stream: Stream) -> None:
        while True:
            message = await stream.context.read()
            if not isinstance(message, pb.FromAgent) or stream.is_refused:
                return
            await self._hearing.hear(stream, message)

    def note_away(self, agent_id: int) -> None:
        """Hear from a collector that this agent has left it; what it left behind is still taken."""
        stream = self.streams.get(agent_id)
        if stream is not None:
            self._left[agent_id] = (stream.epoch, self._options.clock())

    async def _leave(self, stream: Stream) -> None:
        await stream.said_everything()
        if self.streams.get(stream.agent_id) is stream:
            del self.streams[stream.agent_id]
            self._left[stream.agent_id] = (stream.epoch, self._options.clock())

    async def _configure(self, stream: Stream) -> None:
        try:
            async with self._turn, self._pool.connection() as conn, self._ingest.pause:
                # No commit is under way that would change what is held behind our back.
                stream.sight = await expect.sight_of(conn, stream.agent_id)
                configuration = await configuration_of(conn, stream.agent_id)
        except (psycopg.OperationalError, PoolTimeout):
            away = DatabaseAway().refusal
            stream.refuse(away.reason, away.message)
            return
        stream.send(pb.ToAgent(configuration=_on_the_wire(configuration)))

    async def fleet_changed(self, agent_ids: set[int] | None) -> None:
        """Tell these agents' streams (None: all) what they have to do now, or that they may not."""
        async with self._pool.connection() as conn:
            await expect.run_once(conn, now=self._options.clock())
            revoked = await revoked_among(conn, list(self.streams))
        for agent_id, stream in list(self.streams.items()):
            if agent_id in revoked:
                why = "this agent was revoked; enrol it anew with a join token"
                stream.refuse("revoked", why, final=True)
            elif agent_ids is None or agent_id in agent_ids:
                await self._configure(stream)

    async def keep_beats(self) -> int:
        """Write down the heartbeats and departures since the last call; return how many."""
        beats, self._hearing.beats = self._hearing.beats, {}
        left, self._left = self._left, {}
        async with self._pool.connection() as conn:
            self._fleet_size = await count_agents(conn)
            superseded = await keep_heartbeats(conn, list(beats.values())) if beats else set()
            for agent_id, (epoch, at) in left.items():
                await detach(conn, agent_id, epoch, now=at)
        for agent_id in superseded & self.streams.keys():
            if self.streams[agent_id].epoch == beats[agent_id].epoch:
                self.streams[agent_id].refuse(*SUPERSEDED)
        return len(beats) + len(left)

    async def say_goodbye(self) -> None:
        """End every stream, agents told to come back; what they sent is stored first."""
        await self._ingest.drained()
        for stream in list(self.streams.values()):
            stream.refuse("going_away", "the server is stopping; come back")
            # Written down now: nobody will be here when the last of them has gone.
            self._left[stream.agent_id] = (stream.epoch, self._options.clock())
        await self.keep_beats()


async def _refuse(context: Context | Channel, stream: Stream | None, refusal: pb.Refusal) -> None:
    if stream is None:
        await context.write(pb.ToAgent(refusal=refusal))
        return
    stream.refuse(refusal.reason, refusal.message, final=refusal.final)
    log.warning(
        "refused a stream", agent=stream.attached.name, reason=refusal.reason, why=refusal.message
    )


def _on_the_wire(configuration: Configuration) -> pb.Configuration:
    return pb.Configuration(
        revision=configuration.revision,
        targets=[
            pb.Target(
                id=target.id,
                name=target.name,
                connector=target.connector,
                every_ms=target.every_ms,
                timeout_ms=target.timeout_ms,
                settings_json=msgspec.json.encode(target.settings).decode(),
                requests_json=_json(target.requests),
                keep=target.keep,
                drop=target.drop,
                thresholds_json=_json(target.thresholds),
            )
            for target in configuration.targets
        ],
    )


def _json(said: Sequence[Any] | Mapping[str, Any]) -> str:
    return msgspec.json.encode(said).decode() if said else ""
