"""What the numbers in relayed batches mean: layouts by their digest, a file each, shared by all agents."""

from pathlib import Path

from vedette.errors import Unavailable
from vedette.link.relay_signature import digest
from vedette.trust.keys import write_key

LIMIT = 50_000
"""Layouts kept; more is a fault of some connector whose names vary without bound."""


class MeaningFiles:
    """The layouts of a directory; in memory only their digests."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._known = {
            bytes.fromhex(path.name) for path in directory.iterdir() if len(path.name) == 64
        }

    def __contains__(self, named: bytes) -> bool:
        return named in self._known

    def learn(self, layout: bytes) -> None:
        """Keep a serialised layout, on the medium before a batch that needs it is acknowledged."""
        named = digest(layout)
        if named in self._known:
            return
        if len(self._known) >= LIMIT:
            raise Unavailable(f"the collector holds {LIMIT} layouts already")
        write_key(self._directory / named.hex(), layout)
        self._known.add(named)

    def of(self, named: bytes) -> bytes | None:
        """Return the layout of that digest; None when its file is gone."""
        try:
            layout = (self._directory / named.hex()).read_bytes()
        except OSError:
            return None
        return layout if digest(layout) == named else None

    def forget(self) -> None:
        """Begin anew; only while no batch waits and no agent is connected."""
        for named in self._known:
            (self._directory / named.hex()).unlink(missing_ok=True)
        self._known.clear()
