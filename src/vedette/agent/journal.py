"""Everything ever run or refused here, on the host's own disk: what makes an action run once, ever.

What the agent may be killed between stands in a transaction that is on the medium before the next
step: taken, begun, ended. Begun and not ended is `lost` at the next start, and never begun again.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from vedette.agent import journal_sql as sql
from vedette.errors import Unavailable
from vedette.trust.reasons import Reason, Untrusted

FILE = "journal.db"
KEPT_FOR = timedelta(days=366)
"""Lines older than this go, once they could not run again anyway."""
BODIES_BYTES = 256 << 20
"""What waits and what was answered and not told; beyond it nothing more is taken."""
MOST_LINES = 100_000
"""More than so many cost the oldest of those the server has; never one that could run again."""
MOST_WAITING = 1_000
_PURGE_EVERY = 1_000
_AFTER_EXPIRY = timedelta(days=1)
"""What ran is remembered so much longer than it counts, for a clock that is set back."""
_LARGEST_ID = (1 << 63) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An action as it came. digest: hex SHA-256 of what was signed, "" when it never came.

    modules: of its operations, in order. signed_by: names of people, as far as they are known.
    """

    command: int
    digest: str
    name: str = ""
    target: str = ""
    modules: tuple[str, ...] = ()
    signed_by: tuple[str, ...] = ()
    expires_at: datetime = _EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How it ended: words as the answer has them, and the answer with the agent's signature."""

    status: str
    reason: str
    message: str
    took_ms: int
    answer: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unended:
    """A line that has not ended. modules: of its operations."""

    number: int
    command: int
    digest: str
    modules: tuple[str, ...]
    begun: bool


class Full(Exception):  # noqa: N818 - a verdict
    """Too much waits here already."""


