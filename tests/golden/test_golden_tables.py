import msgspec
from cyclopts import App
from tests.golden.golden import assert_golden

from vedette.app.settings_schema import settings_schema, settings_schema_json
from vedette.app.tree import tree
from vedette.app.urls import URLS
from vedette.errors import EXIT_CODES


def test_every_url_with_its_permission():
    lines = [f"{url.method:<7} {url.path:<40} {url.permission}" for url in URLS]
    assert_golden("urls.txt", "\n".join(lines) + "\n")


def test_every_command_with_its_flags():
    assert_golden("commands.txt", "\n".join(_commands(tree(), ())) + "\n")


def _commands(app: App, path: tuple[str, ...]) -> list[str]:
    lines = []
    if app.default_command is not None:
        flags = [
            "/".join(argument.names) or argument.field_info.name.upper()
            for argument in app.assemble_argument_collection()
            if argument.show
        ]
        lines.append(" ".join(("vedette", *path, *sorted(flags))))
    for name in sorted(app):
        if not name.startswith("-"):
            lines += _commands(app[name], (*path, name))
    return lines


def test_every_setting_with_its_default():
    schema = settings_schema()
    lines = []
    for name, part in {"(file)": schema, **schema["$defs"]}.items():
        for key, value in part["properties"].items():
            default = "required" if key in part.get("required", ()) else value.get("default", "-")
            lines.append(f"{name}.{key} = {msgspec.json.encode(default).decode()}")
    assert_golden("settings.txt", "\n".join(lines) + "\n")


def test_every_exit_code():
    assert_golden(
        "exit_codes.txt", "".join(f"{code} {kind}\n" for kind, code in EXIT_CODES.items())
    )


def test_the_schema_that_ships_is_the_code():
    from importlib.resources import files

    shipped = files("vedette.app").joinpath("settings.schema.json").read_text("utf-8")
    assert shipped == settings_schema_json(), "make docs writes it anew"
