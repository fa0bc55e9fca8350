"""The reference page says what the code says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_connectors_is_fresh():
    ran = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate_connectors.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
