"""`python -m vedette.lab.web_serve PORT`: a web page that says it is well."""

import asyncio
import sys

from vedette.lab.http_server import Reply, http_server

PAGE = Reply(body=b"well\n", headers={"Content-Type": "text/plain; charset=utf-8"})


async def serve(port: int) -> None:
    """Serve until cancelled."""
    async with http_server(PAGE, port=port, keeps=False):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
