"""`vedette act`: ask hosts, by actions that people sign. Each command stands in a file of its own."""

from cyclopts import App

app = App(name="act", help="Ask hosts, by actions that people write, sign, send and follow.")

COMMANDS: tuple[tuple[str, str], ...] = (
    ("write", "vedette.cli.act_write:write"),
    ("check", "vedette.cli.act_check:check"),
    ("sign", "vedette.cli.act_sign:sign"),
    ("gather", "vedette.cli.act_sign:gather"),
    ("text", "vedette.cli.act_sign:text"),
    ("verify", "vedette.cli.act_check:verify"),
    ("run", "vedette.cli.act_run:run"),
    ("send", "vedette.cli.act_send:send"),
    ("follow", "vedette.cli.act_follow:follow"),
    ("results", "vedette.cli.act_results:results"),
    ("list", "vedette.cli.act_looks:list_actions"),
    ("show", "vedette.cli.act_looks:show_action"),
    ("deny", "vedette.cli.act_steer:deny"),
    ("cancel", "vedette.cli.act_steer:cancel"),
    ("pause", "vedette.cli.act_steer:pause"),
    ("resume", "vedette.cli.act_steer:resume"),
    ("canary", "vedette.cli.act_steer:canary"),
    ("again", "vedette.cli.act_steer:again"),
    ("schedule", "vedette.cli.act_schedule:schedule"),
    ("schedules", "vedette.cli.act_schedule:schedules"),
    ("unschedule", "vedette.cli.act_schedule:unschedule"),
)
"""Name and where it lives; imported when run."""

for name, place in COMMANDS:
    # What follows the module's name is the module's: `pkg -version` is no question for ours.
    app.command(place, name=name, help_flags=["--help"], version_flags=[])
