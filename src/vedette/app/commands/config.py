"""`vedette config`: the settings file, before it is used."""

import sys
from pathlib import Path

from cyclopts import App

app = App(name="config", help="Check a settings file.")

EXIT_INVALID = 2


@app.command
def check(file: Path, /) -> int:
    """Say all that is wrong with a settings file, line by line; exit code 2 if anything is."""
    from vedette.app.settings_file import check_settings

    faults = check_settings(file)
    for fault in faults:
        print(fault, file=sys.stderr)  # noqa: T201
    if faults:
        return EXIT_INVALID
    print(f"{file}: all is well")  # noqa: T201
    return 0


@app.command
def schema() -> None:
    """Print the JSON Schema of the settings file, for editors and CI."""
    from vedette.app.settings_schema import settings_schema_json

    sys.stdout.write(settings_schema_json())
