"""What an operation's process leaves out at its start is there as soon as somebody asks for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from vedette.agent import operated

PLACES = [place for place in sys.path if Path(place).is_absolute()]
START = f"""
import sys
sys.path[:] = {PLACES!r}
sys.path.insert(0, {str(Path(operated.__file__).parent)!r})
import operated
sys.path.pop(0)
operated._import_msgspec()
"""


def said(code: str) -> str:
    """Return what an interpreter prints that has begun as an operation's process does."""
    command = (sys.executable, "-ISBc", START + code)
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import platform; print(platform.python_version())", sys.version.split()[0]),
        ("import platform; print(platform.system() == platform.uname().system)", "True"),
        ("import textwrap; print(textwrap.dedent('  a'))", "a"),
        ("from textwrap import indent; print(indent('a', '-'))", "-a"),
        ("import datetime; print(datetime.datetime.strptime('1', '%d').day)", "1"),
        ("from datetime import UTC, date; print(date(2015, 2, 16), UTC)", "2015-02-16 UTC"),
        (
            "import zoneinfo, email.utils; print(email.utils.format_datetime.__name__)",
            "format_datetime",
        ),
        (
            (
                "import datetime, decimal, msgspec, uuid;"
                "print(msgspec.json.encode([datetime.date(2015, 2, 16), decimal.Decimal(1), uuid.UUID(int=0)]))"
            ),
            """b'["2015-02-16","1","00000000-0000-0000-0000-000000000000"]'""",
        ),
        (
            (
                "import datetime, msgspec;"
                """print(msgspec.json.decode(b'"2015-02-16"', type=datetime.date).year)"""
            ),
            "2015",
        ),
        (
            (
                "import msgspec\nclass One(msgspec.Struct):\n    '''One.'''\n    a: int\n"
                "print(msgspec.json.schema(One)['$defs']['One']['description'])"
            ),
            "One.",
        ),
    ],
)
def test_what_was_left_out_is_there_when_it_is_asked_for(code: str, expected: str) -> None:
    assert said(code) == expected


def test_a_search_of_names_starts_without_what_it_needs_not() -> None:
    dear = {"pathlib", "urllib.parse", "glob", "inspect", "json", "typing_extensions"}
    dear |= {"vedette.agent.modules.file_read", "vedette.agent.modules.file_sieve"}
    code = f"""
import msgspec
from vedette.agent import operating
from vedette.agent.modules import Context, read_parameters
from vedette.agent.modules.file import File

asked = read_parameters(File, {{"searches": {{"s1": {{"paths": ["/proc/self"], "names": ["^maps$"]}}}}}})
print(File().run(asked, Context(root="/")).foundanything, sorted({dear!r} & {{*sys.modules}}))
print(sorted(name for name, module in sys.modules.items() if type(module) is operated.Later))
"""
    assert said(code) == "True []\n['msgspec.inspect', 'platform', 'textwrap']"
