"""The peer of the fleet bench: grpc.aio over mutual TLS that reads a stream and does nothing with it.

It welcomes every certificate of the authority and asks for heartbeats as often as the real server.

    python bench/bare_server.py CHAIN KEY CA      prints {"port": …}; lives until its input closes
"""

import asyncio
import json
import sys
from pathlib import Path

import grpc
import grpc.aio
import uvloop

from vedette.link import vedette_pb2 as pb
from vedette.link import vedette_pb2_grpc as rpc
from vedette.link.channel import SERVER_OPTIONS
from vedette.link.server import HEARTBEAT_MS
from vedette.link.stream import CREDITS


class Bare(rpc.LinkServicer):
    async def Attach(self, _, context) -> None:  # noqa: N802 - the name in the .proto
        await context.read()
        welcome = pb.Welcome(credits=CREDITS, heartbeat_ms=HEARTBEAT_MS)
        await context.write(pb.ToAgent(welcome=welcome))
        while await context.read() is not grpc.aio.EOF:
            pass


async def main(chain: str, key: str, ca: str) -> None:
    server = grpc.aio.server(options=SERVER_OPTIONS)
    rpc.add_LinkServicer_to_server(Bare(), server)
    credentials = grpc.ssl_server_credentials(
        [(Path(key).read_bytes(), Path(chain).read_bytes())],
        Path(ca).read_bytes(),
        require_client_auth=True,
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    print(json.dumps({"port": port}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
