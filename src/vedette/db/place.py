"""Where the embedded database lies: its folders, its lock, its passwords."""

import contextlib
import fcntl
import os
import secrets
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from vedette.errors import Denied, Unavailable

LONGEST_SOCKET_FOLDER = 80
"""Bytes. A socket's path must stay below 107 (108 with its zero) on Linux, 104 on macOS."""

ROLES = ("postgres", "vedette_owner", "vedette_app", "vedette_grafana", "vedette_mig")
"""Who may log in to the embedded database."""

SETTINGS_HEAD = "# Your settings for the embedded PostgreSQL; they win over Vedette's in pg/.\n"


@dataclass(frozen=True, slots=True)
class Place:
    """The embedded database's part of a data directory.

    pgdata: PostgreSQL's own folder, `DIR/pg`.
    run: the sockets' folder, `DIR/run`, or a short one below /tmp where that would be too long.
    passwords: libpq's password file, 0600: `*:*:*:ROLE:PASSWORD` a line.
    """

    top: Path
    run: Path

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's own folder."""
        return self.top / "pg"

    @property
    def lock(self) -> Path:
        """The lock whose holder keeps PostgreSQL."""
        return self.top / "pg.lock"

    @property
    def passwords(self) -> Path:
        """The roles' passwords in libpq's format."""
        return self.top / "pg.pass"

    @property
    def log(self) -> Path:
        """Where PostgreSQL writes what it has to say."""
        return self.top / "logs" / "postgresql.log"

    @property
    def keeper_log(self) -> Path:
        """Where the keeper writes when it fails."""
        return self.log.with_name("keeper.log")

    @property
    def settings(self) -> Path:
        """The operator's own settings for PostgreSQL."""
        return self.top / "postgresql.conf"

    def read_passwords(self) -> dict[str, str]:
        """Return role → password."""
        lines = self.passwords.read_text(encoding="utf-8").splitlines()
        return {role: word for *_, role, word in (line.split(":") for line in lines)}

    def write_passwords(self, words: dict[str, str]) -> None:
        """Replace the password file as a whole."""
        new = self.passwords.with_name("pg.pass.new")
        self._write(new, _as_lines(words))
        new.replace(self.passwords)

    def make_passwords(self) -> None:
        """Make up the passwords; of two processes that do so at once, one wins."""
        new = self.passwords.with_name(f"pg.pass.{os.getpid()}")
        self._write(new, _as_lines({role: secrets.token_urlsafe(32) for role in ROLES}))
        with contextlib.suppress(FileExistsError):
            os.link(new, self.passwords)
        new.unlink()

    def add_passwords(self) -> None:
        """Make up the passwords of roles that are younger than the file."""
        words = self.read_passwords()
        fresh = {role: secrets.token_urlsafe(32) for role in ROLES if role not in words}
        if fresh:
            self.write_passwords({**words, **fresh})

    def write_word(self, role: str) -> Path:
        """Write that role's password alone into a file, for initdb, and return where."""
        path = self.top / "pg.word"
        self._write(path, self.read_passwords()[role])
        return path

    def take_lock(self) -> int | None:
        """Return the lock, taken, as a descriptor to hand to the keeper; None: another has it."""
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def lock_is_held(self) -> bool:
        """Whether a keeper is there."""
        descriptor = self.take_lock()
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    def give(self, path: Path) -> None:
        """Let what root made belong to the owner of the data directory."""
        owner = self.top.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.chown(path, owner.st_uid, owner.st_gid)

    def _write(self, path: Path, text: str) -> None:
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self.give(path)


def _as_lines(words: dict[str, str]) -> str:
    return "".join(f"*:*:*:{role}:{word}\n" for role, word in words.items())


def prepare(data_dir: Path) -> Place:
    """Return the place in that data directory, making what is missing.

    Raises `Denied` or `Unavailable` when it cannot be used.
    """
    top = data_dir.absolute()
    try:
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign(top)
        place = Place(top, _run_folder(top))
        _make_missing(place)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise Denied(
            f"the data directory {top} cannot be written ({error.strerror})",
            hint="name another one with --data-dir, or run as its owner",
        ) from error
    except OSError as error:
        raise Unavailable(
            f"the data directory {top} cannot be used: {error.strerror}",
            hint="name another one with --data-dir",
        ) from error
    return place


def _make_missing(place: Place) -> None:
    place.give(place.run)
    if not place.log.parent.exists():
        place.log.parent.mkdir(mode=0o700, exist_ok=True)
        place.give(place.log.parent)
    if not place.lock.exists():
        place.lock.touch(mode=0o600)
        place.give(place.lock)
    if not place.settings.exists():
        place.settings.write_text(SETTINGS_HEAD, encoding="utf-8")
        place.give(place.settings)
    if not place.passwords.exists():
        place.make_passwords()
    place.add_passwords()


def _refuse_foreign(top: Path) -> None:
    for path in (top, top / "pg"):
        if os.geteuid() != 0 and path.exists() and path.stat().st_uid != os.geteuid():
            raise Denied(
                f"{path} belongs to another user (uid {path.stat().st_uid})",
                hint="run as that user, or name another directory with --data-dir",
            )


def _run_folder(top: Path) -> Path:
    run = top / "run"
    if len(os.fsencode(run)) > LONGEST_SOCKET_FOLDER:
        # Not tempfile.gettempdir(): two processes with different TMPDIR must meet here.
        name = sha256(os.fsencode(top.resolve())).hexdigest()[:16]
        run = Path("/tmp", f"vedette-{name}")  # noqa: S108 - checked below
    run.mkdir(mode=0o700, exist_ok=True)
    found = run.lstat()
    # In /tmp anybody may have made it before us, or made it a link to somewhere.
    owners = {os.geteuid(), top.stat().st_uid}
    pgdata = top / "pg"
    if os.geteuid() == 0 and pgdata.exists():
        owners.add(pgdata.stat().st_uid)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners or found.st_mode & 0o077:
        raise Denied(
            f"{run} is not a private folder of this user",
            hint="remove it, or choose a shorter --data-dir",
        )
    return run
