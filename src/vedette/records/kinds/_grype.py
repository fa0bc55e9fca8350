"""The shape of Grype's JSON, so far as it is looked at."""

from msgspec import Struct, field

from vedette.records.kinds._shapes import Name, Text, Word


class _Metrics(Struct, gc=False, rename="camel"):
    base_score: float | None = None


class Cvss(Struct):
    """A vector, or a score alone."""

    vector: Word = ""
    type: Word = ""
    metrics: _Metrics | None = None


class _Fix(Struct):
    versions: list[Word] | None = None
    state: Word = ""


class _Link(Struct):
    id: Word = ""


class _Cwe(Struct):
    cwe: Word = ""


class Vulnerability(Struct, rename="camel"):
    """A vulnerability as one namespace of Grype's database has it."""

    id: Name
    data_source: Text = ""
    namespace: Word = ""
    severity: Word = ""
    urls: list[Text] | None = None
    description: Text = ""
    cvss: list[Cvss] | None = None
    fix: _Fix = field(default_factory=_Fix)
    advisories: list[_Link] | None = None
    cwes: list[_Cwe] | None = None


class _Location(Struct, gc=False):
    path: Text = ""


class Artifact(Struct):
    """A package."""

    name: Name
    version: Word = ""
    type: Word = ""
    purl: Text = ""
    locations: list[_Location] | None = None


class Rule(Struct, rename="kebab"):
    """Why a match was ignored."""

    reason: Text = ""
    vex_status: Word = ""
    vex_justification: Word = ""


class Match(Struct, rename="camel"):
    """A vulnerability of one package at one place."""

    vulnerability: Vulnerability
    artifact: Artifact
    related_vulnerabilities: list[Vulnerability] | None = None
    applied_ignore_rules: list[Rule] | None = None


class Target(Struct, rename="camel"):
    """An image."""

    user_input: Word = ""
    manifest_digest: Word = ""
    tags: list[Name] | None = None
    repo_digests: list[Name] | None = None


class Source(Struct):
    """What was looked at. target: an image, or the path or name of anything else."""

    type: Word
    target: Target | Text | None = None


class _Built(Struct):
    built: Word = ""


class Database(Struct):
    """Grype's, whose age stood elsewhere before its version 6."""

    built: Word = ""
    status: _Built = field(default_factory=_Built)


class _Descriptor(Struct):
    name: Word
    version: Word = ""
    timestamp: Word = ""
    db: Database | None = None


class Report(Struct, rename="camel"):
    """The whole document."""

    matches: list[Match]
    descriptor: _Descriptor
    source: Source | None = None
    ignored_matches: list[Match] | None = None
