"""kube-linter's SARIF: checks of manifests, with the object of each in its logical locations.

Its log says that it did not run successfully when a check fails, and it lists what fails alone: of that, nothing can
be concluded about what has gone.
"""

from collections.abc import Iterator

from vedette.records.kinds import Context
from vedette.records.kinds._checks import merged
from vedette.records.kinds._packages import one_line
from vedette.records.kinds._sarif import Result, Rules, Run, places_of
from vedette.records.model import Validation, Validations

KUBE_LINTER = "kube-linter"
_OBJECT, _NAMESPACE, _KIND = "Object Name", "Object Namespace", "GVK/Kind"


def validations_of(run: Run, context: Context) -> Validations:
    """Return the checks that failed; an object without a namespace is in the one the operator names."""
    rules = Rules(run)
    return Validations(
        KUBE_LINTER,
        merged(
            one for result in run.results or () for one in _validations(result, run, rules, context)
        ),
        at=run.at(context.now),
    )


def _validations(result: Result, run: Run, rules: Rules, context: Context) -> Iterator[Validation]:
    rule = rules.of(result)
    message, _, _ = result.message.text.partition("\nobject: ")
    for location in result.locations or ():
        parts = {one.kind: one.name for one in location.logical_locations}
        path = next((path for path, _ in places_of(result, run)), "")
        is_object = parts.get(_OBJECT)
        yield Validation(
            check=result.rule_id or (rule.id if rule else "unknown"),
            namespace=parts.get(_NAMESPACE) or context.namespace,
            object_kind=parts.get(_KIND, "") if is_object else "File",
            object_name=parts[_OBJECT] if is_object else path,
            passed=False,
            word=result.level,
            message=one_line(message),
            description=rule.short_description.text if rule else "",
            remediation=rule.full_description.text if rule else "",
        )
