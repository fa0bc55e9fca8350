"""MIG's `timedrift` module: whether this host's clock goes right."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, ClassVar

from msgspec import Meta

from vedette import clock, durations
from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.host_files import exists, names, read_text
from vedette.agent.modules.ntp import PORT, Answer, NoTime, ahead_or_behind, ask, go_duration
from vedette.agent.modules.tally import Tally

FALLBACK = tuple(f"{number}.pool.ntp.org" for number in range(4))

_NEVER = "0001-01-01T00:00:00Z"
"""How Go writes that there is no time."""
_TIMEOUT_S = 5.0
_MOST_SERVERS = 16
_LINES = re.compile(r"^[ \t]*(?:server|pool|peer)[ \t]+(\S+)", re.MULTILINE)
_TIMESYNCD = re.compile(r"^[ \t]*(?:Fallback)?NTP[ \t]*=(.*)$", re.MULTILINE)
_FILES = ("/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/chrony.conf", "/etc/chrony/chrony.conf")
_SOURCES = "/etc/chrony/sources.d"
_TIMESYNCD_FILE = "/etc/systemd/timesyncd.conf"


class TimedriftParameters(Parameters, frozen=True, kw_only=True):
    """By how much the clock may be off (`5s`, `500ms`); without it only the local time is told."""

    drift: Annotated[str, Meta(max_length=64)] = ""


class Timedrift:
    """Compares this host's clock with an NTP server's.

    elements: `hascheckeddrift`, `iswithindrift`, `drifts` in words, `localtime`. statistics: `exectime`,
    `ntpstats` with `{host, time, latency, drift, reachable}` of each server asked. found: the clock is
    further off than allowed, or nothing was to be checked. The servers are those of ntp.conf, chrony
    and timesyncd, then the pool's; the first that gives the time is taken.
    """

    name: ClassVar[str] = "timedrift"
    description: ClassVar[str] = (
        "Compares the clock with that of the first NTP server that answers."
    )
    needs: ClassVar[Needs] = Needs(network=True)
    parameters: ClassVar[type[Parameters]] = TimedriftParameters

    def __init__(self, port: int = PORT, fallback: tuple[str, ...] = FALLBACK) -> None:
        self._port = port
        self._fallback = fallback

    def check(self, parameters: TimedriftParameters) -> None:
        """Raise `Invalid` for what is no duration."""
        if parameters.drift:
            durations.parse(parameters.drift)

    def run(self, parameters: TimedriftParameters, context: Context) -> Result:
        """Ask the servers this host is configured for, then the pool's; `Invalid` as `check`."""
        tally = Tally(context)
        elements: dict[str, object] = {
            "hascheckeddrift": False,
            "localtime": clock.now().astimezone().isoformat(),
        }
        if not parameters.drift:
            return tally.result(elements, {"exectime": tally.exectime}, found=True)
        most_s = durations.parse(parameters.drift).total_seconds()
        asked, answer = self._first(context, tally)
        off = answer is not None and abs(answer.offset_s) > most_s
        if answer is None:
            tally.fault("no NTP server gave the time", unanswered=True)
        else:
            said = [ahead_or_behind(answer.offset_s, str(asked[-1]["host"]))] if off else []
            elements |= {"hascheckeddrift": True, "iswithindrift": not off, "drifts": said}
        return tally.result(elements, {"exectime": tally.exectime, "ntpstats": asked}, found=off)

    def _first(
        self, context: Context, tally: Tally
    ) -> tuple[list[dict[str, object]], Answer | None]:
        """Return what is told of each server that was asked, and the first answer."""
        told: list[dict[str, object]] = []
        for host in islice(dict.fromkeys([*_servers(context), *self._fallback]), _MOST_SERVERS):
            left = min(_TIMEOUT_S, context.deadline - time.monotonic())
            if left <= 0:
                break
            try:
                answer = ask(host, port=self._port, timeout_s=left)
            except NoTime as fault:
                tally.fault(f"{host}: {fault}")
                told.append(_unreachable(host))
            else:
                return [*told, _reachable(host, answer)], answer
        return told, None


def _servers(context: Context) -> Iterator[str]:
    """Yield the servers that this host's own configuration names."""
    sources = [
        f"{_SOURCES}/{name}" for name in names(context, _SOURCES) if name.endswith(".sources")
    ]
    for path in (*_FILES, *sources):
        yield from _LINES.findall(_said(context, path))
    for said in _TIMESYNCD.findall(_said(context, _TIMESYNCD_FILE)):
        yield from said.split()


def _said(context: Context, path: str) -> str:
    try:
        return read_text(context, path, limit=1 << 20) if exists(context, path) else ""
    except OSError:
        return ""


def _reachable(host: str, answer: Answer) -> dict[str, object]:
    try:
        at = datetime.fromtimestamp(answer.at_s, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        at = _NEVER
    return {
        "host": host,
        "time": at,
        "latency": go_duration(answer.delay_s),
        "drift": go_duration(-answer.offset_s),  # as MIG: how far the local time is ahead
        "reachable": True,
    }


def _unreachable(host: str) -> dict[str, object]:
    return {"host": host, "time": _NEVER, "latency": "", "drift": "", "reachable": False}
