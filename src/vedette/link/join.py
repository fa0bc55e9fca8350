"""Enrolment as the agent asks for it: a join token and a request in, a certificate out."""

import grpc
import grpc.aio

from vedette.errors import Unavailable
from vedette.link import vedette_pb2 as pb
from vedette.link.claims import Claims, facts_message
from vedette.link.client import SERVER_NAME
from vedette.link.errors import error_of

ANSWER_WITHIN_S = 30.0


async def enrol(
    address: str,
    *,
    authority_pem: bytes,
    token: str,
    request_pem: bytes,
    name: str,
    claims: Claims,
    role: str = "",
) -> pb.EnrolReply:
    """Redeem the join token at the server's clients' address; role: "" an agent, or `collector`.

    Raises Denied when the token is not (or no longer) good, Unavailable when nobody answers.
    """
    options = (("grpc.ssl_target_name_override", SERVER_NAME),)
    credentials = grpc.ssl_channel_credentials(root_certificates=authority_pem)
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        ask = channel.unary_unary(
            "/vedette.v1.Enrolment/Enrol",
            request_serializer=pb.EnrolRequest.SerializeToString,
            response_deserializer=pb.EnrolReply.FromString,
        )
        wanted = pb.EnrolRequest(
            join_token=token, csr_pem=request_pem, name=name, facts=facts_message(claims), role=role
        )
        try:
            return await ask(wanted, timeout=ANSWER_WITHIN_S)
        except grpc.aio.AioRpcError as answer:
            error = error_of(answer)
            if isinstance(error, Unavailable):
                raise Unavailable(
                    f"the server at {address} does not answer: {error.message}",
                    hint="--server is the server's clients' address (--grpc-clients)",
                ) from None
            raise error from None
