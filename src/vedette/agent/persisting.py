"""The process of a module that keeps running, once it is limited: read its settings, confine, keep."""

import os
import sys
from pathlib import Path

import msgspec

from vedette import plugins
from vedette.agent.confine import confine
from vedette.agent.modules import GROUP, Context
from vedette.agent.modules.persistent import Line, Persistent
from vedette.errors import VedetteError


def keep(name: str, root: str, *, partial: bool) -> int:
    """Keep the module until it ends; what it raises is said in a line on stderr."""
    outgoing = os.dup(1)
    os.dup2(2, 1)  # what a module prints is no event
    settings_json = _first_line(0)
    try:
        module: Persistent = plugins.load(GROUP, name)()
        settings = msgspec.json.decode(settings_json, type=module.settings)
        confine(module.needs, partial=partial)
        module.keep(settings, Line(0, outgoing), Context(root=Path(root)))
    except (VedetteError, OSError, msgspec.MsgspecError) as fault:
        words = " ".join(str(fault).split()) or type(fault).__name__
        sys.stderr.write(words[:2_000])
        return 1
    return 0


def _first_line(descriptor: int) -> bytes:
    """Read a line and not a byte more: what follows is read by whoever waits for it."""
    line = bytearray()
    while (char := os.read(descriptor, 1)) not in (b"\n", b""):
        line += char
    return bytes(line)
