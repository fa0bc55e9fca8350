"""`vedette apply`: hand in what scanners, validators and pipelines wrote."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import App, Parameter

from vedette.cli.apply_files import Progress, found_files, pieces_of, size_of
from vedette.cli.apply_told import tell
from vedette.cli.client import Client
from vedette.cli.kinds import add_commands, told
from vedette.cli.output import Format
from vedette.cli.where import Asking
from vedette.errors import Invalid, VedetteError

HERE = Asking()
AUTO = "auto"

app = App(name="apply", help="Hand in reports of scanners, validators and pipelines.")
app.help_epilogue = told()
add_commands(app, "apply")


@app.default
def apply(
    kind: str,
    /,
    *more: Annotated[str, Parameter(name="FILES")],
    file: Annotated[
        list[str] | None, Parameter(name=["--file", "-f"], allow_leading_hyphen=True, negative="")
    ] = None,
    cluster: Annotated[str, Parameter(name=["--cluster", "-c"])] = "",
    namespace: Annotated[str, Parameter(name=["--namespace", "-n"])] = "",
    subject: str = "",
    complete: Annotated[bool, Parameter(negative="")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Hand in files of one kind, and print what is new. All of it is stored, or nothing.

    Several files are one snapshot: seen together, when all have been read. With `auto` each is recognised, and
    stored by itself.

    Parameters
    ----------
    kind
        What the files are, as below; auto finds out.
    file
        JSON, YAML or CSV, packed by gzip or zstd or not; several, a folder, or - for stdin.
    more
        More of them, so that -f *.json does what one thinks.
    cluster
        The cluster they speak of.
    namespace
        The namespace, for kinds that name none.
    subject
        What was looked at, for kinds that do not say: an image, host:NAME or repository:NAME.
    complete
        This is all there is of the cluster: whatever it does not name is gone.
    verbose
        Name everything that is new, up to a thousand.
    """
    files = found_files([*(file or ()), *more])
    progress = Progress(size_of(files))
    query = {"cluster": cluster, "namespace": namespace, "subject": subject}
    said = {name: word for name, word in query.items() if word}
    try:
        with Client(asking) as client:
            answers = _apply(client, kind, files, progress, said, complete=complete)
    finally:
        progress.wipe()
    tell(answers, output, verbose=verbose)


def _apply(
    client: Client,
    kind: str,
    files: Sequence[str],
    progress: Progress,
    said: dict[str, str],
    *,
    complete: bool,
) -> list[Any]:
    if len(files) == 1 or kind == AUTO:
        if complete and len(files) > 1:
            raise Invalid(
                "several files of any kind are not the whole of one", hint="name the kind"
            )
        whole = {**said, "complete": "true"} if complete else said
        path = f"/api/v1/records/{quote(kind, safe='')}"
        return [_upload(client, path, name, progress, whole) for name in files]
    return [_as_one(client, kind, files, progress, said, complete=complete)]


def _as_one(
    client: Client,
    kind: str,
    files: Sequence[str],
    progress: Progress,
    said: dict[str, str],
    *,
    complete: bool,
) -> Any:  # noqa: ANN401 - JSON
    """Fill one snapshot with all files and close it; let go of it where one of them is refused."""
    opened = client.post("/api/v1/snapshots", {"kind": kind, "complete": complete})
    path = f"/api/v1/snapshots/{opened['token']}"
    try:
        for name in files:
            _upload(client, f"{path}/documents", name, progress, said)
    except BaseException:
        with suppress(VedetteError):  # it expires anyway; what went wrong before is what matters
            client.delete(path)
        raise
    return client.upload(f"{path}/close", b"")


def _upload(client: Client, path: str, name: str, progress: Progress, said: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Send one file; what is said against it begins with its name."""
    try:
        return client.upload(path, pieces_of(name, progress), **said)
    except VedetteError as error:
        error.message = error.message.replace("the body", "stdin" if name == "-" else name, 1)
        if error.hint:
            error.hint = error.hint.replace("add ?cluster=NAME", "say which with -c NAME")
        raise
