"""Whom a collector stands in for: what it keeps of each, so that they may come while the server is away."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from vedette.link import vedette_pb2 as pb
from vedette.link.relay_signature import identity
from vedette.trust.keys import write_key

log = structlog.get_logger(__name__)


class Down(Protocol):
    """The way to an agent: its own stream, or a channel of a collector further out.

    present: the agent is there; False: only what it left behind still comes.
    """

    present: bool

    def send(self, message: pb.ToAgent) -> None:
        """Queue a message."""

    def acknowledge(self, seq: int, frames: int) -> None:
        """Say that everything up to `seq` is kept, by which `frames` more may come."""

    def refuse(self, reason: str, message: str, *, final: bool = False) -> None:
        """Say why, then end it."""


class Kept(msgspec.Struct):
    """What is on disk of one: all it takes to speak for it, and to tell it what to do.

    hello: its newest Hello, signed. configuration: the ToAgent that brought it; b"" while none came.
    """

    name: str
    public_key: bytes
    hello: bytes
    revision: int = 0
    configuration: bytes = b""


@dataclass(slots=True, eq=False)
class Member:
    """An agent, or a collector further out, that the server has let in through us.

    channel: its number in the open stream upwards; 0 while it has none. on_probation: it was told that
    the server has not confirmed it yet.
    """

    key: bytes
    kept: Kept
    down: Down | None = None
    channel: int = 0
    on_probation: bool = False
    blocked: bool = False
    tries: dict[int, int] = field(default_factory=dict)

    @property
    def run(self) -> bytes:
        """The run that said the newest Hello."""
        return bytes(pb.Signed.FromString(self.kept.hello).run)

    @property
    def is_present(self) -> bool:
        """Whether the agent is connected now."""
        return self.down is not None and self.down.present


class Members:
    """The members, a file each in a directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._by_key: dict[bytes, Member] = {}
        for path in directory.glob("*.json"):
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=Kept)
            except (OSError, msgspec.MsgspecError):
                log.warning("a member's file is damaged; it must come again", file=path.name)
                continue
            key = identity(kept.public_key)
            self._by_key[key] = Member(key, kept)

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._by_key.values()))

    def get(self, key: bytes) -> Member | None:
        """Return who holds that key."""
        return self._by_key.get(key)

    def keep(self, public_key: bytes, hello: pb.Signed, name: str) -> Member:
        """Keep whom the server let in, or a newer Hello of a member."""
        key = identity(public_key)
        member = self._by_key.get(key)
        if member is None:
            member = self._by_key[key] = Member(key, Kept(name, public_key, b""))
        member.kept.name = name or member.kept.name
        said = hello.SerializeToString()
        if said != member.kept.hello:
            member.kept.hello = said
            self._write(member)
        return member

    def keep_configuration(self, member: Member, message: pb.ToAgent) -> None:
        """Keep what the member has to do, for when it starts anew while the server is away."""
        member.kept.revision = message.configuration.revision
        member.kept.configuration = message.SerializeToString()
        self._write(member)

    def forget(self, member: Member) -> None:
        """Forget whom the server will not have any more."""
        self._by_key.pop(member.key, None)
        self._path(member).unlink(missing_ok=True)

    def _write(self, member: Member) -> None:
        write_key(self._path(member), msgspec.json.encode(member.kept))

    def _path(self, member: Member) -> Path:
        return self._directory / f"{member.key.hex()}.json"
