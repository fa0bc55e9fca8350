"""A program that uses the embedded database until told to leave: `python FILE DATA_DIR [LISTEN]`.

It prints `ready`, then answers each line of its input: `write`, `count`, or `leave`.
"""

import asyncio
import os
import sys
from pathlib import Path

import psycopg

from vedette.db.embedded import embedded
from vedette.db.pool import connect
from vedette.errors import VedetteError


async def answer(dsn: str, line: str) -> str:
    for _ in range(600):
        try:
            async with await connect(dsn) as conn:
                await conn.execute("CREATE TABLE IF NOT EXISTS public.kept (n int)")
                if line == "write":
                    await conn.execute("INSERT INTO public.kept VALUES (1)")
                found = await conn.execute("SELECT count(*) FROM public.kept")
                return str((await found.fetchone())[0])
        except (VedetteError, psycopg.OperationalError):
            await asyncio.sleep(0.05)
    return "never"


async def main() -> None:
    listen = sys.argv[2] if len(sys.argv) > 2 else None
    async with embedded(Path(sys.argv[1]), listen=listen) as running:
        print("ready", os.getpid(), flush=True)
        while True:
            line = (await asyncio.to_thread(sys.stdin.readline)).strip()
            if line in {"", "leave"}:
                return
            print(await answer(running.dsn("vedette_owner"), line), flush=True)


try:
    asyncio.run(main())
except VedetteError as error:
    print(f"{error.kind}: {error}", flush=True)
    sys.exit(1)
