"""MIG's `scribe` module: the checks of a document, each true, false or an error on this host.

Versions are compared as their package manager does, packages are known without their architecture,
and a line may be of any length: MIG answered wrongly, and silently, in each of these.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar

import msgspec

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file_walk import OutOfTime
from vedette.agent.modules.host_files import MASKED
from vedette.agent.modules.package_versions import compare
from vedette.agent.modules.packages import packages
from vedette.agent.modules.patterns import on_text
from vedette.agent.modules.scribe_files import Files
from vedette.agent.modules.scribe_objects import Criterion, Missing, Objects, check_objects
from vedette.agent.modules.scribe_parameters import Document, ScribeParameters, Test
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid

_ORDERS = {"<": -1, "=": 0, ">": 1}


class Scribe:
    """Evaluates documents of checks."""

    name: ClassVar[str] = "scribe"
    description: ClassVar[str] = "Evaluates a scribe document: checks of files and packages."
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = ScribeParameters

    def check(self, parameters: ScribeParameters) -> None:
        """Raise `Invalid` for a document of no sense."""
        check_objects(parameters.scribedoc.objects or ())
        _in_order(parameters.scribedoc.tests or ())

    def run(self, parameters: ScribeParameters, context: Context) -> Result:
        """Evaluate every test and answer in MIG's shape; `Invalid` as `check`."""
        document = parameters.scribedoc
        check_objects(document.objects or ())
        order = _in_order(document.tests or ())
        tally = Tally(context)
        files = Files(context, tally)
        variables = {one.key: one.value for one in document.variables or ()}
        verdicts: dict[str, Verdict] = {}
        try:
            objects = Objects(
                document.objects or (), variables, files, lambda: packages(context, tally)
            )
            for test in order:
                verdicts[test.test] = _verdict(test, objects, verdicts)
        except OutOfTime:
            tally.ended = "the time was over"
        return _result(document, parameters, verdicts, tally)


@dataclass(slots=True)
class Verdict:
    """What came of a test. results: of each value. holds: one is true, and all it waits for."""

    results: list[tuple[Criterion, bool]] = field(default_factory=list)
    holds: bool = False
    error: str = ""

    @property
    def has_true(self) -> bool:
        """Whether one of the values is as it should be."""
        return any(right for _, right in self.results)


def _in_order(tests: Iterable[Test]) -> list[Test]:
    """Return the tests, each after those it waits for; raise `Invalid` where that cannot be."""
    known: dict[str, Test] = {}
    for test in tests:
        if test.test in known:
            raise Invalid(f"two tests are called {test.test!r}")
        known[test.test] = test
        if test.evr.value and not test.evr.operation:
            raise Invalid(f"the test {test.test!r} compares a version without an operation")
        if test.regexp.value:
            on_text(test.regexp.value)
    for test in known.values():
        for other in test.when or ():
            if other not in known:
                raise Invalid(f"the test {test.test!r} waits for {other!r}, which is no test")
    try:
        order = TopologicalSorter(
            {test.test: test.when or () for test in known.values()}
        ).static_order()
        return [known[name] for name in order]
    except CycleError as fault:
        raise Invalid(f"tests wait for each other: {' → '.join(fault.args[1])}") from None


def _verdict(test: Test, objects: Objects, before: dict[str, Verdict]) -> Verdict:
    failed = next((name for name in test.when or () if before[name].error), None)
    if failed is not None:
        return Verdict(error=f'a test dependency failed ("{failed}")')
    try:
        values = objects.values(test.object)
    except Missing as fault:
        return Verdict(error=str(fault))
    right = _evaluator(test)
    verdict = Verdict(results=[(one, right(one)) for one in values])
    verdict.holds = verdict.has_true and all(before[name].holds for name in test.when or ())
    return verdict


def _evaluator(test: Test) -> Callable[[Criterion], bool]:
    """Return what decides about a value; where the test asks for nothing, there being one is enough."""
    if wanted := test.evr.value:
        order = _ORDERS[test.evr.operation]
        return lambda one: compare(one.value, wanted, kind=one.kind) == order
    if test.regexp.value:
        search = on_text(test.regexp.value).search
        return lambda one: search(one.value) is not None
    if exact := test.exactmatch.value:
        return lambda one: one.value == exact
    return lambda _: True


def _result(
    document: Document, parameters: ScribeParameters, verdicts: dict[str, Verdict], tally: Tally
) -> Result:
    results = []
    for test in document.tests or ():
        verdict = verdicts.get(test.test)
        if verdict is None:
            continue
        if verdict.error:
            tally.fault(f'Error: {verdict.error} in "{test.test}"')
        if verdict.holds or not parameters.onlytrue:
            results.append(_element(test, verdict, tally))
    elements = {
        "results": results,
        "humanoutput": parameters.humanoutput,
        "jsonoutput": parameters.jsonoutput,
    }
    statistics = {"execruntime": tally.exectime}
    return tally.result(elements, statistics, found=bool(results))


def _element(test: Test, verdict: Verdict, tally: Tally) -> dict[str, Any]:
    return {
        "testid": test.test,
        "name": test.name,
        "description": test.description,
        **({"tags": list(map(msgspec.to_builtins, test.tags))} if test.tags else {}),
        "iserror": bool(verdict.error),
        "error": verdict.error,
        "masterresult": verdict.holds,
        "hastrueresults": verdict.has_true,
        "results": list(_sub_results(verdict, tally)),
    }


def _sub_results(verdict: Verdict, tally: Tally) -> Iterator[dict[str, Any]]:
    for criterion, right in verdict.results:
        if tally.over:
            return
        name = MASKED if tally.context.privacy else criterion.identifier
        yield {"result": right, "identifier": name}
        tally.hit()
