"""The client commands run where there is no Unix: held by taking Unix's modules away."""

import subprocess
import sys

CLIENT = """
import sys
for name in ("fcntl", "pwd", "grp", "resource", "termios", "syslog", "posix_ipc", "uvloop"):
    sys.modules[name] = None
for name in ("psycopg", "psycopg_pool", "litestar", "numpy", "alembic", "aiosql", "uvicorn"):
    sys.modules[name] = None
from vedette.app.tree import COMMANDS, CLIENT, tree
app = tree()
for name, group, _, _ in COMMANDS:
    if group is CLIENT:
        app[name]
from vedette.app.tree import run
assert run(["version"]) == 0
assert run(["completion", "bash"]) == 0
"""


def test_client_commands_import_nothing_of_unix_and_nothing_of_the_server():
    code = CLIENT
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_help_imports_no_command():
    code = """
import sys
from vedette.app.tree import run
try:
    run(["--help"])
except SystemExit:
    pass
loaded = {name.split(".")[0] for name in sys.modules}
assert not loaded & {"httpx", "psycopg", "grpc", "litestar", "msgspec", "yaml", "structlog"}, loaded
assert "vedette.cli.get" not in sys.modules
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
