"""The server's part of the ingest bench, alone in its process: the agents' door, the ingest, nothing else.

Prints one JSON line `{"port": …}` when it listens, and lives until its standard input closes.
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from vedette import clock
from vedette.access.secrets import load_or_make_secrets
from vedette.db.pool import connect, open_pool
from vedette.link import vedette_pb2_grpc as rpc
from vedette.link.admit import LinkOptions
from vedette.link.ingest import Ingest
from vedette.link.listeners import make_listener
from vedette.link.server import LinkServer
from vedette.trust.seal import Seal


async def main(dsn: str, seal_file: str) -> None:
    pool = await open_pool(dsn)
    async with pool.connection() as conn:
        secrets = await load_or_make_secrets(conn, Seal.from_file(Path(seal_file)))

    ingest = Ingest(connect=lambda: _Connected(dsn), clock=clock.now)
    options = LinkOptions(server="bench", authority=secrets.authority, clock=clock.now)
    link = LinkServer(pool, ingest, options)
    server, port = make_listener("127.0.0.1:0", secrets.authority, clock.now, is_for_agents=True)
    rpc.add_LinkServicer_to_server(link, server)
    await server.start()
    tasks = [asyncio.create_task(ingest.run()), asyncio.create_task(_beats(link))]
    print(json.dumps({"port": port}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    await server.stop(0)
    await pool.close()
    print(
        json.dumps({"commits": ingest.counts.commits, "reports": ingest.counts.reports}), flush=True
    )


class _Connected:
    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def __aenter__(self):
        self._conn = await connect(self._dsn, name="vedette ingest")
        return self._conn

    async def __aexit__(self, *_: object) -> None:
        await self._conn.close()


async def _beats(link: LinkServer) -> None:
    while True:
        await asyncio.sleep(1)
        await link.keep_beats()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
