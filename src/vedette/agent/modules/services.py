"""The `services` module: which services this host has, which begin with it, which run."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.host_files import MASKED, exists
from vedette.agent.modules.service_files import Enabled, Service, openrc_services, systemd_units
from vedette.agent.modules.service_groups import processes_by_unit
from vedette.agent.modules.tally import Tally

Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Kind = Literal[
    "service", "socket", "timer", "target", "mount", "automount", "path", "slice", "swap"
]

_STARTED = "/run/openrc/started"
_TOLD_CHARACTERS = 1024


class ServicesParameters(Parameters, frozen=True, kw_only=True):
    """Which services; every condition must hold, of a condition's values any.

    names: RE2 on the name, which has the kind at its end (`ssh.service`). kinds: of systemd's units.
    enabled: whether they begin with the host, in `systemctl`'s words. running: whether they have
    processes. matchlimit: how many are told; 0 is all.
    """

    names: Annotated[tuple[Text, ...], Meta(max_length=1000)] = ()
    kinds: tuple[Kind, ...] = ("service",)
    enabled: tuple[Enabled, ...] = ()
    running: bool | None = None
    matchlimit: Annotated[int, Meta(ge=0)] = 0


class Services:
    """Finds services.

    elements: `services`, each `{name, enabled, running, processes, description, path}`; enabled in the
    words of `systemctl is-enabled`, running null where no manager runs. statistics: `examined`,
    `totalhits`, `exectime`. A service that has done its work and ended is not running.
    """

    name: ClassVar[str] = "services"
    description: ClassVar[str] = (
        "Finds services of systemd and OpenRC by name, by whether they are enabled and run."
    )
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = ServicesParameters

    def check(self, parameters: ServicesParameters) -> None:
        """Raise `Invalid` for a pattern RE2 cannot read."""
        _Fitting(parameters)

    def run(self, parameters: ServicesParameters, context: Context) -> Result:
        """Return the services that fit; `Invalid` as `check`."""
        tally = Tally(context)
        fits = _Fitting(parameters)
        told: list[dict[str, object]] = []
        for service, processes in _services(parameters, context, tally):
            if tally.over or (parameters.matchlimit and tally.hits >= parameters.matchlimit):
                break
            tally.examined += 1
            if fits(service, processes):
                told.append(_element(service, processes, context))
                tally.hit()
        statistics = {
            "examined": tally.examined,
            "totalhits": tally.hits,
            "exectime": tally.exectime,
        }
        return tally.result({"services": told}, statistics)


class _Fitting:
    def __init__(self, parameters: ServicesParameters) -> None:
        self._asked = parameters
        self._names = [pattern(text) for text in parameters.names]

    def __call__(self, service: Service, processes: int | None) -> bool:
        asked, kind = self._asked, service.name.rpartition(".")[2]
        if service.path.startswith("/etc/init.d/"):
            kind = "service"
        return (
            kind in asked.kinds
            and (not asked.enabled or service.enabled in asked.enabled)
            and (
                asked.running is None
                or (processes is not None and asked.running is bool(processes))
            )
            and (not self._names or any(one.fits(service.name.encode()) for one in self._names))
        )


def _services(
    parameters: ServicesParameters, context: Context, tally: Tally
) -> Iterable[tuple[Service, int | None]]:
    """Yield each service and how many processes it has; None where that cannot be told."""
    units = systemd_units(context, tally)
    counts = processes_by_unit(context, tally) if units else None
    known = {service.name for service in units}
    running = [Service(name, "unknown", "", "") for name in counts or () if name not in known]
    for service in sorted([*units, *running], key=lambda one: one.name):
        yield service, None if counts is None else counts.get(service.name, 0)
    scripts = openrc_services(context)
    for service in scripts:
        started = exists(context, f"{_STARTED}/{service.name}")
        yield service, int(started) if exists(context, _STARTED) else None
    if not units and not scripts:
        tally.fault("neither systemd nor OpenRC is on this host", unanswered=True)
    elif counts is None and not exists(context, _STARTED):
        words = "what runs cannot be told: no manager of services is running here"
        tally.fault(words, unanswered=parameters.running is not None)


def _element(service: Service, processes: int | None, context: Context) -> dict[str, object]:
    return {
        "name": service.name,
        "enabled": service.enabled,
        "running": None if processes is None else processes > 0,
        "processes": processes or 0,
        "description": service.description[:_TOLD_CHARACTERS],
        "path": MASKED if context.privacy and service.path else service.path,
    }
