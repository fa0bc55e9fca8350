"""How a gRPC door of the server ends: every refusal a status with a sentence, never a trace."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import structlog

from vedette.db.trouble import DATABASE_IS_AWAY
from vedette.errors import VedetteError
from vedette.link.errors import status

Context = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger(__name__)


@asynccontextmanager
async def answering(context: Context) -> AsyncIterator[None]:
    """End the call with the status of whatever error leaves the block.

    A fault of ours is told to our log; the caller learns that it was ours, not what it was.
    """
    try:
        yield
    except grpc.aio.AbortError:
        raise
    except VedetteError as error:
        await context.abort(status(error), str(error))
    except DATABASE_IS_AWAY as error:
        log.warning("a call failed: the database is away", error=str(error))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the server's database does not answer")
    except Exception:
        log.exception("a call failed", peer=context.peer())
        await context.abort(grpc.StatusCode.INTERNAL, "a fault of the server; its log says more")
