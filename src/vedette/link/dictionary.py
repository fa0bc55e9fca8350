"""What the numbers in our batches stand for; kept beside the spool, to read old batches by.

One line a layout or an error class, written and synced before the first batch that uses it. Each
stream is told, before its first use, what a number means.
"""

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from vedette.link import vedette_pb2 as pb
from vedette.link.ledger import sync_file

LAYOUTS = 8_192
MEASURES = 500_000
"""Names of all layouts together: 72 bytes each in memory, and as much again on disk."""
ERROR_CLASSES = 1_024
"""More a server refuses; a connector whose names vary without bound is a fault."""

FRAME_BYTES = 1 << 20
"""A definition longer than this goes in pieces; a server takes 4 MiB in one message."""


class Measured(msgspec.Struct, array_like=True, frozen=True):
    """One value of a layout: its name, what it is of ("" = the target), unit and help."""

    name: str
    entity: str
    unit: str
    help: str


class Layout(msgspec.Struct, array_like=True, frozen=True):
    """What the values of a report are called, in their order."""

    connector: str
    measured: tuple[Measured, ...]


class _Line(msgspec.Struct):
    ref: int
    layout: Layout | None = None
    error_class: str = ""


class Dictionary:
    """Layouts and error classes by number and back; 0: none, or no number is left.

    generation: grows when all numbers lose their meaning.
    """

    def __init__(self, path: Path) -> None:
        self._layouts: dict[int, Layout] = {}
        self._errors: dict[int, str] = {}
        self.generation = 0
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._load(path.read_bytes())
        self._measures = sum(len(layout.measured) for layout in self._layouts.values())
        self._refs: dict[Layout | str, int] = {
            meaning: ref for book in (self._layouts, self._errors) for ref, meaning in book.items()
        }

    def layout_ref(self, layout: Layout) -> int:
        """Return the number of a layout, a new one at need."""
        ref = self._refs.get(layout, 0)
        if not ref and self._has_room_for(layout):
            ref = len(self._layouts) + 1
            self._keep(_Line(ref=ref, layout=layout))
            self._measures += len(layout.measured)
            self._layouts[ref] = layout
            self._refs[layout] = ref
        return ref

    def error_ref(self, name: str) -> int:
        """Return the number of an error class, a new one at need."""
        if not name:
            return 0
        ref = self._refs.get(name, 0)
        if not ref and len(self._errors) < ERROR_CLASSES:
            ref = len(self._errors) + 1
            self._keep(_Line(ref=ref, error_class=name))
            self._errors[ref] = name
            self._refs[name] = ref
        return ref

    def is_crowded(self) -> bool:
        """Say whether it is time to `forget`, at a moment when no batch waits."""
        return len(self._layouts) > LAYOUTS // 2 or self._measures > MEASURES // 2

    def forget(self) -> None:
        """Begin anew; only when no batch that uses a number is left."""
        os.ftruncate(self._fd, 0)
        for book in (self._layouts, self._errors, self._refs):
            book.clear()
        self._measures = 0
        self.generation += 1

    def knows(self, layouts: Iterable[int], errors: Iterable[int]) -> bool:
        """Say whether all of these numbers mean something."""
        return self._layouts.keys() >= set(layouts) and self._errors.keys() >= set(errors)

    def define(self, layouts: Iterable[int], errors: Iterable[int]) -> list[pb.Define]:
        """Return the messages that say what these numbers mean, none longer than a frame may be."""
        names = [pb.ErrorClass(ref=ref, name=self._errors[ref]) for ref in sorted(errors)]
        messages, size = [pb.Define(error_classes=names)], 0
        for ref in sorted(layouts):
            for piece in _pieces(ref, self._layouts[ref]):
                size += piece.ByteSize()
                if size > FRAME_BYTES and messages[-1].layouts:
                    messages.append(pb.Define())
                    size = piece.ByteSize()
                messages[-1].layouts.append(piece)
        return messages

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _has_room_for(self, layout: Layout) -> bool:
        return len(self._layouts) < LAYOUTS and self._measures + len(layout.measured) <= MEASURES

    def _keep(self, line: _Line) -> None:
        body = msgspec.json.encode(line)
        os.write(self._fd, b"%08x %s\n" % (zlib.crc32(body), body))
        sync_file(self._fd)

    def _load(self, content: bytes) -> None:
        whole = 0
        for text in content.splitlines(keepends=True):
            line = _read_line(text)
            if line is None:
                break
            if line.layout is not None:
                self._layouts[line.ref] = line.layout
            else:
                self._errors[line.ref] = line.error_class
            whole += len(text)
        # Behind a torn line nothing can be trusted; batches that used it become gaps.
        os.ftruncate(self._fd, whole)


def _read_line(text: bytes) -> _Line | None:
    crc, _, body = text.rstrip(b"\n").partition(b" ")
    try:
        if not text.endswith(b"\n") or int(crc, 16) != zlib.crc32(body):
            return None
        return msgspec.json.decode(body, type=_Line)
    except (ValueError, msgspec.MsgspecError):
        return None


def _pieces(ref: int, layout: Layout) -> Iterator[pb.Layout]:
    """Return the layout in one piece, or in several of which each but the last says `more`."""
    piece, size, explained = pb.Layout(ref=ref, connector=layout.connector), 0, set[str]()
    for m in layout.measured:
        # A thousand series of one name share its help: it is said once.
        help_ = "" if m.name in explained else m.help
        explained.add(m.name)
        piece.measures.add(name=m.name, entity=m.entity, unit=m.unit, help=help_)
        size += len(m.name) + 4 * (len(m.entity) + len(help_)) + len(m.unit) + 16
        if size > FRAME_BYTES:
            piece.more = True
            yield piece
            piece, size = pb.Layout(ref=ref, connector=layout.connector), 0
    yield piece
