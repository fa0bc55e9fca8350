"""What the agent's own distribution holds is all that it imports: it lists its files one by one."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


def held() -> set[Path]:
    """The Python files of the wheel."""
    project = tomllib.loads((ROOT / "packaging/agent/pyproject.toml").read_text())
    listed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    found: set[Path] = set()
    for name in listed.values():
        path = SOURCE / name
        assert path.exists(), f"{name} is listed and not there"
        found |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return found


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.startswith("vedette"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vedette"):
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)


def test_all_that_the_agents_distribution_imports_is_in_it():
    files = held()
    missing = set()
    for path in files:
        for name in imported(path):
            place = SOURCE / name.replace(".", "/")
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            if file.exists() and file not in files:
                missing.add(f"{file.relative_to(SOURCE)}, for {path.relative_to(SOURCE)}")
    assert missing == set()
