"""Three kills of each kind, in an order and at moments that a seed fixes; `make soak` does a hundred."""

import random

import pytest
from kills import run


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_report_is_lost_or_doubled_whatever_is_killed(tmp_path):
    kills = ["agent", "server", "postgres"] * 3
    random.Random(3).shuffle(kills)
    said = run(tmp_path, kills, seed=3)
    assert "none lost" in said
