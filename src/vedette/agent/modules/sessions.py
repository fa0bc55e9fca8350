"""Who is logged in: the sessions of systemd-logind, or where it keeps none those of utmp."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from vedette.agent.modules import Context
from vedette.agent.modules.accounts import has_files
from vedette.agent.modules.host_files import exists, names, plain, read, read_text
from vedette.agent.modules.tally import Tally

_LOGIND = "/run/systemd/sessions"
_UTMP = ("/run/utmp", "/var/run/utmp")
_USER_PROCESS = 7
_UTMP_BYTES = 16 * 1024 * 1024
# type, process, terminal, id, user, host, exit (2), session, seconds, microseconds, address, -
_RECORD = struct.Struct("=hxxi32s4s32s256shhiii16s20x")
_RECORD_64 = struct.Struct("=hxxi32s4s32s256shhqqq16s20x4x")
"""How glibc writes it, and how on machines that never knew times of 32 bits (ARM)."""


@dataclass(frozen=True, slots=True)
class Session:
    """One login. terminal, origin: "" when there is none; origin is another host's name or address."""

    user: str
    terminal: str
    origin: str
    since: datetime | None


def sessions(context: Context, tally: Tally) -> list[Session]:
    """Return who is logged in; faults say what could not be read."""
    if not has_files(context):
        return system_sessions()
    try:
        found = list(_of_logind(context))
    except OSError as fault:
        tally.fault(f"{_LOGIND}: {fault.strerror or fault}")
        found = []
    return found or list(_of_utmp(context, tally))


def system_sessions() -> list[Session]:
    """Return the sessions that the system tells, by psutil: those of macOS."""
    import psutil

    return [
        Session(one.name, one.terminal or "", one.host or "", _time(int(one.started)))
        for one in psutil.users()
    ]


def _of_logind(context: Context) -> Iterator[Session]:
    for name in names(context, _LOGIND):
        if name.endswith(".ref"):  # a pipe that its client holds
            continue
        text = read_text(context, f"{_LOGIND}/{name}", limit=65_536)
        told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        # Greeters and each user's own manager are no logins; what is closing has logged out.
        if told.get("CLASS", "user").startswith("user") and told.get("STATE") != "closing":
            micros = told.get("REALTIME", "")
            yield Session(
                told.get("USER", ""),
                told.get("TTY", ""),
                told.get("REMOTE_HOST", ""),
                _time(int(micros) // 1_000_000) if micros.isdigit() else None,
            )


def _of_utmp(context: Context, tally: Tally) -> Iterator[Session]:
    path = next((one for one in _UTMP if exists(context, one)), None)
    if path is None:
        return
    try:
        content = read(context, path, limit=_UTMP_BYTES)
    except OSError as fault:
        tally.fault(f"{path}: {fault.strerror or fault}")
        return
    for kind, process, line, _, user, host, _, _, _, at, *_ in _records(content):
        # What has ended without a word, as in a crash, still stands there.
        if kind == _USER_PROCESS and exists(context, f"/proc/{process}"):
            yield Session(_text(user), _text(line), _text(host), _time(at))


def _records(
    content: bytes,
) -> Iterator[tuple[int, int, bytes, bytes, bytes, bytes, int, int, int, int]]:
    layout = _RECORD_64 if os.uname().machine in ("aarch64", "riscv64") else _RECORD
    if len(content) % layout.size:  # of another machine
        layout = _RECORD if layout is _RECORD_64 else _RECORD_64
    whole = len(content) - len(content) % layout.size
    yield from layout.iter_unpack(content[:whole])


def _text(field: bytes) -> str:
    return plain(field.partition(b"\0")[0])


def _time(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
