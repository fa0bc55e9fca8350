"""Three kills of each kind while signed actions run; `make soak` does a hundred."""

import random

import pytest
from kills_actions import run

from signing_world import needs_ssh


@needs_ssh
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_action_runs_twice_or_is_lost_whatever_is_killed(tmp_path):
    kills = ["agent", "server", "postgres"] * 3
    random.Random(5).shuffle(kills)
    assert "none twice, none unanswered" in run(tmp_path, kills, seed=5)
