"""The gRPC door for those who ask: `Ask` of the service Reports; the same verb as over REST."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import grpc
import grpc.aio
import msgspec

from vedette.actions.ask_hear import Asks
from vedette.actions.model import DEFAULT_WITHIN, PART_BYTES, Asked, Ending, Question
from vedette.actions.rules import error_of
from vedette.errors import Invalid
from vedette.link import vedette_pb2 as pb
from vedette.link.answer import Context, answering
from vedette.link.signin import HouseSignIn
from vedette.link.strikes import address_of

NAME_LIMIT = 200


class AskDoor:
    """Answers `Ask` on every listener it is opened on."""

    def __init__(self, asks: Asks, sign_in: HouseSignIn) -> None:
        self._asks = asks
        self._sign_in = sign_in

    def open(self, server: grpc.aio.Server) -> None:
        """Serve Ask on this server, beside the rest of the service."""
        handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(
            self.ask,
            request_deserializer=pb.AskRequest.FromString,
            response_serializer=pb.AskReply.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler("vedette.v1.Reports", {"Ask": handler})
        server.add_generic_rpc_handlers((service,))

    async def ask(self, request: pb.AskRequest, context: Context) -> AsyncIterator[pb.AskReply]:
        """Send who answers, the rows as they come, and how it ended."""
        async with answering(context):
            actor = await self._sign_in.asker(context)
            asked = await self._asks.ask(
                _question(request), by=actor, source=address_of(context.peer())
            )
            yield pb.AskReply(asked=_asked(asked))
            async with aclosing(self._asks.answer(asked)) as answer:
                async for each in answer:
                    if isinstance(each, str):
                        yield pb.AskReply(rows_json=each.encode())
                    elif error := error_of(each):
                        raise error
                    else:
                        yield pb.AskReply(end=_end(each))


def _question(request: pb.AskRequest) -> Question:
    if max(map(len, (request.target, request.command, request.agent))) > NAME_LIMIT:
        raise Invalid(f"a name is longer than {NAME_LIMIT} characters")
    if len(request.parameters_json) > PART_BYTES:
        raise Invalid(f"parameters_json is longer than {PART_BYTES} bytes")
    try:
        given = msgspec.json.decode(request.parameters_json or "{}", type=dict[str, Any])
    except msgspec.MsgspecError as fault:
        raise Invalid(f"parameters_json: {fault}", hint='write {"name": value}') from None
    within = timedelta(milliseconds=request.within_ms) or DEFAULT_WITHIN
    return Question(
        target=request.target,
        command=request.command,
        parameters=given,
        within=within,
        agent=request.agent,
    )


def _asked(asked: Asked) -> pb.Asked:
    return pb.Asked(
        id=asked.id,
        agent=asked.agent,
        columns=[
            pb.AnswerColumn(name=each.name, type=each.type, unit=each.unit, help=each.help)
            for each in asked.columns
        ],
    )


def _end(ending: Ending) -> pb.AnswerEnd:
    return pb.AnswerEnd(rows=ending.row_count, truncated=ending.truncated, took_ms=ending.took_ms)
