"""Requests that are no message: refused with a sentence, not with a trace in our log.

grpcio answers bytes it cannot read with UNKNOWN and writes a trace, which anybody who reaches a port
could have it do as often as they like. Streams are read, and refused, where they are served.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

SAID = "the request is no message of this method"


class Readable(grpc.aio.ServerInterceptor):
    """Ends calls whose one request cannot be read with INVALID_ARGUMENT."""

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Return the method's handler, which is called with what can be read alone."""
        handler = await continuation(handler_call_details)
        # A method nobody serves has none.
        if handler is None or handler.request_streaming:
            return handler
        return _of_many(handler) if handler.response_streaming else _of_one(handler)


def _of_one(handler: Handler) -> Handler:
    serve: Any = handler.unary_unary

    async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401 - of any method
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, SAID)
        return await serve(request, context)

    return grpc.unary_unary_rpc_method_handler(
        answer, _reader(handler), handler.response_serializer
    )


def _of_many(handler: Handler) -> Handler:
    serve: Any = handler.unary_stream

    async def answers(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, SAID)
        async with aclosing(serve(request, context)) as stream:
            async for answer in stream:
                yield answer

    return grpc.unary_stream_rpc_method_handler(
        answers, _reader(handler), handler.response_serializer
    )


def _reader(handler: Handler) -> Callable[[bytes], Any]:
    read: Any = handler.request_deserializer

    def request(sent: bytes) -> Any:  # noqa: ANN401
        try:
            return read(sent)
        except DecodeError:
            return None

    return request
