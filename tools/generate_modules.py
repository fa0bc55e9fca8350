"""Write docs/reference/modules.md from what the modules say of themselves.

What a module is for stands at the head of its file, what it answers in its class, and what it can be
asked in its parameters; this page holds nothing that does not stand there.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from vedette import plugins
from vedette.agent.modules import GROUP, Module, Sparing

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "modules.md"

HEAD = """# Modules

*Generated from the code by `make docs`.*

A module investigates the host it runs on: an action's operation names it and gives it parameters,
and `vedette agent query MODULE PARAMETERS` asks it here and now, without a server. A key it does not
know is refused, and so is a pattern it cannot read. Patterns are RE2.

Every answer has MIG's five members. `foundanything`: what was asked for is on this host. `success`:
the question was answered; false is "could not tell", never "nothing found". `elements`: the answer.
`statistics`: how much was looked at. `errors`: what could not be looked at, in words. A run that
reaches its limits tells what it has until then, and `stopped early` among the errors. A list without
members is an empty one, where MIG has null.

Where an action asks for privacy, names of files and users and other people's addresses are `masked`.
What a module needs beyond reading files is said below; the rest is
[taken from it](../how-to/keep-operations-in.md) before it runs.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(_module(name) for name in sorted(plugins.BUILT_IN[GROUP]))])


def _module(name: str) -> str:
    module: type[Module] = plugins.load(GROUP, name)
    needs = [field for field, wanted in msgspec.structs.asdict(module.needs).items() if wanted]
    some = ", each for some questions" if isinstance(module(), Sparing) else ""
    return "\n".join(
        [
            f"## {name}\n",
            f"{module.description} Needs: {', '.join(needs) or 'nothing'}{some}.\n",
            *_paragraphs(sys.modules[module.__module__].__doc__),
            *_paragraphs(module.__doc__),
            *_structs(name, module.parameters),
        ]
    )


def _paragraphs(text: str | None) -> Iterator[str]:
    """Yield a docstring's paragraphs but for its first line, which names what it stands at."""
    _, _, rest = inspect.cleandoc(text or "").partition("\n\n")
    if rest.strip():
        yield rest.strip() + "\n"


def _structs(
    module: str, struct: type[msgspec.Struct], seen: set[type] | None = None
) -> Iterator[str]:
    """Yield the tables of a struct and of those within it."""
    seen = {struct} if seen is None else seen
    fields = msgspec.structs.fields(struct)
    if len(seen) > 1:
        yield f"### {struct.__name__} of {module}\n"
    yield inspect.cleandoc(struct.__doc__ or "") + "\n"
    if fields:
        yield _table((f"`{one.encode_name}`", _kind(one.type), _default(one)) for one in fields)
    for one in fields:
        for inner in _inner(one.type):
            if inner not in seen:
                seen.add(inner)
                yield from _structs(module, inner, seen)


def _inner(kind: object) -> Iterator[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in getattr(kind, "__args__", ()):
        yield from _inner(part)


def _kind(kind: object) -> str:
    return _words(msgspec.json.schema(kind))


def _words(said: dict[str, Any]) -> str:
    """Return a JSON schema's type as one would say it."""
    if "$ref" in said:
        return str(said["$ref"]).rpartition("/")[2]
    if "enum" in said:
        return ", ".join("empty" if one == "" else f"`{one}`" for one in said["enum"])
    if "anyOf" in said:
        return " or ".join(_words(one) for one in said["anyOf"] if one != {"type": "null"})
    if said.get("type") == "array":
        return f"list of {_words(said.get('items', {}))}"
    if said.get("type") == "object":
        return f"label → {_words(said.get('additionalProperties') or {})}"
    names = {"string": "text", "integer": "number", "number": "number", "boolean": "true or false"}
    return names.get(str(said.get("type")), "any")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, msgspec.Struct) or value in ("", None, ()):
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [("key", "type", "default"), ("---", "---", "---"), *rows]
    cells = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |".replace("|  |", "| |") for line in cells) + "\n"


def main() -> int:
    """Write, or check."""
    text = page()
    if "--check" in sys.argv[1:]:
        fresh = PAGE.exists() and PAGE.read_text() == text
        print(f"{PAGE.name} is {'fresh' if fresh else 'stale: run make docs'}")
        return 0 if fresh else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
