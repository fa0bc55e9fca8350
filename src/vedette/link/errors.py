"""The kinds of `VedetteError` as gRPC statuses and back, once; agents and clients import it too."""

import grpc
import grpc.aio

from vedette.errors import (
    Conflict,
    Denied,
    Invalid,
    Kind,
    Missing,
    TooMany,
    Unavailable,
    VedetteError,
)

__all__ = ["NotSignedIn", "TooMany", "error_of", "status"]


class NotSignedIn(Denied):
    """Nobody we know is calling: no token or certificate, or one that is wrong or expired."""


STATUS: dict[Kind, grpc.StatusCode] = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "denied": grpc.StatusCode.PERMISSION_DENIED,
    "missing": grpc.StatusCode.NOT_FOUND,
    "conflict": grpc.StatusCode.FAILED_PRECONDITION,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
}

FINER: dict[type[VedetteError], grpc.StatusCode] = {
    NotSignedIn: grpc.StatusCode.UNAUTHENTICATED,
    TooMany: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""Errors for which gRPC has a word of its own within the kind."""

ERROR: dict[grpc.StatusCode, type[VedetteError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Invalid,
    grpc.StatusCode.OUT_OF_RANGE: Invalid,
    grpc.StatusCode.PERMISSION_DENIED: Denied,
    grpc.StatusCode.UNAUTHENTICATED: NotSignedIn,
    grpc.StatusCode.NOT_FOUND: Missing,
    grpc.StatusCode.FAILED_PRECONDITION: Conflict,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooMany,
}
"""What a status means to a client; every other one means that the server is not there."""


def status(error: VedetteError) -> grpc.StatusCode:
    """Return the gRPC status of that error."""
    return FINER.get(type(error)) or STATUS[error.kind]


def error_of(answer: grpc.aio.AioRpcError) -> VedetteError:
    """Return the error that a server's answer stands for; whatever has no kind is `Unavailable`."""
    return ERROR.get(answer.code(), Unavailable)(answer.details() or answer.code().name.lower())
