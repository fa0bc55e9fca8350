"""The revisions this code knows, read from the file names: cheap, for the everyday check."""

from pathlib import Path

REVISIONS: tuple[str, ...] = tuple(
    sorted(path.name[:4] for path in Path(__file__).parent.joinpath("versions").glob("[0-9]*.py"))
)
"""Oldest first. `NNNN_what.py` holds the revision `NNNN`; a test holds that against Alembic."""

HEAD = REVISIONS[-1]


def after(revision: str | None) -> tuple[str, ...]:
    """Return the revisions that follow that one; all of them after None."""
    return REVISIONS if revision is None else REVISIONS[REVISIONS.index(revision) + 1 :]
