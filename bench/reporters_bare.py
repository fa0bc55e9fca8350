"""The peer of the reporters' bench: the same framework and server, a body read, no SQL, no token.

python bench/reporters_bare.py PORT      lives until it is ended
"""

import sys
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, post


@post("/api/v1/component_status", status_code=409)
async def take(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read a post and say that nothing changed."""
    said = msgspec.json.decode(await request.body())
    answer = {"message": "known", "targetComponent": said["name"], "existingIncidentId": 1}
    return Response(msgspec.json.encode(answer), media_type="application/json")


if __name__ == "__main__":
    app = Litestar([take], openapi_config=None, logging_config=None)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off")
