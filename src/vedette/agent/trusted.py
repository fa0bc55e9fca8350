"""Whom this host obeys: the roots its owner pinned, and the newest trust bundle they signed.

The pin comes from the host alone: a flag, a variable, `agent.yaml` or a file. Without one every action
is refused. What was accepted is kept, so that no restart goes back to an older bundle.
"""

import asyncio
import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from vedette.agent.identity import write_private
from vedette.errors import Invalid, VedetteError

if TYPE_CHECKING:
    from vedette.trust.bundle import Bundle
    from vedette.trust.signed import Signed

log = structlog.get_logger(__name__)

BUNDLE, HELD = "trust-bundle.json", "trust-held.json"


@dataclass(frozen=True, slots=True)
class Roots:
    """What the owner pinned: the digest of the roots' keys (`sha256:…`), and how many must sign."""

    digest: str
    threshold: int


async def place_bundle(trusted: "Trusted", file: str, *, now: datetime) -> None:
    """Accept the bundle of a file the owner placed, if it is no older than the one held.

    Raises Invalid when the file cannot be read; a bundle that is refused is told to the log, since
    the server may have brought a newer one meanwhile.
    """
    if not file:
        return
    try:
        signed = await asyncio.to_thread(Path(file).read_bytes)
    except OSError as fault:
        raise Invalid(f"the trust bundle {file} cannot be read: {fault.strerror}") from None
    try:
        await asyncio.to_thread(trusted.take, signed, now=now)
    except VedetteError as refused:
        log.warning("the trust bundle that was placed here is refused", file=file, why=str(refused))


class _Held(msgspec.Struct, frozen=True):
    """The bundle that was accepted last, for whom these roots were pinned.

    digest: of its document. file: of the whole file it came in. at: when, by this host's clock: a root
    that has ended since takes from a restarted agent no bundle that one which ran on still obeys.
    """

    roots: str
    version: int
    digest: str
    file: str
    at: datetime | None = None


class Trusted:
    """The bundle of one data directory; read and verified when first needed, then kept in memory."""

    def __init__(self, directory: Path, roots: Roots | None) -> None:
        self._file, self._held_file = directory / BUNDLE, directory / HELD
        self._roots = roots
        self._bundle: Bundle | None = None
        self._lock = threading.Lock()
        self._held = self._read_held()

    @property
    def version(self) -> int:
        """The version of the bundle that was accepted last, 0 for none."""
        return self._held.version if self._held else 0

    def take(self, signed: bytes, *, now: datetime) -> bool:
        """Accept a bundle, whoever brought it; return whether it is another than the one held.

        Raises Untrusted naming the reason, Invalid for what cannot be read.
        """
        file = hashlib.sha256(signed).hexdigest()
        if self._held is not None and self._held.file == file:
            return False
        with self._lock:
            before = self.version
            bundle, held = self._accepted(signed, file, now)
            write_private(self._file, signed)
            self._keep(held)
            self._bundle = bundle
            return bundle.version != before

    def bundle(self, *, now: datetime) -> "Bundle":
        """Return the bundle to decide by now; raises Untrusted when there is none that holds."""
        from vedette.trust.accept import UNPINNED, hold_bundle_time
        from vedette.trust.reasons import Reason, Untrusted

        with self._lock:
            if self._roots is None:
                raise Untrusted(Reason.NO_BUNDLE, UNPINNED)
            if self._bundle is None:
                self._bundle = self._from_disk(now)
            hold_bundle_time(self._bundle, now)
            return self._bundle

    def _from_disk(self, now: datetime) -> "Bundle":
        from vedette.trust.reasons import Reason, Untrusted

        try:
            signed = self._file.read_bytes()
        except FileNotFoundError:
            raise Untrusted(
                Reason.NO_BUNDLE, "no trust bundle came here yet; push one: vedette trust push"
            ) from None
        try:
            bundle, held = self._accepted(signed, hashlib.sha256(signed).hexdigest(), now)
        except Invalid as fault:
            raise Untrusted(Reason.NOT_A_BUNDLE, f"{self._file}: {fault}") from None
        if held != self._held:
            self._keep(held)  # we were killed between the two files
        return bundle

    def _accepted(self, signed: bytes, file: str, now: datetime) -> "tuple[Bundle, _Held]":
        from vedette.trust.accept import Held, Pin, accept, held_of
        from vedette.trust.signed import read_signed

        held, roots = None, self._roots
        if self._held is not None and roots is not None and self._held.roots == roots.digest:
            held = Held(self._held.version, self._held.digest)
        read: Signed = read_signed(signed)
        pin = Pin(roots.digest, roots.threshold) if roots else None
        before = self._held.at if self._held and self._held.file == file else None
        bundle = accept(read, pin=pin, held=held, now=now, roots_at=before, aside=_tell_aside)
        taken = held_of(bundle, read)
        digest = roots.digest if roots else ""
        return bundle, _Held(digest, taken.version, taken.digest, file, before or now)

    def _read_held(self) -> _Held | None:
        try:
            held = msgspec.json.decode(self._held_file.read_bytes(), type=_Held)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            raise Invalid(
                f"{self._held_file} is damaged",
                hint="take it and the bundle beside it away; the server sends the bundle again",
            ) from None
        # Other roots were pinned since: their bundles have versions of their own.
        return held if self._roots is not None and held.roots == self._roots.digest else None

    def _keep(self, held: _Held) -> None:
        write_private(self._held_file, msgspec.json.encode(held))
        self._held = held


def _tell_aside(refused: VedetteError) -> None:
    log.warning("a root's signature under the trust bundle counts no more", why=str(refused))
