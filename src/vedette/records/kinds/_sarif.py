"""SARIF 2.1.0: the shape of what is read of it, the rule a result is of, and the package its message names.

Scanners of packages write SARIF for the sake of code hosts: the package stands in prose only. Each has its sentence.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct, field

from vedette.records.kinds._shapes import Name, Text, Word, past_time_of

Uri = Word


class Message(Struct, gc=False):
    """A text; messages out of a rule's table of strings have none of their own."""

    text: Text = ""


class _ArtifactLocation(Struct, gc=False):
    uri: Uri = ""
    index: int = -1


class _Artifact(Struct, gc=False):
    location: _ArtifactLocation = field(default_factory=_ArtifactLocation)


class _Region(Struct, rename="camel", gc=False):
    start_line: int | None = None


class _PhysicalLocation(Struct, rename="camel", gc=False):
    artifact_location: _ArtifactLocation = field(default_factory=_ArtifactLocation)
    region: _Region = field(default_factory=_Region)


class LogicalLocation(Struct, rename="camel", gc=False):
    """A place in what is written, not in the file: a function, an object of Kubernetes."""

    name: Word = ""
    kind: Word = ""
    fully_qualified_name: Word = ""


class Location(Struct, rename="camel", gc=False):
    """Where a result is."""

    physical_location: _PhysicalLocation = field(default_factory=_PhysicalLocation)
    logical_locations: list[LogicalLocation] = []


class _Configuration(Struct, gc=False):
    level: Word = ""


class Rule(Struct, rename="camel", gc=False):
    """What a tool looks for."""

    id: Name
    short_description: Message = field(default_factory=Message)
    full_description: Message = field(default_factory=Message)
    default_configuration: _Configuration = field(default_factory=_Configuration)
    help: Message = field(default_factory=Message)
    help_uri: Text = ""
    properties: dict[str, Any] = {}


class _ToolComponent(Struct, rename="camel", gc=False):
    name: Name
    version: Word = ""
    semantic_version: Word = ""
    rules: list[Rule] | None = None


class _Tool(Struct, gc=False):
    driver: _ToolComponent
    extensions: list[_ToolComponent] | None = None


class _ComponentReference(Struct, gc=False):
    name: Word = ""
    index: int = -1


class _RuleReference(Struct, rename="camel", gc=False):
    id: Word = ""
    index: int = -1
    tool_component: _ComponentReference = field(default_factory=_ComponentReference)


class Suppression(Struct, gc=False):
    """Why a result does not count: `state` was its name while 2.1.0 was a draft."""

    kind: Word = ""
    status: Word = ""
    state: Word = ""
    justification: Text = ""


class Result(Struct, rename="camel", gc=False):
    """One thing a tool found, or looked for and did not find (`kind`)."""

    message: Message = field(default_factory=Message)
    rule_id: Word = ""
    rule_index: int = -1
    rule: _RuleReference = field(default_factory=_RuleReference)
    kind: Word = "fail"
    level: Word = ""
    locations: list[Location] | None = None
    suppressions: list[Suppression] | None = None
    baseline_state: Word = ""
    properties: dict[str, Any] = {}


class _Notification(Struct, gc=False):
    level: Word = ""


class _Invocation(Struct, rename="camel", gc=False):
    execution_successful: bool = True
    end_time_utc: Word = ""
    tool_execution_notifications: list[_Notification] = []
    tool_configuration_notifications: list[_Notification] = []

    def worked(self) -> bool:
        """Say whether all that was to be looked at was: an error may have disabled a rule or left out a file."""
        told = (*self.tool_execution_notifications, *self.tool_configuration_notifications)
        return self.execution_successful and all(one.level != "error" for one in told)


class _Provenance(Struct, rename="camel", gc=False):
    repository_uri: Uri = ""


class _Automation(Struct, gc=False):
    id: Word = ""


