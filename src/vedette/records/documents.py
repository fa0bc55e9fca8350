"""From bytes that somebody sent to values one can look at: unpacked, bounded, strict, and never half.

JSON (one value or several), YAML (a stream of documents) and CSV, packed by gzip or zstd or not. Refused, in one
line that names the file and the place: what is empty, truncated, larger or deeper than it may be, not UTF-8, and
what two readers would read differently (a key that stands twice, `NaN`, half a surrogate, U+0000).
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import cramjam
import msgspec

from vedette.errors import Invalid
from vedette.records.strict_json import check_characters, json_values, plain_value, shaped_value
from vedette.yaml_file import parse_yaml_stream

MAX_BYTES = 256 * 2**20
"""Of one document, unpacked."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
MEMBERS = 16_384
"""Of one gzip body: who packs in parallel makes one for each 64 KiB."""
PIECE = 2**16
"""Bytes of a later member unpacked at once: what lies behind its end is copied each time."""
_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_CSV = re.compile(r"#model_version:|cve,epss,percentile")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file.

    value: dict, list, str, int, float, bool or None; of a CSV file its whole text; or the struct it was read into.
    source: the file's name, and which document of it where it holds several: what errors begin with.
    """

    value: Any
    source: str

    def field(self, name: str) -> Any:  # noqa: ANN401 - nobody has looked at it yet
        """Return that key's value of a mapping, else None: for telling kinds apart."""
        if isinstance(self.value, msgspec.Struct):
            held = getattr(self.value, name, None)
            return None if held is msgspec.UNSET else held
        return self.value.get(name) if isinstance(self.value, dict) else None

    def shaped(self, shape: type[T], value: Any = msgspec.UNSET) -> T:  # noqa: ANN401
        """Return the value (or a part of it) as that type; raise Invalid naming the place that does not fit."""
        given = self.value if value is msgspec.UNSET else value
        if given.__class__ is shape:
            return given
        try:
            return msgspec.convert(given, shape)
        except msgspec.ValidationError as error:
            raise Invalid(f"{self.source}: {error}") from None
        except RecursionError:
            raise Invalid(f"{self.source}: nested too deep") from None

    def refusal(self, why: str, *, hint: str | None = None) -> Invalid:
        """Return the error that refuses this document."""
        return Invalid(f"{self.source}: {why}", hint=hint)


def read_shaped(body: bytes, shape: type[msgspec.Struct], *, source: str) -> list[Document]:
    """Return the one document of a file that this struct holds all of, read into it; else nothing.

    Reading a value first, and then making structs of it, takes twice as long.
    """
    value = shaped_value(body, shape)
    return [] if value is msgspec.UNSET else [Document(value, source)]


def read_documents(
    body: bytes, *, source: str = "the document", max_bytes: int = MAX_BYTES
) -> list[Document]:
    """Return every document of a file, Kubernetes lists taken apart; raise Invalid."""
    body = unpacked(body, source=source, max_bytes=max_bytes)
    if not body.strip():
        raise Invalid(
            f"{source} is empty",
            hint="did the scanner fail? A scan without findings is a document, too",
        )
    value = plain_value(body)
    if value is not msgspec.UNSET:
        return list(_apart([value], source))
    text = _decoded(body, source)
    if _CSV.match(text):
        return [Document(text, source)]
    if text.lstrip()[:1] in {"{", "["}:
        values = json_values(body, text, source)
    else:
        values = [document.value for document in parse_yaml_stream(text, source=source)]
        for value in values:
            check_characters(value, source)
    return list(_apart(values, source))


def unpacked(body: bytes, *, source: str, max_bytes: int = MAX_BYTES) -> bytes:
    """Return a gzip or zstd body as it was before it was packed; raise Invalid when that is too much."""
    try:
        if body.startswith(GZIP):
            body = _gunzip(body, max_bytes, source)
        elif body.startswith(ZSTD):
            body = _unzstd(body, max_bytes)
    except (zlib.error, EOFError):
        raise Invalid(f"{source} is packed, and damaged or cut off", hint="send it again") from None
    if len(body) > max_bytes:
        raise Invalid(
            f"{source} is larger than {max_bytes // 2**20} MiB",
            hint="`records.max_body` in the server's settings says how much it takes",
        )
    return body


def _gunzip(body: bytes, max_bytes: int, source: str) -> bytes:
    parts: list[bytes] = []
    view, at, left = memoryview(body), 0, max_bytes + 1
    for _ in range(MEMBERS):
        unpacker = zlib.decompressobj(wbits=31)
        while not unpacker.eof and left > 0:
            piece = view[at : at + PIECE] if at else view
            if not piece:
                raise EOFError
            parts.append(unpacker.decompress(piece, left))
            left -= len(parts[-1])
            at += len(piece) - len(unpacker.unused_data) - len(unpacker.unconsumed_tail)
        if at == len(body) or left <= 0:
            return b"".join(parts)
    raise Invalid(f"{source} is packed in more than {MEMBERS} pieces", hint="pack it as one")


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    size = min(max_bytes + 1, max(2**16, 8 * len(body)))
    while True:
        room = bytearray(size)
        try:
            return bytes(memoryview(room)[: cramjam.zstd.decompress_into(body, room)])
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise EOFError from None
            if size > max_bytes:
                return bytes(room)
            size = min(max_bytes + 1, size * 8)


def _decoded(body: bytes, source: str) -> str:
    if body.startswith(_BOMS):
        raise Invalid(f"{source} is UTF-16 or UTF-32", hint="write it as UTF-8")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{source}: byte {error.start} is no UTF-8 text") from None


def _apart(values: list[Any], source: str) -> Iterator[Document]:
    several = len(values) > 1
    for number, value in enumerate(values, 1):
        name = f"{source}, document {number}" if several else source
        items = value.get("items") if isinstance(value, dict) else None
        if isinstance(items, list) and str(value.get("kind", "")).endswith("List"):
            yield from (
                Document(item, f"{name}, item {place}") for place, item in enumerate(items, 1)
            )
        else:
            yield Document(value, name)
