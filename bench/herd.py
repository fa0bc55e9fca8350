"""Many light agents in one process: each its own certificate, connection and stream, nothing else.

They keep the protocol as the real agent does: a heartbeat as often as the server asks, batches of one
report within the credits, everything unacknowledged kept and sent again, a jittered return when the
stream ends. An action is answered at once, without a module; one agent of a hundred verifies it in full.
What they lack is connectors and a disk.

    python bench/herd.py SPEC      a JSON file: {"ca", "address", "agents": [{"key", "cert", "target"}]}

Commands come on standard input, one a line; every answer is one line of JSON:

    connect PACE    connect all, at most PACE handshakes under way, answer when all are connected
    report SECONDS  make one report an agent each so many seconds; 0 stops
    stats           how many are connected, reports made and acknowledged, and so on
    quit
"""

import asyncio
import gc
import heapq
import json
import random
import resource
import sys
import time
from array import array
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import grpc
import grpc.aio
import uvloop

from vedette.actions.document import signed_text
from vedette.actions.document_read import read_order
from vedette.link import vedette_pb2 as pb
from vedette.link.channel import CLIENT_OPTIONS
from vedette.trust.bundle import Bundle, read_bundle
from vedette.trust.keys import private_key
from vedette.trust.result_signature import sign_with
from vedette.trust.signed import read_signed
from vedette.trust.verify import ACTION, verify_all
from vedette.trust.weigh import weigh

FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 60.0
PROVEN_S = 10.0
TICK_S = 0.05
ANSWER = (
    json.dumps(
        {
            "command": "%d",
            "digest": "",
            "status": "success",
            "took_ms": 1,
            "results": [
                {
                    "foundanything": False,
                    "success": True,
                    "elements": {"s1": []},
                    "statistics": {"filescount": 1178, "totalhits": 0, "exectime": "0.05s"},
                    "errors": [],
                }
            ],
        }
    )
    .replace('"%d"', "%d")
    .encode()
)
"""What every agent says; signed by each, since it bears the command's number."""


