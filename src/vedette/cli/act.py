"""`vedette act`: ask hosts, by actions that people sign. Each command stands in a file of its own."""

from cyclopts import App

app = App(name="act", help="Ask hosts, by actions that people write, check and sign.")

COMMANDS: tuple[tuple[str, str], ...] = (
    ("write", "vedette.cli.act_write:write"),
    ("check", "vedette.cli.act_check:check"),
    ("sign", "vedette.cli.act_sign:sign"),
    ("gather", "vedette.cli.act_sign:gather"),
    ("text", "vedette.cli.act_sign:text"),
    ("verify", "vedette.cli.act_check:verify"),
)
"""Name and where it lives; imported when run."""

for name, place in COMMANDS:
    # What follows the module's name is the module's: `pkg -version` is no question for ours.
    app.command(place, name=name, help_flags=["--help"], version_flags=[])
