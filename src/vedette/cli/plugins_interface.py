"""For kinds that bring commands of their own: `Cmd` to build on, `Session` and `Pod` to ask with.

    from vedette.cli.plugins_interface import Cmd, Pod, Session

    class Dummy(Cmd):
        description = "Dummy Plugin for Demonstration"

        def get(self, args):
            for pod in Session.query(Pod).distinct(Pod.name):
                self.log.info(pod.name)

An entry point of the group `vedette.kinds` names the class. `vedette apply NAME` and `vedette get NAME` then run its
`apply` and `get` with what a parser of argparse made of the command line; nothing else of Vedette is needed.
`Session` reads over the REST interface of the server that every command asks, with the caller's own rights, and
cannot change anything.
"""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

from vedette.cli.client import Client
from vedette.cli.plugins_query import Entity, Field, Query
from vedette.cli.where import Asking

__all__ = ["Cmd", "Pod", "Query", "Session"]


class Cmd:
    """Commands of a kind. description: one line of `vedette apply -h`; log: prints each line as it is."""

    description = ""

    def __init__(self) -> None:
        """Find the log; whoever overrides this calls it."""
        self.log = _log(type(self).__name__)

    def configure_apply(self, parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
        """Add what `vedette apply` may be told; return the parser."""
        return parser

    def configure_get(self, parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
        """Add what `vedette get` may be told; return the parser."""
        return parser

    def apply(self, args: argparse.Namespace) -> None:
        """Do what `vedette apply` asks."""
        raise NotImplementedError(f"{type(self).__name__} cannot be applied")

    def get(self, args: argparse.Namespace) -> None:
        """Do what `vedette get` asks."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to get")


class Pod(Entity):
    """A pod that runs now. name: `namespace/pod`. images: what it runs, by digest where that is known."""

    path = "/api/v1/pods"
    filters = frozenset(("cluster", "namespace", "name"))

    name: Field = Field("name")
    cluster: Field = Field("cluster")
    namespace: Field = Field("namespace")
    images: Field = Field("images")


class Session:
    """The server that commands ask, read-only."""

    @staticmethod
    def query(entity: type[Entity]) -> Query:
        """Begin a question for `Pod`."""
        return Query(entity, listed=Session.listed)

    @staticmethod
    def listed(path: str, **query: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - words of a query
        """Return a whole list of the REST interface, page after page, as in `/api/v1/vulnerabilities`."""
        with Client(_asking()) as client:
            return client.listed(path, **{"limit": 1000, **query})


def _asking() -> Asking:
    """Return the server that the environment names, else that of the data directory, as commands do."""
    token_file = os.environ.get("VEDETTE_TOKEN_FILE")
    return Asking(
        url=os.environ.get("VEDETTE_URL") or None,
        token_file=Path(token_file) if token_file else None,
    )


class _Bare(logging.Handler):
    """Writes lines as they are: what is said to stdout, warnings and worse to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        out = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
        out.write(self.format(record) + "\n")


def _log(name: str) -> logging.Logger:
    log = logging.getLogger(f"vedette.kinds.{name}")
    if not log.handlers:
        log.addHandler(_Bare())
        log.setLevel(logging.INFO)
        log.propagate = False
    return log