class Run(Struct, rename="camel", gc=False):
    """One run of one tool."""

    tool: _Tool
    results: list[Result] | None = None
    invocations: list[_Invocation] = []
    artifacts: list[_Artifact] = []
    version_control_provenance: list[_Provenance] = []
    automation_details: _Automation = field(default_factory=_Automation)
    properties: dict[str, Any] = {}

    def at(self, now: datetime) -> datetime | None:
        """Return when the tool ended; None where it does not say."""
        times = (past_time_of(one.end_time_utc, now) for one in self.invocations)
        return max((at for at in times if at), default=None)


class Log(Struct, gc=False):
    """A SARIF file."""

    version: Name
    runs: list[Run]


class Rules:
    """The rules of a run: a result names its own by index, by id, or by an id that goes on after a slash."""

    def __init__(self, run: Run) -> None:
        self._components: list[_ToolComponent] = [run.tool.driver, *(run.tool.extensions or ())]
        self._by_id = {
            rule.id: rule
            for component in reversed(self._components)
            for rule in component.rules or ()
        }

    def of(self, result: Result) -> Rule | None:
        """Return the rule of a result; None where the tool does not describe it."""
        index = result.rule_index if result.rule_index >= 0 else result.rule.index
        rules = self._component(result.rule.tool_component).rules or []
        name = result.rule_id or result.rule.id
        if 0 <= index < len(rules) and (not name or _is_part(name, rules[index].id)):
            return rules[index]
        return self._by_id.get(name) or self._by_id.get(name.rpartition("/")[0])

    def _component(self, named: _ComponentReference) -> _ToolComponent:
        if 0 <= named.index < len(self._components) - 1:
            return self._components[named.index + 1]
        same = (one for one in self._components if named.name and one.name == named.name)
        return next(same, self._components[0])


def _is_part(name: str, rule: str) -> bool:
    return name == rule or name.startswith(rule + "/")


class Named(NamedTuple):
    """A package as a result names it; "" for what it leaves out."""

    name: str
    version: str = ""
    type: str = ""
    fixed: str = ""


_SENTENCES = (
    # Trivy, a line each
    re.compile(
        r"\APackage: (?P<name>.+)\nInstalled Version: (?P<version>.*)\n(?:.*\n)*?Fixed Version: ?(?P<fixed>.*)"
    ),
    # Grype, of yesterday and of today
    re.compile(
        r"The path .+ reports (?P<name>\S+) at version (?P<version>\S+)\s+which (?:is|would result in) a"
        r" vulnerable \((?P<type>[\w-]+)\) package"
    ),
    re.compile(
        r"An? \w+ vulnerability in (?P<type>[\w-]+) package: (?P<name>\S+), version (?P<version>\S+) was found"
    ),
    # osv-scanner
    re.compile(r"Package '(?P<name>.+)@(?P<version>[^@']+)' is vulnerable to"),
    # clair-action
    re.compile(r"\A\[(?P<name>\S+) - (?P<version>\S+) - \w+\] "),
)


def package_of(result: Result) -> Named | None:
    """Return the package that a result is about, by its properties or by a sentence known here; else None."""
    own = result.properties
    name = _first(own, ("pkgName", "packageName", "package"))
    if name:
        version = _first(own, ("installedVersion", "packageVersion", "pkgVersion"))
        return Named(
            name, version, _first(own, ("packageType", "ecosystem")), _first(own, ("fixedVersion",))
        )
    for sentence in _SENTENCES:
        found = sentence.search(result.message.text[:4_000])
        if found:
            return Named(**{key: word.strip() for key, word in found.groupdict().items() if word})
    return None


def _first(properties: dict[str, Any], keys: Sequence[str]) -> str:
    given = (properties.get(key) for key in keys)
    return next((word for word in given if isinstance(word, str) and 0 < len(word) <= 1_000), "")


def places_of(result: Result, run: Run) -> Iterator[tuple[str, int | None]]:
    """Yield (path, line) of each place of a result that has a path."""
    for location in result.locations or ():
        physical = location.physical_location
        uri, index = physical.artifact_location.uri, physical.artifact_location.index
        if not uri and 0 <= index < len(run.artifacts):
            uri = run.artifacts[index].location.uri
        if uri:
            yield uri, physical.region.start_line
