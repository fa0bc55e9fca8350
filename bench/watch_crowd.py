"""The crowd of the fan-out bench, and the server it is held against.

    python bench/watch_crowd.py crowd SPEC    {"address", "ca", "token", "readers", "stalled"}
    python bench/watch_crowd.py bare SPEC     {"chain", "key", "bytes", "every_s"}; prints its port

The crowd prints a line when all are subscribed; when its input closes, a JSON object with what each
reader was told when: [[mark, monotonic seconds], …]. The bare server writes ready-made bytes to every
stream, the instant of the write among them, and does nothing else.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import grpc
import grpc.aio
import uvloop

from vedette.link import vedette_pb2 as pb
from vedette.link.channel import CLIENT_OPTIONS, SERVER_OPTIONS
from vedette.link.vedette_pb2_grpc import ReportsStub

MARK = "#"


async def crowd(spec: dict) -> None:
    credentials = grpc.ssl_channel_credentials(spec["ca"].encode())
    metadata = [("authorization", f"Bearer {spec['token']}")]
    told: list[tuple[str, float]] = []
    subscribed = asyncio.Semaphore(0)

    async def subscribe(*, reads: bool) -> None:
        async with grpc.aio.secure_channel(
            spec["address"], credentials, options=CLIENT_OPTIONS
        ) as channel:
            call = ReportsStub(channel).Subscribe(pb.SubscribeRequest(), metadata=metadata)
            first = await call.read()
            subscribed.release()
            if not reads:
                await asyncio.Event().wait()
            while first is not grpc.aio.EOF:
                frame = await call.read()
                at = time.monotonic()
                marks = {it.reason for it in frame.changes if it.reason.startswith(MARK)}
                told.extend((mark, at) for mark in marks)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(subscribe(reads=True)) for _ in range(spec["readers"])]
        tasks += [group.create_task(subscribe(reads=False)) for _ in range(spec["stalled"])]
        for _ in tasks:
            await subscribed.acquire()
        print("subscribed", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"told": told, "cpu_s": used.ru_utime + used.ru_stime}), flush=True)


async def bare(spec: dict) -> None:
    streams: set[asyncio.Queue[bytes]] = set()

    async def subscribe(_: bytes, context: grpc.aio.ServicerContext) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue(1)
        streams.add(queue)
        await context.write(pb.Frame(snapshot=True).SerializeToString())
        while True:
            await context.write(await queue.get())

    server = grpc.aio.server(options=SERVER_OPTIONS)
    handler = grpc.unary_stream_rpc_method_handler(subscribe)
    service = grpc.method_handlers_generic_handler("vedette.v1.Reports", {"Subscribe": handler})
    server.add_generic_rpc_handlers((service,))
    pair = (Path(spec["key"]).read_bytes(), Path(spec["chain"]).read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    print(port, flush=True)
    filling = pb.StateChange(reason="x" * spec["bytes"])
    while True:
        await asyncio.sleep(spec["every_s"])
        mark = pb.StateChange(reason=f"{MARK}{time.monotonic()}")
        ready = pb.Frame(changes=[mark, filling]).SerializeToString()
        for queue in streams:
            if not queue.full():
                queue.put_nowait(ready)


if __name__ == "__main__":
    role = {"crowd": crowd, "bare": bare}[sys.argv[1]]
    uvloop.run(role(json.loads(Path(sys.argv[2]).read_text())))
