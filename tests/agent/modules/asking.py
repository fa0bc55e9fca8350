"""Asking a module as an operation does, and hosts that are a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from vedette.agent.modules import Context, Module, Result, read_parameters


def ask(module: Module, given: Mapping[str, Any], context: Context | None = None) -> Result:
    """Run it as an operation would; the answer has been JSON on its way, as every answer."""
    result = module.run(read_parameters(module, given), context or Context())
    return msgspec.json.decode(msgspec.json.encode(result), type=Result)


def plant(root: Path, files: Mapping[str, str | bytes]) -> Context:
    """Write files below a root and return the context of a host that is it."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Context(root=root)
