"""Services as their managers' files tell them: whether they begin with the host, by systemd and OpenRC.

What `systemctl list-unit-files` asks the manager is read from the same folders, so that it is told of
images and of hosts whose manager hangs, too. Drop-ins with an `[Install]` of their own are not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import exists, linked, names, place, read_text
from vedette.agent.modules.tally import Tally

Enabled = Literal[
    "enabled",
    "enabled-runtime",
    "disabled",
    "static",
    "indirect",
    "masked",
    "masked-runtime",
    "linked",
    "linked-runtime",
    "alias",
    "generated",
    "transient",
    "bad",
    "unknown",
]
KINDS = ("service", "socket", "timer", "target", "mount", "automount", "path", "slice", "swap")

_LASTING = "/etc/systemd/system"
_PASSING = "/run/systemd/system"
_FOLDERS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    _LASTING,
    "/etc/systemd/system.attached",
    _PASSING,
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
"""Where units stand; the first that has a name counts."""
_WANTS = (".wants", ".requires", ".upholds")
_RULES = ("WantedBy", "RequiredBy", "UpheldBy", "Alias")
_UNIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Service:
    """A service and whether it begins with the host. name: of systemd's with its kind (`x.timer`)."""

    name: str
    enabled: Enabled
    description: str
    path: str


def systemd_units(context: Context, tally: Tally) -> list[Service]:
    """Return systemd's units by name, with the instances of templates that something wants."""
    return Units(context, tally).all()


@dataclass(frozen=True, slots=True)
class Link:
    """A link that asks for a unit. target: "" of those in `x.wants`, whose own name says it."""

    name: str
    target: str


@dataclass(slots=True)
class Units:
    """The folders of systemd's units, each read once."""

    context: Context
    tally: Tally
    _files: dict[str, str] = field(default_factory=dict)
    _links: dict[str, list[Link]] = field(default_factory=dict)

    def all(self) -> list[Service]:
        """Return every unit, sorted by name."""
        for folder in _FOLDERS:
            for name in names(self.context, folder):
                if _kind(name) in KINDS:
                    self._files.setdefault(name, f"{folder}/{name}")
        for folder in (_LASTING, _PASSING):
            self._links[folder] = list(self._read_links(folder))
        links = (link for found in self._links.values() for link in found)
        instances = {link.name for link in links if not link.target}
        return [self._unit(name) for name in sorted({*self._files, *instances})]

    def _read_links(self, folder: str) -> Iterator[Link]:
        for name in names(self.context, folder):
            if name.endswith(_WANTS):
                yield from (Link(unit, "") for unit in names(self.context, f"{folder}/{name}"))
            elif _kind(name) in KINDS:
                to = linked(self.context, f"{folder}/{name}")
                if to and to != "/dev/null" and _last(to) != name:
                    yield Link(name, _last(to))

    def _unit(self, name: str) -> Service:
        path = self._files.get(name) or self._files.get(_template(name) or "", "")
        said = self._said(path)
        return Service(name, self._enabled(name, path, said), _value(said, "Description"), path)

    def _said(self, path: str) -> list[tuple[str, str, str]]:
        if not path or self._is_masked(path) or not exists(self.context, path):
            return []
        try:
            return list(_settings(read_text(self.context, path, limit=_UNIT_BYTES)))
        except OSError as fault:
            self.tally.fault(f"{path}: {fault.strerror or fault}")
            return []

    def _enabled(self, name: str, path: str, said: list[tuple[str, str, str]]) -> Enabled:
        passing = path.startswith("/run/")
        if not path:
            return "unknown"
        if self._is_masked(path):
            return "masked-runtime" if passing else "masked"
        to = linked(self.context, path)
        if to and _last(to) not in (name, _template(name)):
            return "alias"
        if not exists(self.context, path):
            return "bad"
        if path.startswith("/run/systemd/generator"):
            return "generated"
        if path.startswith("/run/systemd/transient"):
            return "transient"
        known = {name, *_other_names(name, said)}
        if self._is_asked_for(known, name, _LASTING):
            return "enabled"
        if self._is_asked_for(known, name, _PASSING):
            return "enabled-runtime"
        if to and _folder(to) not in _FOLDERS and to.startswith("/"):
            return "linked-runtime" if passing else "linked"
        return "indirect" if self._is_asked_for_otherwise(name) else _without_links(said)

    def _is_asked_for(self, known: set[str], name: str, folder: str) -> bool:
        return any(one.name in known and one.target in ("", name) for one in self._links[folder])

    def _is_asked_for_otherwise(self, name: str) -> bool:
        """Return whether a link asks for it under a name that it does not give itself."""
        links = (link for found in self._links.values() for link in found)
        return any(name in (link.target, _template(link.name)) for link in links)

    def _is_masked(self, path: str) -> bool:
        return linked(self.context, path) == "/dev/null" or self._is_empty(path)

    def _is_empty(self, path: str) -> bool:
        try:
            return place(self.context, path).stat().st_size == 0
        except OSError:
            return False


def _without_links(said: list[tuple[str, str, str]]) -> Enabled:
    """Return what a unit is that nothing asks for, by whether its `[Install]` says how to ask."""
    install = {key for section, key, value in said if section == "Install" and value}
    if install.intersection(_RULES):
        return "disabled"
    return "indirect" if "Also" in install else "static"


def openrc_services(context: Context) -> list[Service]:
    """Return OpenRC's services; none where there is no OpenRC."""
    levels = names(context, "/etc/runlevels")
    asked = {name for level in levels for name in names(context, f"/etc/runlevels/{level}")}
    scripts = names(context, "/etc/init.d") if levels else []
    return [
        Service(name, "enabled" if name in asked else "disabled", "", f"/etc/init.d/{name}")
        for name in scripts
        if not name.endswith(".sh")
    ]


def _settings(text: str) -> Iterator[tuple[str, str, str]]:
    r"""Yield section, key and value; a backslash at a line's end goes on in the next."""
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()  # noqa: PLW2901 - the same line
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line[:1] not in ("#", ";"):
            key, equals, value = line.partition("=")
            if equals:
                yield section, key.strip(), value.strip()


def _other_names(name: str, said: list[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the names that a unit's `[Install]` has linked to it: aliases, a template's default instance."""
    for section, key, value in said:
        if section == "Install" and key == "Alias":
            yield from value.split()
        elif section == "Install" and key == "DefaultInstance":
            yield name.replace("@.", f"@{value}.", 1)


def _value(said: list[tuple[str, str, str]], wanted: str) -> str:
    return next((value for _, key, value in said if key == wanted), "")


def _template(name: str) -> str | None:
    """Return `x@.service` of `x@y.service`; None of what is no instance."""
    stem, dot, kind = name.rpartition(".")
    head, at, instance = stem.partition("@")
    return f"{head}@{dot}{kind}" if at and instance else None


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
