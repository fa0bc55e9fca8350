"""The files of actions on an investigator's desk."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vedette.actions.document import Action
from vedette.actions.document_read import read_action
from vedette.actions.document_write import write_action
from vedette.cli.whole_file import STANDARD, read_whole, write_whole
from vedette.errors import Conflict, Invalid, VedetteError
from vedette.trust.signed import SIGNED_BYTES

ActionFile = Annotated[Path, Parameter(allow_leading_hyphen=True)]
"""The file of an action; `-` is stdin."""


def read_file(path: Path) -> Action:
    """Return the action of the file, of any form; raises Invalid with file and place."""
    data = read_whole(path, limit=SIGNED_BYTES)
    try:
        return read_action(data)
    except Invalid as error:
        raise Invalid(f"{path}: {error.message}", hint=error.hint) from None


def write_file(path: Path, action: Action) -> None:
    """Write the action whole, `-` to stdout."""
    write_whole(path, write_action(action))


def write_draft(path: Path, action: Action) -> None:
    """Write a new draft; raises Conflict where a file is that is no draft: signatures cannot be made again alone."""
    if path != STANDARD and path.exists() and not _is_draft(path):
        raise Conflict(f"{path} is there already, and no draft", hint="name another by --out")
    write_file(path, action)


def _is_draft(path: Path) -> bool:
    try:
        return not read_file(path).signatures
    except VedetteError:
        return False
