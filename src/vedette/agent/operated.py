"""The first thing in an operation's process: limits itself before anything of a module is imported.

Started as a file of its own by `agent/operation_process.py`, often without site-packages. Its arguments
are the number of its parent, that of a pipe for the answer, the places to import from, and the limits
of the kernel, each as `NAME=number`. What is asked for stands on stdin.

Whatever is imported costs every operation: half of its start was `inspect`, `json` and `dataclasses`.
"""

import gc
import os
import sys
from importlib import import_module
from types import ModuleType


def main(parent: int, answer: int, path: str, *limits: str) -> None:
    """Take the limits on, then run what stands on stdin."""
    gc.disable()  # what is imported is no garbage; `operate` begins to look for some
    sys.path[:] = path.split(os.pathsep)
    from vedette.agent.sandboxed import give_up_privileges, limit

    give_up_privileges()
    if os.getppid() != parent:
        os._exit(1)  # it was killed before we asked to be told
    limit({name: int(value) for name, value in (one.split("=") for one in limits)})
    os.umask(0o077)
    os.chdir("/")
    os.set_inheritable(answer, False)
    _import_msgspec()
    from vedette.agent.operating import operate

    operate(answer)


class Later(ModuleType):
    """A module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        """Import it, and return what it has of that name."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def _import_msgspec() -> None:
    """Import msgspec without what it takes along and an operation needs not: that is a sixth of its start.

    It needs no `typing_extensions`, and its `inspect` and `textwrap` for schemas alone. `uuid` asks `platform`
    which system this is, and nothing more. Python 3.11 defines `datetime` in Python, then takes it from C.
    """
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # how one is hidden
    sys.modules["textwrap"] = Later("textwrap")
    sys.modules["msgspec.inspect"] = Later("msgspec.inspect")
    sys.modules["platform"] = platform = Later("platform")
    platform.system = lambda: os.uname().sysname  # type: ignore[attr-defined]  # put there here
    sys.modules["datetime"] = import_module("_datetime")
    import msgspec  # noqa: F401 - for what follows

    del sys.modules["typing_extensions"]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
