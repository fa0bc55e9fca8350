"""What leaves the agent and what does not."""

from array import array

import pytest

from vedette.agent.keep import Filter
from vedette.health.model import Bulk, Measurement, Naming, Report, Series, State

ALL = (
    ("connections", ""),
    ("queue_jobs", "queue:mail"),
    ("queue_jobs", "queue:tmp-1"),
    ("request_failed", "request:q"),
)


def kept(keep, drop):
    report = Report(state=State.UP, measurements=tuple(Measurement(n, 1.0, e) for n, e in ALL))
    seen, dropped = Filter(keep, drop).filtered(report)
    assert dropped == len(ALL) - len(seen.measurements)
    return [f"{m.name}/{m.entity}" for m in seen.measurements if m.name != "request_failed"]


@pytest.mark.parametrize(
    ("keep", "drop", "left"),
    [
        ([], [], ["connections/", "queue_jobs/queue:mail", "queue_jobs/queue:tmp-1"]),
        (["queue_*"], [], ["queue_jobs/queue:mail", "queue_jobs/queue:tmp-1"]),
        ([], ["*/queue:tmp-*"], ["connections/", "queue_jobs/queue:mail"]),
        (["queue_*"], ["*/queue:tmp-*"], ["queue_jobs/queue:mail"]),
        ([], ["*"], []),
    ],
)
def test_drop_goes_before_keep(keep, drop, left):
    assert kept(keep, drop) == left


def test_bulk_keeps_one_naming_from_look_to_look():
    naming = Naming((Series("a"), Series("b", "{x=1}"), Series("a", "{x=1}")))
    filter_ = Filter([], ["*/{x=1}"])

    def look(*values):
        report = Report(state=State.UP, bulk=Bulk(naming, array("d", values)))
        return filter_.filtered(report)

    (first, dropped), (second, _) = look(1, 2, 3), look(4, 5, 6)
    assert (list(first.bulk.values), list(second.bulk.values), dropped) == ([1.0], [4.0], 2)
    assert first.bulk.naming is second.bulk.naming
