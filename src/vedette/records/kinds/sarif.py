"""`sarif`: results of static analysis, 2.1.0; each run is a scan, kube-linter's are validations.

A package's name out of the result is the package; otherwise it is the file, and its place has the line, since the
same rule may fail twice in it. Severity is the rule's `security-severity` (0 to 10), else the level. What a baseline
says is gone (`absent`), and what passed or does not apply, is no finding. No run at all, or a run without `results`
(the standard's sign of a tool that did not come so far), is a scan that failed: refused, for it is not "nothing".
"""

import re
from collections.abc import Iterator

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._packages import one_line, type_of, versions_of
from vedette.records.kinds._sarif import (
    Log,
    Named,
    Result,
    Rule,
    Rules,
    Run,
    package_of,
    places_of,
)
from vedette.records.kinds._shapes import (
    identifiers,
    links_of,
    severity_of,
    severity_of_score,
)
from vedette.records.kinds._subjects import given_subject, image, subject_or_refusal
from vedette.records.kinds.sarif_kube_linter import KUBE_LINTER, validations_of
from vedette.records.model import (
    Advisory,
    Finding,
    Package,
    Record,
    Scan,
    Severity,
    Subject,
    SubjectKind,
)

VERSION = "2.1.0"
LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}
_Advisories = dict[tuple[str, int], Advisory]
_CWE = re.compile(r"\bCWE-0*(\d{1,5})\b", re.IGNORECASE)


class Sarif:
    """Logs of static analysis."""

    name = "sarif"
    description = "SARIF 2.1.0: results of static analysis and of scanners"
    family = Family.VULNERABILITIES

    def recognises(self, document: Document) -> bool:
        """Say whether it is a log, of whatever version."""
        return isinstance(document.field("runs"), list) and isinstance(
            document.field("version"), str
        )

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield a scan for each run, or the validations of kube-linter's."""
        if not isinstance(document.field("runs"), list):
            raise document.refusal("it is no SARIF log: it has no `runs`")
        if document.field("version") != VERSION:
            version = str(document.field("version"))[:40]
            raise document.refusal(f"its version is {version!r}, not {VERSION!r}")
        log = document.shaped(Log)
        if not log.runs:
            raise document.refusal("`runs` is empty: no tool ran", hint="did the scan fail?")
        for number, run in enumerate(log.runs):
            yield _record(document, run, f"runs[{number}]", context)


def _record(document: Document, run: Run, place: str, context: Context) -> Record:
    if run.results is None:
        raise document.refusal(f"{place} has no `results`", hint="did the scan fail?")
    driver = run.tool.driver
    if driver.name == KUBE_LINTER:
        return validations_of(run, context)
    is_complete = all(invocation.worked() for invocation in run.invocations)
    if not is_complete and not run.results:
        raise document.refusal(f"{place}: the tool says that it failed, and it found nothing")
    subject = given_subject(context) or _subject(run) or subject_or_refusal(document, context)
    rules, advisories = Rules(run), _Advisories()
    return Scan(
        driver.name.lower(),
        subject,
        tuple(
            one
            for result in run.results
            for one in _findings(result, run, rules, subject, advisories)
        ),
        at=run.at(context.now),
        scanner_version=driver.semantic_version or driver.version,
        complete=is_complete,
    )


def _subject(run: Run) -> Subject | None:
    """Return what was looked at: the image Trivy names, the repository, or the name of the automated job.

    The last part of a job's name is the run's own, as the standard has it: `nightly/2026-11-01`.
    """
    name = run.properties.get("imageName")
    if isinstance(name, str) and name:
        digests = run.properties.get("repoDigests")
        known = (
            [one for one in digests if isinstance(one, str)] if isinstance(digests, list) else []
        )
        return image(name, *known)
    for provenance in run.version_control_provenance:
        if provenance.repository_uri:
            return Subject(SubjectKind.REPOSITORY, provenance.repository_uri)
    job = run.automation_details.id.rpartition("/")[0]
    return Subject(SubjectKind.REPOSITORY, job) if job else None


def _findings(
    result: Result, run: Run, rules: Rules, subject: Subject, advisories: _Advisories
) -> Iterator[Finding]:
    """Yield the findings of a result; `advisories` keeps those of the rules that came before."""
    if result.kind not in {"fail", "open", "review", ""} or result.baseline_state == "absent":
        return
    rule = rules.of(result)
    name = result.rule_id or result.rule.id or (rule.id if rule else "") or "unknown"
    key = (name, id(rule))
    advisory = advisories.get(key) if rule else None
    if advisory is None:
        advisory = advisories[key] = _advisory(name, result, rule)
    severity, word, score = _severity(result, rule)
    named = package_of(result)
    for package in _packages(result, run, named, subject):
        yield Finding(
            package,
            advisory,
            severity,
            word,
            versions_of(named.fixed) if named else (),
            score=score,
            suppressed=_suppressed(result),
        )


def _packages(result: Result, run: Run, named: Named | None, subject: Subject) -> Iterator[Package]:
    """Yield the package, once for each place; the file where no package is named."""
    places = dict.fromkeys(places_of(result, run))
    if named:
        paths = dict.fromkeys(path for path, _ in places) or {"": None}
        for path in paths:
            yield Package(named.name, named.version, type_of("", named.type), path=path)
        return
    for path, line in places:
        yield Package(path, path=path if line is None else f"{path}:{line}")
    if not places:
        yield Package(subject.name)


def _advisory(given: str, result: Result, rule: Rule | None) -> Advisory:
    """Return the rule as an advisory: under the CVE in its name where there is one."""
    found = identifiers(given)
    name = found[0] if found else given
    if rule is None:
        return Advisory(name, title=one_line(result.message.text), names=found[1:])
    tags = rule.properties.get("tags")
    words = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    names = dict.fromkeys((*found, *identifiers(*words)))
    names.pop(name, None)
    return Advisory(
        name,
        title=one_line(rule.short_description.text),
        description=rule.full_description.text or rule.help.text,
        links=links_of(rule.help_uri),
        names=tuple(names),
        cwes=tuple(dict.fromkeys(f"CWE-{number}" for number in _CWE.findall(" ".join(words)))),
    )


def _severity(result: Result, rule: Rule | None) -> tuple[Severity, str, float | None]:
    """Return (severity, the tool's word, score)."""
    for properties in (result.properties, rule.properties if rule else {}):
        word = properties.get("security-severity")
        score = _score(word)
        if score is not None:
            return severity_of_score(score), str(word), score
    level = result.level or (rule.default_configuration.level if rule else "") or "warning"
    return LEVELS.get(level) or severity_of(level), level, None


def _score(word: object) -> float | None:
    if not isinstance(word, str | int | float) or len(str(word)) > 20:
        return None
    try:
        score = float(word)
    except ValueError:
        return None
    return score if 0 < score <= 10 else None


def _suppressed(result: Result) -> str:
    """Return why the tool does not count it: no suppression of it may be under review or rejected."""
    given = result.suppressions or []
    if not given or any((one.status or one.state or "accepted") != "accepted" for one in given):
        return ""
    reasons = (one_line(one.justification) or one.kind for one in given)
    return next(filter(None, reasons), "suppressed")