class Agent:
    """One agent; `pending` holds the frames that are not acknowledged, oldest first."""

    __slots__ = (
        "_failures", "_herd", "_key", "_outbox", "_sender", "_spec", "_spread_s",
        "acked", "call", "connects", "credits", "made", "pending", "run_id", "seq", "unsent",
    )  # fmt: skip

    def __init__(self, herd: "Herd", spec: dict) -> None:
        self._herd, self._spec = herd, spec
        self._key = private_key(spec["key"].encode())
        self._outbox: deque[bytes] = deque()
        self._sender: asyncio.Task | None = None
        self._spread_s, self._failures = 0.0, 0
        # Of every process that plays this agent: with another the server would take it for a copy.
        self.run_id = str(uuid5(NAMESPACE_OID, spec["cert"]))
        self.call = None
        self.seq = self.made = self.acked = self.connects = self.credits = 0
        self.pending: deque[tuple[int, bytes]] = deque()
        self.unsent: deque[tuple[int, bytes]] = deque()

    async def run(self) -> None:
        """Stay attached for ever."""
        while True:
            began = time.monotonic()
            try:
                await self._attach()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError, EOFError) as fault:
                self._herd.faults[_word(fault)] = self._herd.faults.get(_word(fault), 0) + 1
            lasted = self.call is not None and time.monotonic() - began > PROVEN_S
            self.call = None
            self._failures = 0 if lasted else self._failures + 1
            most = min(FIRST_BACKOFF_S * 2 ** min(self._failures - 1, 10), LAST_BACKOFF_S)
            spread = max(self._spread_s, FIRST_BACKOFF_S) if lasted else max(most, 0.0)
            await asyncio.sleep(random.uniform(0, spread))

    async def _attach(self) -> None:
        credentials = grpc.ssl_channel_credentials(
            self._herd.ca, self._spec["key"].encode(), self._spec["cert"].encode()
        )
        async with grpc.aio.secure_channel(
            self._herd.address, credentials, options=CLIENT_OPTIONS
        ) as channel:
            # The call itself begins the handshake, so it is within the pace.
            async with self._herd.pace:
                call = channel.stream_stream(
                    "/vedette.v1.Link/Attach", response_deserializer=pb.ToAgent.FromString
                )()
                welcome = await self._say_hello(call)
            await self._stay(call, welcome)

    async def _say_hello(self, call) -> pb.Welcome:
        hello = pb.Hello(
            protocol=1,
            run_id=self.run_id,
            last_seq=self.seq,
            clock_us=int(time.time() * 1e6),
            config_revision=1,
            facts=pb.AgentFacts(hostname="bench", os="linux", version="0"),
        )
        await call.write(pb.FromAgent(hello=hello).SerializeToString())
        answer = await call.read()
        if answer is grpc.aio.EOF or answer.WhichOneof("kind") != "welcome":
            raise EOFError("refused" if answer is grpc.aio.EOF else answer.refusal.reason)
        return answer.welcome

    async def _stay(self, call, welcome: pb.Welcome) -> None:
        self.call = call
        self.connects += 1
        self._herd.last_connect_at = time.time()
        self._spread_s = welcome.reconnect_spread_ms / 1000
        self.credits = welcome.credits
        self._forget(welcome.durable_seq)
        self.unsent = deque(self.pending)
        self._outbox.clear()
        self.beat(welcomed=True)
        self._herd.beat_later(self, welcome.heartbeat_ms / 1000)
        self._send_what_may_go()
        while (message := await call.read()) is not grpc.aio.EOF:
            kind = message.WhichOneof("kind")
            if kind == "ack":
                self.credits += message.ack.credits
                self._forget(message.ack.durable_seq)
                self._send_what_may_go()
            elif kind == "act":
                self._act(message.act)
            elif kind == "trust":
                self._herd.judge.trust(message.trust.signed)
            elif kind == "told":
                self._herd.told += len(message.told.ids)
            elif kind == "refusal":
                raise EOFError(message.refusal.reason)

    def _act(self, act: pb.Act) -> None:
        """Answer as an agent would whose module found nothing, signed by its own key."""
        self._herd.acts += 1
        if self._spec["target"] % 100 == 0:
            self._herd.judge.verify(act)
        body = ANSWER % act.id
        signature = sign_with(self._key, body)
        result = pb.Result(id=act.id, number=1, piece=body, last=True, signature=signature)
        self._write(pb.FromAgent(result=result).SerializeToString())

    def beat(self, *, welcomed: bool = False) -> None:
        beat = pb.Heartbeat(
            clock_us=int(time.time() * 1e6), spooled_reports=len(self.pending), welcomed=welcomed
        )
        self._write(pb.FromAgent(heartbeat=beat).SerializeToString())

    def report(self) -> None:
        """Make one report, now; it is kept until it is acknowledged."""
        prev, self.seq = self.seq, self.seq + 1
        batch = pb.Batch(
            seq=self.seq,
            prev=prev,
            rows=1,
            target=array("I", [self._spec["target"]]).tobytes(),
            at=array("q", [int(time.time() * 1e6)]).tobytes(),
            state=bytes(1),
            error=bytes(2),
            rtt=array("I", [1500]).tobytes(),
            layout=bytes(4),
        )
        frame = (self.seq, pb.FromAgent(batch=batch).SerializeToString())
        self.pending.append(frame)
        self.unsent.append(frame)
        self.made += 1
        self._send_what_may_go()

    def _send_what_may_go(self) -> None:
        while self.call is not None and self.credits > 0 and self.unsent:
            self.credits -= 1
            self._write(self.unsent.popleft()[1])

    def _forget(self, durable_seq: int) -> None:
        while self.pending and self.pending[0][0] <= durable_seq:
            self.pending.popleft()
            self.acked += 1

    def _write(self, raw: bytes) -> None:
        self._outbox.append(raw)
        if self._sender is None:
            self._sender = asyncio.create_task(self._drain(self.call))

    async def _drain(self, call) -> None:
        try:
            while self._outbox and call is self.call:
                await call.write(self._outbox.popleft())
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # the reader notices too
        finally:
            self._sender = None


