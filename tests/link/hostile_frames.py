"""Frames nobody honest sends: any field with any value, and good frames with bytes changed."""

from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

DEEPEST = 4
EDGES = (0, 1, 2, 3, 127, 255, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1)
WORDS = (
    "",
    "\0",
    "a\0b",
    "up",
    "local",
    "../..",
    "é" * 300,
    "x" * 5_000,
    "{",
    '{"a":' * 500,
    "null",
)


def any_message(kind: type[Message], rng: Random) -> Message:
    """Return a message of that kind with some of its fields set to anything they can hold."""
    message = kind()
    _fill(message, rng, 0)
    return message


def damaged(good: bytes, rng: Random) -> bytes:
    """Return the bytes with some of them changed, missing, doubled, or followed by noise."""
    frame = bytearray(good)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(frame) + 1)
        match rng.randrange(4):
            case 0 if place < len(frame):
                frame[place] = rng.randrange(256)
            case 1:
                del frame[place : place + rng.randint(1, 8)]
            case 2:
                frame[place:place] = frame[place : place + 16]
            case _:
                frame[place:place] = rng.randbytes(rng.randint(1, 16))
    return bytes(frame)


def nested(depth: int) -> bytes:
    """Return groups within groups, of a field nobody knows."""
    return b"\xf3\x3f" * depth + b"\xf4\x3f" * depth


def _fill(message: Any, rng: Random, depth: int) -> None:
    kind: Descriptor = message.DESCRIPTOR
    for field in kind.fields:
        if rng.random() < (0.6 if depth else 0.3):
            _set(message, field, rng, depth)


def _set(message: Any, field: FieldDescriptor, rng: Random, depth: int) -> None:
    is_message = field.message_type is not None
    if is_message and depth >= DEEPEST:
        return
    if field.is_repeated:
        for _ in range(rng.choice((0, 1, 2, 3, 50))):
            if is_message:
                _fill(getattr(message, field.name).add(), rng, depth + 1)
            else:
                getattr(message, field.name).append(_value(field, rng))
    elif is_message:
        inner = getattr(message, field.name)
        inner.SetInParent()
        _fill(inner, rng, depth + 1)
    else:
        setattr(message, field.name, _value(field, rng))


def _value(field: FieldDescriptor, rng: Random) -> object:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return rng.randbytes(rng.choice((0, 1, 3, 4, 8, 16, 32, 65, 1_000, 100_000)))
        case FieldDescriptor.CPPTYPE_STRING:
            return rng.choice(WORDS)
        case FieldDescriptor.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return rng.choice((0.0, -1.0, 1e308, float("inf"), float("nan")))
        case FieldDescriptor.CPPTYPE_UINT32:
            return rng.choice(EDGES) % 2**32
        case FieldDescriptor.CPPTYPE_INT32:
            return rng.choice(EDGES) % 2**31
        case FieldDescriptor.CPPTYPE_INT64:
            return rng.choice(EDGES) * rng.choice((1, -1))
        case _:
            return rng.choice((*EDGES, 2**64 - 1))
