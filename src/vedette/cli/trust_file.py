"""The file of a trust bundle on an investigator's desk: read, changed, written whole."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vedette import clock
from vedette.cli.whole_file import read_whole, write_whole
from vedette.errors import Invalid, Missing, VedetteError
from vedette.trust.bundle import Bundle, read_bundle, write_bundle
from vedette.trust.bundle_edits import next_version
from vedette.trust.signed import SIGNED_BYTES, Signed, read_signed, write_signed

NAME = "trust.json"
HERE = Path(NAME)

BundleFile = Annotated[
    Path,
    Parameter(name=["--bundle", "-b"], help="The bundle's file, or the folder it is in."),
]


def place_of(path: Path) -> Path:
    """Return the file itself; in a folder it is trust.json."""
    return path / NAME if path.is_dir() else path


def read_file(path: Path) -> tuple[Signed, Bundle]:
    """Return the bundle and its signatures, which are not verified here."""
    place = place_of(path)
    if not place.exists():
        raise Missing(f"there is no trust bundle {place}", hint="vedette trust init, or --bundle")
    data = read_whole(place, limit=SIGNED_BYTES)
    try:
        signed = read_signed(data)
        return signed, read_bundle(signed.document)
    except VedetteError as error:
        raise Invalid(f"{place} is no trust bundle: {error.message}", hint=error.hint) from None


def write_file(path: Path, signed: Signed) -> None:
    """Write the bundle with its signatures; it is public and holds no secret."""
    write_whole(place_of(path), write_signed(signed))


def change(path: Path, edit: Callable[[Bundle], Bundle]) -> Bundle:
    """Write the edited bundle as the next version, without signatures: they were of another text.

    Raises Invalid, and leaves the file as it is, for what nobody could read any more.
    """
    _, bundle = read_file(path)
    document = write_bundle(next_version(bundle, edit(bundle), now=clock.now()))
    following = read_bundle(document)
    write_file(path, Signed(document))
    return following


def tell(made: Bundle, what: str) -> None:
    """Say on stderr what changed, and that it has to be signed."""
    needed = made.roots.threshold
    warn(f"{what}; version {made.version} has to be signed by {needed} of the roots")


def warn(text: str) -> None:
    """Say something on stderr."""
    sys.stderr.write(f"vedette: {text}\n")
