"""Reading a YAML file that a person wrote: safe, bounded, strict, and able to say on which line.

Scalars follow YAML 1.2's core schema, so that the region `NO` is not `false` and `12:30:00` is no
number. Duplicate keys are refused: the later one would win in silence.
"""

import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vedette.errors import Invalid, Missing

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32
MAX_ALIASES = 1000
MAX_NODES = 1_000_000
"""Values after aliases are expanded: a small file must not become a large one."""

Path_ = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML text says, and where it says it.

    value: built of dict, list, str, int, float, bool and None.
    """

    value: Any
    source: str
    _root: Any

    def line_of(self, path: Path_) -> int:
        """Return the line (from 1) of that value, or of the nearest thing around it that exists."""
        node = self._root
        line = node.start_mark.line + 1 if node else 1
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line


def read_yaml(path: Path) -> Document:
    """Read the file; raise `Missing` or `Invalid` in one line that names it."""
    try:
        with path.open("rb") as file:
            # Bounded by what is read, not by what the file system says: /dev/zero has no size.
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise Invalid(f"{path} is larger than {MAX_BYTES // 2**20} MiB")
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise Missing(f"there is no file {path}") from None
    except IsADirectoryError:
        raise Invalid(f"{path} is a directory", hint="name the YAML file in it") from None
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} cannot be read: byte {error.start} is no UTF-8 text") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from None
    return parse_yaml(text, source=str(path))


def parse_yaml(text: str, *, source: str = "the text") -> Document:
    """Parse one YAML document within the limits above."""
    with _refusing(text, source):
        root = yaml.compose(text, Loader=_Loader)
    return _document(root, source)


def parse_yaml_stream(text: str, *, source: str = "the text") -> list[Document]:
    """Parse a stream of YAML documents within the limits above; empty ones are left out."""
    with _refusing(text, source):
        roots = list(yaml.compose_all(text, Loader=_Loader))
    documents = (_document(root, source) for root in roots)
    return [document for document in documents if document.value is not None]


@contextmanager
def _refusing(text: str, source: str) -> Iterator[None]:
    if len(text) > MAX_BYTES:
        raise Invalid(f"{source} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        _bound(text, source)
        yield
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid(f"{source}:{line}: not YAML: {error.problem or error}") from None
    except yaml.YAMLError as error:
        raise Invalid(f"{source}: not YAML: {error}") from None


def _document(root: Any, source: str) -> Document:  # noqa: ANN401 - PyYAML's nodes are untyped
    if root is None:
        return Document(None, source, None)
    return Document(_Building(source).value(root), source, root)


def _bound(text: str, source: str) -> None:
    # The event stream is flat, so a hostile depth is met here and never on the stack of `compose`.
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        line = event.start_mark.line + 1 if event.start_mark else 1
        if depth > MAX_DEPTH:
            raise Invalid(f"{source}:{line}: nested more than {MAX_DEPTH} deep")
        if aliases > MAX_ALIASES:
            raise Invalid(f"{source}:{line}: more than {MAX_ALIASES} aliases")


class _Building:
    """One pass over a composed document."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.nodes = self.depth = 0

    def value(self, node: Any) -> Any:  # noqa: ANN401 - PyYAML's nodes are untyped
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise Invalid(f"{self.source}: its aliases expand to more than {MAX_NODES} values")
        # An alias stands for what may be deep itself, or for what it stands in.
        if self.depth > MAX_DEPTH:
            raise self._refusal(node, f"nested more than {MAX_DEPTH} deep by its aliases")
        self.depth += 1
        try:
            return self._value(node)
        finally:
            self.depth -= 1

    def _value(self, node: Any) -> Any:  # noqa: ANN401
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_CORE}map":
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_CORE}seq":
            return [self.value(item) for item in node.value]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._refusal(node, f"the tag {node.tag} is not allowed here")

    def _mapping(self, node: Any) -> dict[str, Any]:  # noqa: ANN401
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_CORE}merge":
                merged = self._merge(value_node) | merged
                continue
            key = self.value(key_node)
            if not isinstance(key, Hashable) or key is None or isinstance(key, bool | list):
                raise self._refusal(key_node, f"{key!r} cannot be a key")
            if str(key) in own:
                raise self._refusal(key_node, f"the key {str(key)!r} stands twice")
            own[str(key)] = self.value(value_node)
        return merged | own

    def _merge(self, node: Any) -> dict[str, Any]:  # noqa: ANN401
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in parts:
            value = self.value(part)
            if not isinstance(value, dict):
                raise self._refusal(part, "<< must name a mapping")
            merged = value | merged
        return merged

    def _scalar(self, node: Any) -> str | int | float | bool | None:  # noqa: ANN401
        text: str = node.value
        if not node.tag.startswith(_CORE):
            raise self._refusal(node, f"the tag {node.tag} is not allowed here")
        kind = node.tag.removeprefix(_CORE)
        if kind not in {"str", "int", "float", "bool", "null", "timestamp", "value", "merge"}:
            raise self._refusal(node, f"the tag !!{kind} is not allowed here")
        # Quoted text and `!!str` are text whatever they look like.
        if node.style in {"'", '"', "|", ">"} or (kind == "str" and text):
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return _integer(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _refusal(self, node: Any, why: str) -> Invalid:  # noqa: ANN401
        return Invalid(f"{self.source}:{node.start_mark.line + 1}: {why}")


def _integer(text: str) -> int | str:
    if text.startswith("0x"):
        return int(text, 16)
    return int(text) if len(text) <= 20 else text


def _child(node: Any, step: str | int) -> tuple[int, Any] | None:  # noqa: ANN401
    if isinstance(step, int) and isinstance(node, yaml.SequenceNode) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line + 1, item
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    return None