class Journal:
    """The lines of one data directory; opened when first needed, safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._lock = threading.RLock()
        self._open: sqlite3.Connection | None = None
        self._taken = 0

    @property
    def exists(self) -> bool:
        """Whether anything was ever written here."""
        return self.path.exists()

    def close(self) -> None:
        """Give the file and its memory back; the next question opens it again."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def known(self, command: int, digest: str) -> tuple[int, bool] | None:
        """Return the number of this command's line and whether it has ended; None: it is new."""
        with self._reading() as run:
            found = run(sql.KNOWN, command, digest)
        return (found[0][0], bool(found[0][1])) if found else None

    def take(self, entry: Entry, asked: bytes, *, now: datetime) -> int:
        """Write down what is to be run, and return its number.

        Raises Full beyond what may wait; sqlite3.IntegrityError when the line is there already.
        """
        with self._writing() as run:
            if run(sql.UNENDED_COUNT)[0][0] >= MOST_WAITING:
                raise Full(f"{MOST_WAITING} actions wait here already")
            if run(sql.BODIES)[0][0] + len(asked) > BODIES_BYTES:
                raise Full("what waits and what the server has not taken fills this host's journal")
            return self._insert(run, entry, asked, now)

    def refuse(self, entry: Entry, end: End, *, now: datetime) -> int:
        """Write down what is not run, with what was answered, and return its number.

        Raises Full when the server takes no answers, and sqlite3.IntegrityError as `take` does.
        """
        with self._writing() as run:
            number = self._insert(run, entry, None, now)
            self._end(run, number, end, now)
            return number

    def asked(self, number: int) -> bytes | None:
        """Return what waits under this number; None when it was begun or ended meanwhile."""
        with self._reading() as run:
            found = run(sql.ASKED, number)
        return bytes(found[0][0] or b"") if found else None

    def begin(self, number: int, signed_by: Sequence[str], *, now: datetime) -> None:
        """Say that it runs from now on; raises Untrusted when the same was begun before, ever, or may have been."""
        try:
            with self._writing() as run:
                if found := run(sql.FORGOTTEN, number):
                    raise Untrusted(
                        Reason.REPLAYED,
                        "it may have run here before: what ran and expired by"
                        f" {at(found[0][0]):%Y-%m-%dT%H:%M:%SZ} is forgotten, and the clock was set back; sign a new one",
                    )
                run(sql.BEGIN, microseconds(now), _json(signed_by), number)
        except sqlite3.IntegrityError:
            raise Untrusted(
                Reason.REPLAYED, "this very action ran here before; sign a new one"
            ) from None

    def end(self, number: int, end: End, *, now: datetime) -> None:
        """Say how it ended; what was asked is forgotten, the answer is kept until it is told."""
        with self._writing() as run:
            self._end(run, number, end, now)

    def told(self, commands: Sequence[int]) -> None:
        """Forget the answers the server has; the lines stay."""
        with self._writing() as run:
            for command in commands:
                if command <= _LARGEST_ID:
                    run(sql.TOLD, command)

    def untold(self) -> list[int]:
        """Return the commands whose answers the server may not have, oldest first."""
        with self._reading() as run:
            return list(dict.fromkeys(command for (command,) in run(sql.UNTOLD)))

    def answer(self, command: int) -> tuple[bytes, bytes] | None:
        """Return a command's newest answer and its signature, None when it is kept no longer."""
        with self._reading() as run:
            found = run(sql.ANSWER, command)
        return (bytes(found[0][0]), bytes(found[0][1])) if found else None

    def kept(self, *, now: datetime) -> Mapping[str, datetime]:
        """Return the digest of everything that ran and has not expired, and when it does."""
        with self._reading() as run:
            found = run(sql.KEPT, microseconds(now - _AFTER_EXPIRY))
        return {digest: at(expires_us) for digest, expires_us in found}

    def unended(self) -> list[Unended]:
        """Return what was taken and has not ended, in the order it came."""
        with self._reading() as run:
            return [
                Unended(
                    number=number,
                    command=command,
                    digest=digest,
                    modules=msgspec.json.decode(modules, type=tuple[str, ...]),
                    begun=bool(begun),
                )
                for number, command, digest, modules, begun in run(sql.UNENDED)
            ]

    def of_command(self, command: int) -> list[int]:
        """Return the numbers of a command's lines that have not ended."""
        with self._reading() as run:
            return [number for (number,) in run(sql.OF_COMMAND, command)]

    def purge(self, *, now: datetime) -> None:
        """Forget lines of more than a year ago, and the oldest of far too many."""
        with self._writing() as run:
            self._purge(run, now)
        with self._reading() as run:
            run("PRAGMA incremental_vacuum")

    def _insert(self, run: "_Run", entry: Entry, asked: bytes | None, now: datetime) -> int:
        if self._taken % _PURGE_EVERY == 0:
            self._purge(run, now)
        self._taken += 1
        if run(sql.COUNT)[0][0] >= MOST_LINES + _PURGE_EVERY:
            raise Full("the server has taken too few of this host's answers")
        run(
            sql.TAKE,
            entry.command,
            entry.digest,
            entry.name,
            entry.target,
            _json(entry.modules),
            _json(entry.signed_by),
            microseconds(entry.expires_at),
            microseconds(now),
            asked,
        )
        return int(run("SELECT last_insert_rowid()")[0][0])

    def _purge(self, run: "_Run", now: datetime) -> None:
        long_over = microseconds(now - _AFTER_EXPIRY)
        run(sql.OLD, microseconds(now - KEPT_FOR), long_over)
        run(sql.SUPERFLUOUS, long_over, max(run(sql.COUNT)[0][0] - MOST_LINES, 0))

    def _end(self, run: "_Run", number: int, end: End, now: datetime) -> None:
        run(
            sql.END,
            microseconds(now),
            end.status,
            end.reason,
            end.message,
            end.took_ms,
            end.answer,
            end.signature,
            number,
        )

    @contextmanager
    def _reading(self) -> Iterator["_Run"]:
        with self._lock:
            try:
                connection = self._connection()
                yield lambda text, *values: connection.execute(text, values).fetchall()
            except sqlite3.IntegrityError:
                raise
            except (sqlite3.Error, OSError) as fault:
                raise Unavailable(
                    f"the journal {self.path} cannot be used: {fault}",
                    hint="look at the disk; without its journal an agent runs no action",
                ) from None

    @contextmanager
    def _writing(self) -> Iterator["_Run"]:
        with self._reading() as run:
            run("BEGIN IMMEDIATE")
            try:
                yield run
                run("COMMIT")
            except BaseException:
                self._connection().rollback()
                raise

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._open = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            # On the medium when a transaction returns, power cut or not.
            self._open.execute("PRAGMA synchronous = FULL")
            self._open.execute("PRAGMA cache_size = -256")
            if self._open.execute("PRAGMA user_version").fetchone()[0] != sql.VERSION:
                self._open.executescript(sql.SCHEMA)
        return self._open


_Run = Callable[..., list[Any]]
"""Runs a statement with its values; rows come as SQLite gives them."""


def at(us: int) -> datetime:
    """Return the time of that many µs since 1970."""
    return _EPOCH + us * _US


def microseconds(moment: datetime) -> int:
    """Return the µs since 1970 of that time."""
    return (moment - _EPOCH) // _US


def _json(texts: Sequence[str]) -> str:
    return msgspec.json.encode(list(texts)).decode()
