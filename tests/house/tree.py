"""The tree as the house tests see it: what is tracked, or, without .git, what is there."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "vedette"
MADE = {
    ".git", ".tox", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis",
    ".import_linter_cache", "__pycache__", "dist", "build", "vedette-data", ".vedette",
}  # fmt: skip


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, sorted."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout.split("\0")  # fmt: skip
        return tuple(sorted(ROOT / name for name in listed if name and (ROOT / name).is_file()))
    return tuple(
        sorted(
            path
            for path in ROOT.rglob("*")
            if path.is_file()
            and not any(
                part in MADE or part.startswith(".venv") or part.endswith(".egg-info")
                for part in path.relative_to(ROOT).parts
            )
        )
    )


def sources() -> list[Path]:
    """Every Python file of the package that a person wrote."""
    return [
        p for p in files() if p.suffix == ".py" and p.is_relative_to(SRC) and "_pb2" not in p.name
    ]


def rooms() -> list[str]:
    return sorted(p.parent.name for p in SRC.glob("*/__init__.py"))