class Judge:
    """What an agent does with an action but for running it; the time it takes is kept apart."""

    def __init__(self) -> None:
        self._bundle: Bundle | None = None
        self._signed = b""
        self.verified = 0
        self.cpu_s = 0.0

    def trust(self, signed: bytes) -> None:
        """Hold the bundle every agent is sent; read once, as each would."""
        if signed != self._signed:
            self._signed, self._bundle = signed, read_bundle(read_signed(signed).document)

    def verify(self, act: pb.Act) -> None:
        """Verify and weigh in full."""
        began = time.process_time()
        action = read_order(act.document, act.signatures)
        now = datetime.now(UTC)
        assert self._bundle is not None
        keys = self._bundle.public_keys()
        signers = verify_all(
            action.signatures, signed_text(action), keys, namespace=ACTION, now=now
        )
        weigh(self._bundle, signers, action.modules, agent="sha256:" + "0" * 64, now=now)
        self.cpu_s += time.process_time() - began
        self.verified += 1


class Herd:
    """All agents of this process and one clock for all their heartbeats and reports."""

    def __init__(self, spec: dict) -> None:
        self.ca = spec["ca"].encode()
        self.address = spec["address"]
        self.pace = asyncio.Semaphore(32)
        self.faults: dict[str, int] = {}
        self.last_connect_at = 0.0
        self.agents = [Agent(self, its) for its in spec["agents"]]
        self.judge = Judge()
        self.acts = self.told = 0
        self._every_s = 0.0
        self._due: list[tuple[float, int, object, float]] = []
        self._number = 0
        self._tasks: list[asyncio.Task] = []

    def beat_later(self, agent: Agent, every_s: float) -> None:
        # Spread from the first on, so that a herd that connected at once does not beat at once.
        self._push(time.monotonic() + random.uniform(0, every_s), (agent, agent.call), every_s)

    def _push(self, at: float, what: object, every_s: float) -> None:
        self._number += 1
        heapq.heappush(self._due, (at, self._number, what, every_s))

    async def tick(self) -> None:
        """Do what is due, for ever."""
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                at, _, what, every_s = heapq.heappop(self._due)
                if isinstance(what, tuple):
                    agent, call = what
                    if agent.call is call:
                        agent.beat()
                        self._push(at + every_s, what, every_s)
                elif every_s == self._every_s:
                    what.report()
                    self._push(at + every_s, what, every_s)
            await asyncio.sleep(TICK_S)

    async def connect(self, pace: int) -> None:
        self.pace = asyncio.Semaphore(pace)
        self._tasks = [asyncio.create_task(agent.run()) for agent in self.agents]
        while any(agent.call is None for agent in self.agents):
            await asyncio.sleep(0.2)
            for task in self._tasks:
                if task.done():
                    task.result()
        # From now on they come back as agents do: nobody holds them back but their own jitter.
        self.pace = asyncio.Semaphore(len(self.agents))

    def report_every(self, seconds: float) -> None:
        self._every_s = seconds
        for agent in self.agents if seconds else ():
            self._push(time.monotonic() + random.uniform(0, seconds), agent, seconds)

    def stats(self) -> dict:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "agents": len(self.agents),
            "connected": sum(agent.call is not None for agent in self.agents),
            "connects": sum(agent.connects for agent in self.agents),
            "last_connect_at": self.last_connect_at,
            "made": sum(agent.made for agent in self.agents),
            "acked": sum(agent.acked for agent in self.agents),
            "faults": self.faults,
            "acts": self.acts,
            "told": self.told,
            "verified": self.judge.verified,
            "verify_cpu_s": self.judge.cpu_s,
            "cpu_s": used.ru_utime + used.ru_stime,
        }


def _word(fault: BaseException) -> str:
    if isinstance(fault, grpc.aio.AioRpcError):
        return f"{fault.code().name.lower()}: {(fault.details() or '')[:40]}"
    return str(fault) or type(fault).__name__


async def main(spec_file: str) -> None:
    herd = Herd(json.loads(Path(spec_file).read_text()))
    # Thousands of agents in one heap are not what is measured.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    ticking = asyncio.create_task(herd.tick())
    loop = asyncio.get_running_loop()
    while command := await loop.run_in_executor(None, sys.stdin.readline):
        word, _, value = command.strip().partition(" ")
        if word == "quit":
            break
        if word == "connect":
            await herd.connect(int(value))
        elif word == "report":
            herd.report_every(float(value))
        ticking.done() and ticking.result()
        print(json.dumps(herd.stats()), flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    uvloop.run(main(sys.argv[1]))
