"""The files of an `apply`: found, packed and sent piece by piece, with a bar for whoever waits at a terminal."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vedette.errors import Denied, Invalid, Missing, Unavailable

PIECE = 1 << 20
WORTH_PACKING = 64 << 10
"""Bytes; a smaller file is sent as it is."""
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
PATIENCE_S = 1.0
STDIN = "-"
_BAR = 30


@dataclass(slots=True)
class Progress:
    """How far it is, told on a terminal when it takes longer than a moment."""

    total: int
    sent: int = 0
    began: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def send(self, name: str, number: int) -> None:
        """Note that so many bytes of that file are on their way."""
        self.sent += number
        now = time.monotonic()
        if now - self.began < PATIENCE_S or now - self._told < 0.1 or not sys.stderr.isatty():
            return
        self._told = now
        share = min(1.0, self.sent / self.total) if self.total else 0.0
        bar = ("#" * round(share * _BAR)).ljust(_BAR)
        size = (
            f"{self.sent / 1e6:.0f} of {self.total / 1e6:.0f} MB"
            if self.total
            else f"{self.sent / 1e6:.0f} MB"
        )
        sys.stderr.write(f"\r\x1b[K[{bar}] {share:4.0%} {size} {name[-40:]}")
        sys.stderr.flush()

    def wipe(self) -> None:
        """Take the bar away."""
        if self._told:
            sys.stderr.write("\r\x1b[K")


def found_files(given: Sequence[str]) -> list[str]:
    """Return the files that are named, those of folders in the order of their names; raises Missing, Invalid."""
    if not given:
        raise Invalid("there is nothing to hand in", hint="name files with -f, or - for stdin")
    found: list[str] = []
    for name in given:
        path = Path(name)
        if name != STDIN and path.is_dir():
            inside = sorted(str(each) for each in path.rglob("*") if _counts(each, path))
            if not inside:
                raise Missing(f"there is no file in {name}")
            found += inside
        else:
            found.append(name)
    if found.count(STDIN) > 1:
        raise Invalid("stdin can be read once", hint="say -f - once")
    return found


def _counts(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.is_file()


def size_of(names: Sequence[str]) -> int:
    """Return how many bytes there are to send; 0 where stdin is among them, for nobody knows."""
    if STDIN in names:
        return 0
    return sum(path.stat().st_size for path in map(Path, names) if path.exists())


def pieces_of(name: str, progress: Progress) -> Iterator[bytes]:
    """Yield a file piece by piece, packed where that is worth it; raises what says why it cannot be read."""
    with _readable(name):
        read = _Read(name)
        try:
            first = read(WORTH_PACKING)
            if len(first) < WORTH_PACKING or first.startswith(PACKED):
                yield from _plain(name, first, read, progress)
            else:
                yield from _packed(name, first, read, progress)
        finally:
            read.close()


class _Read:
    """Reads a file or stdin by pieces that are full but for the last."""

    def __init__(self, name: str) -> None:
        self._file = sys.stdin.buffer if name == STDIN else Path(name).open("rb")  # noqa: SIM115 - closed below
        self._own = name != STDIN

    def __call__(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0 and (part := self._file.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        if self._own:
            self._file.close()


def _plain(
    name: str, first: bytes, read: Callable[[int], bytes], progress: Progress
) -> Iterator[bytes]:
    piece = first
    while piece:
        progress.send(name, len(piece))
        yield piece
        piece = read(PIECE)


def _packed(
    name: str, first: bytes, read: Callable[[int], bytes], progress: Progress
) -> Iterator[bytes]:
    from cramjam import zstd

    packer = zstd.Compressor(level=1)
    piece = first
    while piece:
        progress.send(name, len(piece))
        packer.compress(piece)
        if ready := bytes(packer.flush()):
            yield ready
        piece = read(PIECE)
    yield bytes(packer.finish())


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Missing(f"there is no file {name}") from None
    except PermissionError:
        raise Denied(f"{name} is not yours to read") from None
    except OSError as error:
        raise Unavailable(f"{name} cannot be read: {error.strerror}") from None
