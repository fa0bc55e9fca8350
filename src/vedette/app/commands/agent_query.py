"""`vedette agent query`: ask a module about this host, without a server, as MIG's `-m` does."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette import durations, plugins
from vedette.actions.document_json import read_json
from vedette.actions.one_liner_options import told
from vedette.actions.one_liners import parameters_of
from vedette.agent.modules import GROUP
from vedette.agent.operation import Ended, OperationLimits, run_operation
from vedette.errors import Invalid, Unavailable

EXIT_UNKNOWN = 4
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]
Plain = Parameter(negative="")


def query(
    module: str,
    /,
    *words: Words,
    parameters: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    within: str = "5m",
    privacy: Annotated[bool, Plain] = False,
    partial: Annotated[bool, Plain] = False,
    root: Path = Path("/"),
    output: Annotated[Literal["json", "yaml"], Parameter(name=["--output", "-o"])] = "json",
) -> int:
    """Ask a module about this host and print its answer; no server, no signature, no agent.

    As in `vedette agent query file -path /etc -name '^passwd$'`, or with parameters as JSON. It
    runs within the same walls as an action's operation, and sees what you may see. What a module
    can be asked in one line is listed by `vedette agent query MODULE help`. Ends with 0 when it
    answered, 4 when it could not tell, 2 when the question makes no sense, 6 for a module there is not,
    8 when this host lacks what it needs or ended it.

    Parameters
    ----------
    module
        As in file, netstat or pkg.
    words
        What it is asked, in one line as MIG writes it, or its parameters as one text of JSON.
    parameters
        The parameters from a file of JSON, - for stdin; MIG's message around them is known.
    within
        It is ended after so long.
    privacy
        Mask names of files, users and other people's addresses.
    partial
        Run it, too, where the kernel lacks what would keep it in.
    root
        What stands for /, as in the root of an image.
    output
        json or yaml.
    """
    if module not in plugins.names(GROUP):
        plugins.load(GROUP, module)  # says which there are
    if words == ("help",):
        sys.stdout.writelines(f"{line}\n" for line in told(module, _struct(module)))
        return 0
    seconds = durations.parse(within).total_seconds()
    if seconds <= 0:
        raise Invalid("--within leaves the module no time")
    if not root.is_dir():
        raise Invalid(
            f"{root} is no folder", hint="--root stands for / and holds etc, proc and so on"
        )
    limits = OperationLimits(seconds=seconds)
    asked = _asked(module, words, parameters)
    ran = asyncio.run(
        run_operation(module, asked, limits, privacy=privacy, partial=partial, root=root.absolute())
    )
    if ran.ended is Ended.REFUSED:
        raise Invalid(ran.message)
    if ran.ended is Ended.UNAVAILABLE:
        raise Unavailable(ran.message)
    if ran.ended is not Ended.RETURNED:
        raise Unavailable(f"the module {module} did not answer: {ran.message}")
    answer = json.loads(ran.result)
    sys.stdout.write(_shown(answer, output))
    return 0 if answer["success"] else EXIT_UNKNOWN


def _asked(module: str, words: Sequence[str], file: Path | None) -> Any:  # noqa: ANN401 - JSON
    if file is not None:
        if words:
            raise Invalid("the parameters are said twice", hint="as words, or by --parameters")
        return _unwrapped(read_json(_read(file)))
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        return _unwrapped(read_json(words[0].encode()))
    return parameters_of(module, _struct(module), words, read=lambda name: _read(Path(name)))


def _struct(module: str) -> Any:  # noqa: ANN401 - a plugin's class, which only its door types
    try:
        return plugins.load(GROUP, module).parameters
    except ImportError as fault:
        raise Unavailable(f"the module {module} cannot be loaded here: {fault}") from None


def _unwrapped(said: object) -> object:
    """Return the parameters out of the message that MIG's agent gives its modules."""
    if isinstance(said, dict) and said.get("class") == "parameters" and set(said) == _MESSAGE:
        return said["parameters"]
    return said


_MESSAGE = {"class", "parameters"}


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as fault:
        raise Invalid(f"{file} cannot be read: {fault.strerror}") from None


def _shown(answer: Any, output: str) -> str:  # noqa: ANN401 - JSON
    """Return the answer as text in which nothing of a host's names acts upon a terminal."""
    if output == "json":
        return json.dumps(answer, indent=2) + "\n"
    import yaml

    return str(yaml.safe_dump(answer, sort_keys=False))
