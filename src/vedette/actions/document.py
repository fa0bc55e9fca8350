"""The nouns of an action: what is asked of hosts, by whom, until when; MIG's version 2 and ours, 3.

An action is a document people sign. What is signed of it is `signed_text`.
"""

import base64
import binascii
import gzip
import io
import json
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from vedette.actions.document_json import ACTION_BYTES, read_json
from vedette.actions.mandate import Mandate
from vedette.errors import Invalid
from vedette.trust.action_text import v2_text, v3_text
from vedette.trust.validity import action_digest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNPACKED_BYTES = 4 * ACTION_BYTES
"""How large compressed parameters may be once unpacked."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a module is asked.

    parameters: any JSON, which only the module understands; handed to it unchanged.
    is_compressed: parameters is a text, the base64 of their gzipped JSON.
    want_compressed: the author asks for that before signing.
    """

    module: str
    parameters: object = None
    is_compressed: bool = False
    want_compressed: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the operation as files and signatures hold it; flags only where they are true."""
        flags = {"is_compressed": self.is_compressed, "want_compressed": self.want_compressed}
        return {
            "module": self.module,
            "parameters": self.parameters,
            **{name: True for name, is_set in flags.items() if is_set},
        }


@dataclass(frozen=True, slots=True)
class Description:
    """Who wrote the action and where it is told about; revision is a number, often a date."""

    author: str = ""
    email: str = ""
    url: str = ""
    revision: float | None = None


@dataclass(frozen=True, slots=True)
class Threat:
    """What the action is about; level is a free text such as `alert`, `low` or `high`."""

    ref: str = ""
    level: str = ""
    family: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an action may use at most; None: what servers and hosts allow anyway.

    max_agents: hosts in all. rate: hosts a second. cpu_s, memory_bytes, output_bytes: of an
    operation on a host, whose own limits win.
    """

    max_agents: int | None = None
    rate: float | None = None
    cpu_s: float | None = None
    memory_bytes: int | None = None
    output_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What people sign and agents run.

    valid_from, expire_after: None until it is launched; version 2 signs whole seconds of them.
    signatures: each in one line. reason, nonce, limits: only in version 3.
    document: the bytes of version 3 as they were signed; b"" in version 2 and in drafts.
    mandate: how often it runs by itself; None: once. run: which of its runs this is, whose window is then
    valid_from and expire_after; 0: none of them.
    """

    syntax_version: int
    name: str
    target: str
    operations: tuple[Operation, ...]
    description: Description = field(default_factory=Description)
    threat: Threat = field(default_factory=Threat)
    valid_from: datetime | None = None
    expire_after: datetime | None = None
    signatures: tuple[str, ...] = ()
    reason: str = ""
    nonce: str = ""
    limits: Limits = field(default_factory=Limits)
    document: bytes = b""
    mandate: Mandate | None = None
    run: int = 0

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of its operations, in order."""
        return tuple(operation.module for operation in self.operations)


def signed_text(action: Action) -> bytes:
    """Return the bytes people sign of this action.

    Raises Invalid when it has no validity yet, or is a draft of version 3 not yet written.
    """
    if action.syntax_version == 3:
        if not action.document:
            raise Invalid("the action is a draft; write it before it is signed")
        return v3_text(action.document)
    if action.valid_from is None or action.expire_after is None:
        raise Invalid("the action has no validfrom and expireafter; set both before it is signed")
    return v2_text(
        name=action.name,
        target=action.target,
        valid_from_s=unix_seconds(action.valid_from),
        expire_after_s=unix_seconds(action.expire_after),
        operations=[operation.as_json() for operation in action.operations],
    )


def digest_of(action: Action) -> str:
    """Return what an action is remembered by: each run of a mandate is an order of its own.

    Raises Invalid as `signed_text` does.
    """
    text = signed_text(action)
    return action_digest(text + b"\nrun %d" % action.run if action.run else text)


def unix_seconds(at: datetime) -> int:
    """Return the whole seconds since 1970, cut off as Go does."""
    return (at - EPOCH) // timedelta(seconds=1)


def compressed(operation: Operation) -> Operation:
    """Return the operation with its parameters packed, as `want_compressed` asks."""
    if operation.is_compressed:
        return operation
    plain = json.dumps(operation.parameters, separators=(",", ":"), ensure_ascii=False).encode()
    packed = base64.b64encode(gzip.compress(plain, mtime=0)).decode()
    return Operation(operation.module, packed, is_compressed=True)


def opened(operation: Operation) -> Operation:
    """Return the operation with parameters that a module can read.

    Raises Invalid when packed ones are damaged, no JSON, or larger than they may be.
    """
    if not operation.is_compressed:
        return operation
    try:
        packed = base64.b64decode(str(operation.parameters).encode("ascii"), validate=True)
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            plain = file.read(UNPACKED_BYTES + 1)
    except (binascii.Error, UnicodeEncodeError, OSError, EOFError, zlib.error):
        raise Invalid(f"the compressed parameters of {operation.module!r} are damaged") from None
    if len(plain) > UNPACKED_BYTES:
        raise Invalid(f"the compressed parameters of {operation.module!r} are too large")
    return replace(operation, parameters=read_json(plain), is_compressed=False)
