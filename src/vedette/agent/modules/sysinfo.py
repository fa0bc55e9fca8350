"""The `sysinfo` module: what this host is, and whether it is what was asked for."""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.sysinfo_facts import Facts, facts
from vedette.agent.modules.tally import Tally

Pattern = Annotated[str, Meta(max_length=4096)]
Age = Annotated[str, Meta(pattern=r"^([<>][0-9]{1,9}[mhd])?$")]
Size = Annotated[str, Meta(pattern=r"^([<>][0-9]{1,12}[kmgt]?)?$")]
Percent = Annotated[str, Meta(pattern=r"^([<>][0-9]{1,3}%)?$")]

_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class SysinfoParameters(Parameters, frozen=True, kw_only=True):
    """What the host must be to count as found; every condition must hold, none is no condition.

    hostname, arch, kernel: RE2; kernel's is on the release (`6.1.0-31-amd64`). distribution: RE2 on
    its full name and on `ID VERSION` (`debian 12`). uptime: `<1h`, `>547d`. memory: `<8g`.
    diskused: `>90%`, of any disk. rebootrequired: whether a package asked for a new start.
    """

    hostname: Pattern = ""
    arch: Pattern = ""
    kernel: Pattern = ""
    distribution: Pattern = ""
    uptime: Age = ""
    memory: Size = ""
    diskused: Percent = ""
    rebootrequired: bool | None = None


class Sysinfo:
    """Tells what a host is.

    elements: `hostname`, `kernel` (`release, version, arch`), `distribution` (`id, version, name`),
    `boot` (`time, uptime` in seconds, `rebootrequired`), `cpu` (`count, model`), `memory` and `disks` in
    bytes. statistics: `exectime`. found: every condition holds.
    """

    name: ClassVar[str] = "sysinfo"
    description: ClassVar[str] = (
        "Tells kernel, distribution, start, processors, memory and disks of a host."
    )
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = SysinfoParameters

    def check(self, parameters: SysinfoParameters) -> None:
        """Raise `Invalid` for a pattern RE2 cannot read."""
        list(_conditions(parameters))

    def run(self, parameters: SysinfoParameters, context: Context) -> Result:
        """Tell all, found when every condition holds; `Invalid` as `check`."""
        tally = Tally(context)
        conditions = list(_conditions(parameters))
        told = facts(context, tally)
        found = all(_holds(name, test, told, tally) for name, test in conditions)
        return tally.result(told, {"exectime": tally.exectime}, found=found and bool(told))


Condition = Callable[[Facts], bool]


def _holds(name: str, test: Condition, told: Facts, tally: Tally) -> bool:
    try:
        return test(told)
    except KeyError:  # what it asks for could not be read
        tally.fault(f"whether {name} is as asked cannot be told", unanswered=True)
        return False


def _conditions(asked: SysinfoParameters) -> Iterator[tuple[str, Condition]]:
    if asked.hostname:
        yield "hostname", _fits(asked.hostname, lambda told: [told["hostname"]])
    if asked.arch:
        yield "arch", _fits(asked.arch, lambda told: [told["kernel"]["arch"]])
    if asked.kernel:
        yield "kernel", _fits(asked.kernel, lambda told: [told["kernel"]["release"]])
    if asked.distribution:
        yield "distribution", _fits(asked.distribution, _distribution)
    if asked.uptime:
        yield "uptime", _compares(asked.uptime, _UNITS, lambda told: [told["boot"]["uptime"]])
    if asked.memory:
        yield "memory", _compares(asked.memory, _SIZES, lambda told: [told["memory"]["total"]])
    if asked.diskused:
        yield "diskused", _compares(asked.diskused, {"%": 1}, _used)
    if asked.rebootrequired is not None:
        wanted = asked.rebootrequired
        yield "rebootrequired", lambda told: told["boot"]["rebootrequired"] is wanted


def _fits(text: str, values: Callable[[Facts], Iterable[str]]) -> Condition:
    fits = pattern(text).fits
    return lambda told: any(fits(value.encode()) for value in values(told))


def _compares(
    text: str, units: dict[str, int], values: Callable[[Facts], Iterable[float]]
) -> Condition:
    amount = text[1:].rstrip("mhdkgt%")
    bound = int(amount) * units[text[1:].removeprefix(amount)]
    if text.startswith("<"):
        return lambda told: any(value < bound for value in values(told))
    return lambda told: any(value > bound for value in values(told))


def _distribution(told: Facts) -> list[str]:
    said: dict[str, Any] = told["distribution"]
    return [said["name"], f"{said['id']} {said['version']}".strip()]


def _used(told: Facts) -> list[float]:
    return [100 * (1 - one["available"] / one["size"]) for one in told["disks"]]
