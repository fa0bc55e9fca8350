"""Golden tables: what the program offers, as text whose diff a reviewer reads.

`GOLDEN=write make test T=tests/golden` writes them anew.
"""

import os
from pathlib import Path

HERE = Path(__file__).parent


def assert_golden(name: str, text: str) -> None:
    path = HERE / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text, f"{path} is stale: GOLDEN=write writes it anew"
