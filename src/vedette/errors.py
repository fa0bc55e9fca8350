"""One base and five kinds of error; HTTP, gRPC and the command line each map the kinds once.

The class docstring says what happened. The message names the thing *and the way out*. Whatever is
not a `VedetteError` is a bug: it crashes with its trace.
"""

from typing import ClassVar, Literal

Kind = Literal["invalid", "denied", "missing", "conflict", "unavailable"]


class VedetteError(Exception):
    """Something a person or a program can act on; `hint` is the way out when the message lacks it."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Invalid(VedetteError):
    """What was given cannot be understood or is out of bounds."""

    kind = "invalid"


class Denied(VedetteError):
    """Whoever asks may not do this."""

    kind = "denied"


class Missing(VedetteError):
    """What was named does not exist."""

    kind = "missing"


class Conflict(VedetteError):
    """What was asked contradicts what stands: a duplicate, a stale version, a state that forbids it."""

    kind = "conflict"


class UnderWay(Conflict):
    """The same is being done just now: asked again in a moment, it is answered."""


class Unavailable(VedetteError):
    """Something this needs does not answer now; trying again later may work."""

    kind = "unavailable"


class TooMany(Unavailable):
    """More was asked, or more often, than this server gives."""


EXIT_CODES: dict[Kind, int] = {
    "invalid": 2,
    "denied": 5,
    "missing": 6,
    "conflict": 7,
    "unavailable": 8,
}
"""Exit code of a command that ends with an error of that kind.

0 is success, 1 a bug, 3 "something is down", 4 "cannot tell" (`vedette status`), 130 Ctrl-C.
"""
