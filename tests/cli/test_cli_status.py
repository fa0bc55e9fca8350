import pytest

from vedette.cli.status import judge


def component(service, state, region=None):
    return {"service": service, "region": region, "state": state}


@pytest.mark.parametrize(
    ("components", "targets", "line", "code"),
    [
        ([component("Orders", "up", "EU")], [], "all is well: 1 watched", 0),
        ([component("Orders", "down", "EU")], [], "down: Orders EU (of 1)", 3),
        ([component("Orders", "degraded")], [], "degraded: Orders (of 1)", 3),
        ([component("Orders", "unknown")], [], "unknown: Orders (of 1)", 4),
        ([component("A", "unknown"), component("B", "down")], [], "down: B (of 2)", 3),
        ([component("A", "draining")], [], "all is well: 1 watched, 1 of them starting or draining", 0),
        ([], [{"name": "db", "component": None, "state": "down"}], "down: db (of 1)", 3),
        ([component("A", "up")], [{"name": "db", "component": "a", "state": "down"}], "all is well: 1 watched", 0),
        ([], [], "cannot tell: nothing is watched yet", 4),
        ([component(c, "down") for c in "ABCDE"], [], "down: A, B, C and 2 more (of 5)", 3),
    ],
)  # fmt: skip
def test_the_gravest_state_makes_the_line_and_the_exit_code(components, targets, line, code):
    assert judge(components, targets) == (line, code)
