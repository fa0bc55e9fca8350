"""`vedette act`: ask hosts, by actions that people sign. Each command stands in a file of its own."""

from cyclopts import App

app = App(name="act", help="Ask hosts, by actions that people write, check and sign.")

COMMANDS: tuple[tuple[str, str], ...] = ()
"""Name and where it lives; imported when run."""

for name, place in COMMANDS:
    app.command(place, name=name)
