"""What an open stream brings: frames into the ingest, definitions, heartbeats, renewals."""

from datetime import datetime

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.errors import Denied, VedetteError
from vedette.fleet.model import Beat
from vedette.fleet.renew import keep_renewed
from vedette.health.layouts import intern_error_classes, intern_layouts
from vedette.link import vedette_pb2 as pb
from vedette.link.admit import DatabaseAway, LinkOptions, correction_us
from vedette.link.commands import Commands
from vedette.link.decode import BadFrame, read_batch, read_error_classes, read_gap, read_layouts
from vedette.link.hello import moment
from vedette.link.ingest import Arrived, Ingest
from vedette.link.relay_channel import Channel
from vedette.link.results import Results
from vedette.link.stream import Stream

DEFINITIONS_LIMIT = 2_000
"""What one stream may define; more is a fault of the agent or of a connector without bounds."""
MEASURES_DEFINED_LIMIT = 4_000_000
BIGINT_MAX = (1 << 63) - 1


class Hearing:
    """Hears the messages of open streams; raises `BadFrame` or `Refused` when one must end."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        ingest: Ingest,
        options: LinkOptions,
        commands: Commands,
        results: Results,
    ) -> None:
        self.beats: dict[int, Beat] = {}
        """The latest heartbeat of each agent since someone took them."""
        self._pool = pool
        self._ingest = ingest
        self._options = options
        self._commands = commands
        self._results = results

    async def hear(self, stream: Stream, message: pb.FromAgent) -> None:
        """Take in one message."""
        match message.WhichOneof("kind"):
            case "batch":
                self._take_batch(stream, message.batch)
            case "heartbeat":
                self._take_heartbeat(stream, message.heartbeat)
            case "gap":
                self._take_gap(stream, message.gap)
            case "define":
                await self._take_define(stream, message.define)
            case "answer":
                self._commands.hear(stream, message.answer)
            case "result":
                await self._results.hear(stream, message.result)
            case "renew":
                await self._renew(stream, message.renew)
            case kind:
                raise BadFrame("bad_frame", f"a message of kind {kind!r} after Hello")

    def _take_batch(self, stream: Stream, batch: pb.Batch) -> None:
        stream.take_credit()
        if batch.seq <= stream.attached.durable_seq:
            # Sent before the Welcome's durable sequence was known, or replayed: stored already.
            stream.stored(stream.attached.durable_seq, 1)
            return
        now_us = int(self._now().timestamp() * 1e6)
        columns = read_batch(batch, stream.dictionary, offset_us=stream.offset_us, now_us=now_us)
        try:
            stream.sight.slots(columns.target)
        except Denied as denied:
            raise BadFrame("wrong_target", denied.message) from None
        stream.follow(batch.seq, batch.prev)
        self._ingest.put(Arrived(stream, batch.seq, batch=columns))

    def _take_gap(self, stream: Stream, gap: pb.Gap) -> None:
        stream.take_credit()
        lost = read_gap(gap, offset_us=stream.offset_us)
        stream.follow(gap.seq, gap.prev)
        self._ingest.put(Arrived(stream, gap.seq, lost=lost))

    def _take_heartbeat(self, stream: Stream, beat: pb.Heartbeat) -> None:
        now = self._now()
        agent_clock = moment(beat.clock_us, "clock_us")
        if not isinstance(stream.context, Channel):
            stream.offset_us = correction_us(agent_clock, now)
        self.beats[stream.agent_id] = Beat(
            agent_id=stream.agent_id,
            epoch=stream.epoch,
            at=now,
            clock_offset_s=(agent_clock - now).total_seconds(),
            spooled_bytes=min(beat.spooled_bytes, BIGINT_MAX),
            spooled_reports=min(beat.spooled_reports, BIGINT_MAX),
            dropped_reports=min(beat.dropped_reports, BIGINT_MAX),
            welcomed=beat.welcomed,
            bundle_version=min(beat.bundle_version, BIGINT_MAX),
        )

    async def _take_define(self, stream: Stream, define: pb.Define) -> None:
        refs, layouts = read_layouts(define, stream.begun)
        error_refs, names = read_error_classes(define)
        stream.definitions += len(refs) + len(error_refs)
        stream.measures += sum(len(layout.measures) for layout in layouts)
        if stream.definitions > DEFINITIONS_LIMIT or stream.measures > MEASURES_DEFINED_LIMIT:
            limits = f"{DEFINITIONS_LIMIT} things, and {MEASURES_DEFINED_LIMIT} measurements in all"
            raise BadFrame("bad_frame", f"a stream may define {limits}")
        try:
            async with self._pool.connection() as conn:
                ids = await intern_layouts(conn, layouts)
                error_ids = await intern_error_classes(conn, names)
        except (psycopg.OperationalError, PoolTimeout):
            raise DatabaseAway from None
        stream.dictionary.define_layouts(refs, ids, [len(layout.measures) for layout in layouts])
        stream.dictionary.define_error_classes(error_refs, error_ids)

    async def _renew(self, stream: Stream, renew: pb.RenewRequest) -> None:
        authority = self._options.authority
        try:
            collects = stream.attached.kind == "collector"
            issue = authority.issue_collector if collects else authority.issue_agent
            issued = issue(renew.csr_pem, stream.attached.name, now=self._now())
        except VedetteError as error:
            raise BadFrame("bad_request", str(error)) from None
        if issued.key_fingerprint != stream.key_fingerprint:
            raise BadFrame("wrong_key", "an agent is its key; with another one it must enrol anew")
        try:
            async with self._pool.connection() as conn:
                await keep_renewed(conn, stream.agent_id, issued.serial, issued.not_after)
        except (psycopg.OperationalError, PoolTimeout):
            raise DatabaseAway from None
        reply = pb.RenewReply(certificate_pem=issued.pem, authority_pem=authority.pem)
        stream.send(pb.ToAgent(renewed=reply))

    def _now(self) -> datetime:
        return self._options.clock()
