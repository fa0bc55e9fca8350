"""A secret never has to stand on a command line, where every user of the host can read it."""

from collections.abc import Iterator

from cyclopts import App

from vedette.app.tree import COMMANDS, tree

SECRET = ("token", "join", "password", "secret", "database-url", "admin-url")
OTHER_WAYS = {
    "--database-url": "libpq reads the password from ~/.pgpass, PGPASSFILE and VEDETTE_DATABASE_URL",
    "--admin-url": "libpq reads the password from ~/.pgpass and PGPASSFILE",
}
"""Flag → how its secret is given without a `-file` twin."""


def commands(app: App, path: str) -> Iterator[tuple[str, App]]:
    """Yield every command that can be run, with its path."""
    if app.default_command is not None:
        yield path, app
    for name in app:
        if not name.startswith("-"):
            yield from commands(app[name], f"{path} {name}")


def flags(app: App) -> set[str]:
    return {
        name
        for argument in app.assemble_argument_collection(parse_docstring=False)
        for name in argument.names
        if name.startswith("--") and not name.startswith("--no-")
    }


def test_every_flag_that_takes_a_secret_has_a_twin_that_takes_a_file():
    root = tree()
    bare = []
    for name, *_ in COMMANDS:
        for path, command in commands(root[name], name):
            present = flags(command)
            bare += [
                f"{path} {flag}"
                for flag in sorted(present)
                if flag[2:] in SECRET and f"{flag}-file" not in present and flag not in OTHER_WAYS
            ]
    assert bare == []
