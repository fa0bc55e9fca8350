"""The agents' part of the ingest bench: streams that send ready-made batches as fast as credits allow.

Each stream is an agent of its own with its own certificate. Batches are made before the clock starts;
only sequence numbers differ, so that the load costs as little of the shared cores as it can.
"""

import asyncio
import json
import struct
import sys
import time
from array import array
from pathlib import Path

import grpc
import grpc.aio
import uvloop

from vedette.link import vedette_pb2 as pb

OPTIONS = [("grpc.ssl_target_name_override", "vedette.server")]


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def batch_body(targets: list[int], rows: int, measures: int, *, at_us: int) -> bytes:
    """Return a batch without seq and prev: the targets in turn, one report each after the other."""
    batch = pb.Batch(
        rows=rows,
        target=array("I", [targets[row % len(targets)] for row in range(rows)]).tobytes(),
        at=array("q", [at_us + 1000 * (row // len(targets)) for row in range(rows)]).tobytes(),
        state=bytes(rows),
        error=bytes(2 * rows),
        rtt=array("I", [1500 + row % 100 for row in range(rows)]).tobytes(),
        layout=array("I", [1] * rows).tobytes(),
        values=array(
            "d", [row * 0.37 + m for row in range(rows) for m in range(measures)]
        ).tobytes(),
    )
    return batch.SerializeToString()


def framed(seq: int, prev: int, body: bytes) -> bytes:
    """FromAgent{batch} from ready-made bytes: protobuf merges fields in any order."""
    inner = b"\x08" + varint(seq) + b"\x10" + varint(prev) + body
    return b"\x1a" + varint(len(inner)) + inner


class Agent:
    def __init__(self, number: int, cert: dict, rows: int, measures: int) -> None:
        self.number = number
        self.cert = cert
        self.rows = rows
        self.measures = measures
        self.acked = 0
        self.bytes = 0
        self.latencies: list[float] = []

    async def run(
        self,
        port: int,
        ca: bytes,
        start: asyncio.Event,
        stop: asyncio.Event,
        ready: asyncio.Semaphore,
    ) -> None:
        credentials = grpc.ssl_channel_credentials(
            ca, self.cert["key"].encode(), self.cert["cert"].encode()
        )
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{port}", credentials, options=OPTIONS
        ) as channel:
            attach = channel.stream_stream(
                "/vedette.v1.Link/Attach",
                request_serializer=lambda raw: raw,
                response_deserializer=pb.ToAgent.FromString,
            )
            call = attach()
            hello = pb.Hello(
                protocol=1,
                run_id=self.cert["run"],
                clock_us=int(time.time() * 1e6),
                config_revision=10**6,
            )
            await call.write(pb.FromAgent(hello=hello).SerializeToString())
            welcome = await call.read()
            assert welcome.WhichOneof("kind") == "welcome", welcome
            layout = pb.Layout(
                ref=1,
                connector="bench",
                measures=[pb.Measure(name=f"m{m}") for m in range(self.measures)],
            )
            await call.write(pb.FromAgent(define=pb.Define(layouts=[layout])).SerializeToString())
            allowed = welcome.welcome.credits
            seq = welcome.welcome.durable_seq
            body = batch_body(
                self.cert["targets"], self.rows, self.measures, at_us=int(time.time() * 1e6)
            )
            ready.release()
            await start.wait()
            sent: dict[int, float] = {}
            while not stop.is_set() or sent:
                while allowed and not stop.is_set():
                    raw = framed(seq + 1, seq, body)
                    await call.write(raw)
                    self.bytes += len(raw)
                    seq += 1
                    allowed -= 1
                    sent[seq] = time.perf_counter()
                message = await call.read()
                if message.WhichOneof("kind") == "refusal":
                    raise RuntimeError(message.refusal.message)
                if message.WhichOneof("kind") != "ack":
                    continue
                allowed += message.ack.credits
                now = time.perf_counter()
                for done in [s for s in sent if s <= message.ack.durable_seq]:
                    self.latencies.append(now - sent.pop(done))
                    self.acked += self.rows
            await call.done_writing()


async def main(spec_file: str) -> None:
    spec = json.loads(Path(spec_file).read_text())
    start, stop, ready = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(0)
    agents = [
        Agent(n, cert, spec["rows"], spec["measures"]) for n, cert in enumerate(spec["agents"])
    ]
    tasks = [
        asyncio.create_task(a.run(spec["port"], spec["ca"].encode(), start, stop, ready))
        for a in agents
    ]
    for _ in agents:
        await ready.acquire()
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    begun, cpu = time.perf_counter(), time.process_time()
    start.set()
    await asyncio.sleep(spec["seconds"])
    stop.set()
    await asyncio.gather(*tasks)
    latencies = sorted(x for a in agents for x in a.latencies)
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - begun,
                "cpu_s": time.process_time() - cpu,
                "reports": sum(a.acked for a in agents),
                "bytes": sum(a.bytes for a in agents),
                "p50_s": latencies[len(latencies) // 2],
                "p99_s": latencies[int(len(latencies) * 0.99)],
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    assert struct.pack("=I", 1) == struct.pack("<I", 1), "the bench's columns are little-endian"
    uvloop.run(main(sys.argv[1]))
